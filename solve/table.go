// Package solve joins measurements and decisions: it puts what was measured
// into the tables that decisions are made on, and it searches continuous codec
// parameters, where each decision asks for the next measurement.
package solve

import (
	"math"

	"kakeyalattice/decide"
	"kakeyalattice/experiment"
	"kakeyalattice/metric"
)

// Table is a stream as decisions see it. Distortions are rel_mse, centred, or
// rel_mse_energy where no passage has a variance about its mean vector.
func Table(s *experiment.StreamOutcome) (t decide.Stream, centred bool) {
	figure, centred := figureOf(s)
	t = decide.Stream{Name: s.Stream.Name, Kind: string(s.Stream.Kind), Layer: s.Stream.Layer}
	for i := range s.Codecs {
		c := &s.Codecs[i]
		cand := candidate(c, figure)
		if c.Baseline {
			t.Baselines = append(t.Baselines, cand)
		}
		if c.Candidate {
			t.Candidates = append(t.Candidates, cand)
		}
	}
	return t, centred
}

// figure is a distortion relative to something.
type figure func(metric.Distortion) float64

// figureOf chooses the figure that thresholds on a stream compare.
func figureOf(s *experiment.StreamOutcome) (f figure, centred bool) {
	for _, c := range s.Codecs {
		for _, d := range c.Distortion {
			if !math.IsNaN(d.RelMSE()) {
				return metric.Distortion.RelMSE, true
			}
		}
	}
	return metric.Distortion.RelMSEEnergy, false
}

func candidate(c *experiment.CodecOutcome, f figure) decide.Candidate {
	cand := decide.Candidate{
		Codec:      c.Spec.String(),
		Family:     c.Spec.Family(),
		Simulated:  c.Simulated,
		Bits:       c.BitsPerVector(),
		Distortion: make([]float64, len(c.Distortion)),
	}
	for p, d := range c.Distortion {
		cand.Distortion[p] = f(d)
	}
	return cand
}
