package kv

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Options says how the tensors of a dump are read as streams.
type Options struct {
	// Vector is what a vector is of a tensor [tokens, heads, head_dim]: "head",
	// one head of one token, the default; or "token", all heads of a token.
	Vector string
	// Tensors are patterns of [path.Match], except that * matches any letters;
	// a tensor that none matches is left out. No patterns: all tensors.
	Tensors []string
	// PassageVectors cuts the passages into blocks of so many vectors, rounded
	// down to whole tokens; 0 leaves them whole. Streams are cut at the same
	// tokens: where their heads differ, the number holds for the cached stream
	// (not a query) with the fewest heads.
	PassageVectors int
}

func (o Options) check() error {
	if o.Vector != "" && o.Vector != "head" && o.Vector != "token" {
		return fmt.Errorf("kv: vector %q: want head or token", o.Vector)
	}
	if o.PassageVectors < 0 {
		return fmt.Errorf("kv: %d vectors a passage: want a positive number, or 0 for whole passages", o.PassageVectors)
	}
	return nil
}

// OpenDump reads the streams of .safetensors and .npy files. A path may be a
// glob pattern.
//
// Every float tensor [N, D] or [tokens, heads, head_dim] is a stream. A name
// "<kind>.<layer>", such as "k.3", gives its Kind and Layer; any other name
// makes it Kind [Other]. An .npy file is a tensor named after the file. Streams
// come by ascending layer, those without one last, else in the order of files
// and tensors.
//
// The int64 tensor "passages.<stream>", else "passages", cuts the first axis
// of a stream: n+1 ascending offsets make n passages. Without one, the file is
// one passage. A tensor that is in several files has the passages of all, in
// the order of the files. All streams must have equally many passages.
//
// Of the metadata of a file, "rope_dims" is the number of trailing dimensions
// of a head that carry the rotary position (in all streams but values, which
// carry none); "protocol" and "source" say how it was made.
//
// The values are converted when a passage is read, so a source takes little
// memory. Close it after the last read.
func OpenDump(paths []string, opt Options) (_ *Source, err error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	paths, err = ExpandPaths(paths)
	if err != nil {
		return nil, err
	}
	d := &dump{opt: opt, globs: make([]glob, len(opt.Tensors))}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	for i, pattern := range opt.Tensors {
		if d.globs[i], err = newGlob(pattern); err != nil {
			return nil, err
		}
	}
	for _, path := range paths {
		file, err := openContainer(path)
		if err != nil {
			return nil, err
		}
		d.files = append(d.files, file)
		if err := d.add(file); err != nil {
			return nil, err
		}
	}
	return d.source()
}

// dump is a source that is being assembled.
type dump struct {
	opt     Options
	globs   []glob
	files   []*container
	drafts  []*draft
	notices []string
	blocks  bool
}

func (d *dump) notice(format string, args ...any) {
	d.notices = append(d.notices, fmt.Sprintf(format, args...))
}

func (d *dump) close() error {
	var errs []error
	for _, f := range d.files {
		errs = append(errs, f.close())
	}
	return errors.Join(errs...)
}

// source checks what was assembled and makes the source of it.
func (d *dump) source() (*Source, error) {
	if err := d.checkGlobs(); err != nil {
		return nil, err
	}
	if len(d.drafts) == 0 {
		return nil, fmt.Errorf("kv: no float tensor of shape [N, D] or [tokens, heads, head_dim]; there are: %s", d.available())
	}
	if err := d.checkCounts(""); err != nil {
		return nil, err
	}
	titles := d.titles()
	if d.opt.PassageVectors > 0 {
		titles = d.cutBlocks(titles)
		if err := d.checkCounts(" after the cut into blocks"); err != nil {
			return nil, err
		}
	}
	src := &Source{Blocks: d.blocks, Close: d.close}
	for p, title := range titles {
		tokens := 0
		for _, x := range d.drafts {
			tokens = max(tokens, x.segments[p].tokens)
		}
		src.Passages = append(src.Passages, Passage{ID: p, Title: title, Tokens: tokens})
	}
	slices.SortStableFunc(d.drafts, func(a, b *draft) int {
		// -1, no layer, comes after every layer as an unsigned number.
		return cmp.Compare(uint(a.Layer), uint(b.Layer))
	})
	for _, x := range d.drafts {
		src.Streams = append(src.Streams, x.stream())
	}
	var err error
	if src.Protocol, err = d.protocol(); err != nil {
		return nil, err
	}
	if src.Input, err = d.input(); err != nil {
		return nil, err
	}
	src.Notices = d.notices
	return src, nil
}

// checkGlobs refuses a pattern that chose no stream.
func (d *dump) checkGlobs() error {
	for _, g := range d.globs {
		if slices.ContainsFunc(d.drafts, func(x *draft) bool { return g.match(x.Name) }) {
			continue
		}
		for _, f := range d.files {
			for _, a := range f.arrays {
				if g.match(a.name) && !isPassages(a.name) {
					return fmt.Errorf("kv: %s: tensor %s cannot be read as vectors: %s", f.path, a.name, a.unusable())
				}
			}
		}
		return fmt.Errorf("kv: %w %q; there are: %s", ErrNoTensor, g.pattern, d.available())
	}
	return nil
}

// checkCounts refuses streams of different numbers of passages.
func (d *dump) checkCounts(when string) error {
	first := d.drafts[0]
	for _, x := range d.drafts[1:] {
		if len(x.segments) != len(first.segments) {
			return fmt.Errorf("kv: %s has %d passages%s, %s has %d: choose streams that belong together with --tensors",
				first.Name, len(first.segments), when, x.Name, len(x.segments))
		}
	}
	return nil
}

// available lists the tensors of all files for an error.
func (d *dump) available() string {
	var names []string
	for _, f := range d.files {
		for _, a := range f.arrays {
			if text := fmt.Sprintf("%s (%s)", a.name, a.about()); !slices.Contains(names, text) {
				names = append(names, text)
			}
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return shortList(names)
}

// protocol is the one that the files state.
func (d *dump) protocol() (string, error) {
	var first *container
	for _, f := range d.files {
		p := f.metadata[metaProtocol]
		switch {
		case p == "":
		case first == nil:
			first = f
		case first.metadata[metaProtocol] != p:
			return "", fmt.Errorf("kv: %s states protocol %q, %s states %q: audit them one by one", first.path, first.metadata[metaProtocol], f.path, p)
		}
	}
	if first == nil {
		return "", nil
	}
	return first.metadata[metaProtocol], nil
}

// input names and hashes the files. The hash of several is that of their
// hashes, 32 bytes each, one after the other.
func (d *dump) input() (Input, error) {
	var paths []string
	var hashes []byte
	seen := map[string]string{}
	for _, f := range d.files {
		h := sha256.New()
		if _, err := f.content.WriteTo(h); err != nil {
			return Input{}, err
		}
		sum := h.Sum(nil)
		if twin, ok := seen[string(sum)]; ok {
			d.notice("%s and %s have the same content: their passages are not independent", twin, f.path)
		}
		seen[string(sum)] = f.path
		hashes = append(hashes, sum...)
		paths = append(paths, filepath.ToSlash(f.path))
	}
	if len(d.files) > 1 {
		sum := sha256.Sum256(hashes)
		hashes = sum[:]
	}
	return Input{Kind: "dump", Name: strings.Join(paths, " "), SHA256: hex.EncodeToString(hashes)}, nil
}
