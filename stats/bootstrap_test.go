package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func gaussian(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = 3 + 2*r.NormFloat64()
	}
	return x
}

func TestBootstrapAgreesWithStudentForFiftyGaussians(t *testing.T) {
	s := Summarize(gaussian(rand.New(rand.NewPCG(1, 2)), 50))
	// The bootstrap lacks the factor sqrt(n/(n-1)) t/z = 1.036, and its ends
	// carry the noise of 1280 resamples.
	near(t, "lower end", float64(s.Boot95[0]), s.Lower(), 0.15*float64(s.CI95))
	near(t, "upper end", float64(s.Boot95[1]), s.Upper(), 0.15*float64(s.CI95))
}

func TestBootstrapCoversTheMeanAboutAsOftenAsItSays(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const trials = 600
	covered := 0
	for range trials {
		lo, hi, _ := bootstrapMean(gaussian(r, 25))
		if lo <= 3 && 3 <= hi {
			covered++
		}
	}
	// A percentile interval of n = 25 covers some 93 %; 3 standard errors of
	// 600 trials are 3 points.
	if rate := float64(covered) / trials; rate < 0.90 || rate > 0.97 {
		t.Errorf("covered in %.1f %% of %d trials", 100*rate, trials)
	}
}

func TestBootstrapIsTheSameEveryTime(t *testing.T) {
	a, b := Summarize(hcaRatios), Summarize(hcaRatios)
	if *a.Boot95 != *b.Boot95 {
		t.Errorf("%v, then %v", *a.Boot95, *b.Boot95)
	}
}

func TestBootstrapStaysWithinTheValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawValues(t, 2, 70)
		lo, hi, _ := bootstrapMean(x)
		const rounding = 1e-12
		if lo < slices.Min(x)-rounding || hi > slices.Max(x)+rounding || lo > hi {
			t.Fatalf("[%v, %v] of %v", lo, hi, x)
		}
	})
}

func TestBootstrapDrawsEveryValueEquallyOften(t *testing.T) {
	for _, n := range []int{2, 3, 7, 8, 9, 31, 100, 1000} {
		var source rand.PCG
		source.Seed(5, 6)
		counts := make([]int, n)
		one := make([]float64, n)
		for i := range one {
			one[i] = float64(i)
		}
		draws := 400 * n
		for range draws {
			counts[int(sumOfDraws(one, source.Uint64(), 1))]++
		}
		for i, c := range counts {
			// 400 +- 6 standard deviations of 20.
			if c < 280 || c > 520 {
				t.Errorf("n = %d: value %d was drawn %d times, want about 400", n, i, c)
			}
		}
	}
}

func TestLaterDrawsOfAWordAreAsEvenAsTheFirst(t *testing.T) {
	for _, n := range []int{2, 3, 7} {
		var source rand.PCG
		source.Seed(7, 8)
		// A sum of these tells how often each was drawn, up to 99 times.
		value := make([]float64, n)
		for i := range value {
			value[i] = math.Pow(100, float64(i))
		}
		k := drawsPerWord(n)
		counts := make([]int, n)
		words := 400 * n
		for range words {
			sum := int(sumOfDraws(value, source.Uint64(), k))
			for i := range counts {
				counts[i] += sum % 100
				sum /= 100
			}
		}
		for i, c := range counts {
			if want := float64(400 * k); math.Abs(float64(c)-want) > 6*math.Sqrt(want) {
				t.Errorf("n = %d: value %d was drawn %d times, want about %.0f", n, i, c, want)
			}
		}
	}
}

func TestResamplesAreBounded(t *testing.T) {
	for _, c := range []struct{ n, want int }{{2, 2000}, {8, 2000}, {32, 2000}, {50, 1280}, {160, 400}, {100000, 400}} {
		if got := resamples(c.n); got != c.want {
			t.Errorf("n = %d: %d resamples, want %d", c.n, got, c.want)
		}
	}
}

func TestTailHoldsTheSmallestValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawValues(t, 1, 60)
		size := rapid.IntRange(1, len(x)).Draw(t, "size")
		held := newTail(size)
		for _, v := range x {
			held.offer(v)
		}
		slices.Sort(x)
		if held.edge() != x[size-1] {
			t.Fatalf("edge of %d is %v, want %v", size, held.edge(), x[size-1])
		}
	})
}
