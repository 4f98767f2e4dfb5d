package decide

import (
	"errors"
	"fmt"
	"math"

	"kakeyalattice/stats"
)

// A Policy assigns codecs to streams so that every stream holds a threshold
// relative to the named baseline, in the fewest weighted bits.
//
// It considers every candidate of the streams: see [Deployable].
type Policy func(streams []Stream, baseline string, th Threshold, view View, w Weights) Assignment

// Policies lists the three in the order of reports.
var Policies = []Policy{Uniform, PerKind, PerLayer}

// Assignment is the outcome of a policy.
type Assignment struct {
	Policy    string // uniform, per-kind, per-layer
	Baseline  string
	Threshold Threshold
	View      View
	Weights   string
	// OK says that every stream has a codec. Reason says why not, or why there
	// is an assignment without a ratio per passage.
	OK     bool
	Reason string

	Choices    map[string]string  // "*", kind or stream -> codec
	Placements []Placement        // one per stream, in order
	Bits       float64            // weighted mean per vector; NaN where not OK
	CR         map[string]float64 // weighted baseline bits over Bits; NaN for a baseline that a stream lacks
	// Ratio is sum(w r)/sum(w) of the streams' ratios r to the baseline, formed
	// in each passage and then summarised. Where a ratio per passage does not
	// exist, its mean is the same average of the streams' mean ratios, and n
	// is 0.
	Ratio stats.Stat
	// Quadrature is the same average with half-widths combined as if streams
	// were independent, as published results have it.
	Quadrature Figure
}

// Placement is one stream's part in an assignment.
type Placement struct {
	Stream string
	Weight float64
	Codec  Candidate
	Ratio  Figure // mean per-passage ratio to the baseline; ratio of means where published
}

// Uniform gives all streams the same codec, the one of fewest weighted bits
// among those admissible on every stream.
func Uniform(streams []Stream, baseline string, th Threshold, view View, w Weights) Assignment {
	return assign("uniform", func(Stream) string { return "*" }, streams, baseline, th, view, w)
}

// PerKind gives all streams of a kind the same codec.
func PerKind(streams []Stream, baseline string, th Threshold, view View, w Weights) Assignment {
	return assign("per-kind", func(s Stream) string { return s.Kind }, streams, baseline, th, view, w)
}

// PerLayer gives every stream its own codec.
func PerLayer(streams []Stream, baseline string, th Threshold, view View, w Weights) Assignment {
	return assign("per-layer", func(s Stream) string { return s.Name }, streams, baseline, th, view, w)
}

// member is a stream with its baseline and weight, and the candidate chosen.
type member struct {
	stream Stream
	base   Candidate
	weight float64
	chosen Candidate
}

func assign(policy string, group func(Stream) string, streams []Stream, baseline string, th Threshold, view View, w Weights) Assignment {
	a := Assignment{
		Policy: policy, Baseline: baseline, Threshold: th, View: view, Weights: w.Name,
		Bits:       math.NaN(),
		Ratio:      stats.Summarize(nil),
		Quadrature: Figure{math.NaN(), math.NaN()},
	}
	members, err := enrol(streams, baseline, w)
	if err != nil {
		a.Reason = err.Error()
		return a
	}
	var keys []string
	groups := map[string][]*member{}
	for i := range members {
		key := group(members[i].stream)
		if groups[key] == nil {
			keys = append(keys, key)
		}
		groups[key] = append(groups[key], &members[i])
	}
	choices := make(map[string]string, len(keys))
	for _, key := range keys {
		codec, reason := chooseForAll(groups[key], th, view)
		if reason != "" {
			a.Reason = reason
			return a
		}
		choices[key] = codec
	}
	a.OK, a.Choices = true, choices
	a.fill(members)
	return a
}

