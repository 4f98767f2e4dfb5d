package lattice

import (
	"math"
	"math/bits"
)

// radix writes numbers in base n = 2q+1, the levels of a coordinate in the box.
type radix struct {
	n, n2, n4      uint64
	offset         uint64  // makes of halves(v)>>1 the digits floor(v) + q, see join
	zero           float32 // grid + q
	bitsE8, bitsD4 int

	narrow bool // n^8 < 2^64: the reciprocals below are exact
	byN4   reciprocal
	byN2   uint64 // ceil(2^48 / n^2)
	byN    uint64 // ceil(2^32 / n)
}

func newRadix(q int) radix {
	n := uint64(2*q + 1)
	n2 := n * n
	n4 := n2 * n2
	hi, lo := bits.Mul64(n4, n4) // n^8 is odd: n^8 - 1 takes nothing from hi
	width := bits.Len64(lo - 1)
	if hi != 0 {
		width = 64 + bits.Len64(hi)
	}
	return radix{
		n: n, n2: n2, n4: n4,
		offset: (uint64(q) - halvesOfZero/2) * ((n + 1) * (n2 + 1)),
		zero:   grid + float32(q),
		bitsE8: width,
		bitsD4: bits.Len64((n4 - 1) / 2),
		narrow: hi == 0,
		byN4:   newReciprocal(n4),
		byN2:   (1<<48 + n2 - 1) / n2,
		byN:    (1<<32 + n - 1) / n,
	}
}

// join returns d_0 + d_1*n + d_2*n^2 + d_3*n^3 for d_i = k_i - halvesOfZero/2 + q.
// The k_i are far larger than the digits; what they add is the same for all
// points and is taken off at the end, modulo 2^64.
func (r *radix) join(k0, k1, k2, k3 uint64) uint64 {
	return k0 + k1*r.n + (k2+k3*r.n)*r.n2 + r.offset
}

// halve returns the digits of hi*2^64 + lo as two numbers below n^4; false if
// there are more than eight.
func (r *radix) halve(hi, lo uint64) (upper, lower uint64, ok bool) {
	switch {
	case r.narrow:
		upper, lower = r.byN4.divMod(lo, r.n4)
		ok = hi == 0
	case hi < r.n4: // else the quotient would not fit in 64 bits
		upper, lower = bits.Div64(hi, lo, r.n4)
		ok = true
	}
	return upper, lower, ok && upper < r.n4
}

// split sets z to the digits of m < n^4, lowest first, less q and plus half/2.
func (r *radix) split(z *[4]float32, m, half uint64) {
	var upper, d1, d3 uint64
	if r.narrow {
		// x*ceil(2^s/d) >> s is x/d if x*(d-1) < 2^s; m < 2^32, n^2 < 2^16.
		upper = m * r.byN2 >> 48
		d3 = upper * r.byN >> 32
		d1 = (m - upper*r.n2) * r.byN >> 32
	} else {
		upper = m / r.n2
		d3 = upper / r.n
		d1 = (m - upper*r.n2) / r.n
	}
	d0, d2 := m-upper*r.n2-d1*r.n, upper-d3*r.n
	z[0], z[1], z[2], z[3] = r.point(2*d0+half), r.point(2*d1+half), r.point(2*d2+half), r.point(2*d3+half)
}

// grid is 2^22: from there to 2^23 the bits of a float32 count halves, so that
// an addition makes an integer of a coordinate and a subtraction undoes it.
const grid = 1 << 22

// halves returns 2v + halvesOfZero for a multiple v of 1/2, |v| <= 2^20.
// Shifted right by one it counts floor(v).
func halves(v float32) uint64 { return uint64(math.Float32bits(v + 1.5*grid)) }

// halvesOfZero is halves(0).
const halvesOfZero = 0x4ac00000

// point returns t/2 - q, t <= 4q+1.
func (r *radix) point(t uint64) float32 {
	const gridBits = 0x4a800000
	return math.Float32frombits(gridBits+uint32(t)) - r.zero
}

// reciprocal divides by a constant without a division.
type reciprocal uint64

// newReciprocal returns floor(2^64/d) for d that is no power of two.
func newReciprocal(d uint64) reciprocal { return reciprocal(math.MaxUint64 / d) }

// divMod returns the quotient and the remainder of x/d, d not a power of two.
// The first guess is at most one too small: x/d - x*floor(2^64/d)/2^64 < 1.
func (v reciprocal) divMod(x, d uint64) (quo, rem uint64) {
	quo, _ = bits.Mul64(x, uint64(v))
	rem = x - quo*d
	if rem >= d {
		quo++
		rem -= d
	}
	return quo, rem
}
