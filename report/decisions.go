package report

import (
	"math"

	"kakeyalattice/decide"
	"kakeyalattice/experiment"
	"kakeyalattice/kv"
	"kakeyalattice/stats"
)

// decideThresholds fills in the decisions of every stream, over all codecs and
// within each family that has several.
func (r *Result) decideThresholds(tables []decide.Stream) {
	for _, t := range tables {
		all := decide.Deployable(t.Candidates)
		families := familiesOf(t.Candidates)
		for _, base := range t.Baselines {
			for _, th := range decide.Thresholds {
				for _, view := range decide.Views {
					d := newThreshold(t, "", all, base, th, view)
					if out := decide.HeldOut(all, base, th, view); out != nil {
						d.HeldOut = &HeldOut{Ratio: stats.Summarize(out.Ratios), Violations: out.Violations, Choices: out.Choices}
					}
					r.Thresholds = append(r.Thresholds, d)
					for _, f := range families {
						r.FamilyThresholds = append(r.FamilyThresholds, newThreshold(t, f[0].Family, f, base, th, view))
					}
				}
			}
		}
	}
}

// familiesOf groups the candidates by family, those of one member left out:
// they leave nothing to choose.
func familiesOf(cands []decide.Candidate) [][]decide.Candidate {
	var order []string
	by := map[string][]decide.Candidate{}
	for _, c := range cands {
		if by[c.Family] == nil {
			order = append(order, c.Family)
		}
		by[c.Family] = append(by[c.Family], c)
	}
	var out [][]decide.Candidate
	for _, name := range order {
		if len(by[name]) > 1 {
			out = append(out, by[name])
		}
	}
	return out
}

func newThreshold(t decide.Stream, family string, cands []decide.Candidate, base decide.Candidate, th decide.Threshold, view decide.View) Threshold {
	d := Threshold{
		Stream:     t.Name,
		Family:     family,
		Baseline:   base.Codec,
		Threshold:  th.Name,
		Multiplier: th.Multiplier,
		View:       string(view),
		CR:         map[string]stats.Float{},
	}
	choice := decide.Choose(cands, base, th, view)
	if !choice.OK {
		d.Reason = choice.Reason
		return d
	}
	d.Admissible = true
	d.Codec = choice.Candidate.Codec
	d.Simulated = choice.Candidate.Simulated
	d.BitsPerVector = &choice.Candidate.Bits
	d.Ratio = &choice.Ratio
	d.CR = floats(decide.CR(choice.Candidate.Bits, t.Baselines))
	return d
}

// decidePolicies fills in the policies, for every baseline, threshold, view
// and weighting.
func (r *Result) decidePolicies(tables []decide.Stream, context int, outcome *experiment.Outcome, counts kv.Counts) {
	streams := make([]decide.Stream, len(tables))
	for i, t := range tables {
		streams[i] = t
		streams[i].Candidates = decide.Deployable(t.Candidates)
	}
	weightings := []decide.Weights{
		decide.LayerWeights(streams).Times(streams, byName(counts.Layers)),
		byteWeights(streams, context, outcome).Times(streams, byName(counts.Caches)),
	}
	for _, baseline := range r.Baselines {
		for _, th := range decide.Thresholds {
			for _, view := range decide.Views {
				for _, w := range weightings {
					for _, policy := range decide.Policies {
						r.Policies = append(r.Policies, newPolicy(policy(streams, baseline, th, view, w)))
					}
				}
			}
		}
	}
}

func byName(counts map[kv.Kind]int) map[string]int {
	named := make(map[string]int, len(counts))
	for kind, n := range counts {
		named[string(kind)] = n
	}
	return named
}

// byteWeights counts every stream by the vectors it holds at a context: its
// entries, and where a vector is one head of several, the heads of each.
func byteWeights(streams []decide.Stream, context int, outcome *experiment.Outcome) decide.Weights {
	w := decide.EntryWeights(streams, context)
	for i := range outcome.Streams {
		s := outcome.Streams[i].Stream
		w.ByStream[s.Name] *= float64(s.Heads*s.HeadDim) / float64(s.Dim)
	}
	return w
}

func newPolicy(a decide.Assignment) Policy {
	p := Policy{
		Name:      a.Policy,
		Baseline:  a.Baseline,
		Threshold: a.Threshold.Name,
		View:      string(a.View),
		Weights:   a.Weights,
		Reason:    a.Reason,
		Choices:   a.Choices,
		Bits:      stats.Float(math.NaN()),
		CR:        map[string]stats.Float{},
	}
	if p.Choices == nil {
		p.Choices = map[string]string{}
	}
	if a.OK {
		p.Bits = stats.Float(a.Bits)
		p.CR = floats(a.CR)
		p.Ratio = &a.Ratio
	}
	return p
}

func floats(m map[string]float64) map[string]stats.Float {
	out := make(map[string]stats.Float, len(m))
	for k, v := range m {
		out[k] = stats.Float(v)
	}
	return out
}
