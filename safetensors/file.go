package safetensors

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"kakeyalattice/internal/mapfile"
)

// File is an open file. Its methods may be called at the same time, except
// Close.
type File struct {
	Header

	path  string
	data  []byte // the whole file; nil after Close
	start int64  // of the tensors' data
	unmap func([]byte) error
}

// Open maps the file into memory, or reads it where the system cannot, and
// checks its header. The file must not be cut short while it is open.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	size := info.Size()
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("safetensors: %s is not a regular file", path)
	case size > math.MaxInt:
		return nil, fmt.Errorf("safetensors: %s: %d bytes do not fit this machine's address space", path, size)
	}
	header, start, err := ReadHeader(file, size)
	if err != nil {
		return nil, named(err, path)
	}
	f := &File{Header: *header, path: path, start: start}
	f.data, f.unmap, err = mapfile.Map(file, int(size))
	if errors.Is(err, mapfile.ErrUnsupported) {
		// Pay with memory.
		f.data, f.unmap = make([]byte, size), func([]byte) error { return nil }
		_, err = io.ReadFull(io.NewSectionReader(file, 0, size), f.data)
	}
	if err != nil {
		return nil, fmt.Errorf("safetensors: %s: %w", path, err)
	}
	return f, nil
}

// named adds the file's name to what [ReadHeader] refuses.
func named(err error, path string) error {
	var format *FormatError
	if errors.As(err, &format) {
		format.File = path
		return err
	}
	return fmt.Errorf("safetensors: %s: %w", path, err)
}

// Close releases the file. Slices that Bytes returned must not be used after.
func (f *File) Close() error {
	data := f.data
	f.data = nil
	if data == nil {
		return nil
	}
	return f.unmap(data)
}

// Bytes returns the values of a tensor as they lie in the file. The slice is
// valid until Close and must not be written to.
func (f *File) Bytes(t Tensor) ([]byte, error) {
	if f.data == nil {
		return nil, fmt.Errorf("safetensors: %s: %w", f.path, os.ErrClosed)
	}
	data := f.data[f.start:]
	if t.Begin < 0 || t.Begin > t.End || t.End > int64(len(data)) {
		return nil, fmt.Errorf("safetensors: %s: tensor %s: its range [%d, %d] is not in this file's data", f.path, t.Name, t.Begin, t.End)
	}
	return data[t.Begin:t.End:t.End], nil
}

// Float32 fills dst with elements of a tensor, row-major, from element from
// on. See [DType.Float32] for the conversion.
func (f *File) Float32(dst []float32, t Tensor, from int) error {
	data, err := f.Bytes(t)
	if err != nil {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("safetensors: %s: tensor %s: %w", f.path, t.Name, err) }
	if !t.DType.IsFloat() {
		return fail(fmt.Errorf("%s is no float type that can be converted to float32", t.DType))
	}
	size := t.DType.Size()
	if count := len(data) / size; from < 0 || from > count || len(dst) > count-from {
		return fail(fmt.Errorf("%d elements from element %d on: it has %d", len(dst), from, count))
	}
	err = t.DType.Float32(dst, data[from*size:(from+len(dst))*size])
	var beyond *RangeError
	if errors.As(err, &beyond) {
		beyond.Element += from
		return fail(beyond)
	}
	return err
}

// WriteTo writes the whole file as it is, header included: to hash it.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	if f.data == nil {
		return 0, fmt.Errorf("safetensors: %s: %w", f.path, os.ErrClosed)
	}
	n, err := w.Write(f.data)
	return int64(n), err
}
