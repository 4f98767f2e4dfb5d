package lattice

import (
	"math/big"
	"testing"
)

// boxPoints calls f with every vector of n coordinates in [-q, q] that are
// shift + integers.
func boxPoints(n, q int, shift float32, f func(z []float32)) {
	z := make([]float32, n)
	var fill func(i int)
	fill = func(i int) {
		if i == n {
			f(z)
			return
		}
		for z[i] = shift - float32(q); z[i] <= float32(q); z[i]++ {
			fill(i + 1)
		}
	}
	fill(0)
}

func TestCountsAreThoseOfEnumeration(t *testing.T) {
	for _, q := range []int{1, 2, 3} {
		box := newBox(t, q)
		for _, n := range []int{1, 2, 3, 4, 5} {
			var zn, dn int64
			boxPoints(n, q, 0, func(z []float32) {
				zn++
				if IsDn(z) {
					dn++
				}
			})
			if got := box.CountZn(n); got.Cmp(big.NewInt(zn)) != 0 {
				t.Errorf("q=%d: CountZn(%d) = %v, enumerated %d", q, n, got, zn)
			}
			if got := box.CountDn(n); got.Cmp(big.NewInt(dn)) != 0 {
				t.Errorf("q=%d: CountDn(%d) = %v, enumerated %d", q, n, got, dn)
			}
		}
	}
	for _, q := range []int{1, 2} {
		box := newBox(t, q)
		var e8 int64
		for _, shift := range []float32{0, 0.5} {
			boxPoints(8, q, shift, func(z []float32) {
				if IsE8(z) {
					e8++
				}
			})
		}
		if got := box.CountE8(); got.Cmp(big.NewInt(e8)) != 0 {
			t.Errorf("q=%d: CountE8() = %v, enumerated %d", q, got, e8)
		}
	}
}

func TestCountOfE8FollowsItsFormula(t *testing.T) {
	for _, q := range []int{1, 38, 152, MaxQ} {
		box := newBox(t, q)
		eighth := func(n int) *big.Int { return new(big.Int).Exp(big.NewInt(int64(n)), big.NewInt(8), nil) }
		want := eighth(2*q + 1)
		want.Add(want, big.NewInt(1))
		want.Add(want, eighth(2*q))
		want.Rsh(want, 1)
		if got := box.CountE8(); got.Cmp(want) != 0 {
			t.Errorf("q=%d: %v, want %v", q, got, want)
		}
		// A little under (2q+1)^8: no rank is wider than the points need but
		// for the last step.
		if spare := box.BitsE8() - width(box.CountE8()); spare < 0 || spare > 1 {
			t.Errorf("q=%d: ranks of %d bits for %v points", q, box.BitsE8(), box.CountE8())
		}
	}
}

// width is the width of the largest of n ranks.
func width(n *big.Int) int { return new(big.Int).Sub(n, big.NewInt(1)).BitLen() }
