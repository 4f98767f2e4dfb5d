package lattice

import "math"

// ClosestE8 sets z to the closest point of E8 to y. z may be y.
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
//
// Neither the coset nor the step can be predicted, so that nothing here
// branches on them: magnitudes are compared by their bits, choices are masks.
func ClosestE8(z, y *[8]float32) {
	var e [8]uint32 // bits of e_i
	var parity, signs uint32
	var s float32
	near, far := uint32(math.MaxUint32), uint32(0) // bits of m and M
	iNear, iFar := 0, 0
	for i, v := range y {
		v += 0 // -0 becomes +0, so that a zero error counts as positive
		u := v + magic
		r := u - magic
		z[i] = r
		parity ^= math.Float32bits(u)
		b := math.Float32bits(v - r)
		e[i] = b
		signs ^= b
		a := b &^ signBit
		s += math.Float32frombits(a)
		if a < near {
			near = a
			iNear = i
		}
		if a > far {
			far = a
			iFar = i
		}
	}
	c0 := 1 - float32(2*math.Float32frombits(far))
	c1 := 2 * math.Float32frombits(near)
	stepE8(z, &e, parity, signs, s, c0, c1, iFar, iNear, signBit)
}

// stepE8 moves z from r to the point of the better coset. The sign bits of d
// are those of d_i and of back that of the step of the half coset, relative to
// d; c0 and c1 are what the steps of coordinates k0 and k1 add in the integer
// and in the half coset, where the lowest bit of parity and the highest of
// signs ask for them.
//
// It must not be inlined: where an index becomes part of the address of a load,
// the compiler finds it with branches instead of conditional moves.
//
//go:noinline
func stepE8(z *[8]float32, d *[8]uint32, parity, signs uint32, s, c0, c1 float32, k0, k1 int, back uint32) {
	p0 := parity & 1
	p1 := p0 ^ signs>>31
	half := (2 - s) + masked(c1, p1)
	win := uint32(0)
	if half < masked(c0, p0) {
		win = 1
	}
	p := p0 ^ (p0^p1)&win
	k := (k0 ^ (k0^k1)&-int(win)) & 7

	shift := math.Float32bits(0.5) & -win
	for i := range z {
		z[i] += math.Float32frombits(shift | d[i]&signBit)
	}
	step := math.Float32bits(masked(1, p))
	z[k] += math.Float32frombits(step | (d[k]^back&-win)&signBit)
}

// signBit is the sign of a float32.
const signBit = 1 << 31

// masked returns v where bit is 1 and +0 where it is 0.
func masked(v float32, bit uint32) float32 {
	return math.Float32frombits(math.Float32bits(v) & -bit)
}
