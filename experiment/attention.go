package experiment

import (
	"fmt"
	"math"

	"kakeyalattice/kv"
	"kakeyalattice/metric"
)

// QueriesFromKeys stands for the name of a query stream where a source has
// none: the keys serve as queries, a proxy.
const QueriesFromKeys = "keys"

// attention is how the attention-output error of a group is measured.
type attention struct {
	shape      metric.AttentionShape
	queries    *kv.Stream // nil: drawn from the keys
	perPassage int        // query positions in the longest passage
}

// swaWindow is the number of entries that a query of a sliding-window layer
// sees, itself included (DeepSeek-V4: 128 tokens).
const swaWindow = 128

// visibilities are the rules of the kinds that hold keys, for queries that are
// tokens.
var visibilities = map[kv.Kind]metric.Visibility{
	kv.Key: {},
	kv.SWA: {Window: swaWindow},
	kv.CSA: {Ratio: 4},
	kv.HCA: {Ratio: 128},
}

// newAttention returns the attention of a group, nil where it has none. The
// notice says why queries of the source are not used.
func newAttention(g *group, src *kv.Source, maxQueries int) (*attention, string) {
	entries := g.streams[0]
	visible, ok := visibilities[entries.Kind]
	if !ok || entries.Kind == kv.Key && len(g.streams) == 1 {
		return nil, ""
	}
	a := &attention{shape: metric.AttentionShape{
		KVHeads:    entries.Heads,
		QHeads:     entries.Heads,
		HeadDim:    entries.HeadDim,
		Visibility: metric.Visibility{Window: visible.Window}, // a compressed entry as a query is one token
		MaxQueries: maxQueries,
	}}
	notice := ""
	for _, q := range src.Streams {
		if q.Kind != kv.Query || q.Layer != entries.Layer || q.Layer < 0 {
			continue
		}
		if !queriesFit(q, entries, visible) {
			notice = fmt.Sprintf("%s: the shape of %s does not fit: queries for the attention-output error are drawn from the keys", g.name, q.Name)
			continue
		}
		a.queries, a.shape.QHeads, a.shape.Visibility = q, q.Heads, visible
		notice = ""
		break
	}
	for p := range entries.Passages() {
		a.perPassage = max(a.perPassage, a.positions(entries, p))
	}
	return a, notice
}

// queriesFit says whether the queries can be those of the entries.
func queriesFit(q, entries *kv.Stream, visible metric.Visibility) bool {
	if q.HeadDim != entries.HeadDim || q.Heads%entries.Heads != 0 || q.Passages() != entries.Passages() {
		return false
	}
	ratio := max(visible.Ratio, 1)
	for p := range q.Passages() {
		// A rest of tokens may or may not have an entry.
		if rest := q.Tokens(p) - ratio*entries.Tokens(p); rest <= -ratio || rest >= ratio {
			return false
		}
	}
	return true
}

// positions is the number of query positions of a passage that see an entry.
func (a *attention) positions(entries *kv.Stream, p int) int {
	asking := entries
	if a.queries != nil {
		asking = a.queries
	}
	n := 0
	for _, t := range metric.QueryPositions(asking.Tokens(p), a.shape.MaxQueries) {
		if lo, hi := a.shape.Visible(t, entries.Tokens(p)); lo < hi {
			n++
		}
	}
	return n
}

// source names where the queries come from.
func (a *attention) source() string {
	if a.queries == nil {
		return QueriesFromKeys
	}
	return a.queries.Name
}

// exact computes the attention outputs of a passage over undistorted entries.
func (p *passage) exact(free *buffers) (*metric.Attention, error) {
	return p.attention.get(func() (*metric.Attention, error) {
		values, err := p.load(free)
		if err != nil {
			return nil, err
		}
		a := p.group.attention
		queries := values[0]
		if a.queries != nil {
			if queries, err = readPassage(free.take(), a.queries, p.index); err != nil {
				return nil, err
			}
			defer free.give(queries)
		}
		return metric.NewAttention(values[0], values[len(values)-1], queries, a.shape)
	})
}

// attentionError returns the error that decoded entries, per stream of the
// group, cause in the attention outputs; nil where it is undefined.
func (p *passage) attentionError(free *buffers, decoded [][]float32) (*float64, error) {
	exact, err := p.exact(free)
	if err != nil {
		return nil, err
	}
	e, err := exact.Error(decoded[0], decoded[len(p.group.streams)-1])
	if err != nil || math.IsNaN(e) {
		return nil, err
	}
	return &e, nil
}
