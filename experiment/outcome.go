package experiment

import (
	"cmp"
	"math"
	"slices"

	"kakeyalattice/codec"
	"kakeyalattice/kv"
	"kakeyalattice/metric"
)

// Outcome is everything that was measured, in plan order.
type Outcome struct {
	Streams   []StreamOutcome
	Attention []AttentionOutcome
	Skipped   []Skip
	// Notices are things a reader of the figures must know, such as why an
	// attention-output error is missing.
	Notices []string
}

// StreamOutcome is the audit and the codecs of one stream.
type StreamOutcome struct {
	Stream *kv.Stream
	Audit  []metric.NonGaussian // per passage
	Codecs []CodecOutcome       // baselines first, in their order, then codecs
}

// CodecOutcome is one codec on one stream.
type CodecOutcome struct {
	Spec       codec.Spec  // as requested
	Fitted     *codec.Spec // with its per-stream constant; nil where it has none
	Baseline   bool
	Candidate  bool // named among the plan's codecs; a baseline may be both
	Solved     bool // its parameter was found by a search, not named
	Simulated  bool
	SideBits   int                 // of a per-stream constant, once per stream
	Bytes      []int64             // per passage; for a simulated codec nil
	Overflows  []int               // per passage, vectors coded more coarsely to fit their slots; nil where there are no slots
	Claimed    int                 // bits per vector that a simulated codec states
	Distortion []metric.Distortion // per passage
}

// BitsPerVector is the measured rate over all passages, side bits included;
// the claimed one where Simulated.
func (c *CodecOutcome) BitsPerVector() float64 {
	if c.Simulated {
		return float64(c.Claimed)
	}
	var bytes int64
	vectors := 0
	for p, b := range c.Bytes {
		bytes += b
		vectors += c.Distortion[p].Vectors
	}
	return (8*float64(bytes) + float64(c.SideBits)) / float64(vectors)
}

// AttentionOutcome is the attention-output error of the entries of one layer.
type AttentionOutcome struct {
	Layer      int
	Streams    []string // k and v, or the one stream that is both
	Queries    string   // name of the query stream, or "keys"
	PerPassage int      // query positions in the longest passage
	Codecs     []AttentionCodec
}

// AttentionCodec is one codec's error per passage; NaN where undefined.
type AttentionCodec struct {
	Spec      codec.Spec
	Simulated bool
	Error     []float64
}

// Skip is a codec left out of a stream.
type Skip struct {
	Stream string
	Spec   codec.Spec
	Reason string
}

// outcome assembles what the units recorded. All are done.
func (s *schedule) outcome() *Outcome {
	o := &Outcome{Notices: s.notices}
	for _, g := range s.groups {
		for i := range g.streams {
			stream, skipped := g.streamOutcome(i)
			o.Streams = append(o.Streams, stream)
			o.Skipped = append(o.Skipped, skipped...)
		}
		if g.attention != nil {
			o.Attention = append(o.Attention, g.attentionOutcome())
		}
	}
	// Groups bring keys and values together; readers want the source's order.
	slices.SortStableFunc(o.Streams, func(a, b StreamOutcome) int {
		return cmp.Compare(s.order[a.Stream.Name], s.order[b.Stream.Name])
	})
	slices.SortStableFunc(o.Skipped, func(a, b Skip) int {
		return cmp.Compare(s.order[a.Stream], s.order[b.Stream])
	})
	return o
}

// streamOutcome assembles stream i of a group.
func (g *group) streamOutcome(i int) (StreamOutcome, []Skip) {
	so := StreamOutcome{Stream: g.streams[i]}
	for _, u := range g.audits[i] {
		so.Audit = append(so.Audit, u.audit.figures())
	}
	var skipped []Skip
	for _, t := range g.trials {
		if reason := t.skip(i); reason != "" {
			skipped = append(skipped, Skip{Stream: so.Stream.Name, Spec: t.spec, Reason: reason})
			continue
		}
		c := t.coders[i]
		co := CodecOutcome{Spec: t.spec, Fitted: c.fitted(), Baseline: t.baseline, Candidate: t.codec, SideBits: c.sideBits()}
		if c.sim != nil {
			co.Simulated, co.Claimed = true, c.sim.ClaimedBits()
		}
		for _, u := range t.units {
			r := u.code.Streams[i]
			if !co.Simulated {
				co.Bytes = append(co.Bytes, r.Bytes)
			}
			if c.slotted() {
				co.Overflows = append(co.Overflows, r.Overflows)
			}
			co.Distortion = append(co.Distortion, r.Distortion)
		}
		so.Codecs = append(so.Codecs, co)
	}
	return so, skipped
}

// skip returns why the codec is left out of stream i; empty where it is not.
// Of several passages that it cannot code the first is named, whichever was
// met first.
func (t *trial) skip(i int) string {
	if t.unsupported != "" {
		return t.unsupported
	}
	for _, u := range t.units {
		if reason := u.code.Streams[i].Skip; reason != "" {
			return reason
		}
	}
	return ""
}

// skippedAnywhere says whether the codec is left out of a stream of its group.
func (t *trial) skippedAnywhere() bool {
	for i := range t.coders {
		if t.skip(i) != "" {
			return true
		}
	}
	return len(t.coders) == 0
}

// attentionOutcome assembles the attention-output error of a group, for the
// codecs that none of its streams leaves out.
func (g *group) attentionOutcome() AttentionOutcome {
	a := g.attention
	ao := AttentionOutcome{Layer: g.streams[0].Layer, Queries: a.source(), PerPassage: a.perPassage}
	for _, s := range g.streams {
		ao.Streams = append(ao.Streams, s.Name)
	}
	for _, t := range g.trials {
		if t.skippedAnywhere() {
			continue
		}
		ac := AttentionCodec{Spec: t.spec, Simulated: t.spec.Simulated()}
		for _, u := range t.units {
			e := math.NaN()
			if u.code.Attention != nil {
				e = *u.code.Attention
			}
			ac.Error = append(ac.Error, e)
		}
		ao.Codecs = append(ao.Codecs, ac)
	}
	return ao
}
