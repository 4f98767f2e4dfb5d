package metric

import (
	"fmt"
	"math"

	"kakeyalattice/internal/kernel"
)

// AttentionShape is the layout of one layer's entries and queries.
type AttentionShape struct {
	KVHeads int // heads in an entry; 1 where all query heads share one
	QHeads  int // query heads, a multiple of KVHeads; head h reads entry head h/(QHeads/KVHeads)
	HeadDim int // values in a head; scores are scaled by HeadDim^-1/2
	Visibility
	MaxQueries int // most query positions of the passage, see [QueryPositions]
}

// Attention is the exact attention output of one layer over one passage, at a
// few query positions: o = softmax(q K^T / sqrt(HeadDim)) V. It is computed
// once and shared by all codecs measured on the passage, read-only and safe
// for concurrent use. It holds queries and outputs, not the entries.
type Attention struct {
	shape   AttentionShape
	entries int
	spans   []span
	queries []float32 // [len(spans), QHeads, HeadDim]
	outputs []float64 // the same
	energy  float64   // sum |o|^2
}

// span is the entries lo..hi-1 that a query sees.
type span struct{ lo, hi int }

// NewAttention computes the exact outputs. k and v are [entries, KVHeads,
// HeadDim], the same slice where an entry is both; q is [tokens, QHeads,
// HeadDim]. None is kept. Where queries are not known they can be drawn from
// the keys, by passing k as q with QHeads = KVHeads and the zero Visibility;
// such an error is a proxy and must be labelled so.
//
// A position that sees no entry is left out. Lengths that do not fit the shape
// or each other, and values that are not finite, are errors.
func NewAttention(k, v, q []float32, s AttentionShape) (*Attention, error) {
	entries, tokens, err := s.check(k, v, q)
	if err != nil {
		return nil, err
	}
	a := &Attention{shape: s, entries: entries}
	width := s.QHeads * s.HeadDim
	for _, t := range QueryPositions(tokens, s.MaxQueries) {
		lo, hi := s.Visible(t, entries)
		if lo < hi {
			a.spans = append(a.spans, span{lo, hi})
			a.queries = append(a.queries, q[t*width:(t+1)*width]...)
		}
	}
	a.outputs = make([]float64, len(a.queries))
	a.attend(k, v, func(at int, o []float64) {
		copy(a.outputs[at:], o)
		for _, x := range o {
			a.energy += float64(x * x)
		}
	})
	return a, nil
}

// Queries is the number of query positions measured.
func (a *Attention) Queries() int { return len(a.spans) }

// Error returns sum |o - o^|^2 / sum |o|^2 over query positions and heads,
// where o^ is the output of the same queries over the decoded entries k and v
// (laid out as for [NewAttention]). It is NaN where the exact outputs are all
// zero or no position sees an entry, and exactly 0 for undistorted entries.
func (a *Attention) Error(k, v []float32) (float64, error) {
	want := a.entries * a.shape.KVHeads * a.shape.HeadDim
	if len(k) != want || len(v) != want {
		return 0, fmt.Errorf("metric: %d decoded key and %d decoded value elements for %d entries of %d: decode whole passages", len(k), len(v), a.entries, want/a.entries)
	}
	if err := a.shape.checkFinite("decoded keys", k, a.shape.KVHeads); err != nil {
		return 0, err
	}
	if err := a.shape.checkFinite("decoded values", v, a.shape.KVHeads); err != nil {
		return 0, err
	}
	var sum float64
	a.attend(k, v, func(at int, o []float64) {
		exact := a.outputs[at : at+len(o)]
		for i, x := range o {
			d := exact[i] - x
			sum += float64(d * d)
		}
	})
	return ratio(sum, a.energy), nil
}

