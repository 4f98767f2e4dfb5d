package report

import (
	"math"
	"strconv"
	"strings"

	"kakeyalattice/stats"
)

// none stands where a figure is undefined.
const none = "–"

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// known says whether a summary holds a mean. The zero Stat, of a figure that
// was never measured, does not; one over published means has n = 0 and does.
func known(s stats.Stat) bool { return s.Mean.Defined() && (s.N > 0 || s.Mean != 0) }

// bounded says whether a summary holds a mean and its interval.
func bounded(s stats.Stat) bool { return known(s) && s.N > 1 && s.CI95.Defined() && s.CI95 >= 0 }

// fixed prints v with a number of decimals, without a negative zero.
func fixed(v float64, decimals int) string {
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if v < 0 && strings.Trim(text, "-0.") == "" {
		return text[1:]
	}
	return text
}

// bits prints a rate: whole where it is whole, else with one decimal.
func bits(v float64) string {
	switch {
	case !finite(v):
		return none
	case math.Abs(v) >= 1e9:
		return scientific(v, 3)
	case math.Abs(v-math.Round(v)) < 0.05:
		return fixed(v, 0)
	}
	return fixed(v, 1)
}

// significant prints v with a number of significant digits, in scientific form
// only where plain digits would be unreadable.
func significant(v float64, digits int) string {
	if !finite(v) {
		return none
	}
	if v == 0 {
		return "0"
	}
	exp := exponent(v, digits)
	if exp < -4 || exp > 5 {
		return scientific(v, digits)
	}
	return fixed(v, max(0, digits-1-exp))
}

// scientific prints v as 8.30e-4, with a number of significant digits.
func scientific(v float64, digits int) string {
	if !finite(v) {
		return none
	}
	if v == 0 {
		return "0"
	}
	mantissa, exp, _ := strings.Cut(strconv.FormatFloat(v, 'e', digits-1, 64), "e")
	n, _ := strconv.Atoi(exp)
	if n == 0 {
		return mantissa
	}
	return mantissa + "e" + strconv.Itoa(n)
}

// exponent is the decimal exponent of v after rounding to a number of digits.
func exponent(v float64, digits int) int {
	_, exp, _ := strings.Cut(strconv.FormatFloat(v, 'e', digits-1, 64), "e")
	n, _ := strconv.Atoi(exp)
	return n
}

// mse prints a relative squared error.
func mse(s stats.Stat) string {
	if !known(s) {
		return none
	}
	return scientific(float64(s.Mean), 3)
}

// cosine prints a cosine; what matters is its distance from 1.
func cosine(s stats.Stat) string {
	if !known(s) {
		return none
	}
	return fixed(float64(s.Mean), 6)
}

// interval prints "0.790 ± 0.005": the half-width with two significant digits,
// but no more than three decimals unless it needs them to differ from zero, and
// the mean with as many decimals. A figure without an interval has three
// significant digits.
func interval(s stats.Stat) string {
	if !known(s) {
		return none
	}
	mean := float64(s.Mean)
	if !bounded(s) {
		return ratio(mean)
	}
	half := float64(s.CI95)
	if math.Abs(mean) >= 1e6 {
		return scientific(mean, 3) + " ± " + scientific(half, 2)
	}
	decimals := 3
	switch {
	case half == 0:
		return ratio(mean) + " ± 0"
	case half < 0.5e-5:
		return fixed(mean, 5) + " ± <1e-5"
	default:
		two, one := 1-exponent(half, 2), -exponent(half, 1)
		decimals = max(0, one, min(two, 3))
	}
	return fixed(mean, decimals) + " ± " + fixed(half, decimals)
}

// ratio prints a ratio that has no interval.
func ratio(v float64) string {
	if a := math.Abs(v); finite(v) && a >= 0.1 && a < 10 {
		return fixed(v, 3)
	}
	return significant(v, 3)
}

// plainNumber prints a limit or the label of an axis: no more digits than it
// has.
func plainNumber(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0" // not "-0"
	case a >= 1e6 || a < 1e-4:
		return scientific(v, 1)
	}
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}

// times prints a compression ratio for a sentence: "1.27".
func times(v float64) string { return significant(v, 3) }

// percent prints a fraction as a percentage with at most one decimal.
func percent(v float64) string {
	if !finite(v) {
		return none
	}
	return strings.TrimSuffix(fixed(100*v, 1), ".0") + " %"
}

// span prints a range of figures, or the one figure where both ends read alike.
func span(lo, hi float64, print func(float64) string) string {
	a, b := print(lo), print(hi)
	if a == b {
		return a
	}
	return a + "–" + b
}

// mseInterval prints "1.051e-3 ± 3.7e-5".
func mseInterval(s stats.Stat) string {
	if !known(s) {
		return none
	}
	if !bounded(s) {
		return mse(s)
	}
	mean, half := float64(s.Mean), float64(s.CI95)
	digits := 3
	if half > 0 && mean != 0 {
		digits = max(1, min(4, exponent(mean, 4)-exponent(half, 2)+2))
	}
	return scientific(mean, digits) + " ± " + scientific(half, 2)
}
