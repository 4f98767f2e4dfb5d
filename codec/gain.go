package codec

import (
	"math"
	"math/bits"
)

// A gain is the length of a vector in 9 bits of exponent and m of mantissa,
//
//	length = (1 + mantissa/2^m) * 2^(exponent-256),
//
// the exponent above the mantissa. The zero vector has none.
type gain uint32

// The exponents that a vector of finite float32 values can have: its length
// lies between 2^-149 and 2^128*sqrt(2^16).
const (
	minGainExp = -149
	maxGainExp = 128 + 8
)

// slotGainBits are the mantissa bits of a gain in a slot, whose size has to
// cover the longest of most vectors: a vector's code is longer or shorter by
// up to dim*2^-(m+1)*log2(e) bits for the rounding of its gain.
const slotGainBits = 7

// gainBits are the mantissa bits of a gain in a vector of its own length: only
// the mean length counts, and what the gain rounds off is not lost but coded
// with the shape, so that a bit of mantissa is worth its place as long as that
// spread is large: m = floor(log2 dim) - 2, at least 1 and at most 7.
func gainBits(dim int) int {
	return max(1, min(slotGainBits, bits.Len(uint(dim))-3))
}

// newGain rounds r * 2^exp to m bits of mantissa, halves up, and returns the
// gain with the rounded r; r is a normal positive number.
func newGain(r float32, exp, m int) (gain, float32) {
	drop := 23 - m
	b := (math.Float32bits(r) + 1<<(drop-1)) >> drop
	// The exponent's field moves from a bias of 127 to one of 256.
	return gain(int(b) + (256-127+exp)<<m), math.Float32frombits(b << drop)
}

// split returns the gain as value * 2^exp with 1 <= value < 2, and false where
// no encoder writes such a gain.
func (g gain) split(m int) (value float32, exp int, ok bool) {
	exp = int(g>>m) - 256
	value = math.Float32frombits(127<<23 | uint32(g)<<(23-m)&(1<<23-1))
	return value, exp, exp >= minGainExp && exp <= maxGainExp
}
