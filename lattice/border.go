package lattice

import "math"

// The decoders for vectors that touch the border of the box. As in [ClosestE8]
// nothing branches on the data. q stands for the bits of the half-width.

// clamp returns y clamped to [-q, q], a NaN to one of the ends.
func clamp(y float32, q uint32) float32 {
	v := math.Float32bits(y)
	return math.Float32frombits(min(v&^signBit, q) | v&signBit)
}

// offer returns the sign bit d of the step that leads from r, which is y clamped
// and rounded, towards y, or inwards where the box ends at r. The step costs
// 1 - 2t.
func offer(y, r float32, q uint32) (d uint32, t float32) {
	e := math.Float32bits(y - r)
	d = e & signBit
	var out uint32
	if math.Float32bits(r) == q|d {
		out = signBit
	}
	return d ^ out, math.Float32frombits(e&^signBit|out) + 0
}

// ordered maps the bits of a float32 to integers in the same order. There must
// be no -0 among them.
func ordered(v float32) int32 {
	b := int32(math.Float32bits(v))
	return b ^ b>>31&math.MaxInt32
}

// fromOrdered undoes ordered.
func fromOrdered(o int32) float32 {
	return math.Float32frombits(uint32(o ^ o>>31&math.MaxInt32))
}

// borderDn is [Box.ClosestDn] for any y but the empty one.
func (b *Box) borderDn(z, y []float32) {
	q := math.Float32bits(b.q)
	z = z[:len(y)]
	var parity, sign uint32
	far := int32(math.MinInt32)
	k := 0
	for i, v := range y {
		v += 0 // as in ClosestDn
		u := clamp(v, q) + magic
		r := u - magic
		d, t := offer(v, r, q)
		z[i] = r
		parity ^= math.Float32bits(u)
		if o := ordered(t); o > far {
			far = o
			sign = d
			k = i
		}
	}
	stepDn(z, k, parity, sign)
}

// borderE8 is [Box.ClosestE8] for any y.
func (b *Box) borderE8(z, y *[8]float32) {
	q := math.Float32bits(b.q)
	var o [1]offset // its e_i have the signs of d_i and no magnitudes
	d := bitsOf(&o[0].e)
	var t [8]float32
	var parity, signs uint32
	var s float32
	for i, v := range y {
		v += 0 // as in ClosestE8
		u := clamp(v, q) + magic
		r := u - magic
		di, ti := offer(v, r, q)
		z[i], d[i], t[i] = r, di, ti
		parity ^= math.Float32bits(u)
		signs ^= di
		s += ti
	}
	far, near := int32(math.MinInt32), uint32(math.MaxUint32) // ordered largest t_i, bits of c1
	iFar, iNear := 0, 0
	var back uint32 // sign bit of the step that costs c1, relative to d
	for i, ti := range t {
		if o := ordered(ti); o > far {
			far = o
			iFar = i
		}
		cost := math.Float32bits(2 * ti)
		beyond := math.Float32bits(2 - float32(2*ti))
		turn := uint32(signBit)
		if math.Float32bits(z[i]) == q|d[i]^signBit {
			cost = beyond
			turn = 0
		}
		if cost < near {
			near = cost
			iNear = i
			back = turn
		}
	}
	c0 := 1 - float32(2*fromOrdered(far))
	p0 := parity & 1
	o[0].choice = choose(p0, p0^signs>>31, s, c0, math.Float32frombits(near), iFar, iNear)
	o[0].turn = back
	moveE8(o[:], z[:], 1)
}
