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
	q      float32
	inside uint32 // bits of the largest float32 below q - 1/2
	radix  radix
}

// NewBox returns the box [-q, q]^n, 1 <= q <= [MaxQ].
func NewBox(q int) (Box, error) {
	if q < 1 || q > MaxQ {
		return Box{}, fmt.Errorf("lattice: box half-width %d: it must be 1 to %d", q, MaxQ)
	}
	return Box{
		q:      float32(q),
		inside: math.Float32bits(float32(q)-0.5) - 1,
		radix:  newRadix(q),
	}, nil
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

// allInside reports whether |y_i| < q - 1/2 for all i: then every step that a
// decoder may take from the rounded y_i stays in the box.
func (b *Box) allInside(y []float32) bool {
	for _, v := range y {
		if math.Float32bits(v)&^signBit > b.inside {
			return false
		}
	}
	return true
}

// ClosestDn sets z to the point of D_n in the box that is closest to y,
// n = len(y) = len(z). z may be y. Where |y_i| < q - 1/2 for all i it is that
// of the package function [ClosestDn].
//
// r_i is y_i clamped to the box and rounded, halves to even, e_i = y_i - r_i,
// d_i = +1 if e_i >= 0, else -1, and t_i = |e_i|; where r_i + d_i leaves the
// box, d_i and t_i change sign. If the sum of r is odd, the first coordinate
// with the largest t_i steps by d_i, which adds 1 - 2*t_i to the squared
// distance. Every finite y is valid.
func (b *Box) ClosestDn(z, y []float32) {
	if b.allInside(y) {
		ClosestDn(z, y)
	} else {
		b.borderDn(z, y)
	}
}

// ClosestD4 is [Box.ClosestDn] for one block of 4.
func (b *Box) ClosestD4(z, y *[4]float32) { b.ClosestDn(z[:], y[:]) }

// ClosestE8 sets z to the point of E8 in the box that is closest to y. z may be
// y. Where |y_i| < q - 1/2 for all i it is that of the package function
// [ClosestE8].
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
// operation. Every finite y is valid.
func (b *Box) ClosestE8(z, y *[8]float32) {
	if b.allInside(y[:]) {
		ClosestE8(z, y)
	} else {
		b.borderE8(z, y)
	}
}
