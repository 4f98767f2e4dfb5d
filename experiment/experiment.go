// Package experiment runs a plan of units: every codec on every passage of
// every stream. A journal makes a run resumable; a fixed order makes its
// result independent of the number of workers.
package experiment

import (
	"kakeyalattice/codec"
	"kakeyalattice/kv"
	"kakeyalattice/metric"
)

// Plan is what to measure.
type Plan struct {
	Source *kv.Source
	// Codecs are measured on every stream that supports them. With Named, the
	// user chose them, and a stream that does not support one is an error.
	Codecs    []codec.Spec
	Named     bool
	Baselines []codec.Spec
	// AttentionQueries is the largest number of query positions per passage
	// for the attention-output error; 0 leaves it out.
	AttentionQueries int
}

// Outcome is everything that was measured, in plan order.
type Outcome struct {
	Streams   []StreamOutcome
	Attention []AttentionOutcome
	Skipped   []Skip
}

// StreamOutcome is the audit and the codecs of one stream.
type StreamOutcome struct {
	Stream *kv.Stream
	Audit  []metric.NonGaussian // per passage
	Codecs []CodecOutcome       // baselines first, in their order, then codecs
}

// CodecOutcome is one codec on one stream.
type CodecOutcome struct {
	Spec       codec.Spec // as requested
	Fitted     *codec.Spec
	Baseline   bool
	Simulated  bool
	SideBits   int                 // once per stream
	Bytes      []int64             // per passage; for a simulated codec nil
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
	PerPassage int
	Codecs     []AttentionCodec
}

// AttentionCodec is one codec's error per passage.
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
