// Package clib is what the C library does, in Go's types: codecs by handle, arrays of
// the caller, pages. Package capi puts C's types around it.
package clib

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"unsafe"

	"kakeyalattice/codec"
	"kakeyalattice/internal/strided"
	"kakeyalattice/page"
)

// Status is the KAKEYA_ codes of kakeya.h.
type Status int32

const (
	OK Status = iota
	Argument
	Spec
	Dim
	Space
	Value
	Corrupt
	Mismatch
	Internal
)

// ArgumentError is an argument that cannot be used.
type ArgumentError struct{ Name, Reason string }

func (e *ArgumentError) Error() string { return e.Name + ": " + e.Reason }

// specError is a spec that names no codec with bytes.
type specError struct{ error }

func (e specError) Unwrap() error { return e.error }

// StatusOf is the code of an error.
func StatusOf(err error) Status {
	var argument *ArgumentError
	var spec specError
	var value *codec.ValueError
	var scale *codec.ScaleError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &argument), errors.Is(err, strided.ErrArray):
		return Argument
	case errors.Is(err, codec.ErrDim):
		return Dim
	case errors.As(err, &spec):
		return Spec
	case errors.Is(err, strided.ErrSpace):
		return Space
	case errors.As(err, &value), errors.As(err, &scale):
		return Value
	case errors.Is(err, page.ErrMismatch):
		return Mismatch
	case errors.Is(err, codec.ErrCorrupt), errors.Is(err, codec.ErrShort), errors.Is(err, page.ErrCorrupt), errors.Is(err, page.ErrVersion):
		return Corrupt
	}
	return Internal
}

// Handle names an open codec. 0 is none.
type Handle uint64

// table holds the codecs that are open. Handles are not used again.
var table = struct {
	sync.RWMutex
	codecs map[Handle]codec.Codec
	last   Handle
}{codecs: map[Handle]codec.Codec{}}

// Open makes a codec for vectors of dim values.
func Open(text string, dim int) (Handle, error) {
	if dim < 1 || dim > math.MaxInt32 {
		return 0, &ArgumentError{"dim", fmt.Sprintf("%d: want a positive number", dim)}
	}
	c, err := newCodec(text, dim)
	if err != nil {
		return 0, err
	}
	if f, ok := c.(codec.Fitter); ok && !f.Fitted() {
		return 0, specError{fmt.Errorf("spec: %s: %w: give the spec that kakeya_fit makes of the stream", c.Spec(), codec.ErrUnfitted)}
	}
	table.Lock()
	defer table.Unlock()
	table.last++
	table.codecs[table.last] = c
	return table.last, nil
}

func newCodec(text string, dim int) (codec.Codec, error) {
	spec, err := codec.Parse(text)
	if err != nil {
		return nil, specError{fmt.Errorf("spec: %w", err)}
	}
	c, err := codec.New(spec, dim)
	if err != nil && !errors.Is(err, codec.ErrDim) {
		err = specError{fmt.Errorf("spec: %w", err)}
	}
	return c, err
}

// Close forgets a codec. Calls that use it end as usual.
func Close(h Handle) error {
	if _, err := find(h); err != nil {
		return err
	}
	table.Lock()
	defer table.Unlock()
	delete(table.codecs, h)
	return nil
}

func find(h Handle) (codec.Codec, error) {
	table.RLock()
	c := table.codecs[h]
	table.RUnlock()
	if c == nil {
		return nil, &ArgumentError{"codec", fmt.Sprintf("%d is not open: open it with kakeya_open, and do not use it after kakeya_close", h)}
	}
	return c, nil
}

// Fit returns the spec with the constant that suits the vectors of a.
func Fit(text string, a *strided.Array) (string, error) {
	c, err := newCodec(text, max(1, a.Dim()))
	if err != nil {
		return "", err
	}
	f, ok := c.(codec.Fitter)
	if !ok {
		return c.Spec().String(), nil
	}
	x, err := a.Values()
	if err != nil {
		return "", err
	}
	spec, err := f.Fit(func(yield func([]float32) bool) { yield(x) })
	return spec.String(), err
}