// attend calls use with the output of every query position and head over the
// entries k and v, in ascending order. The output belongs at element at of
// [positions, QHeads, HeadDim] and is valid during the call.
func (a *Attention) attend(k, v []float32, use func(at int, o []float64)) {
	var (
		dim     = a.shape.HeadDim
		stride  = a.shape.KVHeads * dim // between the same head of two entries
		group   = a.shape.QHeads / a.shape.KVHeads
		scale   = 1 / math.Sqrt(float64(dim))
		query   = make([]float64, dim)
		output  = make([]float64, dim)
		longest int
	)
	for _, s := range a.spans {
		longest = max(longest, s.hi-s.lo)
	}
	weights := make([]float64, longest)
	at := 0
	for _, s := range a.spans {
		for h := range a.shape.QHeads {
			for i, x := range a.queries[at : at+dim] {
				query[i] = float64(x) * scale
			}
			first := s.lo*stride + h/group*dim // of the head's first entry
			w := weights[:s.hi-s.lo]
			for j := range w {
				w[j] = kernel.Dot(query, k[first+j*stride:])
			}
			softmax(w)
			clear(output)
			kernel.AddRows(output, w, v[first:], stride)
			use(at, output)
			at += dim
		}
	}
}

// softmax replaces scores by weights that add up to 1.
func softmax(scores []float64) {
	top := scores[0]
	for _, s := range scores {
		top = max(top, s)
	}
	var sum float64
	for i, s := range scores {
		scores[i] = math.Exp(s - top)
		sum += scores[i]
	}
	for i := range scores {
		scores[i] /= sum
	}
}

// check returns the numbers of entries and tokens.
func (s AttentionShape) check(k, v, q []float32) (entries, tokens int, err error) {
	switch {
	case s.KVHeads <= 0 || s.HeadDim <= 0 || s.QHeads <= 0 || s.QHeads%s.KVHeads != 0:
		return 0, 0, fmt.Errorf("metric: attention of %d query heads over %d entry heads of %d: query heads must be a multiple of entry heads", s.QHeads, s.KVHeads, s.HeadDim)
	case s.MaxQueries <= 0:
		return 0, 0, fmt.Errorf("metric: attention at %d query positions: give 1 or more", s.MaxQueries)
	case s.Ratio < 0 || s.Window < 0:
		return 0, 0, fmt.Errorf("metric: attention with compression ratio %d and window %d: neither is negative", s.Ratio, s.Window)
	case len(k) != len(v):
		return 0, 0, fmt.Errorf("metric: %d key and %d value elements: pair streams of one layer and passage", len(k), len(v))
	}
	entry, token := s.KVHeads*s.HeadDim, s.QHeads*s.HeadDim
	if len(k) == 0 || len(k)%entry != 0 {
		return 0, 0, fmt.Errorf("metric: %d key elements are no whole number of entries of %d heads of %d", len(k), s.KVHeads, s.HeadDim)
	}
	if len(q) == 0 || len(q)%token != 0 {
		return 0, 0, fmt.Errorf("metric: %d query elements are no whole number of tokens of %d heads of %d", len(q), s.QHeads, s.HeadDim)
	}
	entries, tokens = len(k)/entry, len(q)/token
	if ratio := max(s.Ratio, 1); entries < tokens/ratio || entries > (tokens+ratio-1)/ratio {
		return 0, 0, fmt.Errorf("metric: %d entries for the queries of %d tokens at compression ratio %d: pair streams of one layer and passage", entries, tokens, ratio)
	}
	if err := s.checkFinite("keys", k, s.KVHeads); err != nil {
		return 0, 0, err
	}
	if err := s.checkFinite("values", v, s.KVHeads); err != nil {
		return 0, 0, err
	}
	return entries, tokens, s.checkFinite("queries", q, s.QHeads)
}

func (s AttentionShape) checkFinite(name string, x []float32, heads int) error {
	i := kernel.NonFinite(x)
	if i < 0 {
		return nil
	}
	width := heads * s.HeadDim
	return fmt.Errorf("metric: attention %s: token %d, head %d holds %v at coordinate %d: only finite values can be measured",
		name, i/width, i%width/s.HeadDim, x[i], i%s.HeadDim)
}
