package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kakeyalattice/npy"
	"kakeyalattice/safetensors"
)

// container is an open file of tensors, whatever its format.
type container struct {
	path     string
	arrays   []array
	metadata map[string]string
	content  io.WriterTo // the file as it is
	close    func() error
}

// array is a tensor of a container.
type array struct {
	name  string
	dtype string
	shape []int
	// read fills dst with values from value from on; nil unless floats.
	read func(dst []float32, from int) error
	// int64s returns all values; nil unless 64-bit integers.
	int64s func() ([]int64, error)
}

// about is the type and shape.
func (a *array) about() string { return fmt.Sprintf("%s %v", a.dtype, a.shape) }

// unusable says why a tensor is no stream; "" if it is one.
func (a *array) unusable() string {
	switch {
	case a.read == nil:
		return a.about() + ", no float type"
	case len(a.shape) < 2:
		return a.about() + ", want at least two axes"
	case len(a.shape) > 3:
		return a.about() + ", reshape to [tokens, heads, head_dim]"
	}
	return ""
}

// find returns the tensor of a name, or nil.
func (c *container) find(name string) *array {
	i := slices.IndexFunc(c.arrays, func(a array) bool { return a.name == name })
	if i < 0 {
		return nil
	}
	return &c.arrays[i]
}

// openContainer opens a file by the ending of its name.
func openContainer(path string) (*container, error) {
	if strings.EqualFold(filepath.Ext(path), ".npy") {
		return openNPY(path)
	}
	return openSafetensors(path)
}

func openNPY(path string) (*container, error) {
	f, err := npy.Open(path)
	if err != nil {
		return nil, err
	}
	base := filepath.Base(path)
	a := array{
		name:  strings.TrimSuffix(base, filepath.Ext(base)),
		dtype: string(f.DType),
		shape: f.Shape,
		read:  f.Float32,
	}
	return &container{path: path, arrays: []array{a}, content: f, close: f.Close}, nil
}

func openSafetensors(path string) (*container, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	c := &container{path: path, metadata: f.Metadata, content: f, close: f.Close}
	for _, t := range f.Tensors {
		a := array{name: t.Name, dtype: string(t.DType), shape: t.Shape}
		switch {
		case t.DType.IsFloat():
			a.read = func(dst []float32, from int) error { return f.Float32(dst, t, from) }
		case t.DType == safetensors.I64:
			a.int64s = func() ([]int64, error) {
				data, err := f.Bytes(t)
				if err != nil {
					return nil, err
				}
				values := make([]int64, t.Elements())
				_, err = binary.Decode(data, binary.LittleEndian, values)
				return values, err
			}
		}
		c.arrays = append(c.arrays, a)
	}
	return c, nil
}

// ExpandPaths replaces patterns by the files they match, in the order of the
// names, as [OpenDump] does.
func ExpandPaths(paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, errors.New("kv: no dump is given")
	}
	var files []string
	for _, path := range paths {
		found := []string{path}
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			return nil, fmt.Errorf("kv: %s is a directory: give its files, such as '%s'", path, filepath.Join(path, "*.safetensors"))
		case err != nil && strings.ContainsAny(path, "*?["):
			if found, err = filepath.Glob(path); err != nil {
				return nil, fmt.Errorf("kv: %s: %w", path, err)
			}
			if len(found) == 0 {
				return nil, fmt.Errorf("kv: no file matches %s", path)
			}
		}
		for _, f := range found {
			if f = filepath.Clean(f); slices.Contains(files, f) {
				return nil, fmt.Errorf("kv: %s is given twice", f)
			}
			files = append(files, f)
		}
	}
	return files, nil
}