// Size is the bytes that n vectors take, at most unless fixed.
func Size(h Handle, n int64) (bytes int, fixed bool, err error) {
	c, err := find(h)
	if err != nil {
		return 0, false, err
	}
	if most := int64(math.MaxInt / c.Size().Bytes); n < 0 || n > most {
		return 0, false, &ArgumentError{"vectors", fmt.Sprintf("%d: want 0 to %d", n, most)}
	}
	bytes, fixed = strided.MaxBytes(c, int(n))
	return bytes, fixed, nil
}

// Encode writes the vectors of a to dst and returns the bytes written.
func Encode(h Handle, dst []byte, a *strided.Array, threads int) (int, error) {
	c, err := find(h)
	if err != nil {
		return 0, err
	}
	if overlap(dst, a.Data) {
		return 0, &ArgumentError{"out", "it overlaps in"}
	}
	return strided.Encode(c, dst, a, workers(threads))
}

// Decode sets the vectors of a to what src holds and returns the bytes read.
func Decode(h Handle, a *strided.Array, src []byte, threads int) (int, error) {
	c, err := find(h)
	if err != nil {
		return 0, err
	}
	if overlap(src, a.Data) {
		return 0, &ArgumentError{"out", "it overlaps in"}
	}
	return strided.Decode(c, a, src, workers(threads))
}

// PageEncode writes a page and returns its size; with [strided.ErrSpace] too.
func PageEncode(h Handle, tensor string, dst []byte, a *strided.Array, threads int) (int, error) {
	c, err := find(h)
	if err != nil {
		return 0, err
	}
	if overlap(dst, a.Data) {
		return 0, &ArgumentError{"out", "it overlaps in"}
	}
	if a.Dim() != c.Dim() {
		return 0, &ArgumentError{"in", fmt.Sprintf("vectors of %d values, the codec's have %d", a.Dim(), c.Dim())}
	}
	x, err := a.Values()
	if err != nil {
		return 0, err
	}
	header := page.Header{Spec: c.Spec(), Dim: c.Dim(), Vectors: a.Vectors(), Tensor: tensor, Shape: a.Shape[:]}
	b, err := page.Append(nil, header, x, page.Options{Workers: max(1, workers(threads)), Codec: c})
	if err != nil {
		return 0, err
	}
	if len(b) > len(dst) {
		return len(b), fmt.Errorf("%w: %d bytes, the page takes %d", strided.ErrSpace, len(dst), len(b))
	}
	return copy(dst, b), nil
}

// PageInfo is the header of a page.
func PageInfo(b []byte) (page.Header, error) {
	p, err := page.OpenBytes(b)
	if err != nil {
		return page.Header{}, err
	}
	return p.Header(), nil
}

// PageDecode sets the vectors of a to those of a page, which must be of the codec
// unless that is 0.
func PageDecode(h Handle, b []byte, a *strided.Array, threads int) error {
	if overlap(b, a.Data) {
		return &ArgumentError{"out", "it overlaps page"}
	}
	p, err := page.OpenBytes(b)
	if err != nil {
		return err
	}
	if h != 0 {
		c, err := find(h)
		if err != nil {
			return err
		}
		if err := p.Expect(c.Spec(), c.Dim()); err != nil {
			return err
		}
	}
	header := p.Header()
	if header.Dim != a.Dim() || header.Vectors != a.Vectors() {
		return fmt.Errorf("out: %d vectors of %d values, the page has %d of %d: %w", a.Vectors(), a.Dim(), header.Vectors, header.Dim, page.ErrMismatch)
	}
	if err := a.CheckOutput(); err != nil {
		return err
	}
	x, err := p.Decode(max(1, workers(threads)))
	if err != nil {
		return err
	}
	return a.SetValues(x)
}

// workers bounds the number of threads by that of the processors.
func workers(threads int) int { return min(threads, runtime.GOMAXPROCS(0)) }

// overlap says whether two pieces of memory share a byte.
func overlap(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	at, bt := uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&b[0]))
	return at < bt+uintptr(len(b)) && bt < at+uintptr(len(a))
}
