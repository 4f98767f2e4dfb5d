package lattice

import "math/bits"

// ranking holds the constants that turn the points of a box into integers and
// back: powers of n = 2q+1, the number of levels of a coordinate.
type ranking struct {
	n, n2, n4      uint64
	bitsE8, bitsD4 int
}

func newRanking(n uint64) ranking {
	n2 := n * n
	n4 := n2 * n2
	hi, lo := bits.Mul64(n4, n4) // n is odd: n^8 - 1 takes nothing from hi
	width := bits.Len64(lo - 1)
	if hi != 0 {
		width = 64 + bits.Len64(hi)
	}
	return ranking{n: n, n2: n2, n4: n4, bitsE8: width, bitsD4: bits.Len64((n4 - 1) / 2)}
}

// BitsE8 is the width of the ranks of E8 points: that of n^8 - 1, n = 2q+1.
func (b *Box) BitsE8() int { return b.rank.bitsE8 }

// BitsD4 is the width of the ranks of D4 points: that of (n^4 - 1)/2, n = 2q+1.
func (b *Box) BitsD4() int { return b.rank.bitsD4 }

// RankE8 numbers the E8 points of the box: 0 <= hi*2^64 + lo < n^8, n = 2q+1,
// and hi = 0 for q <= 127. z must be a point of E8 in the box; other z give
// some number.
//
// The rank is m = d_0 + d_1*n + ... + d_7*n^7. The integer coset has the
// digits d_i = z_i + q, the half coset d_i = z_i - 1/2 + q with 1 added to d_7.
// As n is odd, m has the parity of the digit sum, so that the lowest bit of m
// tells the cosets apart: even for integers, odd for halves.
func (b *Box) RankE8(z *[8]float32) (hi, lo uint64) {
	n, n2, n4 := b.rank.n, b.rank.n2, b.rank.n4
	half := isHalf(z[0])
	shift := b.q - half/2
	l0 := uint64(int32(z[0]+shift)) + uint64(int32(z[1]+shift))*n
	l1 := uint64(int32(z[2]+shift)) + uint64(int32(z[3]+shift))*n
	h0 := uint64(int32(z[4]+shift)) + uint64(int32(z[5]+shift))*n
	h1 := uint64(int32(z[6]+shift)) + uint64(int32(z[7]+shift+half))*n
	hi, lo = bits.Mul64(h0+h1*n2, n4)
	lo, carry := bits.Add64(lo, l0+l1*n2, 0)
	return hi + carry, lo
}

// isHalf returns 1 if the integer or half-integer v is no integer, else 0.
func isHalf(v float32) float32 {
	if v == float32(int32(v)) {
		return 0
	}
	return 1
}

// UnrankE8 sets z to the point whose rank is hi*2^64 + lo. It returns false,
// and leaves z undefined, where [Box.RankE8] gives no such rank: n^8 or more,
// or odd with a last digit of 0 or another digit of 2q.
func (b *Box) UnrankE8(z *[8]float32, hi, lo uint64) bool {
	n, n2, n4 := b.rank.n, b.rank.n2, b.rank.n4
	if hi >= n4 {
		return false
	}
	upper, lower := bits.Div64(hi, lo, n4)
	if upper >= n4 {
		return false
	}
	var d [8]uint64
	for i, v := range [4]uint64{lower % n2, lower / n2, upper % n2, upper / n2} {
		d[2*i], d[2*i+1] = v%n, v/n
	}
	shift := -b.q
	if lo&1 != 0 {
		shift += 0.5
		if d[7] == 0 {
			return false
		}
		d[7]--
		for _, v := range d {
			if v == n-1 {
				return false
			}
		}
	}
	for i, v := range d {
		z[i] = float32(int64(v)) + shift
	}
	return true
}

// RankD4 numbers the D4 points of the box from 0 to (n^4 - 1)/2, n = 2q+1.
// z must be a point of D4 in the box; other z give some number.
//
// The rank is m/2, m = d_0 + d_1*n + d_2*n^2 + d_3*n^3 with d_i = z_i + q:
// as n is odd and the digits have an even sum, m is even.
func (b *Box) RankD4(z *[4]float32) uint64 {
	n, n2, q := b.rank.n, b.rank.n2, b.q
	lower := uint64(int32(z[0]+q)) + uint64(int32(z[1]+q))*n
	upper := uint64(int32(z[2]+q)) + uint64(int32(z[3]+q))*n
	return (lower + upper*n2) >> 1
}

// UnrankD4 sets z to the point of the given rank. It returns false, and leaves
// z as it is, where the rank is above (n^4 - 1)/2.
func (b *Box) UnrankD4(z *[4]float32, rank uint64) bool {
	n, n2, q := b.rank.n, b.rank.n2, b.q
	if rank > (b.rank.n4-1)/2 {
		return false
	}
	m := rank << 1
	lower, upper := m%n2, m/n2
	z[0] = float32(int64(lower%n)) - q
	z[1] = float32(int64(lower/n)) - q
	z[2] = float32(int64(upper%n)) - q
	z[3] = float32(int64(upper/n)) - q
	return true
}
