package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"kakeyalattice/decide"
	"kakeyalattice/kv"
	"kakeyalattice/stats"
)

// The results that tests render are made here: rates by the formulas of the
// codecs, distortions of the size that a Gaussian gives, moved by a factor per
// stream and a little per passage.

// fixture describes a result.
type fixture struct {
	input     kv.Input
	blocks    bool
	passages  int
	streams   []fixtureStream
	baselines []string
	codecs    []string
}

// fixtureStream is a stream and what it does to the errors of the families.
type fixtureStream struct {
	name  string
	kind  kv.Kind
	layer int
	dim   int
	rope  bool
	// factors of the squared error: lattices and rotated codes, floats,
	// integers that are not rotated; 0 stands for 1.
	rotated, floats, plain float64
	noise                  float64 // relative, per passage
	audit                  [5]float64
}

// fixtureCodec gives bits and distortion (energy) of a Gaussian source; the
// distortions are Monte Carlo figures at D = 512, scaled by the step.
func fixtureCodec(spec string, dim int) (bits, distortion float64) {
	d := float64(dim)
	family, params, _ := strings.Cut(spec, ":")
	q := 38.0
	if rest, ok := strings.CutPrefix(params, "q="); ok {
		_, _ = fmt.Sscan(rest, &q)
	}
	side := func(group float64) float64 { return 16 * d / min(group, d) }
	switch strings.TrimPrefix(family, "ref-") {
	case "bf16":
		return 16 * d, 1.3e-6
	case "fp8":
		return 8*d + side(64), 6.29e-4
	case "fp8-v4":
		return 8*(d-64) + 16*64 + 64, 6.2e-4
	case "fp8-v41":
		return 8*d + d/4, 7.04e-4
	case "nvfp4":
		return 4*d + d/2 + 32/1e4, 9.05e-3
	case "mxfp4":
		return 4*d + d/4, 1.33e-2
	case "int8":
		return 8*d + side(64), 3.5e-5
	case "int6":
		return 6*d + side(64), 5.9e-4
	case "q8_0":
		return 8*d + side(32), 3.2e-5
	case "q4_0":
		return 4*d + side(32), 8.1e-3
	case "d4":
		return d/4*math.Ceil(4*math.Log2(2*q+1)-1) + 32, 7.97e-4 * (38 / q) * (38 / q)
	case "e8":
		return d/8*math.Ceil(8*math.Log2(2*q+1)) + 32, 5.28e-4 * (38 / q) * (38 / q)
	case "e8-gs":
		return 5.55*d + 16.2, 6.13e-4
	}
	panic("fixture: unknown codec " + spec)
}

func (s *fixtureStream) factor(spec string) float64 {
	f := s.floats
	switch {
	case strings.Contains(spec, "e8"), strings.Contains(spec, "d4:"), strings.Contains(spec, "hadamard"):
		f = s.rotated
	case strings.HasPrefix(spec, "int"), strings.HasPrefix(spec, "q"):
		f = s.plain
	}
	if f == 0 {
		return 1
	}
	return f
}

// build makes the result.
func (x fixture) build() *Result {
	rng := rand.New(rand.NewPCG(7, 11))
	r := &Result{
		Schema:      Schema,
		Tool:        Tool{Version: "v0.1.0", Go: "go1.26.0", CPU: "AMD EPYC 9654", Kernel: "go"},
		Command:     []string{"kakeya", "audit", "--kv", "kv cache.safetensors", "--out", "kakeya-out/demo"},
		WallSeconds: 12.37,
		Input:       x.input,
		Protocol:    Protocol{Name: "production", Vector: "head", Blocks: x.blocks, AttentionQueries: 64, Distortion: "rel_mse"},
		Baselines:   x.baselines,
	}
	if x.blocks {
		r.Protocol.PassageVectors = 64
	}
	topics := []string{"algebraic topology", "the Italian Renaissance", "molecular biology", "macroeconomics",
		"quantum mechanics", "generative grammar", "tonal harmony", "reinforced concrete"}
	for p := range x.passages {
		r.Passages = append(r.Passages, kv.Passage{ID: p, Title: topics[p%len(topics)], Tokens: 2048})
	}
	var tables []decide.Stream
	for i := range x.streams {
		s, t := x.stream(&x.streams[i], rng)
		r.Streams, tables = append(r.Streams, s), append(tables, t)
	}
	decideFixture(r, tables)
	return r
}

