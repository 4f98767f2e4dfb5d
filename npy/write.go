package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"kakeyalattice/internal/atomicfile"
)

// Write writes an array of single precision, version 1.0 of the format. The
// values are row-major and as many as the shape says.
func Write(w io.Writer, shape []int, values []float32) error {
	return WriteFunc(w, shape, func(w io.Writer) error {
		for chunk := range slices.Chunk(values, bufferSize/4) {
			if err := binary.Write(w, binary.LittleEndian, chunk); err != nil {
				return err
			}
		}
		return nil
	})
}

// WriteFunc is [Write] for an array that need not be in memory: data writes its
// values, 4 bytes each, little endian and row-major.
func WriteFunc(w io.Writer, shape []int, data func(w io.Writer) error) error {
	h := Header{DType: "<f4", Shape: shape}
	for _, axis := range shape {
		if axis < 0 {
			return fmt.Errorf("npy: shape %v has a negative axis", shape)
		}
	}
	want, ok := h.elements()
	if !ok || want > math.MaxInt64/4 {
		return fmt.Errorf("npy: shape %v has more elements than can be written", shape)
	}
	header, err := h.encode()
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	counted := &counter{w: w}
	if err := data(counted); err != nil {
		return err
	}
	if counted.n != 4*int64(want) {
		return fmt.Errorf("npy: %d bytes of values for shape %v, which takes %d", counted.n, shape, 4*int64(want))
	}
	return nil
}

// counter counts what goes through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// WriteFile writes the file path, all of it or nothing: see [Write].
func WriteFile(path string, shape []int, values []float32) error {
	err := atomicfile.Write(path, func(w io.Writer) error { return Write(w, shape, values) })
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// alignment is where NumPy starts the values, in bytes.
const alignment = 64

// encode returns everything before the values.
func (h Header) encode() ([]byte, error) {
	axes := make([]string, len(h.Shape))
	for i, axis := range h.Shape {
		axes[i] = strconv.Itoa(axis)
	}
	tuple := strings.Join(axes, ", ")
	if len(axes) == 1 {
		tuple += ","
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", h.DType, tuple)
	start := len(magic) + 2 + 2
	padding := (alignment - (start+len(dict)+1)%alignment) % alignment
	dict += strings.Repeat(" ", padding) + "\n"
	if len(dict) >= 1<<16 {
		return nil, fmt.Errorf("npy: a shape of %d axes does not fit the header", len(h.Shape))
	}
	b := append([]byte(magic), 1, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(dict)))
	return append(b, dict...), nil
}
