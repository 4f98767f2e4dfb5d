// Package lattice finds closest points of the lattices Z^n, D_n and E8, with
// and without a bound on the coordinates, and numbers the points in a box.
//
//	box, err := lattice.NewBox(38)      // coordinates in [-38, 38]
//	box.ClosestE8(&z, &y)               // z: the E8 point in the box closest to y
//	hi, lo := box.RankE8(&z)            // box.BitsE8() bits name the point
//	ok := box.UnrankE8(&z, hi, lo)
//
// The lattices, in the coordinates of Conway and Sloane:
//
//	Z^n  all integer vectors
//	D_n  integer vectors whose coordinates have an even sum
//	E8   D_8 and D_8 + (1/2, ..., 1/2): the integer and the half coset
//
// The code is the specification of the vectorised kernels, which return the
// same bits: the order of float32 operations and the rule for ties are stated
// with each function. A zero, of either sign, counts as positive; a zero in a
// result is always +0.
//
// Closest points are exact up to the rounding of float32: where two points
// are closer to being equally far than that rounding tells, either may come
// back, though always the same one.
package lattice

// MaxInput bounds the coordinates for which the unbounded decoders find the
// closest point: beyond it rounding by [magic] fails, and what comes back need
// not be a lattice point. The decoders of a [Box] have no such bound.
const MaxInput = 1 << 22

// magic is 1.5 * 2^23. Adding it to x, |x| <= MaxInput, leaves no bits for a
// fraction, so that the hardware rounds x to the nearest integer, halves to
// even; the lowest bit of the sum is the parity of that integer.
const magic = 3 << 22
