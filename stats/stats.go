// Package stats summarises per-passage figures: mean, Student-t interval,
// paired ratios and a bootstrap as a cross-check. A passage is the unit of
// statistics, so n is small and stated everywhere.
//
// A NaN or an infinity is an undefined value: it is kept as null where values
// are listed and takes part in no figure.
package stats

import "math"

// Stat is the summary of one figure over passages. Undefined parts are NaN in
// Go and null in JSON.
type Stat struct {
	Mean   Float   `json:"mean"`
	Std    Float   `json:"std"`  // with n-1; NaN where n < 2
	CI95   Float   `json:"ci95"` // half-width, Student t; NaN where n < 2
	N      int     `json:"n"`    // number of defined values
	Values []Float `json:"values"`
	// Boot95 is the percentile bootstrap interval of the mean, a cross-check
	// on the t interval; nil where n < 2.
	Boot95 *[2]Float `json:"bootstrap95,omitempty"`
}

// Summarize returns the summary of values, one per passage.
func Summarize(values []float64) Stat {
	m := MomentsOf(values)
	s := Stat{Mean: Undefined, Std: Float(m.Std()), CI95: Float(m.CI95()), N: m.N, Values: make([]Float, len(values))}
	defined := make([]float64, 0, len(values))
	for i, v := range values {
		s.Values[i] = Undefined
		if Float(v).Defined() {
			s.Values[i] = Float(v)
			defined = append(defined, v)
		}
	}
	if m.N > 0 {
		s.Mean = Float(m.Mean)
	}
	if lo, hi, ok := bootstrapMean(defined); ok {
		s.Boot95 = &[2]Float{Float(lo), Float(hi)}
	}
	return s
}

// Lower is the lower end of the t interval, NaN where there is none.
func (s Stat) Lower() float64 { return s.end(-1) }

// Upper is the upper end of the t interval, NaN where there is none.
func (s Stat) Upper() float64 { return s.end(1) }

func (s Stat) end(sign float64) float64 {
	if !s.Mean.Defined() || !s.CI95.Defined() {
		return math.NaN()
	}
	return float64(s.Mean) + float64(sign*float64(s.CI95))
}
