// Package npy reads and writes NumPy's .npy format: one array of floats.
//
//	offset  size    content
//	0       6       "\x93NUMPY"
//	6       2       version: 1.0, 2.0 or 3.0
//	8       2 or 4  n, the length of the header, little endian; 4 bytes from
//	                version 2.0 on
//	-       n       a Python dict literal, padded with spaces, newline at the end:
//	                {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
//	-       -       the values, row-major
//
// It reads half, single and double precision of either byte order.
package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"kakeyalattice/minifloat"
)

// File is an open .npy file. Its methods may be called at the same time.
type File struct {
	Header

	file  *os.File
	start int64 // of the values
	count int   // of the values
}

// Open reads the header and checks that the file holds as many values as it
// says; the values are read by Float32.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	f := &File{file: file}
	if err := f.readHeader(); err != nil {
		file.Close()
		return nil, fmt.Errorf("npy: %s: %w", path, err)
	}
	return f, nil
}

func (f *File) readHeader() error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	b := make([]byte, min(info.Size(), int64(maxPrefix+MaxHeader)))
	if _, err := f.file.ReadAt(b, 0); err != nil {
		return err
	}
	header, n, err := ParseHeader(b)
	if err != nil {
		return err
	}
	count, ok := header.elements()
	if !ok {
		return fmt.Errorf("shape %v has more elements than can be counted", header.Shape)
	}
	have := info.Size() - int64(n)
	size := int64(header.DType.Size())
	if int64(count) != have/size || have%size != 0 {
		return fmt.Errorf("%d bytes of data, which is not what %s of shape %v takes: the file is truncated or holds more than one array", have, header.DType, header.Shape)
	}
	f.Header, f.start, f.count = header, int64(n), count
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// bufferSize is how many bytes are read at a time; a multiple of every
// element size.
const bufferSize = 1 << 16

// Float32 fills dst with values, row-major, from value from on. Half precision
// converts exactly. Double precision is rounded to nearest; a finite value
// that would become infinite is an error. NaN and infinities stay what they
// are.
func (f *File) Float32(dst []float32, from int) error {
	if from < 0 || from > f.count || len(dst) > f.count-from {
		return fmt.Errorf("npy: %s: %d values from value %d on: it has %d", f.file.Name(), len(dst), from, f.count)
	}
	size := f.DType.Size()
	buffer := make([]byte, min(bufferSize, len(dst)*size))
	for len(dst) > 0 {
		n := min(len(dst), len(buffer)/size)
		b := buffer[:n*size]
		if _, err := f.file.ReadAt(b, f.start+int64(from)*int64(size)); err != nil {
			return fmt.Errorf("npy: %w", err)
		}
		if i := f.DType.float32(dst[:n], b); i >= 0 {
			return fmt.Errorf("npy: %s: value %d is beyond the range of float32", f.file.Name(), from+i)
		}
		dst, from = dst[n:], from+n
	}
	return nil
}

// WriteTo writes the whole file as it is, header included: to hash it.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, io.NewSectionReader(f.file, 0, math.MaxInt64))
}

// DType is the element type of an array, in NumPy's spelling: byte order, kind
// and size in bytes, "<f4".
type DType string

// Size is the number of bytes of a value.
func (d DType) Size() int { return int(d[2] - '0') }

// supported lists every type that can be read.
var supported = []DType{"<f2", "<f4", "<f8", ">f2", ">f4", ">f8"}

// float32 converts the values in src. It returns the index of a finite value
// that float32 cannot hold, or -1.
func (d DType) float32(dst []float32, src []byte) int {
	var order binary.ByteOrder = binary.LittleEndian
	if d[0] == '>' {
		order = binary.BigEndian
	}
	switch d.Size() {
	case 2:
		for i := range dst {
			dst[i] = minifloat.FP16ToFloat32(order.Uint16(src[2*i:]))
		}
	case 4:
		for i := range dst {
			dst[i] = math.Float32frombits(order.Uint32(src[4*i:]))
		}
	case 8:
		for i := range dst {
			wide := math.Float64frombits(order.Uint64(src[8*i:]))
			dst[i] = float32(wide)
			if math.IsInf(float64(dst[i]), 0) && !math.IsInf(wide, 0) {
				return i
			}
		}
	}
	return -1
}
