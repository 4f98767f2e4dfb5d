package report

import (
	"fmt"

	"kakeyalattice/capacity"
	"kakeyalattice/decide"
	"kakeyalattice/experiment"
	"kakeyalattice/kv"
	"kakeyalattice/metric"
	"kakeyalattice/solve"
	"kakeyalattice/stats"
)

// Options is what a result says beside its measurements.
type Options struct {
	Tool        Tool
	Command     []string
	WallSeconds float64
	// Protocol holds the choices of the command; Assemble fills in those of the
	// source.
	Protocol Protocol
	// Context is the context length in tokens at which streams are weighted by
	// the bytes they hold.
	Context int
	// Model is the model that the streams are of, where it is known, and Nodes and
	// Serving what it is to run on: the result then says what its cache takes.
	Model   *capacity.Model
	Nodes   []capacity.Node
	Serving capacity.Serving
}

// Assemble turns what was measured into a result: figures are summarised over
// passages, thresholds applied, policies formed.
func Assemble(outcome *experiment.Outcome, source *kv.Source, opt Options) *Result {
	r := &Result{
		Schema:           Schema,
		Tool:             opt.Tool,
		Command:          opt.Command,
		WallSeconds:      opt.WallSeconds,
		Input:            source.Input,
		Protocol:         opt.Protocol,
		Passages:         source.Passages,
		Baselines:        baselines(outcome),
		Streams:          []Stream{},
		Thresholds:       []Threshold{},
		FamilyThresholds: []Threshold{},
		Attention:        []Attention{},
		Quality:          []Quality{},
		Policies:         []Policy{},
		Capacity:         []capacity.Plan{},
		Skipped:          []Skipped{},
		Notices:          append(append([]string{}, source.Notices...), outcome.Notices...),
	}
	r.Protocol.Name = "production"
	if source.Protocol != "" {
		r.Protocol.Name = source.Protocol
	}
	r.Protocol.Blocks = source.Blocks
	for _, c := range source.Choices {
		r.Protocol.Switches = append(r.Protocol.Switches, Switch{c.Name, c.Value})
	}
	r.Protocol.Distortion = "rel_mse"
	tables := make([]decide.Stream, len(outcome.Streams))
	for i := range outcome.Streams {
		s := &outcome.Streams[i]
		var centred bool
		tables[i], centred = solve.Table(s)
		if !centred {
			r.Notices = append(r.Notices, "stream "+s.Stream.Name+": rel_mse is undefined (no variance about the mean vector); thresholds compare rel_mse_energy")
		}
		r.Streams = append(r.Streams, newStream(s, r.Baselines))
	}
	r.Notices = append(r.Notices, overflowNotices(r.Streams)...)
	r.decideThresholds(tables)
	r.decidePolicies(tables, opt.Context, outcome, source.Counts)
	r.planCapacity(opt)
	for _, a := range outcome.Attention {
		r.Attention = append(r.Attention, newAttention(a))
	}
	for _, s := range outcome.Skipped {
		r.Skipped = append(r.Skipped, Skipped{Stream: s.Stream, Codec: s.Spec.String(), Reason: s.Reason})
	}
	return r
}

