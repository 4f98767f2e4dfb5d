package minifloat

import "math"

const (
	fp16NaN = 0x7e00
	fp16Inf = 0x7c00
	fp16Max = 0x7bff // code of FP16Max
)

// FP16FromFloat32 returns the IEEE half-precision code of f, rounded and
// saturated as the package comment says.
func FP16FromFloat32(f float32) uint16 {
	b := math.Float32bits(f)
	mag := b &^ float32Sign
	sign := uint16(b >> 16 & 0x8000)
	switch {
	case mag > float32Inf:
		return fp16NaN
	case mag == float32Inf:
		return sign | fp16Inf
	}
	return sign | uint16(min(round(mag, 10, 15), fp16Max))
}

// FP16FromFloat32Up returns the code of the smallest half-precision value that
// is at least f, for a scale that must not come out too small. ok is false
// where f is negative or NaN or no finite half-precision value is as large.
func FP16FromFloat32Up(f float32) (code uint16, ok bool) {
	if !(f >= 0 && f <= FP16Max) {
		return 0, false
	}
	if f < 0x1p-14 {
		// Subnormal: a multiple of 2^-24. The product is exact.
		steps := f * 0x1p24
		code = uint16(steps)
		if float32(code) < steps {
			code++
		}
		return code, true
	}
	// Any bit below the mantissa of half precision carries into it.
	const below = 1<<13 - 1
	return uint16((math.Float32bits(f)+below)>>13 - (127-15)<<10), true
}

// FP16ToFloat32 returns the value of an IEEE half-precision code.
func FP16ToFloat32(code uint16) float32 {
	// Arithmetic, for a table of 65,536 values would take over the cache.
	sign := uint32(code&0x8000) << 16
	mag := uint32(code & 0x7fff)
	switch {
	case mag < 1<<10:
		// float32(mag) is exact and so is the product.
		return math.Float32frombits(sign | math.Float32bits(float32(mag)*0x1p-24))
	case mag >= fp16Inf:
		return math.Float32frombits(sign | float32Inf | mag<<13)
	}
	return math.Float32frombits(sign | (mag<<13 + (127-15)<<23))
}
