package checkpoint

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"kakeyalattice/safetensors"
)

// Vector reads a tensor of any float type as float32, row-major; its shape
// must be the one given. A quantised tensor, whose values are nothing without
// its scales, is an error: read it by [Checkpoint.Matrix].
func (c *Checkpoint) Vector(ctx context.Context, name string, shape ...int) ([]float32, error) {
	t, s, err := c.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(t.Shape, shape) {
		return nil, c.wrongShape(t, fmt.Sprint(shape))
	}
	if !t.DType.IsFloat() {
		return nil, c.errorf("%s: tensor %s: %s is no float type that can be read as float32", t.Shard, name, t.DType)
	}
	if scale := c.scaleName(t); scale != "" {
		return nil, c.errorf("%s: tensor %s: it is quantised, with scales in %s: it can only be read as a matrix", t.Shard, name, scale)
	}
	data, err := c.bytes(ctx, t, s)
	if err != nil {
		return nil, err
	}
	values := make([]float32, len(data)/t.DType.Size())
	if err := t.DType.Float32(values, data); err != nil {
		return nil, c.errorf("%s: tensor %s: %w", t.Shard, name, err)
	}
	return values, nil
}

// Int64s reads a tensor of any integer type but U64; its shape must be the one
// given.
func (c *Checkpoint) Int64s(ctx context.Context, name string, shape ...int) ([]int64, error) {
	t, s, err := c.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(t.Shape, shape) {
		return nil, c.wrongShape(t, fmt.Sprint(shape))
	}
	read := integer(t.DType)
	if read == nil {
		return nil, c.errorf("%s: tensor %s: %s is no integer type that can be read as int64", t.Shard, name, t.DType)
	}
	data, err := c.bytes(ctx, t, s)
	if err != nil {
		return nil, err
	}
	size := t.DType.Size()
	values := make([]int64, len(data)/size)
	for i := range values {
		values[i] = read(data[i*size:])
	}
	return values, nil
}

// integer returns how an element of an integer type is read; nil for others.
func integer(d safetensors.DType) func(b []byte) int64 {
	order := binary.LittleEndian
	switch d {
	case safetensors.I64:
		return func(b []byte) int64 { return int64(order.Uint64(b)) }
	case safetensors.I32:
		return func(b []byte) int64 { return int64(int32(order.Uint32(b))) }
	case safetensors.I16:
		return func(b []byte) int64 { return int64(int16(order.Uint16(b))) }
	case safetensors.I8:
		return func(b []byte) int64 { return int64(int8(b[0])) }
	case safetensors.U32:
		return func(b []byte) int64 { return int64(order.Uint32(b)) }
	case safetensors.U16:
		return func(b []byte) int64 { return int64(order.Uint16(b)) }
	case safetensors.U8:
		return func(b []byte) int64 { return int64(b[0]) }
	}
	return nil
}

// bytes returns the values of a tensor as they lie in its file: a slice of it
// where it is in memory, else a copy.
func (c *Checkpoint) bytes(ctx context.Context, t Tensor, s *shard) ([]byte, error) {
	if err := c.fetch(ctx, []part{{t, s, appendRange(nil, t.Range)}}); err != nil {
		return nil, err
	}
	return c.readRange(t, s, t.Range)
}

// readRange reads fetched bytes of a tensor.
func (c *Checkpoint) readRange(t Tensor, s *shard, r Range) ([]byte, error) {
	if m, ok := s.file.(mapped); ok {
		if data := m.Bytes(r); data != nil {
			return data, nil
		}
	}
	if r.Len() > math.MaxInt {
		return nil, c.errorf("%s: tensor %s: %d bytes do not fit this machine's address space", s.name, t.Name, r.Len())
	}
	data := make([]byte, r.Len())
	n, err := s.file.ReadAt(data, r.Begin)
	if n == len(data) {
		return data, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return nil, c.errorf("%s: tensor %s: read %d of %d bytes at byte %d: %w", s.name, t.Name, n, len(data), r.Begin, err)
}
