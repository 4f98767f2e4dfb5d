package kernel

//go:generate go run -C _generate . vector

import "math"

// MaxAbs returns the largest magnitude of x, 0 for an empty x. It is finite if
// and only if all values of x are.
func MaxAbs(x []float32) float32 {
	m, done := maxMagnitude(x)
	for _, v := range x[done:] {
		m = max(m, math.Float32bits(v)&^signBit) // magnitudes order like their bits
	}
	return math.Float32frombits(m)
}

// signBit is the sign of a float32.
const signBit = 1 << 31

// NonFinite returns the index of the first NaN or infinity of x, or -1.
func NonFinite(x []float32) int {
	if m := MaxAbs(x); m <= math.MaxFloat32 {
		return -1
	}
	for i, v := range x {
		if math.Float32bits(v)&expBits == expBits {
			return i
		}
	}
	return -1
}

// expBits is the exponent of a float32; all its bits are set in a NaN and an
// infinity alone.
const expBits = 0xff << 23