// enrol checks that streams can be averaged and finds their baselines.
func enrol(streams []Stream, baseline string, w Weights) ([]member, error) {
	if len(streams) == 0 {
		return nil, errors.New("no streams")
	}
	members := make([]member, len(streams))
	var total float64
	for i, s := range streams {
		weight, ok := w.ByStream[s.Name]
		if !ok || !defined(weight) || weight < 0 {
			return nil, fmt.Errorf("weights %q give stream %s none", w.Name, s.Name)
		}
		b := find(s.Baselines, baseline)
		if b < 0 {
			return nil, fmt.Errorf("stream %s has no baseline %s", s.Name, baseline)
		}
		members[i] = member{stream: s, base: s.Baselines[b], weight: weight}
		total += weight
	}
	if total == 0 {
		return nil, fmt.Errorf("weights %q are zero for every stream", w.Name)
	}
	return members, nil
}

// find returns the index of the first candidate with a spec, or -1.
func find(cands []Candidate, codec string) int {
	for i := range cands {
		if cands[i].Codec == codec {
			return i
		}
	}
	return -1
}

// fill computes the figures of an assignment whose members have their codecs.
func (a *Assignment) fill(members []member) {
	var total, bits float64
	ratios := make([]stats.Stat, len(members))
	weights := make([]float64, len(members))
	for i, m := range members {
		total += m.weight
		bits += float64(m.weight * m.chosen.Bits)
		ratio := ratioFigure(m.chosen, m.base)
		ratios[i] = stats.Stat{Mean: stats.Float(ratio.Mean), CI95: stats.Float(ratio.CI95)}
		weights[i] = m.weight
		a.Placements = append(a.Placements, Placement{Stream: m.stream.Name, Weight: m.weight, Codec: m.chosen, Ratio: ratio})
	}
	a.Bits = bits / total
	a.CR = CR(a.Bits, weightedBaselines(members, total))
	a.Quadrature.Mean, a.Quadrature.CI95 = stats.WeightedQuadrature(ratios, weights)
	perPassage, reason := weightedRatios(members, total)
	a.Ratio, a.Reason = stats.Summarize(perPassage), reason
	if perPassage == nil {
		a.Ratio.Mean = stats.Float(a.Quadrature.Mean)
	}
}

// ratioFigure is [ratioOf] without what only a report needs.
func ratioFigure(c, base Candidate) Figure {
	if c.Published == nil && base.Published == nil {
		return figure(stats.MomentsOf(stats.Ratios(c.Distortion, base.Distortion)))
	}
	return Figure{summaryOf(c).Mean / summaryOf(base).Mean, math.NaN()}
}

// weightedRatios returns the weighted ratio of every passage, undefined where
// that of a stream is; nil with the reason where passages do not correspond.
// Streams of weight 0 take no part.
func weightedRatios(members []member, total float64) ([]float64, string) {
	var sum []float64
	for _, m := range members {
		if m.weight == 0 {
			continue
		}
		if m.chosen.Published != nil || m.base.Published != nil {
			return nil, fmt.Sprintf("no ratio per passage: stream %s has published means only", m.stream.Name)
		}
		ratios := stats.Ratios(m.chosen.Distortion, m.base.Distortion)
		if sum == nil {
			sum = make([]float64, len(ratios))
		}
		if len(ratios) != len(sum) {
			return nil, fmt.Sprintf("no ratio per passage: stream %s has %d passages, others %d", m.stream.Name, len(ratios), len(sum))
		}
		for p, r := range ratios {
			sum[p] += float64(m.weight * r)
		}
	}
	for p := range sum {
		sum[p] /= total
	}
	return sum, ""
}

// weightedBaselines averages the bits of every baseline over the streams; NaN
// where a stream lacks it.
func weightedBaselines(members []member, total float64) []Candidate {
	var out []Candidate
	for _, m := range members {
		for _, b := range m.stream.Baselines {
			if find(out, b.Codec) < 0 {
				out = append(out, Candidate{Codec: b.Codec})
			}
		}
	}
	for k := range out {
		for _, m := range members {
			bits := math.NaN()
			if b := find(m.stream.Baselines, out[k].Codec); b >= 0 {
				bits = m.stream.Baselines[b].Bits
			}
			out[k].Bits += float64(m.weight * bits)
		}
		out[k].Bits /= total
	}
	return out
}
