package minifloat

import "math"

const e2m1Max = 7 // code of E2M1Max

var e2m1Values = func() (t [16]float32) {
	decodeTable(t[:], 2, 1, 1)
	return t
}()

// E2M1FromFloat32 returns the 4-bit E2M1 code of f, rounded and saturated as
// the package comment says: bit 3 is the sign, bits 2 and 1 the exponent, bit
// 0 the mantissa. Infinities become ±6. The format has no NaN: NaN becomes 0.
func E2M1FromFloat32(f float32) uint8 {
	b := math.Float32bits(f)
	mag := b &^ float32Sign
	if mag > float32Inf {
		return 0
	}
	return uint8(b>>28&8 | min(round(mag, 1, 1), e2m1Max))
}

// E2M1ToFloat32 returns the value of the E2M1 code in the low four bits; the
// others are ignored. The magnitudes are 0, 0.5, 1, 1.5, 2, 3, 4 and 6.
func E2M1ToFloat32(code uint8) float32 { return e2m1Values[code&15] }
