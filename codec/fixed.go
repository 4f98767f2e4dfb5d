package codec

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"kakeyalattice/internal/kernel"
)

// vectorCoder codes one vector into a fixed number of bytes.
// Methods are safe for concurrent use.
type vectorCoder interface {
	// encode fills dst, all of it, from the vector x, or returns errNonFinite
	// where that is not finite. work is scratch of the length that newFixed was
	// told.
	encode(dst []byte, x, work []float32) error
	// decode fills dst from src, whose length is that of encode's dst.
	decode(dst []float32, src []byte, work []float32) error
}

// errNonFinite tells that a vector has a NaN or an infinity.
var errNonFinite = errors.New("not finite")

// fixed makes a Codec of a vectorCoder: it checks lengths and values and loops
// over vectors, so that coders need not.
type fixed struct {
	spec  Spec
	dim   int
	bytes int
	coder vectorCoder
	work  sync.Pool // *[]float32
}

// newFixed returns a codec of the given bytes per vector; work is the length
// of the scratch that the coder needs.
func newFixed(spec Spec, dim, bytes, work int, coder vectorCoder) *fixed {
	f := &fixed{spec: spec, dim: dim, bytes: bytes, coder: coder}
	f.work.New = func() any {
		w := make([]float32, work)
		return &w
	}
	return f
}

func (f *fixed) Spec() Spec { return f.spec }
func (f *fixed) Dim() int   { return f.dim }
func (f *fixed) Size() Size { return Size{Bytes: f.bytes, Fixed: true} }

func (f *fixed) AppendEncode(dst []byte, x []float32) ([]byte, error) {
	n, err := vectors(f.spec, f.dim, len(x))
	if err != nil {
		return dst, err
	}
	start := len(dst)
	out := slices.Grow(dst, n*f.bytes)[:start+n*f.bytes]
	work := f.work.Get().(*[]float32)
	defer f.work.Put(work)
	for i := range n {
		v := x[i*f.dim : (i+1)*f.dim]
		if err := f.coder.encode(out[start+i*f.bytes:start+(i+1)*f.bytes], v, *work); err != nil {
			return dst, encodeError(f.spec, i, v, err)
		}
	}
	return out, nil
}

func (f *fixed) Decode(dst []float32, src []byte) (int, error) {
	n, err := vectors(f.spec, f.dim, len(dst))
	if err != nil {
		return 0, err
	}
	if len(src)/f.bytes < n {
		return 0, fmt.Errorf("codec %s: %d vectors need %d bytes, %d are there: %w", f.spec, n, n*f.bytes, len(src), ErrShort)
	}
	work := f.work.Get().(*[]float32)
	defer f.work.Put(work)
	for i := range n {
		if err := f.coder.decode(dst[i*f.dim:(i+1)*f.dim], src[i*f.bytes:(i+1)*f.bytes], *work); err != nil {
			return i * f.bytes, fmt.Errorf("codec %s: vector %d at byte %d: %w", f.spec, i, i*f.bytes, err)
		}
	}
	return n * f.bytes, nil
}

// encodeError says which vector of a call, v, could not be encoded.
func encodeError(spec Spec, vector int, v []float32, err error) error {
	if err == errNonFinite {
		k := firstNonFinite(v)
		return &ValueError{Codec: spec.String(), Vector: vector, Coord: k, Value: v[k]}
	}
	if se, ok := err.(*ScaleError); ok {
		se.Codec, se.Vector = spec.String(), vector
		return se
	}
	return fmt.Errorf("codec %s: vector %d: %w", spec, vector, err)
}

// vectors returns the number of vectors in a slice of the given length.
func vectors(spec Spec, dim, length int) (int, error) {
	if length%dim != 0 {
		return 0, fmt.Errorf("codec %s: %d values are not whole vectors of dimension %d", spec, length, dim)
	}
	return length / dim, nil
}

// firstNonFinite returns the index of the first NaN or infinity, or -1.
func firstNonFinite(x []float32) int { return kernel.NonFinite(x) }

// finite reports whether a largest magnitude is that of finite values.
func finite(amax float32) bool { return amax <= math.MaxFloat32 }
