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
func ClosestE8(z, y *[8]float32) {
	var d [8]uint32
	c := roundE8(z, &d, y, 1)
	c.move(z, &d, signBit, 1)
}

// ClosestE8Blocks sets z, block of eight by block, to out times the closest
// points of E8 to in*y, as [ClosestE8] finds them; all products are rounded.
// The lengths are equal and whole blocks. z may be y.
func ClosestE8Blocks(z, y []float32, in, out float32) {
	// The blocks of a batch are all rounded before the first is moved, so that
	// nothing waits for a choice.
	const batch = 16
	var d [batch][8]uint32
	var choices [batch]choice
	for len(y) >= 8 {
		n := min(len(y)/8, batch)
		for i := range n {
			choices[i] = roundE8((*[8]float32)(z[8*i:]), &d[i], (*[8]float32)(y[8*i:]), in)
		}
		for i := range n {
			choices[i].move((*[8]float32)(z[8*i:]), &d[i], signBit, out)
		}
		z, y = z[8*n:], y[8*n:]
	}
}

// Neither the coset nor the step can be predicted, so that nothing below
// branches on them: magnitudes are compared by their bits, choices are masks.

// A choice is what moves a block from r to the closest point.
type choice struct {
	half uint32 // 1: all coordinates move by d/2
	step uint32 // 1: coordinate k moves by d, in the half coset by -d
	k    int
}

// roundE8 sets z to r and d to the sign bits of d_i, for y times factor. It is
// written out because that takes two thirds of the time of a loop.
//
// It must not be inlined: where an index becomes part of the address of a load,
// the compiler finds it with branches instead of conditional moves.
//
//go:noinline
func roundE8(z *[8]float32, d *[8]uint32, y *[8]float32, factor float32) choice {
	r, e := round(float32(y[0] * factor))
	z[0], d[0] = r, e&signBit
	signs, s, lower := e, magnitude(e), r
	near, iNear := e&^signBit, 0
	far, iFar := near, 0

	r, e = round(float32(y[1] * factor))
	z[1], d[1] = r, e&signBit
	signs, s, lower = signs^e, s+magnitude(e), lower+r
	near, iNear = smaller(near, iNear, e&^signBit, 1)
	far, iFar = larger(far, iFar, e&^signBit, 1)

	r, e = round(float32(y[2] * factor))
	z[2], d[2] = r, e&signBit
	signs, s, lower = signs^e, s+magnitude(e), lower+r
	near, iNear = smaller(near, iNear, e&^signBit, 2)
	far, iFar = larger(far, iFar, e&^signBit, 2)

	r, e = round(float32(y[3] * factor))
	z[3], d[3] = r, e&signBit
	signs, s, lower = signs^e, s+magnitude(e), lower+r
	near, iNear = smaller(near, iNear, e&^signBit, 3)
	far, iFar = larger(far, iFar, e&^signBit, 3)

	r, e = round(float32(y[4] * factor))
	z[4], d[4] = r, e&signBit
	upper := r
	signs, s = signs^e, s+magnitude(e)
	near, iNear = smaller(near, iNear, e&^signBit, 4)
	far, iFar = larger(far, iFar, e&^signBit, 4)

	r, e = round(float32(y[5] * factor))
	z[5], d[5] = r, e&signBit
	signs, s, upper = signs^e, s+magnitude(e), upper+r
	near, iNear = smaller(near, iNear, e&^signBit, 5)
	far, iFar = larger(far, iFar, e&^signBit, 5)

	r, e = round(float32(y[6] * factor))
	z[6], d[6] = r, e&signBit
	signs, s, upper = signs^e, s+magnitude(e), upper+r
	near, iNear = smaller(near, iNear, e&^signBit, 6)
	far, iFar = larger(far, iFar, e&^signBit, 6)

	r, e = round(float32(y[7] * factor))
	z[7], d[7] = r, e&signBit
	signs, s, upper = signs^e, s+magnitude(e), upper+r
	near, iNear = smaller(near, iNear, e&^signBit, 7)
	far, iFar = larger(far, iFar, e&^signBit, 7)

	c0 := 1 - float32(2*math.Float32frombits(far))
	c1 := 2 * math.Float32frombits(near)
	// Four integers of up to 2^22 have an exact sum, eight need not.
	p0 := uint32(int32(lower)^int32(upper)) & 1
	return choose(p0, p0^signs>>31, s, c0, c1, iFar, iNear)
}

// round returns v rounded to an integer, and the bits of what it rounded off.
func round(v float32) (r float32, e uint32) {
	v += 0 // -0 becomes +0, so that a zero error counts as positive
	r = v + magic - magic
	return r, math.Float32bits(v - r)
}

// magnitude returns |e| for the bits of e.
func magnitude(e uint32) float32 { return math.Float32frombits(e &^ signBit) }

// smaller returns the smaller of two values, the first of equal ones, with its
// index.
func smaller(a uint32, i int, b uint32, k int) (uint32, int) {
	if b < a {
		a = b
		i = k
	}
	return a, i
}

// larger returns the larger of two values, the first of equal ones, with its
// index.
func larger(a uint32, i int, b uint32, k int) (uint32, int) {
	if b > a {
		a = b
		i = k
	}
	return a, i
}

// choose chooses the coset. c0 and c1 are what the steps of coordinates k0 and
// k1 add in the integer and in the half coset, where p0 and p1 ask for them.
func choose(p0, p1 uint32, s, c0, c1 float32, k0, k1 int) (c choice) {
	if (2-s)+masked(c1, p1) < masked(c0, p0) {
		c.half = 1
	}
	c.step = p0 ^ (p0^p1)&c.half
	c.k = k0 ^ (k0^k1)&-int(c.half)
	return c
}

// move moves z from r to the point that was chosen, and multiplies it by out. d
// is the sign bits of d_i, and turn that of the step of the half coset relative
// to d.
func (c *choice) move(z *[8]float32, d *[8]uint32, turn uint32, out float32) {
	k := c.k & 7
	z[k] += math.Float32frombits(math.Float32bits(masked(1, c.step)) | d[k] ^ turn&-c.half)
	shift := math.Float32bits(0.5) & -c.half
	z[0] = (z[0] + math.Float32frombits(shift|d[0])) * out
	z[1] = (z[1] + math.Float32frombits(shift|d[1])) * out
	z[2] = (z[2] + math.Float32frombits(shift|d[2])) * out
	z[3] = (z[3] + math.Float32frombits(shift|d[3])) * out
	z[4] = (z[4] + math.Float32frombits(shift|d[4])) * out
	z[5] = (z[5] + math.Float32frombits(shift|d[5])) * out
	z[6] = (z[6] + math.Float32frombits(shift|d[6])) * out
	z[7] = (z[7] + math.Float32frombits(shift|d[7])) * out
}

// signBit is the sign of a float32.
const signBit = 1 << 31

// masked returns v where bit is 1 and +0 where it is 0.
func masked(v float32, bit uint32) float32 {
	return math.Float32frombits(math.Float32bits(v) & -bit)
}
