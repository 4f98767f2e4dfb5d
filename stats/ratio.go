package stats

import "math"

// Ratios returns num[p]/den[p] for every passage p: NaN where either is
// undefined or missing, where den[p] is 0 (0/0 too), and where the quotient
// overflows.
func Ratios(num, den []float64) []float64 {
	r := make([]float64, max(len(num), len(den)))
	for p := range r {
		r[p] = math.NaN()
		if p >= len(num) || p >= len(den) || !Float(num[p]).Defined() || !Float(den[p]).Defined() {
			continue
		}
		if q := num[p] / den[p]; !math.IsInf(q, 0) {
			r[p] = q
		}
	}
	return r
}

// WeightedQuadrature combines summaries as if their errors were independent:
// mean sum(w m)/sum(w), half-width sqrt(sum (w h)^2)/sum(w). Streams of the
// same passages are not independent, so a ratio formed per passage and then
// summarised is the better figure; this one serves the comparison with results
// that were published so.
//
// Both are NaN where the lengths differ, a weight is negative or undefined, or
// no weight is above 0; either is NaN where a stat of non-zero weight lacks it.
func WeightedQuadrature(stats []Stat, weights []float64) (mean, halfWidth float64) {
	if len(stats) != len(weights) {
		return math.NaN(), math.NaN()
	}
	var total, sum, squares float64
	for i, w := range weights {
		if !Float(w).Defined() || w < 0 {
			return math.NaN(), math.NaN()
		}
		if w == 0 {
			continue
		}
		total += w
		sum += float64(w * float64(stats[i].Mean))
		h := w * float64(stats[i].CI95)
		squares += float64(h * h)
	}
	return sum / total, math.Sqrt(squares) / total
}
