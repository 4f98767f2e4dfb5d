package kv

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNoTensor marks a name or pattern that no tensor of the input has.
var ErrNoTensor = errors.New("no tensor matches")

// Tensor is one tensor in memory.
type Tensor struct {
	Name   string
	Shape  []int
	Values []float32 // row-major
}

// ReadTensor reads one float tensor of a .safetensors or .npy file. An empty
// name stands for the only float tensor of the file. The values may be
// non-finite: codecs refuse those with their place.
func ReadTensor(path, name string) (Tensor, error) {
	f, err := OpenTensor(path, name)
	if err != nil {
		return Tensor{}, err
	}
	defer f.Close()
	t := Tensor{Name: f.Name, Shape: f.Shape, Values: make([]float32, f.Len())}
	if err := f.Read(t.Values, 0); err != nil {
		return Tensor{}, err
	}
	return t, nil
}

// choose returns the float tensor of a name, or the only one.
func (c *container) choose(name string) (*array, error) {
	var floats []string
	for _, a := range c.arrays {
		if a.read != nil {
			floats = append(floats, a.name)
		}
	}
	if name == "" {
		if len(floats) == 1 {
			return c.find(floats[0]), nil
		}
		return nil, fmt.Errorf("kv: %s: %w \"\": name one of its %d float tensors: %s", c.path, ErrNoTensor, len(floats), shortList(floats))
	}
	a := c.find(name)
	switch {
	case a == nil:
		return nil, fmt.Errorf("kv: %s: %w %q; float tensors are: %s", c.path, ErrNoTensor, name, shortList(floats))
	case a.read == nil:
		return nil, fmt.Errorf("kv: %s: tensor %s is %s, no float type", c.path, name, a.about())
	}
	return a, nil
}

// WriteTensor writes one tensor as float32 to a .safetensors or .npy file.
func WriteTensor(path string, t Tensor) error {
	return WriteTensorParts(path, t.Name, t.Shape, func(yield func([]float32, error) bool) {
		for part := range slices.Chunk(t.Values, 1<<16) {
			if !yield(part, nil) {
				return
			}
		}
	})
}

// isNPY reports whether a file to write is .npy, not .safetensors.
func isNPY(path string) (bool, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".npy":
		return true, nil
	case ".safetensors":
		return false, nil
	}
	return false, fmt.Errorf("kv: %s: unknown ending; use .safetensors or .npy", path)
}

// VectorDim is the dimension of the tensor's vectors: its last axis, or with
// vector "token" the last two axes of a [tokens, heads, head_dim] tensor.
func (t Tensor) VectorDim(vector string) (int, error) { return vectorDim(t.Name, t.Shape, vector) }

func vectorDim(name string, shape []int, vector string) (int, error) {
	axes := len(shape)
	if axes == 0 {
		return 0, fmt.Errorf("kv: tensor %s is a scalar: it holds no vectors", name)
	}
	if slices.Contains(shape, 0) {
		return 0, fmt.Errorf("kv: tensor %s of shape %v holds no vectors", name, shape)
	}
	dim := shape[axes-1]
	if vector == "token" && axes == 3 {
		dim *= shape[1]
	}
	return dim, nil
}
