package lattice

import "math"

// ClosestDn sets z to the closest point of D_n to y, n = len(y) = len(z).
// z may be y.
//
// With r_i = y_i rounded as in [ClosestZn] and e_i = y_i - r_i the result is
// r if the sum of r is even. If it is odd, the first coordinate with the
// largest |e_i| steps to the integer on the other side of y_i: by +1 if
// e_i >= 0, else by -1. (Conway and Sloane, "Fast quantizing and decoding
// algorithms for lattice quantizers and codes", IEEE Trans. Inform. Theory 28,
// 1982, algorithm 2.)
func ClosestDn(z, y []float32) {
	if len(y) == 0 {
		return
	}
	z = z[:len(y)]
	var parity uint32
	var far, sign uint32 // bits of the largest |e_i|, sign of that e_i
	k := 0
	for i, v := range y {
		v += 0 // -0 becomes +0, so that a zero error counts as positive
		u := v + magic
		r := u - magic
		z[i] = r
		parity ^= math.Float32bits(u)
		b := math.Float32bits(v - r)
		a := b &^ signBit
		if a > far {
			far = a
			sign = b & signBit
			k = i
		}
	}
	stepDn(z, k, parity, sign)
}

// stepDn moves z[k] by 1 in the direction of the sign bit if the lowest bit of
// parity is set. It must not be inlined: where an index becomes part of the
// address of a load, the compiler finds it with branches instead of conditional
// moves.
//
//go:noinline
func stepDn(z []float32, k int, parity, sign uint32) {
	z[k] += math.Float32frombits(math.Float32bits(masked(1, parity&1)) | sign)
}