func (x fixture) stream(fs *fixtureStream, rng *rand.Rand) (Stream, decide.Stream) {
	s := Stream{Name: fs.name, Kind: fs.kind, Layer: fs.layer, Dim: fs.dim, Pareto: []string{}}
	t := decide.Stream{Name: fs.name, Kind: string(fs.kind), Layer: fs.layer}
	common := make([]float64, x.passages)
	for p := range common {
		s.Vectors = append(s.Vectors, 2048)
		common[p] = math.Exp(0.1 * rng.NormFloat64())
	}
	s.Audit = fixtureAudit(fs, rng, x.passages)
	errors := map[string][]float64{}
	specs := append(append([]string{}, x.baselines...), x.codecs...)
	for i, spec := range specs {
		if spec == "fp8-v4" && (fs.dim <= 64 || (fs.dim-64)%64 != 0) {
			continue
		}
		rate, distortion := fixtureCodec(spec, fs.dim)
		values := make([]float64, x.passages)
		for p := range values {
			values[p] = distortion * fs.factor(spec) * common[p] * math.Exp(fs.noise*rng.NormFloat64())
		}
		errors[spec] = values
		family, _, _ := strings.Cut(spec, ":")
		c := Codec{
			Codec: spec, Family: family, Baseline: i < len(x.baselines), Simulated: strings.HasPrefix(spec, "ref-"),
			BitsPerVector: rate, RelMSEEnergy: stats.Summarize(values), RelMSE: stats.Summarize(scaled(values, 1.7)),
			Cosine: stats.Summarize(cosines(values)), Ratios: map[string]stats.Stat{}, CR: map[string]stats.Float{},
		}
		if !c.Simulated {
			total := int64(rate / 8 * 2048 * float64(x.passages))
			c.Bytes = &total
		}
		if fs.rope {
			nope, rope := stats.Summarize(scaled(values, 0.9)), stats.Summarize(scaled(values, 1.6))
			c.RelMSEEnergyNope, c.RelMSEEnergyRope = &nope, &rope
		}
		candidate := decide.Candidate{Codec: spec, Family: family, Simulated: c.Simulated, Bits: rate, Distortion: values}
		if c.Baseline {
			t.Baselines = append(t.Baselines, candidate)
		} else {
			t.Candidates = append(t.Candidates, candidate)
		}
		s.Codecs = append(s.Codecs, c)
	}
	for i := range s.Codecs {
		c := &s.Codecs[i]
		for _, b := range t.Baselines {
			c.Ratios[b.Codec] = stats.Summarize(stats.Ratios(errors[c.Codec], b.Distortion))
			c.CR[b.Codec] = stats.Float(b.Bits / c.BitsPerVector)
		}
	}
	both := append(append([]decide.Candidate{}, t.Baselines...), t.Candidates...)
	for _, k := range decide.Pareto(both) {
		s.Pareto = append(s.Pareto, both[k].Codec)
	}
	return s, t
}

func fixtureAudit(fs *fixtureStream, rng *rand.Rand, passages int) Audit {
	measure := func(mean float64) stats.Stat {
		values := make([]float64, passages)
		for p := range values {
			values[p] = mean * math.Exp(0.05*rng.NormFloat64())
		}
		return stats.Summarize(values)
	}
	a := Audit{
		ExcessKurtosis: measure(fs.audit[0]), Isotropy: measure(fs.audit[1]), HadamardRatio: measure(fs.audit[2]),
		TailOneSided: measure(fs.audit[3]), TailTwoSided: measure(fs.audit[4]),
	}
	for i := range gates {
		if gates[i].fires(&a) {
			a.GatesFired++
		}
	}
	return a
}

func scaled(values []float64, by float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = by * v
	}
	return out
}

func cosines(values []float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = 1 - v/2
	}
	return out
}

// decideFixture fills in thresholds and policies with the decide package.
func decideFixture(r *Result, tables []decide.Stream) {
	floats := func(m map[string]float64) map[string]stats.Float {
		out := map[string]stats.Float{}
		for k, v := range m {
			out[k] = stats.Float(v)
		}
		return out
	}
	for i := range tables {
		t := &tables[i]
		t.Candidates = decide.Deployable(t.Candidates)
		for _, base := range t.Baselines {
			for _, th := range decide.Thresholds {
				for _, view := range decide.Views {
					d := Threshold{Stream: t.Name, Baseline: base.Codec, Threshold: th.Name, Multiplier: th.Multiplier, View: string(view)}
					choice := decide.Choose(t.Candidates, base, th, view)
					if d.Admissible, d.Reason = choice.OK, choice.Reason; choice.OK {
						d.Codec, d.Simulated = choice.Candidate.Codec, choice.Candidate.Simulated
						d.BitsPerVector, d.Ratio = &choice.Candidate.Bits, &choice.Ratio
						d.CR = floats(decide.CR(choice.Candidate.Bits, t.Baselines))
					}
					if h := decide.HeldOut(t.Candidates, base, th, view); h != nil {
						d.HeldOut = &HeldOut{Ratio: stats.Summarize(h.Ratios), Violations: h.Violations, Choices: h.Choices}
					}
					r.Thresholds = append(r.Thresholds, d)
					if th.Name == "A" {
						d.Family, d.HeldOut = "e8", nil
						r.FamilyThresholds = append(r.FamilyThresholds, d)
					}
				}
			}
		}
	}
	for _, base := range r.Baselines {
		for _, th := range decide.Thresholds {
			for _, view := range decide.Views {
				for _, w := range []decide.Weights{decide.LayerWeights(tables), decide.EntryWeights(tables, 1<<20)} {
					for _, policy := range decide.Policies {
						a := policy(tables, base, th, view, w)
						p := Policy{Name: a.Policy, Baseline: a.Baseline, Threshold: th.Name, View: string(view), Weights: a.Weights,
							Reason: a.Reason, Choices: a.Choices, Bits: stats.Undefined, CR: map[string]stats.Float{}}
						if a.OK {
							p.Bits, p.CR, p.Ratio = stats.Float(a.Bits), floats(a.CR), &a.Ratio
						}
						r.Policies = append(r.Policies, p)
					}
				}
			}
		}
	}
}
