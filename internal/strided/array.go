// Package strided runs codecs over arrays that lie in another program's memory: any of
// three number types, any strides, no copy of more than a block at a time.
package strided

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"unsafe"
)

// DType is the type of an array's values. The numbers are those of kakeya.h.
type DType int32

const (
	F32 DType = iota
	BF16
	F16
)

// Size is the bytes of a value; 0 of an unknown type.
func (t DType) Size() int {
	switch t {
	case F32:
		return 4
	case BF16, F16:
		return 2
	}
	return 0
}

// ErrArray is what the error of an array that cannot be used wraps.
var ErrArray = errors.New("array")

func arrayError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrArray, fmt.Sprintf(format, args...))
}

// Array is vectors: values [tokens, heads, dim], a vector for each token and head.
type Array struct {
	// Data begins with the first value and ends with the last; see [Extent].
	Data   []byte
	Type   DType
	Shape  [3]int
	Stride [3]int // in values
}

// Vectors is their number.
func (a *Array) Vectors() int { return a.Shape[0] * a.Shape[1] }

// Dim is the number of values in a vector.
func (a *Array) Dim() int { return a.Shape[2] }

// Extent is the bytes that an array of that shape spans, or the reason why there is
// none. distinct says that no two values may share a place, which those of an output
// must not, nor those that are taken into memory as a whole.
func Extent(t DType, shape, stride [3]int, distinct bool) (int, error) {
	if t.Size() == 0 {
		return 0, arrayError("dtype %d: want 0 (float32), 1 (bfloat16) or 2 (float16)", t)
	}
	names := [3]string{"tokens", "heads", "dim"}
	last, empty := uint64(0), false
	for i, n := range shape {
		if n < 0 || stride[i] < 0 {
			return 0, arrayError("shape %v, strides %v: %s is negative", shape, stride, names[i])
		}
		if n == 0 {
			empty = true
			continue
		}
		hi, lo := bits.Mul64(uint64(n-1), uint64(stride[i]))
		if last += lo; hi != 0 || lo > math.MaxInt64/8 || last > math.MaxInt64/8 {
			return 0, arrayError("shape %v, strides %v: too large", shape, stride)
		}
	}
	if hi, lo := bits.Mul64(uint64(shape[0]), uint64(shape[1])); hi != 0 || lo > math.MaxInt32*1024 {
		return 0, arrayError("shape %v: too many vectors", shape)
	}
	if shape[2] == 0 {
		return 0, arrayError("shape %v: vectors of no values", shape)
	}
	if empty {
		return 0, nil
	}
	if distinct && overlaps(shape, stride) {
		return 0, arrayError("strides %v of shape %v let values overlap: here each needs a place of its own", stride, shape)
	}
	return (int(last) + 1) * t.Size(), nil
}

// overlaps says that two values may share a place: sorted by stride, each dimension
// must step over all of the smaller ones.
func overlaps(shape, stride [3]int) bool {
	order := [3]int{0, 1, 2}
	for i := range order {
		for j := i; j > 0 && stride[order[j]] < stride[order[j-1]]; j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	span := 1
	for _, i := range order {
		if shape[i] == 1 {
			continue
		}
		if stride[i] < span {
			return true
		}
		span += (shape[i] - 1) * stride[i]
	}
	return false
}

// check says whether the array holds vectors of a codec, in memory as large as it
// needs.
func (a *Array) check(dim int, distinct bool) error {
	n, err := Extent(a.Type, a.Shape, a.Stride, distinct)
	switch {
	case err != nil:
		return err
	case a.Dim() != dim:
		return arrayError("vectors of %d values, the codec's have %d", a.Dim(), dim)
	case len(a.Data) < n:
		return arrayError("%d bytes, shape %v with strides %v spans %d", len(a.Data), a.Shape, a.Stride, n)
	}
	return nil
}

// CheckOutput says whether the array can be written to.
func (a *Array) CheckOutput() error { return a.check(a.Dim(), true) }

// Values are all values of the array, in its memory where they lie so.
func (a *Array) Values() ([]float32, error) {
	if err := a.check(a.Dim(), true); err != nil {
		return nil, err
	}
	n := a.Vectors()
	x := a.view(0, n)
	if x == nil {
		x = make([]float32, n*a.Dim())
		a.load(x, 0)
	}
	return x, nil
}

// SetValues sets all values of the array.
func (a *Array) SetValues(x []float32) error {
	if err := a.CheckOutput(); err != nil {
		return err
	}
	if len(x) != a.Vectors()*a.Dim() {
		return arrayError("%d values, %d are given", a.Vectors()*a.Dim(), len(x))
	}
	a.store(x, 0)
	return nil
}

// view is vectors first to first+n as float32 in place; nil where they do not lie so.
func (a *Array) view(first, n int) []float32 {
	heads, dim := a.Shape[1], a.Shape[2]
	dense := a.Stride[2] == 1 || dim == 1
	dense = dense && (heads == 1 || a.Stride[1] == dim)
	dense = dense && (a.Shape[0] == 1 || a.Stride[0] == heads*dim)
	if a.Type != F32 || !dense || n == 0 || !littleEndian {
		return nil
	}
	at := &a.Data[4*first*dim]
	if uintptr(unsafe.Pointer(at))%4 != 0 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(at)), n*dim)
}

// littleEndian says whether float32 values lie in memory as arrays have them.
var littleEndian = func() bool {
	one := uint16(1)
	return *(*byte)(unsafe.Pointer(&one)) == 1
}()
