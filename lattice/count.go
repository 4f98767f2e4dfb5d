package lattice

import "math/big"

// CountZn is the number of points of Z^n in the box, (2q+1)^n.
func (b *Box) CountZn(n int) *big.Int {
	return new(big.Int).Exp(new(big.Int).SetUint64(b.radix.n), big.NewInt(int64(n)), nil)
}

// CountDn is the number of points of D_n in the box: ((2q+1)^n + s^n)/2, where
// s = 1 is the excess of the even over the odd integers in [-q, q] for even q,
// s = -1 for odd q.
func (b *Box) CountDn(n int) *big.Int {
	excess := int64(1)
	if b.Q()&1 != 0 && n&1 != 0 {
		excess = -1
	}
	c := b.CountZn(n)
	return c.Rsh(c.Add(c, big.NewInt(excess)), 1)
}

// CountE8 is the number of points of E8 in the box: ((2q+1)^8 + 1)/2 integer
// ones and (2q)^8/2 half-integer ones.
func (b *Box) CountE8() *big.Int {
	half := big.NewInt(int64(2 * b.Q()))
	half.Rsh(half.Exp(half, big.NewInt(8), nil), 1)
	return half.Add(half, b.CountDn(8))
}
