package minifloat

import "math"

const (
	e4m3NaN = 0x7f
	e4m3Max = 0x7e // code of E4M3Max
)

var e4m3Values = func() (t [256]float32) {
	decodeTable(t[:], 4, 3, 7)
	t[e4m3NaN] = float32(math.NaN())
	t[e4m3NaN|0x80] = float32(math.NaN())
	return t
}()

// E4M3FromFloat32 returns the E4M3 code of f, rounded and saturated as the
// package comment says. Infinities become ±448.
func E4M3FromFloat32(f float32) uint8 {
	b := math.Float32bits(f)
	mag := b &^ float32Sign
	if mag > float32Inf {
		return e4m3NaN
	}
	return uint8(b>>24&0x80 | min(round(mag, 3, 7), e4m3Max))
}

// E4M3ToFloat32 returns the value of an E4M3 code; 0x7f and 0xff are NaN.
func E4M3ToFloat32(code uint8) float32 { return e4m3Values[code] }
