package lattice

import (
	"math"
	"unsafe"
)

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
// [ClosestE8Blocks] takes half the time where there are many blocks.
func ClosestE8(z, y *[8]float32) {
	var block [1]offset
	roundE8(block[:], z[:], y[:], 1)
	chooseE8(block[:])
	moveE8(block[:], z[:], 1)
}

// ClosestE8Blocks sets z, block of eight by block, to out times the closest
// points of E8 to in*y, as [ClosestE8] finds them; all products are rounded.
// The lengths are equal and whole blocks. z may be y.
func ClosestE8Blocks(z, y []float32, in, out float32) {
	// The blocks of a batch make each step before the first makes the next, so
	// that nothing waits for a choice, or for stores to be loaded as pairs.
	const batch = 16
	var blocks [batch]offset
	for len(y) >= 8 {
		b := blocks[:min(len(y)/8, batch)]
		roundE8(b, z, y, in)
		chooseE8(b)
		moveE8(b, z, out)
		z, y = z[8*len(b):], y[8*len(b):]
	}
}

// Neither the coset nor the step can be predicted, so that nothing below
// branches on them: magnitudes are compared by their bits, choices are masks.

// offset is what leads from the rounded coordinates of a block to the closest
// point. Floats are bits here, two to a word, because what is done to signs and
// magnitudes is done to a pair at a time.
type offset struct {
	e    [4]uint64 // the bits of all e_i
	size [4]uint64 // those of all |e_i|; in moveE8, of what the coordinates move by
	odd  uint32    // p0
	turn uint32    // sign bit of the step of the half coset, relative to d
	choice
}

// floats is the values of words, in the same memory.
func floats(words *[4]uint64) *[8]float32 { return (*[8]float32)(unsafe.Pointer(words)) }

// bitsOf is the bits of those values.
func bitsOf(words *[4]uint64) *[8]uint32 { return (*[8]uint32)(unsafe.Pointer(words)) }

// pair is x twice.
func pair(x uint32) uint64 { return uint64(x)<<32 | uint64(x) }

// roundE8 sets z to r, for y times factor. The coordinates are written out
// because that takes two thirds of the time of a loop.
func roundE8(blocks []offset, z, y []float32, factor float32) {
	for i := range blocks {
		o, z, y := &blocks[i], (*[8]float32)(z[8*i:]), (*[8]float32)(y[8*i:])
		e := floats(&o.e)
		r, rest := round(float32(y[0] * factor))
		z[0], e[0] = r, rest
		lower := r
		r, rest = round(float32(y[1] * factor))
		z[1], e[1] = r, rest
		lower += r
		r, rest = round(float32(y[2] * factor))
		z[2], e[2] = r, rest
		lower += r
		r, rest = round(float32(y[3] * factor))
		z[3], e[3] = r, rest
		lower += r
		r, rest = round(float32(y[4] * factor))
		z[4], e[4] = r, rest
		upper := r
		r, rest = round(float32(y[5] * factor))
		z[5], e[5] = r, rest
		upper += r
		r, rest = round(float32(y[6] * factor))
		z[6], e[6] = r, rest
		upper += r
		r, rest = round(float32(y[7] * factor))
		z[7], e[7] = r, rest
		upper += r
		// Four integers of up to 2^22 have an exact sum, eight need not.
		o.odd = uint32(int32(lower)^int32(upper)) & 1
	}
}

// round returns v rounded to an integer, and what it rounded off.
func round(v float32) (r, rest float32) {
	r = v + magic - magic
	return r, v - r
}

// chooseE8 makes the choices.
func chooseE8(blocks []offset) {
	for i := range blocks {
		o := &blocks[i]
		const sizes = 1<<63 - 1 - 1<<31
		o.size[0] = o.e[0] & sizes
		o.size[1] = o.e[1] & sizes
		o.size[2] = o.e[2] & sizes
		o.size[3] = o.e[3] & sizes
		// Magnitudes are compared by their bits, above the index that tells equal
		// ones apart: the first is the smallest in near, the largest in far.
		u := bitsOf(&o.size)
		near, far := uint64(u[0])<<3, uint64(u[0])<<3+7
		near, far = min(near, uint64(u[1])<<3+1), max(far, uint64(u[1])<<3+6)
		near, far = min(near, uint64(u[2])<<3+2), max(far, uint64(u[2])<<3+5)
		near, far = min(near, uint64(u[3])<<3+3), max(far, uint64(u[3])<<3+4)
		near, far = min(near, uint64(u[4])<<3+4), max(far, uint64(u[4])<<3+3)
		near, far = min(near, uint64(u[5])<<3+5), max(far, uint64(u[5])<<3+2)
		near, far = min(near, uint64(u[6])<<3+6), max(far, uint64(u[6])<<3+1)
		near, far = min(near, uint64(u[7])<<3+7), max(far, uint64(u[7])<<3)
		if near < 8 {
			o.positiveZeros()
		}
		signs := o.e[0] ^ o.e[1] ^ o.e[2] ^ o.e[3]
		a := floats(&o.size)
		s := a[0] + a[1] + a[2] + a[3] + a[4] + a[5] + a[6] + a[7]
		c0 := 1 - float32(2*math.Float32frombits(uint32(far>>3)))
		c1 := 2 * math.Float32frombits(uint32(near>>3))
		o.choice = choose(o.odd, o.odd^uint32(signs>>32^signs)>>31, s, c0, c1, int(^far&7), int(near&7))
		o.turn = signBit
	}
}

// positiveZeros makes every zero positive: a coordinate of -0 leaves -0.
func (o *offset) positiveZeros() {
	e := floats(&o.e)
	for i, v := range e {
		e[i] = v + 0
	}
}

// moveE8 moves z from r to the points that were chosen, and multiplies it by out.
func moveE8(blocks []offset, z []float32, out float32) {
	for i := range blocks {
		o, z := &blocks[i], (*[8]float32)(z[8*i:])
		k := o.k & 7
		d := math.Float32bits(floats(&o.e)[k]) & signBit
		z[k] += math.Float32frombits(math.Float32bits(masked(1, o.step)) | d ^ o.turn&-o.half)
		const signs = 1<<63 | 1<<31
		shift := pair(math.Float32bits(0.5) & -o.half)
		o.size[0] = o.e[0]&signs | shift
		o.size[1] = o.e[1]&signs | shift
		o.size[2] = o.e[2]&signs | shift
		o.size[3] = o.e[3]&signs | shift
		by := floats(&o.size)
		z[0] = (z[0] + by[0]) * out
		z[1] = (z[1] + by[1]) * out
		z[2] = (z[2] + by[2]) * out
		z[3] = (z[3] + by[3]) * out
		z[4] = (z[4] + by[4]) * out
		z[5] = (z[5] + by[5]) * out
		z[6] = (z[6] + by[6]) * out
		z[7] = (z[7] + by[7]) * out
	}
}

// A choice is what moves a block from r to the closest point.
type choice struct {
	half uint32 // 1: all coordinates move by d/2, for the half coset
	step uint32 // 1: coordinate k moves by d, in the half coset in the direction of turn
	k    int
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

// signBit is the sign of a float32.
const signBit = 1 << 31

// masked returns v where bit is 1 and +0 where it is 0.
func masked(v float32, bit uint32) float32 {
	return math.Float32frombits(math.Float32bits(v) & -bit)
}
