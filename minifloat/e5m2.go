package minifloat

import "math"

const (
	e5m2NaN = 0x7e
	e5m2Inf = 0x7c
	e5m2Max = 0x7b // code of E5M2Max
)

var e5m2Values = func() (t [256]float32) {
	decodeTable(t[:], 5, 2, 15)
	t[e5m2Inf] = float32(math.Inf(1))
	t[e5m2Inf|0x80] = float32(math.Inf(-1))
	for code := e5m2Inf + 1; code < 0x80; code++ {
		t[code] = float32(math.NaN())
		t[code|0x80] = float32(math.NaN())
	}
	return t
}()

// E5M2FromFloat32 returns the E5M2 code of f, rounded and saturated as the
// package comment says.
func E5M2FromFloat32(f float32) uint8 {
	b := math.Float32bits(f)
	mag := b &^ float32Sign
	sign := uint8(b >> 24 & 0x80)
	switch {
	case mag > float32Inf:
		return e5m2NaN
	case mag == float32Inf:
		return sign | e5m2Inf
	}
	return sign | uint8(min(round(mag, 2, 15), e5m2Max))
}

// E5M2ToFloat32 returns the value of an E5M2 code.
func E5M2ToFloat32(code uint8) float32 { return e5m2Values[code] }
