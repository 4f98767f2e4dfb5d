// Package decide turns measured distortions into decisions: which codec
// parameter holds a threshold, what is on the Pareto front, which policy
// (one codec for all, per kind, per layer) stores the fewest bits.
//
// It knows tables of figures, not how they were measured.
package decide

// Candidate is one codec's rate and distortion on one stream.
type Candidate struct {
	Codec     string // canonical spec as requested
	Family    string // codecs that differ only in a parameter, such as "e8"
	Simulated bool
	Bits      float64 // per vector
	// Distortion is per passage; NaN where undefined. All candidates of a
	// stream list the same passages.
	Distortion []float64
	// Published stands in for Distortion where only a summary is known, such
	// as a row of a published table. It supports the point and the CI-safe
	// view; nothing can be paired or held out with it.
	Published *Figure
}

// Figure is a mean with the half-width of its 95 % interval. Either is NaN
// where undefined.
type Figure struct {
	Mean, CI95 float64
}

// Stream is the candidates of one stream beside its baselines.
type Stream struct {
	Name       string
	Kind       string
	Layer      int
	Candidates []Candidate
	Baselines  []Candidate
}

// Threshold is a bound on the distortion relative to a baseline's.
type Threshold struct {
	Name       string  // A, B, C
	Multiplier float64 // 1.00, 1.05, 1.20
}

// Thresholds are the published ones: no regression, 5 % and 20 % more.
var Thresholds = []Threshold{{"A", 1.00}, {"B", 1.05}, {"C", 1.20}}

// View is the way a threshold is applied to figures that carry uncertainty.
//
// Every view looks only at the passages in which both distortions are defined.
// Where a view needs an interval and there is none (fewer than two passages),
// a candidate is not admissible, whatever its mean. A baseline without any
// error is held by a candidate without any error and by no other.
type View string

const (
	// Point compares the means.
	Point View = "point"
	// CISafe compares mean + CI95 half-width with the baseline's mean: the
	// reference's conservative view, unpaired.
	CISafe View = "ci"
	// Paired compares the upper end of the two-sided 95 % t interval of the
	// mean per-passage ratio with the multiplier. A passage in which both are
	// without error has no ratio and holds any threshold; one in which only
	// the baseline is holds none.
	Paired View = "paired"
)

// Views lists the three in the order of reports.
var Views = []View{Point, CISafe, Paired}
