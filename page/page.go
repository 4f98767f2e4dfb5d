// Package page is the container for encoded vectors: the vectors of one
// tensor under one codec, in a form that says what it holds and refuses what
// was damaged.
//
//	h := page.Header{Spec: spec, Dim: 512, Vectors: n, Tensor: "k.0", Shape: []int{n, 512}}
//	w, err := page.NewWriter(file, h, page.Options{})
//	err = w.Write(values)                   // any number of whole vectors, any number of times
//	err = w.Close()
//
//	p, err := page.Open(file, size)
//	err = p.ReadVectors(values, 1000)       // decodes only the chunks that it needs
//
// A page is a header, then chunks of [Header.ChunkVectors] vectors, each what
// one call of the codec's AppendEncode wrote and a CRC-32C. Where the codec's
// vectors vary in size, an index of the chunks and a footer follow. Every byte
// is covered by a CRC or has one valid value, so that damage is found.
// docs/format.md describes the format byte by byte.
//
// What a page holds does not depend on how Write was called nor on the number
// of workers. A version of the format, once released, stays readable.
package page

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"unicode/utf8"

	"kakeyalattice/codec"
)

// Version is the version of the format that is written.
const Version = 1

// DefaultChunkVectors is the number of vectors in a chunk where a [Header]
// does not say.
const DefaultChunkVectors = 64

const (
	chunkStep      = 16      // vectors in a chunk are a multiple: codecs work on so many side by side
	maxChunkValues = 1 << 22 // what a reader decodes at a time: 16 MiB of float32
	maxAxes        = 64
)

var (
	// ErrCorrupt marks bytes that are no page, or not the page that was written.
	ErrCorrupt = errors.New("corrupt page")
	// ErrVersion marks an intact page of a format version, codec or parameter that
	// this package does not know: a newer one may.
	ErrVersion = errors.New("unsupported version")
	// ErrMismatch marks a page of another codec or dimension than expected.
	ErrMismatch = errors.New("page of another kind")
)

// FormatError reports a page that cannot be read, and where.
type FormatError struct {
	Offset int64 // of the field or chunk at fault, from the start of the page
	Reason string
	Err    error // wraps ErrCorrupt or ErrVersion
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("page: at byte %d: %s: %v", e.Offset, e.Reason, e.Err)
}

func (e *FormatError) Unwrap() error { return e.Err }

// corrupt returns a FormatError that wraps [ErrCorrupt].
func corrupt(offset int64, format string, args ...any) error {
	return &FormatError{Offset: offset, Reason: fmt.Sprintf(format, args...), Err: ErrCorrupt}
}

// Header says what a page holds.
type Header struct {
	Spec    codec.Spec // with the constant of a codec that is fitted
	Dim     int        // values in a vector
	Vectors int
	Tensor  string // name, UTF-8
	Shape   []int  // of the tensor, row-major: the product is Vectors*Dim
	// ChunkVectors is the number of vectors in a chunk, the last of which may be
	// shorter: a multiple of 16, at most 2^22/Dim or 16. 0 stands for
	// [DefaultChunkVectors]. One vector cannot be read without its chunk.
	ChunkVectors int
}

