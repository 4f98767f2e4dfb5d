package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"

	"kakeyalattice/minifloat"
)

// DType is the element type of a tensor, as the header spells it. A type that
// this package does not know is kept: its tensors can be listed and their
// bytes read.
type DType string

// The types whose element size is known.
const (
	F64    DType = "F64"
	F32    DType = "F32"
	F16    DType = "F16"
	BF16   DType = "BF16"
	F8E4M3 DType = "F8_E4M3" // the variant without infinities, E4M3FN
	F8E5M2 DType = "F8_E5M2"
	F8E8M0 DType = "F8_E8M0" // powers of two: scales
	F4     DType = "F4"      // E2M1, two a byte, the first in the low four bits
	I64    DType = "I64"
	I32    DType = "I32"
	I16    DType = "I16"
	I8     DType = "I8"
	U64    DType = "U64"
	U32    DType = "U32"
	U16    DType = "U16"
	U8     DType = "U8"
	Bool   DType = "BOOL"
)

// bits holds the width of an element. It lists what the reference
// implementation of the format writes, converted here or not.
var bits = map[DType]int{
	F64: 64, I64: 64, U64: 64, "C64": 64,
	F32: 32, I32: 32, U32: 32,
	F16: 16, BF16: 16, I16: 16, U16: 16,
	F8E4M3: 8, F8E5M2: 8, F8E8M0: 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, I8: 8, U8: 8, Bool: 8,
	"F6_E2M3": 6, "F6_E3M2": 6,
	F4: 4,
}

// Size is the number of bytes of an element; 0 for a type that is unknown or
// whose elements are no whole bytes.
func (d DType) Size() int {
	if bits[d]%8 != 0 {
		return 0
	}
	return bits[d] / 8
}

// Bytes is what n elements take; ok is false where the type is unknown or the
// elements fill no whole number of bytes.
func (d DType) Bytes(n int) (size int64, ok bool) {
	width := int64(bits[d])
	if width == 0 || n < 0 || int64(n) > math.MaxInt64/width || int64(n)*width%8 != 0 {
		return 0, false
	}
	return int64(n) * width / 8, true
}

// IsFloat says whether [DType.Float32] converts the type.
func (d DType) IsFloat() bool {
	switch d {
	case F64, F32, F16, BF16, F8E4M3, F8E5M2, F8E8M0:
		return true
	}
	return false
}

// RangeError reports a finite float64 that is beyond the range of float32.
type RangeError struct {
	Element int // index in the tensor, or in the bytes given to [DType.Float32]
	Value   float64
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("element %d is %g, beyond the range of float32", e.Element, e.Value)
}

// Float32 fills dst with the elements in src, which must be exactly as many.
// Every type but F64 converts exactly. F64 is rounded to nearest; a finite
// value that would become infinite is a [*RangeError]. NaN and infinities
// stay what they are.
func (d DType) Float32(dst []float32, src []byte) error {
	if !d.IsFloat() {
		return fmt.Errorf("safetensors: %s is no float type that can be converted to float32", d)
	}
	if len(src)%d.Size() != 0 || len(src)/d.Size() != len(dst) {
		return fmt.Errorf("safetensors: %d bytes of %s are not %d elements", len(src), d, len(dst))
	}
	switch d {
	case F64:
		for i := range dst {
			wide := math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:]))
			dst[i] = float32(wide)
			if math.IsInf(float64(dst[i]), 0) && !math.IsInf(wide, 0) {
				return &RangeError{Element: i, Value: wide}
			}
		}
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = minifloat.FP16ToFloat32(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = minifloat.BF16ToFloat32(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case F8E4M3:
		for i := range dst {
			dst[i] = minifloat.E4M3ToFloat32(src[i])
		}
	case F8E5M2:
		for i := range dst {
			dst[i] = minifloat.E5M2ToFloat32(src[i])
		}
	case F8E8M0:
		for i := range dst {
			dst[i] = minifloat.E8M0ToFloat32(src[i])
		}
	}
	return nil
}
