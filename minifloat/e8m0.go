package minifloat

import "math"

// Codes of E8M0.
const (
	E8M0One = 127 // 2^0
	E8M0NaN = 255 // the one code that is not a power of two
)

// E8M0ToFloat32 returns 2^(code-127), the value of an E8M0 scale. Code 0 is
// 2^-127, a subnormal float32; code 255 is NaN.
func E8M0ToFloat32(code uint8) float32 {
	switch code {
	case 0:
		return 0x1p-127
	case E8M0NaN:
		return float32(math.NaN())
	}
	return math.Float32frombits(uint32(code) << 23)
}

// E8M0Ceil returns the code of the smallest power of two that is at least f,
// for positive finite f; it is exact. Values below 2^-127 give code 0. Above
// 2^127 there is no such scale and the result is [E8M0NaN], as it is for a
// NaN, an infinity or a negative f.
func E8M0Ceil(f float32) uint8 {
	b := math.Float32bits(f)
	switch {
	case b <= 1<<22: // up to 2^-127
		return 0
	case b > 254<<23: // beyond 2^127, infinite, NaN, or the sign bit is set
		return E8M0NaN
	}
	// Any mantissa bit carries into the exponent.
	return uint8((b + 1<<23 - 1) >> 23)
}