// validate fills in the default and returns the codec, made unless it is given,
// or an error and the offset of the field at fault.
func (h *Header) validate(given codec.Codec) (c codec.Codec, field int, err error) {
	if h.ChunkVectors == 0 {
		h.ChunkVectors = DefaultChunkVectors
	}
	if c = given; c == nil {
		if c, err = codec.New(h.Spec, h.Dim); err != nil {
			return nil, h.specOffset(), err
		}
	}
	h.Spec = c.Spec()
	if f, ok := c.(codec.Fitter); ok && !f.Fitted() {
		return nil, h.specOffset(), fmt.Errorf("codec %s: %w: call its Fit on the tensor and use the spec that it returns", h.Spec, codec.ErrUnfitted)
	}
	if n := len(h.Spec.String()); n > math.MaxUint16 {
		return nil, offSpecSize, fmt.Errorf("codec spec of %d bytes: want at most %d", n, math.MaxUint16)
	}
	if len(h.Tensor) > math.MaxUint16 || !utf8.ValidString(h.Tensor) {
		return nil, offTensorSize, fmt.Errorf("tensor name %.40q of %d bytes: want UTF-8, at most %d bytes", h.Tensor, len(h.Tensor), math.MaxUint16)
	}
	if n := h.ChunkVectors; n < chunkStep || n%chunkStep != 0 || n > maxChunkValues/h.Dim {
		return nil, offChunkVectors, fmt.Errorf("%d vectors a chunk: want a multiple of %d, at most %d at dimension %d",
			n, chunkStep, maxChunkValues/h.Dim/chunkStep*chunkStep, h.Dim)
	}
	if h.Vectors < 0 || h.Vectors > math.MaxInt/h.Dim {
		return nil, offVectors, fmt.Errorf("%d vectors of dimension %d cannot be counted", h.Vectors, h.Dim)
	}
	if n, ok := elements(h.Shape); !ok || n != uint64(h.Vectors)*uint64(h.Dim) {
		return nil, offShape, fmt.Errorf("shape %v is not that of %d vectors of dimension %d", h.Shape, h.Vectors, h.Dim)
	}
	return c, 0, nil
}

// expect returns an error that wraps [ErrMismatch] unless the header is for the
// codec.
func (h *Header) expect(c codec.Codec) error {
	if h.Spec.String() != c.Spec().String() || h.Dim != c.Dim() {
		return mismatch(h, c.Spec(), c.Dim())
	}
	return nil
}

func mismatch(h *Header, spec codec.Spec, dim int) error {
	return fmt.Errorf("page: it holds vectors of %s, dimension %d; %s, dimension %d is wanted: %w", h.Spec, h.Dim, spec, dim, ErrMismatch)
}

// specOffset is where the codec spec begins.
func (h *Header) specOffset() int { return offShape + 8*len(h.Shape) }

// elements is the product of a shape of 1 to maxAxes axes.
func elements(shape []int) (n uint64, ok bool) {
	if len(shape) == 0 || len(shape) > maxAxes {
		return 0, false
	}
	n, empty, overflow := 1, false, uint64(0)
	for _, axis := range shape {
		if axis < 0 {
			return 0, false
		}
		if axis == 0 {
			empty = true
		}
		var hi uint64
		hi, n = bits.Mul64(n, uint64(axis))
		overflow |= hi
	}
	if empty {
		return 0, true
	}
	return n, overflow == 0
}

// layout is where the vectors of a page lie.
type layout struct {
	vectors      int
	chunkVectors int
	size         codec.Size // of a vector
	start        int64      // of the first chunk
	ends         []int64    // of every chunk, where sizes vary; else nil
}

// chunks is the number of chunks.
func (l *layout) chunks() int {
	n := l.vectors / l.chunkVectors
	if l.vectors%l.chunkVectors > 0 {
		n++
	}
	return n
}

// count is the number of vectors of chunk i.
func (l *layout) count(i int) int { return min(l.chunkVectors, l.vectors-i*l.chunkVectors) }

// bounds returns where chunk i begins and ends, its CRC included.
func (l *layout) bounds(i int) (from, to int64) {
	if l.size.Fixed {
		from = l.start + int64(i)*l.fixedChunk(l.chunkVectors)
		return from, from + l.fixedChunk(l.count(i))
	}
	if i == 0 {
		return l.start, l.ends[0]
	}
	return l.ends[i-1], l.ends[i]
}

// fixedChunk is what a chunk of n vectors of fixed size takes.
func (l *layout) fixedChunk(n int) int64 { return int64(n)*int64(l.size.Bytes) + crcSize }

// fits reports whether n vectors can take so many bytes: where sizes vary, at
// least one each.
func (l *layout) fits(n int, payload int64) bool {
	if l.size.Fixed {
		return payload == int64(n)*int64(l.size.Bytes)
	}
	return payload >= int64(n)
}