// baselines lists the baselines that any stream was measured with, in order.
func baselines(outcome *experiment.Outcome) []string {
	names := []string{}
	seen := map[string]bool{}
	for _, s := range outcome.Streams {
		for _, c := range s.Codecs {
			if name := c.Spec.String(); c.Baseline && !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// overflowNotices names the codecs with vectors that overflowed their slots.
func overflowNotices(streams []Stream) []string {
	var codecs, notices []string
	overflows, vectors, on := map[string]int{}, map[string]int{}, map[string][]string{}
	for i := range streams {
		s := &streams[i]
		for _, c := range s.Codecs {
			if c.Overflows == nil || *c.Overflows == 0 {
				continue
			}
			if on[c.Codec] == nil {
				codecs = append(codecs, c.Codec)
			}
			overflows[c.Codec] += *c.Overflows
			vectors[c.Codec] += s.vectors()
			on[c.Codec] = append(on[c.Codec], s.Name)
		}
	}
	for _, c := range codecs {
		where := "stream " + on[c][0]
		if n := len(on[c]); n > 1 {
			where = fmt.Sprintf("%d streams", n)
		}
		notices = append(notices, fmt.Sprintf("%s: %d of %d vectors on %s did not fit their slots and were coded at a larger step", c, overflows[c], vectors[c], where))
	}
	return notices
}

// vectors is the number of vectors in all passages.
func (s *Stream) vectors() int {
	n := 0
	for _, v := range s.Vectors {
		n += v
	}
	return n
}

// perPassage maps the distortions of a codec to one figure each.
func perPassage(c *experiment.CodecOutcome, f func(metric.Distortion) float64) []float64 {
	values := make([]float64, len(c.Distortion))
	for p, d := range c.Distortion {
		values[p] = f(d)
	}
	return values
}

func newStream(s *experiment.StreamOutcome, baselines []string) Stream {
	out := Stream{
		Name:  s.Stream.Name,
		Kind:  s.Stream.Kind,
		Layer: s.Stream.Layer,
		Dim:   s.Stream.Dim,
		Audit: newAudit(s.Audit),
	}
	for p := range s.Stream.Passages() {
		out.Vectors = append(out.Vectors, s.Stream.Vectors(p))
	}
	byName := map[string]*experiment.CodecOutcome{}
	var points []decide.Candidate
	for i := range s.Codecs {
		c := &s.Codecs[i]
		if c.Baseline {
			byName[c.Spec.String()] = c
		}
		points = append(points, decide.Candidate{
			Codec:      c.Spec.String(),
			Simulated:  c.Simulated,
			Bits:       c.BitsPerVector(),
			Distortion: perPassage(c, metric.Distortion.RelMSEEnergy),
		})
	}
	for i := range s.Codecs {
		out.Codecs = append(out.Codecs, newCodec(&s.Codecs[i], baselines, byName))
	}
	out.Pareto = []string{}
	for _, i := range decide.Pareto(points) {
		out.Pareto = append(out.Pareto, points[i].Codec)
	}
	return out
}

func newCodec(c *experiment.CodecOutcome, baselines []string, byName map[string]*experiment.CodecOutcome) Codec {
	summary := func(f func(metric.Distortion) float64) stats.Stat { return stats.Summarize(perPassage(c, f)) }
	out := Codec{
		Codec:         c.Spec.String(),
		Family:        c.Spec.Family(),
		Baseline:      c.Baseline,
		Simulated:     c.Simulated,
		Solved:        c.Solved,
		BitsPerVector: c.BitsPerVector(),
		RelMSE:        summary(metric.Distortion.RelMSE),
		RelMSEEnergy:  summary(metric.Distortion.RelMSEEnergy),
		Cosine:        summary(metric.Distortion.MeanCosine),
		Ratios:        map[string]stats.Stat{},
		CR:            map[string]stats.Float{},
	}
	if c.Fitted != nil {
		out.Fitted = c.Fitted.String()
	}
	if !c.Simulated {
		var total int64
		for _, b := range c.Bytes {
			total += b
		}
		out.Bytes = &total
	}
	if c.Overflows != nil {
		total := 0
		for _, n := range c.Overflows {
			total += n
		}
		out.Overflows = &total
	}
	if len(c.Distortion) > 0 && c.Distortion[0].HasRope {
		nope, rope := summary(metric.Distortion.RelMSEEnergyNope), summary(metric.Distortion.RelMSEEnergyRope)
		out.RelMSEEnergyNope, out.RelMSEEnergyRope = &nope, &rope
	}
	squaredError := func(d metric.Distortion) float64 { return d.Error }
	for _, name := range baselines {
		if b, ok := byName[name]; ok {
			out.Ratios[name] = stats.Summarize(stats.Ratios(perPassage(c, squaredError), perPassage(b, squaredError)))
			out.CR[name] = stats.Float(b.BitsPerVector() / out.BitsPerVector)
		}
	}
	return out
}

func newAudit(passages []metric.NonGaussian) Audit {
	summary := func(f func(metric.NonGaussian) float64) stats.Stat {
		values := make([]float64, len(passages))
		for p, g := range passages {
			values[p] = f(g)
		}
		return stats.Summarize(values)
	}
	a := Audit{
		ExcessKurtosis: summary(func(g metric.NonGaussian) float64 { return g.ExcessKurtosis }),
		Isotropy:       summary(func(g metric.NonGaussian) float64 { return g.Isotropy }),
		HadamardRatio:  summary(func(g metric.NonGaussian) float64 { return g.HadamardRatio }),
		TailOneSided:   summary(func(g metric.NonGaussian) float64 { return g.TailOneSided }),
		TailTwoSided:   summary(func(g metric.NonGaussian) float64 { return g.TailTwoSided }),
	}
	a.GatesFired = metric.NonGaussian{
		ExcessKurtosis: float64(a.ExcessKurtosis.Mean),
		Isotropy:       float64(a.Isotropy.Mean),
		HadamardRatio:  float64(a.HadamardRatio.Mean),
		TailOneSided:   float64(a.TailOneSided.Mean),
	}.GatesFired()
	return a
}

func newAttention(a experiment.AttentionOutcome) Attention {
	out := Attention{Layer: a.Layer, Streams: a.Streams, Queries: a.Queries, PerPassage: a.PerPassage, Codecs: []AttentionCodec{}}
	for _, c := range a.Codecs {
		out.Codecs = append(out.Codecs, AttentionCodec{Codec: c.Spec.String(), Simulated: c.Simulated, Error: stats.Summarize(c.Error)})
	}
	return out
}
