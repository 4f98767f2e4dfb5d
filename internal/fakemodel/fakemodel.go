// Package fakemodel makes up model checkpoints for tests, benchmarks and the
// fake Hub: the names, types, shapes, shards and configuration of real models,
// with weights that are drawn from a seed.
//
// Any byte of a tensor follows from the seed, the tensor's name and the byte's
// offset alone, so that a checkpoint of any size is there at once and takes no
// room: [DeepSeekV4] of [Flash] has 160 GB. It is served from where it is read
// ([File] is an [io.ReaderAt], [Model] a [checkpoint.Files]) or written to a
// folder, all of it or some tensors ([Model.WriteDir]).
package fakemodel

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"kakeyalattice/checkpoint"
	"kakeyalattice/safetensors"
)

// Model is a checkpoint that exists as a rule. It may be used by several
// goroutines at once, Add aside.
type Model struct {
	name  string
	files map[string]File
}

// File is one file of a model.
type File struct {
	Name string
	Size int64
	io.ReaderAt
}

// tensor is a tensor to come: its place in a file is not known yet.
type tensor struct {
	name  string
	dtype safetensors.DType
	shape []int
	fill  filler
}

// build lays out the shards of a model, in the order of their names. One shard
// makes a checkpoint of one file.
func build(name string, config any, shards [][]tensor) *Model {
	m := &Model{name: name, files: map[string]File{}}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		panic(err) // a config of this package
	}
	m.Add("config.json", append(text, '\n'))
	if len(shards) == 1 {
		m.addShard("model.safetensors", shards[0])
		return m
	}
	var index struct {
		Metadata struct {
			TotalSize int64 `json:"total_size"`
		} `json:"metadata"`
		WeightMap map[string]string `json:"weight_map"`
	}
	index.WeightMap = map[string]string{}
	for i, tensors := range shards {
		file := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(shards))
		index.Metadata.TotalSize += m.addShard(file, tensors)
		for _, t := range tensors {
			index.WeightMap[t.name] = file
		}
	}
	if text, err = json.MarshalIndent(index, "", "  "); err != nil {
		panic(err)
	}
	m.Add("model.safetensors.index.json", append(text, '\n'))
	return m
}

// widths is the order of types in a file that the format's own library writes;
// the names decide among tensors of one type.
var widths = []safetensors.DType{safetensors.I64, safetensors.F32, safetensors.BF16, safetensors.F8E8M0, safetensors.F8E4M3, safetensors.I8}

// addShard adds a file and returns the size of its tensors.
func (m *Model) addShard(file string, tensors []tensor) int64 {
	tensors = slices.Clone(tensors)
	slices.SortFunc(tensors, func(a, b tensor) int {
		return cmp.Or(cmp.Compare(slices.Index(widths, a.dtype), slices.Index(widths, b.dtype)), strings.Compare(a.name, b.name))
	})
	entries := make([]safetensors.Entry, len(tensors))
	for i, t := range tensors {
		entries[i] = safetensors.Entry{Name: t.name, DType: t.dtype, Shape: t.shape}
	}
	header, placed, err := safetensors.Layout(entries, nil)
	if err != nil {
		panic(err) // a geometry of this package
	}
	content := &shard{header: header, placed: placed}
	for _, t := range tensors {
		content.fills = append(content.fills, t.fill)
	}
	size := placed[len(placed)-1].End
	m.files[file] = File{file, int64(len(header)) + size, content}
	return size
}

// Add adds a file, such as tokenizer.json, or replaces one.
func (m *Model) Add(name string, content []byte) {
	m.files[name] = File{name, int64(len(content)), bytes.NewReader(content)}
}

// Files lists the files by name.
func (m *Model) Files() []File {
	var files []File
	for _, f := range m.files {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files
}

// Name implements [checkpoint.Files].
func (m *Model) Name() string { return m.name }

// ReadFile implements [checkpoint.Files].
func (m *Model) ReadFile(_ context.Context, name string) ([]byte, error) {
	f, ok := m.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return io.ReadAll(io.NewSectionReader(f, 0, f.Size))
}

// Open implements [checkpoint.Files].
func (m *Model) Open(_ context.Context, name string) (checkpoint.File, error) {
	f, ok := m.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return opened{f}, nil
}

// opened is a file as checkpoint reads it: everything is there already.
type opened struct{ File }

func (f opened) Size() int64                                   { return f.File.Size }
func (opened) Close() error                                    { return nil }
func (opened) Fetch(context.Context, []checkpoint.Range) error { return nil }
func (opened) Discard([]checkpoint.Range) error                { return nil }
func (opened) Cached(ranges []checkpoint.Range) (n int64) {
	for _, r := range ranges {
		n += r.Len()
	}
	return n
}

// shard is the content of a file of tensors.
type shard struct {
	header []byte
	placed []safetensors.Tensor // by their place
	fills  []filler             // of the same tensors
}

// ReadAt implements [io.ReaderAt].
func (s *shard) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("fakemodel: read at offset %d", off)
	}
	n := 0
	if off < int64(len(s.header)) {
		n = copy(p, s.header[off:])
	}
	at := off + int64(n) - int64(len(s.header)) // in the data
	i, _ := slices.BinarySearchFunc(s.placed, at, func(t safetensors.Tensor, at int64) int { return cmp.Compare(t.End, at+1) })
	for ; n < len(p) && i < len(s.placed); i++ {
		t := s.placed[i]
		part := p[n:min(int64(len(p)), int64(n)+t.End-at)]
		fillAt(s.fills[i], part, at-t.Begin)
		n += len(part)
		at += int64(len(part))
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// key is where a tensor's random numbers start.
func key(seed uint64, name string) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", seed, name))
	return binary.LittleEndian.Uint64(sum[:])
}
