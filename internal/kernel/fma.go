package kernel

import "math"

// FMA returns x*y + z rounded once, to the nearest float32 with ties to even:
// what the instruction of that name computes.
func FMA(x, y, z float32) float32 {
	product := float64(x) * float64(y) // exact
	s := product + float64(z)
	if twice(s) {
		s = roundToOdd(s, product, float64(z))
	}
	return float32(s)
}

// twice reports whether s, a sum rounded to float64, must not be rounded again
// to float32 as it is. Two roundings differ from one only where the first ends
// on a tie of the second: half a unit of float32, whose place is the same in all
// normal values of float32; other sums are left to roundToOdd.
func twice(s float64) bool {
	const (
		tie      = 1 << 28         // in the 29 bits of the mantissa that float32 lacks
		smallest = 2*0x381<<52 - 1 // twice the bits of 2^-126, less one
	)
	b := math.Float64bits(s)
	return b<<(64-29) == tie<<(64-29) || b<<1-1 < smallest // 0 is exact
}

// roundToOdd returns the sum of product and z, of which s is the rounded one,
// rounded to an odd float64 where it is none: no rounding to 51 bits or fewer can
// tell that from the exact sum (Boldo and Melquiond, "Emulation of a FMA and
// correctly rounded sums", 2008).
func roundToOdd(s, product, z float64) float64 {
	back := s - product
	rest := (product - (s - back)) + (z - back) // exact: Knuth's sum
	b := math.Float64bits(s)
	if rest == 0 || b&1 != 0 || math.IsNaN(rest) {
		return s
	}
	if rest > 0 == (s > 0) {
		b++
	} else {
		b--
	}
	return math.Float64frombits(b)
}
