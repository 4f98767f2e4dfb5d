package kv

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"

	"kakeyalattice/internal/atomicfile"
	"kakeyalattice/npy"
	"kakeyalattice/safetensors"
)

// TensorFile is one float tensor of an open file. It is read piece by piece,
// so that it may be larger than memory.
type TensorFile struct {
	Name  string
	Shape []int

	file  *container
	array *array
}

// OpenTensor opens one float tensor of a .safetensors or .npy file. An empty
// name stands for the only float tensor of the file.
func OpenTensor(path, name string) (*TensorFile, error) {
	c, err := openContainer(path)
	if err != nil {
		return nil, err
	}
	a, err := c.choose(name)
	if err != nil {
		c.close()
		return nil, err
	}
	return &TensorFile{Name: a.name, Shape: a.shape, file: c, array: a}, nil
}

// Close releases the file.
func (t *TensorFile) Close() error { return t.file.close() }

// Len is the number of values.
func (t *TensorFile) Len() int {
	n := 1
	for _, axis := range t.Shape {
		n *= axis
	}
	return n
}

// Read fills dst with values, row-major, from value from on. They may be
// non-finite: see [FindNonFinite].
func (t *TensorFile) Read(dst []float32, from int) error { return t.array.read(dst, from) }

// VectorDim is [Tensor.VectorDim].
func (t *TensorFile) VectorDim(vector string) (int, error) { return vectorDim(t.Name, t.Shape, vector) }

// WriteTensorParts is [WriteTensor] for a tensor that need not be in memory:
// parts hands over its values in order. An error of parts leaves no file.
func WriteTensorParts(path, name string, shape []int, parts iter.Seq2[[]float32, error]) error {
	data := func(w io.Writer) error {
		for values, err := range parts {
			if err != nil {
				return err
			}
			if err := binary.Write(w, binary.LittleEndian, values); err != nil {
				return err
			}
		}
		return nil
	}
	npyFile, err := isNPY(path)
	if err != nil {
		return err
	}
	if !npyFile {
		entry := safetensors.Entry{Name: name, DType: safetensors.F32, Shape: shape, Data: data}
		return safetensors.WriteFile(path, []safetensors.Entry{entry}, nil)
	}
	if err := atomicfile.Write(path, func(w io.Writer) error { return npy.WriteFunc(w, shape, data) }); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
