package metric

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestTailsAgreeWithSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 1200).Draw(t, "n")
		x := gaussian(t, n)
		values := make([]float64, n)
		for i, v := range x {
			values[i] = math.Abs(float64(v))
		}
		if rapid.Bool().Draw(t, "ties") {
			for i := range values {
				values[i] = math.Floor(3 * values[i])
			}
		}
		tl := newTails(2, n)
		for _, v := range values {
			tl.add(0, 0)
			tl.add(1, v)
		}
		slices.Sort(values)
		at := 0.99 * float64(n-1)
		lo := int(at)
		want := values[lo]
		if lo+1 < n {
			want += (at - float64(lo)) * (values[lo+1] - values[lo])
		}
		if got := tl.quantile(1); !near(got, want, 1e-12) {
			t.Fatalf("n = %d: quantile %v, want %v", n, got, want)
		}
		if got := tl.quantile(0); got != 0 {
			t.Fatalf("n = %d: quantile of zeros %v", n, got)
		}
	})
}
