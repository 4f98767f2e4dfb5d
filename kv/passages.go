package kv

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// passagesTensor is the name of the offsets of all streams; with "." and a
// stream's name after it, of the offsets of that stream.
const passagesTensor = "passages"

func isPassages(name string) bool {
	return name == passagesTensor || strings.HasPrefix(name, passagesTensor+".")
}

// cutPassages cuts a tensor at the offsets that its file holds for it.
func cutPassages(file *container, a *array) ([]segment, error) {
	offsets := file.find(passagesTensor + "." + a.name)
	if offsets == nil {
		offsets = file.find(passagesTensor)
	}
	if offsets == nil {
		return []segment{{file: file, array: a, tokens: a.shape[0]}}, nil
	}
	bad := func(format string, args ...any) error {
		return fmt.Errorf("kv: %s: %s: %s", file.path, offsets.name, fmt.Sprintf(format, args...))
	}
	if offsets.int64s == nil || len(offsets.shape) != 1 || offsets.shape[0] < 2 {
		return nil, bad("it is %s; want I64 [n+1], the offsets of n passages", offsets.about())
	}
	at, err := offsets.int64s()
	if err != nil {
		return nil, err
	}
	if at[0] < 0 {
		return nil, bad("offset 0 is %d, below 0", at[0])
	}
	var segments []segment
	for i := range len(at) - 1 {
		if at[i+1] <= at[i] {
			return nil, bad("offset %d is %d, not above offset %d, which is %d", i+1, at[i+1], i, at[i])
		}
		if at[i+1] > int64(a.shape[0]) {
			return nil, bad("offset %d is %d, beyond the %d entries of %s: give it its own offsets in %s.%s", i+1, at[i+1], a.shape[0], a.name, passagesTensor, a.name)
		}
		s := segment{file: file, array: a, from: int(at[i]), tokens: int(at[i+1] - at[i])}
		if len(at) > 2 {
			s.title = fmt.Sprintf("passage %d", i)
		}
		segments = append(segments, s)
	}
	return segments, nil
}

// titles names the passages: after their file where that is a passage, after
// their number in the file where that holds several, and after their number
// alone where the streams come from different files.
func (d *dump) titles() []string {
	titles := make([]string, len(d.drafts[0].segments))
	for p := range titles {
		first := d.drafts[0].segments[p]
		shared := !slices.ContainsFunc(d.drafts, func(x *draft) bool { return x.segments[p].file != first.file })
		switch {
		case !shared:
			titles[p] = fmt.Sprintf("passage %d", p)
		case first.title == "":
			titles[p] = d.fileTitle(first.file)
		case len(d.files) == 1:
			titles[p] = first.title
		default:
			titles[p] = d.fileTitle(first.file) + ", " + first.title
		}
	}
	return titles
}

// fileTitle is the base name of a file, or its path where another file has the
// same base name.
func (d *dump) fileTitle(file *container) string {
	base := filepath.Base(file.path)
	for _, f := range d.files {
		if f != file && filepath.Base(f.path) == base {
			return file.path
		}
	}
	return base
}

// cutBlocks cuts the passages of all streams into blocks and returns the
// titles of the new passages.
func (d *dump) cutBlocks(titles []string) []string {
	per := d.vectorsPerToken()
	length := max(1, d.opt.PassageVectors/per)
	titles = blockTitles(titles, d.drafts[0].segments, length)
	dropped := tally{}
	for _, x := range d.drafts {
		var cut []segment
		left := 0
		for _, s := range x.segments {
			if s.tokens <= length {
				cut = append(cut, s)
				continue
			}
			d.blocks = true
			for i := range s.tokens / length {
				cut = append(cut, segment{file: s.file, array: s.array, from: s.from + i*length, tokens: length})
			}
			left += s.tokens % length
		}
		dropped.add(left*x.perToken(), x.Name)
		x.segments = cut
	}
	if got := length * per; d.blocks && got != d.opt.PassageVectors {
		d.notice("blocks hold %d vectors, whole tokens of %d, where %d were asked for", got, per, d.opt.PassageVectors)
	}
	if len(dropped) > 0 {
		d.notice("vectors after the last whole block are left out: %s", dropped)
	}
	return titles
}

// blockTitles names the blocks of the passages of one stream.
func blockTitles(titles []string, passages []segment, length int) []string {
	var blocks []string
	for p, s := range passages {
		if s.tokens <= length {
			blocks = append(blocks, titles[p])
			continue
		}
		for i := range s.tokens / length {
			blocks = append(blocks, fmt.Sprintf("block %d of %s", i, titles[p]))
		}
	}
	return blocks
}

// vectorsPerToken is that of the cached stream with the fewest heads; of the
// queries where there is nothing else.
func (d *dump) vectorsPerToken() int {
	cached := slices.DeleteFunc(slices.Clone(d.drafts), func(x *draft) bool { return x.Kind == Query })
	if len(cached) == 0 {
		cached = d.drafts
	}
	return slices.MinFunc(cached, func(a, b *draft) int { return a.perToken() - b.perToken() }).perToken()
}
