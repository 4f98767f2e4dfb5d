package lattice

import "math"

// ClosestDn sets z to the closest point of D_n to y, n = len(y) = len(z).
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
	var far float32 = -1
	step, k := float32(1), 0
	for i, v := range y {
		u := v + magic
		r := u - magic
		e := v - r
		z[i] = r
		parity ^= math.Float32bits(u)
		d := float32(1)
		if e < 0 {
			e, d = -e, -1
		}
		if e > far {
			far, step, k = e, d, i
		}
	}
	if parity&1 != 0 {
		z[k] += step
	}
}
