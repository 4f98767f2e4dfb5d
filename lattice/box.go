package lattice

import (
	"fmt"
	"math"
)

// MaxQ is the largest half-width of a [Box]: with n = 2*MaxQ + 1 = 65535 the
// ranks of E8 points, below n^8, just fit in 128 bits. Half-integers of that
// size are exact in float32.
const MaxQ = 1<<15 - 1

// Box is the cube [-q, q]^n. Make it with [NewBox].
type Box struct {
	q    float32
	rank ranking
}

// NewBox returns the box [-q, q]^n, 1 <= q <= [MaxQ].
func NewBox(q int) (Box, error) {
	if q < 1 || q > MaxQ {
		return Box{}, fmt.Errorf("lattice: box half-width %d: it must be 1 to %d", q, MaxQ)
	}
	return Box{q: float32(q), rank: newRanking(uint64(2*q + 1))}, nil
}

// Q is the half-width of the box.
func (b *Box) Q() int { return int(b.q) }

// Contains reports whether every coordinate of z is in [-q, q].
func (b *Box) Contains(z []float32) bool {
	for _, v := range z {
		if !(v >= -b.q && v <= b.q) {
			return false
		}
	}
	return true
}

// offer is what one coordinate y offers to the cosets inside the box: r is y
// clamped to the box and rounded to the nearest integer, halves to even.
type offer struct {
	r      float32
	d      float32 // +1 or -1: r+d and r+d/2 are in the box
	t      float32 // the half-integer r+d/2 is closer than r by t - 1/4, r+d by 2t - 1 (squares)
	parity uint32  // lowest bit: parity of r; other bits are noise
}

// offer looks from r towards y, or inwards where the box ends at r: there t is
// negative. A NaN counts as far below the box.
func (b *Box) offer(y float32) offer {
	c := y
	if c > b.q {
		c = b.q
	} else if !(c >= -b.q) {
		c = -b.q
	}
	u := c + magic
	r := u - magic
	t, d := y-r, float32(1)
	if t < 0 {
		t, d = -t, -1
	}
	if r == float32(d*b.q) {
		t, d = -t, -d
	}
	return offer{r: r, d: d, t: t, parity: math.Float32bits(u)}
}

// ClosestDn sets z to the point of D_n in the box that is closest to y,
// n = len(y) = len(z). It is that of the package function [ClosestDn] where
// the box does not matter.
//
// r_i is y_i clamped to the box and rounded, halves to even, e_i = y_i - r_i,
// d_i = +1 if e_i >= 0, else -1, and t_i = |e_i|; where r_i + d_i leaves the
// box, d_i and t_i change sign. If the sum of r is odd, the first coordinate
// with the largest t_i steps by d_i, which adds 1 - 2*t_i to the squared
// distance. Every finite y is valid.
func (b *Box) ClosestDn(z, y []float32) {
	if len(y) == 0 {
		return
	}
	z = z[:len(y)]
	var parity uint32
	far := b.offer(y[0])
	k := 0
	for i, v := range y {
		o := b.offer(v)
		z[i] = o.r
		parity ^= o.parity
		if o.t > far.t {
			far, k = o, i
		}
	}
	if parity&1 != 0 {
		z[k] += far.d
	}
}

// ClosestD4 is [Box.ClosestDn] for one block of 4.
func (b *Box) ClosestD4(z, y *[4]float32) { b.ClosestDn(z[:], y[:]) }

// ClosestE8 sets z to the point of E8 in the box that is closest to y. It is
// that of the package function [ClosestE8] where |y_i| < q - 1/2 for all i.
//
// With r_i, d_i and t_i of [Box.ClosestDn]:
//
//   - The integer coset offers r; if its sum is odd (p0 = 1), the first
//     coordinate with the largest t_i steps by d_i, which adds
//     c0 = 1 - 2*max t to the squared distance.
//   - The half coset offers h_i = r_i + d_i/2, whose squared distance is that
//     of r plus 2 - s, with s = t_0 + ... + t_7 added in this order. If r and
//     the number of negative d_i differ in parity (p1 = 1), the first
//     coordinate with the smallest cost c1 steps: by -d_i at 2*t_i, or by d_i
//     at 2 - 2*t_i where h_i - d_i is outside, which is where r_i = -q*d_i.
//
// The half coset wins if (2 - s) + p1*c1 < p0*c0; a tie goes to the integer
// coset. s, c0, c1 and the left side are rounded to float32 after each
// operation. Every finite y below 2^120 is valid.
func (b *Box) ClosestE8(z, y *[8]float32) {
	var parity uint32
	var s float32
	var d [8]float32
	near, far := float32(math.Inf(1)), float32(math.Inf(-1))
	iNear, iFar, dNear := 0, 0, float32(0)
	for i, v := range y {
		o := b.offer(v)
		z[i], d[i] = o.r, o.d
		parity ^= o.parity & 1
		if o.d < 0 {
			parity ^= 2
		}
		s += o.t
		if o.t > far {
			far, iFar = o.t, i
		}
		cost, step := 2*o.t, -o.d
		if o.r == float32(step*b.q) {
			cost, step = 2-cost, -step
		}
		if cost < near {
			near, iNear, dNear = cost, i, step
		}
	}
	p0 := parity & 1
	p1 := p0 ^ parity>>1
	integer, half := float32(0), 2-s
	if p0 != 0 {
		integer = 1 - 2*far
	}
	if p1 != 0 {
		half += near
	}
	if half < integer {
		for i := range z {
			z[i] += d[i] / 2
		}
		if p1 != 0 {
			z[iNear] += dNear
		}
	} else if p0 != 0 {
		z[iFar] += d[iFar]
	}
}
