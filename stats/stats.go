// Package stats summarises per-passage figures: mean, Student-t interval,
// paired ratios and a bootstrap as a cross-check. A passage is the unit of
// statistics, so n is small and stated everywhere.
package stats

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
