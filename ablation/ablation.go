// Package ablation measures what each choice of a protocol does to the headline
// figure: the squared error of E8 at Q = 38 over that of the FP8 baseline.
package ablation

import (
	"context"
	"fmt"

	"kakeyalattice/decide"
	"kakeyalattice/experiment"
	"kakeyalattice/kv"
	"kakeyalattice/protocol"
	"kakeyalattice/stats"
)

// The codec and the baseline of the headline, as bytes and as published.
const (
	codecs    = "e8:q=38 ref-e8:q=38"
	baselines = "fp8-v4 ref-fp8"
)

// Row is the headline under one protocol.
type Row struct {
	Set    string // the set the row starts from: reference or production
	Change string // the one choice that differs from the set, "name=value"; empty: none
	About  string // what the reference does there
	Codec  string
	Base   string
	// CR is the baseline's bits over the codec's.
	CR      float64
	Streams []Stream
	// Weighted is the ratio averaged over the streams by the layers that they
	// stand for, in each passage, then summarised.
	Weighted stats.Stat
}

// Stream is the headline on one stream.
type Stream struct {
	Stream  string
	Vectors int // scored, of all passages
	Ratio   stats.Stat
}

// Open captures the streams of a protocol.
type Open func(ctx context.Context, p protocol.Protocol) (*kv.Source, error)

// Options are the choices of a run that do not change its outcome.
type Options struct {
	Workers  int
	Progress func(done, total int)
}

// plan lists the protocols to measure: each set, then the set with one choice
// taken from the other.
func plan() []Row {
	var rows []Row
	for _, set := range []string{protocol.ReferenceName, protocol.ProductionName} {
		rows = append(rows, Row{Set: set})
		for _, s := range protocol.Switches {
			other := s.Production
			if set == protocol.ProductionName {
				other = s.Reference
			}
			rows = append(rows, Row{Set: set, Change: s.Name + "=" + other, About: s.About})
		}
	}
	return rows
}

// Run measures the headline under the reference's protocol, under it with one
// choice made honest at a time, under the production protocol, and under it
// with one of the reference's choices at a time. Streams are captured once for
// every set of choices that they depend on.
func Run(ctx context.Context, open Open, opt Options) ([]Row, error) {
	rows := plan()
	measured := map[string]*measurement{}
	for i := range rows {
		if opt.Progress != nil {
			opt.Progress(i, len(rows))
		}
		r := &rows[i]
		var changes []string
		if r.Change != "" {
			changes = []string{r.Change}
		}
		p, err := protocol.Parse(r.Set, changes)
		if err != nil {
			return nil, err
		}
		key := streamsOf(p)
		if measured[key] == nil {
			if measured[key], err = measure(ctx, open, p, opt.Workers); err != nil {
				return nil, fmt.Errorf("protocol %s: %w", p.Name(), err)
			}
		}
		if err := r.fill(measured[key], p); err != nil {
			return nil, fmt.Errorf("protocol %s: %w", p.Name(), err)
		}
	}
	if opt.Progress != nil {
		opt.Progress(len(rows), len(rows))
	}
	return rows, nil
}

// streamsOf names the choices that the captured streams depend on.
func streamsOf(p protocol.Protocol) string {
	key := ""
	for _, s := range protocol.Switches {
		if s.Streams {
			key += s.Name + "=" + p.Value(s) + ";"
		}
	}
	return key
}

// measurement is both codecs and both baselines on one set of streams.
type measurement struct {
	outcome *experiment.Outcome
	counts  kv.Counts
}

func measure(ctx context.Context, open Open, p protocol.Protocol, workers int) (*measurement, error) {
	p.ReferenceWeights = false // a row counts the layers itself: the streams are shared
	source, err := open(ctx, p)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	outcome, err := experiment.Run(ctx, &experiment.Plan{
		Source:    source,
		Codecs:    experiment.MustSpecs(codecs),
		Named:     true,
		Baselines: experiment.MustSpecs(baselines),
		SkipAudit: true,
	}, experiment.Options{Workers: workers})
	return &measurement{outcome, source.Counts}, err
}

// pick returns the spec of a list that the protocol asks for.
func pick(list string, reference bool) string {
	specs := experiment.MustSpecs(list)
	if reference {
		return specs[1].String()
	}
	return specs[0].String()
}

func (r *Row) fill(m *measurement, p protocol.Protocol) error {
	r.Codec, r.Base = pick(codecs, p.ReferenceCodec), pick(baselines, p.ReferenceBaseline)
	counts := m.counts.Layers
	if p.ReferenceWeights {
		counts = protocol.ReferenceLayers()
	}
	streams := make([]decide.Stream, len(m.outcome.Streams))
	for i := range m.outcome.Streams {
		s := &m.outcome.Streams[i]
		codec, base := find(s, r.Codec), find(s, r.Base)
		if codec == nil || base == nil {
			return fmt.Errorf("stream %s: %s or %s does not support its dimension", s.Stream.Name, r.Codec, r.Base)
		}
		r.CR = base.BitsPerVector() / codec.BitsPerVector()
		out := Stream{Stream: s.Stream.Name, Ratio: stats.Summarize(stats.Ratios(errorsOf(codec), errorsOf(base)))}
		for passage := range s.Stream.Passages() {
			out.Vectors += s.Stream.Vectors(passage)
		}
		r.Streams = append(r.Streams, out)
		streams[i] = decide.Stream{Name: s.Stream.Name, Kind: string(s.Stream.Kind)}
	}
	named := make(map[string]int, len(counts))
	for kind, n := range counts {
		named[string(kind)] = n
	}
	r.Weighted = stats.Summarize(weighted(r.Streams, decide.LayerWeights(streams).Times(streams, named)))
	return nil
}

func find(s *experiment.StreamOutcome, spec string) *experiment.CodecOutcome {
	for i := range s.Codecs {
		if s.Codecs[i].Spec.String() == spec {
			return &s.Codecs[i]
		}
	}
	return nil
}

func errorsOf(c *experiment.CodecOutcome) []float64 {
	list := make([]float64, len(c.Distortion))
	for i, d := range c.Distortion {
		list[i] = d.Error
	}
	return list
}

// weighted averages the streams' ratios in every passage.
func weighted(streams []Stream, w decide.Weights) []float64 {
	if len(streams) == 0 {
		return nil
	}
	out := make([]float64, len(streams[0].Ratio.Values))
	for p := range out {
		var sum, total float64
		for _, s := range streams {
			weight := w.ByStream[s.Stream]
			sum += weight * float64(s.Ratio.Values[p])
			total += weight
		}
		out[p] = sum / total
	}
	return out
}
