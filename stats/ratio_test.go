package stats

import (
	"math"
	"testing"
)

func TestRatios(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	got := Ratios(
		[]float64{1, 0, 1, 0, nan, 1, inf, 1e300, 5},
		[]float64{2, 2, 0, 0, 1, nan, 1, 1e-300})
	want := []float64{0.5, 0, nan, nan, nan, nan, nan, nan, nan}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for p := range want {
		if got[p] != want[p] && !(math.IsNaN(got[p]) && math.IsNaN(want[p])) {
			t.Errorf("passage %d: got %v, want %v", p, got[p], want[p])
		}
	}
}

func TestQuadratureOfPublishedStreams(t *testing.T) {
	// E8 Q=38 / FP8 of the published n = 8 audit: SWA, CSA, HCA with weights
	// 3, 20, 20 give 0.959 +- 0.024.
	streams := []Stat{{Mean: 0.78998, CI95: 0.00467}, {Mean: 0.90043, CI95: 0.00632}, {Mean: 1.04304, CI95: 0.05115}}
	mean, half := WeightedQuadrature(streams, []float64{3, 20, 20})
	near(t, "mean", mean, 0.959, 5e-4)
	near(t, "half-width", half, 0.024, 5e-4)
}

func TestQuadratureOfWhatCannotBeCombinedIsUndefined(t *testing.T) {
	one := Stat{Mean: 1, CI95: 0.1}
	noInterval := Stat{Mean: 1, CI95: Undefined}
	for _, c := range []struct {
		name            string
		stats           []Stat
		weights         []float64
		hasMean, hasCI  bool
		wantMean, wantH float64
	}{
		{"lengths differ", []Stat{one}, nil, false, false, 0, 0},
		{"no weight", []Stat{one}, []float64{0}, false, false, 0, 0},
		{"negative weight", []Stat{one, one}, []float64{2, -1}, false, false, 0, 0},
		{"undefined weight", []Stat{one}, []float64{math.NaN()}, false, false, 0, 0},
		{"a stream without interval leaves the mean", []Stat{one, noInterval}, []float64{1, 1}, true, false, 1, 0},
		{"a stream of weight 0 is left out", []Stat{one, noInterval}, []float64{1, 0}, true, true, 1, 0.1},
	} {
		t.Run(c.name, func(t *testing.T) {
			mean, half := WeightedQuadrature(c.stats, c.weights)
			if math.IsNaN(mean) == c.hasMean || math.IsNaN(half) == c.hasCI {
				t.Fatalf("got %v +- %v", mean, half)
			}
			if c.hasMean {
				near(t, "mean", mean, c.wantMean, 1e-15)
			}
			if c.hasCI {
				near(t, "half-width", half, c.wantH, 1e-15)
			}
		})
	}
}
