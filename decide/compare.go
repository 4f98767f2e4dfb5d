package decide

import (
	"math"

	"kakeyalattice/stats"
)

// comparison is a candidate beside a baseline over the passages in which both
// are defined. Comparisons of disjoint passages merge, which makes leaving one
// passage out cheap. The zero value stands for no passages.
type comparison struct {
	cand, base stats.Moments // of the distortions
	ratio      stats.Moments // of the passages that have one
	equal      int           // passages in which both are without error
	worse      int           // passages in which only the baseline is
}

func (c comparison) merge(o comparison) comparison {
	return comparison{
		cand:  c.cand.Merge(o.cand),
		base:  c.base.Merge(o.base),
		ratio: c.ratio.Merge(o.ratio),
		equal: c.equal + o.equal,
		worse: c.worse + o.worse,
	}
}

// comparePassage is the comparison over passage p alone, the zero value if
// either side is undefined or missing there.
func comparePassage(cand, base []float64, p int) comparison {
	if p >= len(cand) || p >= len(base) || !defined(cand[p]) || !defined(base[p]) {
		return comparison{}
	}
	c, b := cand[p], base[p]
	one := comparison{cand: stats.Moments{N: 1, Mean: c}, base: stats.Moments{N: 1, Mean: b}}
	switch r := c / b; {
	case defined(r):
		one.ratio = stats.Moments{N: 1, Mean: r}
	case c == b:
		one.equal = 1
	default: // above a baseline of 0, or too far above it for a float64
		one.worse = 1
	}
	return one
}

func comparePassages(cand, base []float64) comparison {
	var all comparison
	for p := range cand {
		all = all.merge(comparePassage(cand, base, p))
	}
	return all
}

// evidence is what the views look at.
type evidence struct {
	distortion   Figure
	baseline     float64 // mean
	ratio        Figure
	equal, worse int  // as in comparison
	passages     int  // behind the distortion; 0 where it is published
	unpaired     bool // one side lacks per-passage values
}

func (c comparison) evidence() evidence {
	return evidence{
		distortion: figure(c.cand),
		baseline:   figure(c.base).Mean,
		ratio:      figure(c.ratio),
		equal:      c.equal,
		worse:      c.worse,
		passages:   c.cand.N,
	}
}

// gather returns the evidence on c against base.
func gather(c, base Candidate) evidence {
	if c.Published == nil && base.Published == nil {
		return comparePassages(c.Distortion, base.Distortion).evidence()
	}
	e := evidence{
		distortion: summaryOf(c),
		baseline:   summaryOf(base).Mean,
		ratio:      Figure{math.NaN(), math.NaN()},
		unpaired:   true,
	}
	if c.Published == nil {
		e.passages = stats.MomentsOf(c.Distortion).N
	}
	return e
}

// summaryOf is the distortion of c alone.
func summaryOf(c Candidate) Figure {
	if c.Published != nil {
		return *c.Published
	}
	return figure(stats.MomentsOf(c.Distortion))
}

func figure(m stats.Moments) Figure {
	if m.N == 0 {
		return Figure{math.NaN(), math.NaN()}
	}
	return Figure{m.Mean, m.CI95()}
}

func defined(x float64) bool { return stats.Float(x).Defined() }
