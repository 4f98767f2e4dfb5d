package lattice

import "math/bits"

// BitsE8 is the width of the ranks of E8 points: that of n^8 - 1, n = 2q+1.
func (b *Box) BitsE8() int { return b.radix.bitsE8 }

// BitsD4 is the width of the ranks of D4 points: that of (n^4 - 1)/2, n = 2q+1.
func (b *Box) BitsD4() int { return b.radix.bitsD4 }

// RankE8 numbers the E8 points of the box: 0 <= hi*2^64 + lo < n^8, n = 2q+1,
// and hi = 0 for q <= 127. z must be a point of E8 in the box; other z give
// some number.
//
// The rank is m = d_0 + d_1*n + ... + d_7*n^7. The integer coset has the
// digits d_i = z_i + q, the half coset d_i = z_i - 1/2 + q with 1 added to d_7.
// As n is odd, m has the parity of the digit sum, so that the lowest bit of m
// tells the cosets apart: even for integers, odd for halves.
func (b *Box) RankE8(z *[8]float32) (hi, lo uint64) {
	r := &b.radix
	lower := r.join(halves(z[0])>>1, halves(z[1])>>1, halves(z[2])>>1, halves(z[3])>>1)
	// Rounding the last coordinate up instead of down adds 1 in the half coset.
	upper := r.join(halves(z[4])>>1, halves(z[5])>>1, halves(z[6])>>1, (halves(z[7])+1)>>1)
	hi, lo = bits.Mul64(upper, r.n4)
	lo, carry := bits.Add64(lo, lower, 0)
	return hi + carry, lo
}

// UnrankE8 sets z to the point whose rank is hi*2^64 + lo. It returns false,
// and leaves z undefined, where [Box.RankE8] gives no such rank: n^8 or more,
// or odd with a last digit of 0 or another digit of 2q.
func (b *Box) UnrankE8(z *[8]float32, hi, lo uint64) bool {
	r := &b.radix
	upper, lower, ok := r.halve(hi, lo)
	if !ok {
		return false
	}
	half := lo & 1
	r.split((*[4]float32)(z[:4]), lower, half)
	r.split((*[4]float32)(z[4:]), upper, half)
	z[7] -= float32(int64(half))
	// Digits of 2q in the half coset, and a last digit of 0, fall outside.
	q := b.q
	return z[0] <= q && z[1] <= q && z[2] <= q && z[3] <= q && z[4] <= q && z[5] <= q && z[6] <= q && z[7] >= -q
}

// RankD4 numbers the D4 points of the box from 0 to (n^4 - 1)/2, n = 2q+1.
// z must be a point of D4 in the box; other z give some number.
//
// The rank is m/2, m = d_0 + d_1*n + d_2*n^2 + d_3*n^3 with d_i = z_i + q:
// as n is odd and the digits have an even sum, m is even.
func (b *Box) RankD4(z *[4]float32) uint64 {
	return b.radix.join(halves(z[0])>>1, halves(z[1])>>1, halves(z[2])>>1, halves(z[3])>>1) >> 1
}

// UnrankD4 sets z to the point of the given rank. It returns false, and leaves
// z as it is, where the rank is above (n^4 - 1)/2.
func (b *Box) UnrankD4(z *[4]float32, rank uint64) bool {
	r := &b.radix
	if rank > (r.n4-1)/2 {
		return false
	}
	r.split(z, 2*rank, 0)
	return true
}
