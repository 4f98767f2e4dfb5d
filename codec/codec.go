// Package codec turns KV vectors into bytes and back.
//
// A [Codec] is made from a [Spec], a short text such as "e8:q=38" or
// "fp8:group=64", for vectors of one dimension:
//
//	spec, err := codec.Parse("e8:q=38")
//	c, err := codec.New(spec, 512)
//	page, err := c.AppendEncode(nil, vectors) // len(vectors) = n*512
//	_, err = c.Decode(out, page)
//
// What a codec costs is the length of what AppendEncode wrote; what it does
// to the data is what Decode returns. The "ref-" specs reproduce
// arithmetic for which no bytes exist; they are [Simulator]s, never Codecs.
//
// All codecs share these rules:
//   - Input must be finite: a NaN or an infinity is refused with a [*ValueError].
//   - No finite input decodes to a non-finite value: conversions saturate to
//     the largest finite value of their format.
//   - A scale that does not fit its field is refused with a [*ScaleError],
//     never saturated.
//   - Decode accepts any bytes: it returns an error that wraps [ErrCorrupt] or
//     [ErrShort], and neither panics nor reads past src.
//   - Fields are little endian; a vector starts on a byte border.
//   - Results are the same on every machine: products that are added are
//     rounded to float32 first, so that no compiler may fuse them.
package codec

import (
	"errors"
	"fmt"
	"iter"
)

// Codec maps vectors of a fixed dimension to bytes and back.
// It is safe for concurrent use.
type Codec interface {
	// Spec is the canonical spec that made the codec.
	Spec() Spec
	// Dim is the number of float32 values in a vector.
	Dim() int
	// Size is what one vector takes.
	Size() Size
	// AppendEncode appends the encoding of n = len(x)/Dim() vectors to dst.
	AppendEncode(dst []byte, x []float32) ([]byte, error)
	// Decode fills dst, whole vectors, from src and returns the bytes consumed.
	Decode(dst []float32, src []byte) (int, error)
}

// Size is the number of bytes that one vector takes: always, or at most.
type Size struct {
	Bytes int
	Fixed bool
}

// Fitter is a codec that needs a constant of the whole stream, such as a
// per-tensor scale. A codec made from a spec that lacks the constant cannot
// encode; Fit returns the spec that has it.
type Fitter interface {
	// Fitted says whether the spec already holds the constant.
	Fitted() bool
	// Fit returns the canonical spec with the constant that suits the parts of
	// a stream, each any number of vectors.
	Fit(parts iter.Seq[[]float32]) (Spec, error)
	// SideBits is what the constant costs, once a stream.
	SideBits() int
}

// Varying is a codec whose vectors differ in length: [Size.Fixed] is false.
type Varying interface {
	// VectorLen returns the length in bytes of the vector that src begins with,
	// without decoding it. src may end within the vector; the error wraps
	// [ErrShort] where it ends before it tells the length, and [ErrCorrupt]
	// where no vector begins so.
	VectorLen(src []byte) (int, error)
}

// Overflower is a codec with vectors of a fixed size that codes the rare vector
// that does not fit more coarsely.
type Overflower interface {
	// Overflows counts those vectors in encoded, what AppendEncode wrote.
	Overflows(encoded []byte) int
}

// Simulator reproduces a quantiser that has no bitstream: its bits are
// claimed, not counted.
type Simulator interface {
	Spec() Spec
	Dim() int
	// ClaimedBits is the rate that the simulated system states for one vector.
	ClaimedBits() int
	// RoundTrip fills dst with the quantised x; the lengths are equal and a
	// multiple of Dim.
	RoundTrip(dst, x []float32) error
}

var (
	// ErrCorrupt marks bytes that no encoder of this codec writes.
	ErrCorrupt = errors.New("corrupt data")
	// ErrShort marks input that ends before the last vector asked for.
	ErrShort = errors.New("data too short")
	// ErrDim marks a dimension that a codec does not support.
	ErrDim = errors.New("unsupported dimension")
	// ErrSimulated marks a spec that has no bytes where bytes are needed.
	ErrSimulated = errors.New("simulated codec: it has no bytes")
	// ErrUnfitted marks a codec that lacks its per-stream constant.
	ErrUnfitted = errors.New("per-stream constant missing")
)

// ValueError reports a NaN or an infinity in the input of an encoder.
type ValueError struct {
	Codec  string
	Vector int // index of the vector in the call's input
	Coord  int
	Value  float32
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("%s: vector %d, coordinate %d is %v: only finite values can be coded", e.Codec, e.Vector, e.Coord, e.Value)
}

// ScaleError reports a scale that the codec's field cannot hold.
type ScaleError struct {
	Codec  string
	Vector int
	Scale  float64
	Max    float64 // the largest scale the field holds
	Try    string  // a spec that can code the vector
}

func (e *ScaleError) Error() string {
	return fmt.Sprintf("%s: vector %d needs a scale of %.4g, its field holds at most %.4g; use %s", e.Codec, e.Vector, e.Scale, e.Max, e.Try)
}
