package lattice

import "math"

// ClosestE8 sets z to the closest point of E8 to y.
//
// With r_i = y_i rounded to the nearest integer, halves to even,
// e_i = y_i - r_i and d_i = +1 if e_i >= 0, else -1:
//
//   - The integer coset offers r. If the sum of r is odd (p0 = 1), the first
//     coordinate with the largest |e_i| = M steps by d_i, which adds 1 - 2M to
//     the squared distance.
//   - The half coset offers h_i = r_i + d_i/2, whose squared distance is that
//     of r plus 2 - s, with s = |e_0| + ... + |e_7| added in this order. If r
//     and the number of negative d_i differ in parity (p1 = 1), the first
//     coordinate with the smallest |e_i| = m steps by -d_i, which adds 2m.
//
// The half coset wins if (2 - s) + p1*(2m) < p0*(1 - 2M): no squared distance
// is formed, and a tie goes to the integer coset. s, 1 - 2M and the left side
// are rounded to float32 after each operation; the other steps are exact.
func ClosestE8(z, y *[8]float32) {
	var parity uint32
	var s float32
	var d [8]float32
	near, far := float32(math.MaxFloat32), float32(-1)
	iNear, iFar := 0, 0
	for i, v := range y {
		u := v + magic
		r := u - magic
		e := v - r
		z[i] = r
		d[i] = 1
		parity ^= math.Float32bits(u) & 1
		if e < 0 {
			e, d[i] = -e, -1
			parity ^= 2
		}
		s += e
		if e > far {
			far, iFar = e, i
		}
		if e < near {
			near, iNear = e, i
		}
	}
	p0 := parity & 1
	p1 := p0 ^ parity>>1
	integer, half := float32(0), 2-s
	if p0 != 0 {
		integer = 1 - 2*far
	}
	if p1 != 0 {
		half += 2 * near
	}
	if half < integer {
		for i := range z {
			z[i] += d[i] / 2
		}
		if p1 != 0 {
			z[iNear] -= d[iNear]
		}
	} else if p0 != 0 {
		z[iFar] += d[iFar]
	}
}
