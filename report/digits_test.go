package report

import (
	"math"
	"testing"

	"kakeyalattice/stats"
)

// stat is a summary with the given mean and half-width over eight passages.
func stat(mean, half float64) stats.Stat {
	return stats.Stat{Mean: stats.Float(mean), CI95: stats.Float(half), N: 8, Values: make([]stats.Float, 8)}
}

func TestBitsAreWholeWhereTheyAreWhole(t *testing.T) {
	for v, want := range map[float64]string{
		3296: "3296", 2843.2: "2843.2", 3325.77: "3325.8", 2304.003: "2304", 0: "0",
		math.NaN(): "–", math.Inf(1): "–", 3e12: "3.00e12",
	} {
		if got := bits(v); got != want {
			t.Errorf("bits(%v) = %q, want %q", v, got, want)
		}
	}
}

// The first three are published ratios, with the digits they are published in.
func TestIntervalDigitsMatchTheHalfWidth(t *testing.T) {
	for _, c := range []struct {
		stat stats.Stat
		want string
	}{
		{stat(0.78998, 0.00467), "0.790 ± 0.005"},
		{stat(0.90037, 0.00628), "0.900 ± 0.006"},
		{stat(1.04302, 0.05112), "1.043 ± 0.051"},
		{stat(17.2605, 0.1057), "17.26 ± 0.11"},
		{stat(475.4, 52.3), "475 ± 52"},
		{stat(9077, 508.6), "9077 ± 509"},
		{stat(0.0021, 0.00001), "0.00210 ± 0.00001"},
		{stat(0.5, 1e-9), "0.50000 ± <1e-5"},
		{stat(1, 0), "1.000 ± 0"},
		{stat(0.8, 1.7), "0.8 ± 1.7"},
		{stat(1234567, 4e4), "1.23e6 ± 4.0e4"},
		{stats.Stat{Mean: 0.79, CI95: stats.Undefined, N: 1}, "0.790"},
		{stats.Stat{Mean: 14.57, CI95: stats.Undefined, N: 1}, "14.6"},
		{stats.Stat{Mean: stats.Undefined, CI95: stats.Undefined}, "–"},
		{stats.Stat{}, "–"},
	} {
		if got := interval(c.stat); got != c.want {
			t.Errorf("interval(%v ± %v) = %q, want %q", c.stat.Mean, c.stat.CI95, got, c.want)
		}
	}
}

func TestErrorsAreScientific(t *testing.T) {
	for v, want := range map[float64]string{
		8.30320e-4: "8.30e-4", 1.0509e-3: "1.05e-3", 0.0179: "1.79e-2", 1.46: "1.46", 9.999e-4: "1.00e-3", 0: "0",
	} {
		if got := mse(stats.Stat{Mean: stats.Float(v), N: 1, Values: []stats.Float{0}}); v != 0 && got != want {
			t.Errorf("mse(%v) = %q, want %q", v, got, want)
		}
		if got := scientific(v, 3); got != want {
			t.Errorf("scientific(%v) = %q, want %q", v, got, want)
		}
	}
	for want, s := range map[string]stats.Stat{
		"1.051e-3 ± 3.7e-5": stat(1.0509e-3, 3.6997e-5), // the published FP8 figure of the SWA stream
		"6.0e-4 ± 2.1e-4":   stat(6.04e-4, 2.1e-4),
		"3e-4 ± 2.1e-3":     stat(3.04e-4, 2.1e-3),
		"–":                 {},
	} {
		if got := mseInterval(s); got != want {
			t.Errorf("mseInterval(%v ± %v) = %q, want %q", s.Mean, s.CI95, got, want)
		}
	}
}

func TestSignificantKeepsItsDigits(t *testing.T) {
	for _, c := range []struct {
		v      float64
		digits int
		want   string
	}{
		{1.27035, 4, "1.270"}, {0.99996, 4, "1.000"}, {9.9996, 4, "10.00"}, {2.463, 3, "2.46"},
		{123456, 3, "123456"}, {1.2e7, 3, "1.20e7"}, {3.2e-6, 2, "3.2e-6"}, {-0.5, 2, "-0.50"}, {0, 3, "0"},
		{math.NaN(), 3, "–"}, {math.Inf(-1), 3, "–"},
	} {
		if got := significant(c.v, c.digits); got != c.want {
			t.Errorf("significant(%v, %d) = %q, want %q", c.v, c.digits, got, c.want)
		}
	}
	if got := fixed(-0.0001, 2); got != "0.00" {
		t.Errorf("fixed(-0.0001) = %q: a negative zero", got)
	}
}

func TestSmallNumbersForSentencesAndAxes(t *testing.T) {
	for got, want := range map[string]string{
		percent(0.2197): "22 %", percent(0.2127): "21.3 %", percent(math.NaN()): "–",
		plainNumber(0.05): "0.05", plainNumber(1.5): "1.5", plainNumber(0.6000000001): "0.6", plainNumber(2e7): "2e7", plainNumber(math.Copysign(0, -1)): "0",
		span(1.26, 1.28, times): "1.26–1.28", span(1.281, 1.2811, times): "1.28",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got, want := cosine(stat(0.999689109, 0)), "0.999689"; got != want {
		t.Errorf("cosine = %q, want %q", got, want)
	}
}
