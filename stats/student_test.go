package stats

import (
	"math"
	"testing"
)

func TestStudentQuantilesOfTables(t *testing.T) {
	// scipy.stats.t.ppf(0.975, df).
	for _, c := range []struct {
		df   int
		want float64
	}{
		{1, 12.706204736}, {2, 4.302652730}, {4, 2.776445105}, {7, 2.364624252}, {29, 2.045229642},
	} {
		near(t, "t", StudentT975(c.df), c.want, 1e-9)
	}
	for _, df := range []int{0, -1} {
		if q := StudentT975(df); !math.IsNaN(q) {
			t.Errorf("df = %d: got %v, want NaN", df, q)
		}
	}
}

// A hard-coded table that answers a missing df with the next larger one gives
// intervals that are too narrow. Every df must have its own quantile, checked
// here by integrating the density.
func TestNoDegreeOfFreedomBorrowsTheQuantileOfALargerOne(t *testing.T) {
	previous := math.Inf(1)
	for df := 1; df <= 1200; df++ {
		q := StudentT975(df)
		if !(q < previous) {
			t.Fatalf("t(%d) = %v is not below t(%d) = %v", df, q, df-1, previous)
		}
		previous = q
		if df <= 200 || df%97 == 0 {
			near(t, "P(T < t)", studentCDF(q, float64(df)), 0.975, 1e-9)
		}
	}
}

// studentCDF integrates the density from 0 to x by Simpson's rule.
func studentCDF(x, df float64) float64 {
	a, _ := math.Lgamma((df + 1) / 2)
	b, _ := math.Lgamma(df / 2)
	scale := math.Exp(a-b) / math.Sqrt(df*math.Pi)
	density := func(x float64) float64 { return scale * math.Pow(1+x*x/df, -(df+1)/2) }
	const steps = 2000
	h := x / steps
	sum := density(0) + density(x)
	for i := 1; i < steps; i++ {
		sum += density(float64(i)*h) * float64(2+2*(i%2))
	}
	return 0.5 + sum*h/3
}

func BenchmarkStudentT975(b *testing.B) {
	for b.Loop() {
		StudentT975(7)
	}
}
