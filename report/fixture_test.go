package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"

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

var (
	auditBaselines = []string{"fp8-v4", "fp8:group=64", "bf16"}
	auditCodecs    = []string{"e8:q=38", "e8:q=44", "d4:q=38", "int6:group=64,hadamard", "nvfp4", "q8_0", "q4_0", "ref-e8:q=38"}
)

// synthetic is five families at D = 512, eight passages each.
func synthetic() *Result {
	r := fixture{
		input:    kv.Input{Kind: "synthetic", Name: "gaussian, student-t, anisotropic, mean-shifted, outlier-channel", Synthetic: true},
		passages: 8, baselines: auditBaselines, codecs: auditCodecs,
		streams: []fixtureStream{
			{name: "gaussian", kind: kv.Other, layer: -1, dim: 512, noise: 0.004, audit: [5]float64{0.08, 1.2, 1.2, 0.107, 0.01}},
			{name: "student-t", kind: kv.Other, layer: -1, dim: 512, noise: 0.01, rotated: 0.9, floats: 0.8, plain: 3, audit: [5]float64{31, 2.4, 1.3, 0.12, 0.02}},
			{name: "anisotropic", kind: kv.Other, layer: -1, dim: 512, noise: 0.005, rotated: 0.98, floats: 1.02, plain: 1.4, audit: [5]float64{0.09, 9154, 1.4, 0.11, 0.01}},
			{name: "mean-shifted", kind: kv.Other, layer: -1, dim: 512, noise: 0.03, rotated: 1.02, floats: 0.9, plain: 1, audit: [5]float64{0.07, 1.2, 1.2, 0.31, 0.01}},
			{name: "outlier-channel", kind: kv.Other, layer: -1, dim: 512, noise: 0.03, rotated: 1.08, floats: 0.98, plain: 8, audit: [5]float64{0.08, 610, 1.3, 0.13, 0.03}},
		},
	}.build()
	r.Skipped = []Skipped{{Stream: "gaussian", Codec: "mxfp4-v4", Reason: "it needs D > 64 and (D - 64) a multiple of 64"}}
	return r
}

// dump is one layer of a small model with real text: a single passage, or
// blocks of it.
func dump(passages int, blocks bool) *Result {
	r := fixture{
		input:    kv.Input{Kind: "dump", Name: "/data/kv_tinystories_512tok.safetensors", SHA256: strings.Repeat("9f", 32)},
		passages: passages, blocks: blocks, baselines: []string{"fp8:group=64", "bf16"}, codecs: []string{"e8:q=38", "e8:q=44", "d4:q=38", "int6:group=64,hadamard", "nvfp4", "q8_0"},
		streams: []fixtureStream{
			{name: "k.0", kind: kv.Key, layer: 0, dim: 8, noise: 0.05, rotated: 1.1, audit: [5]float64{1.2, 210, 30, 0.3, 0.1}},
			{name: "v.0", kind: kv.Value, layer: 0, dim: 8, noise: 0.05, rotated: 1.1, audit: [5]float64{0.6, 4, 2, 0.2, 0.06}},
			{name: "k.1", kind: kv.Key, layer: 1, dim: 8, noise: 0.02, audit: [5]float64{0.9, 110, 20, 0.25, 0.1}},
			{name: "v.1", kind: kv.Value, layer: 1, dim: 8, noise: 0.02, audit: [5]float64{0.4, 3, 2, 0.15, 0.04}},
		},
	}.build()
	for l := range 2 {
		a := Attention{Layer: l, Streams: []string{fmt.Sprintf("k.%d", l), fmt.Sprintf("v.%d", l)}, Queries: "keys", PerPassage: 64}
		for _, c := range r.Streams[2*l].Codecs {
			a.Codecs = append(a.Codecs, AttentionCodec{Codec: c.Codec, Simulated: c.Simulated, Error: c.RelMSEEnergy})
		}
		r.Attention = append(r.Attention, a)
	}
	r.Notices = []string{"tensor passages.note: not a float type, left out"}
	return r
}

// v4 is the 43 layers of a DeepSeek-V4 cache with its three kinds.
func v4(codecs []string) *Result {
	x := fixture{
		input:    kv.Input{Kind: "checkpoint", Name: "deepseek-ai/DeepSeek-V4-Flash"},
		passages: 8, baselines: auditBaselines, codecs: codecs,
	}
	for layer := range 43 {
		x.streams = append(x.streams, fixtureStream{name: fmt.Sprintf("swa.%d", layer), kind: kv.SWA, layer: layer, dim: 512, rope: true,
			noise: 0.01, rotated: 0.9 + 0.002*float64(layer), audit: [5]float64{3.1, 110, 11.6, 0.36, 0.15}})
		switch {
		case layer < 2:
		case layer%2 == 0:
			x.streams = append(x.streams, fixtureStream{name: fmt.Sprintf("csa.%d", layer), kind: kv.CSA, layer: layer, dim: 512, rope: true,
				noise: 0.01, rotated: 1 + 0.001*float64(layer), audit: [5]float64{2.8, 7.3e5, 17, 0.37, 0.16}})
		default:
			x.streams = append(x.streams, fixtureStream{name: fmt.Sprintf("hca.%d", layer), kind: kv.HCA, layer: layer, dim: 512, rope: true,
				noise: 0.06, rotated: 1.1 + 0.003*float64(layer), audit: [5]float64{2.2, 1.4e6, 434, 0.5, 0.2}})
		}
	}
	r := x.build()
	for i := range r.Streams {
		s := &r.Streams[i]
		a := Attention{Layer: s.Layer, Streams: []string{s.Name}, Queries: "q." + itoa(s.Layer), PerPassage: 64}
		for _, c := range s.Codecs {
			a.Codecs = append(a.Codecs, AttentionCodec{Codec: c.Codec, Simulated: c.Simulated, Error: c.RelMSEEnergy})
		}
		r.Attention = append(r.Attention, a)
	}
	return r
}

// hopeless has no codec that is smaller than the baseline and holds its error.
func hopeless() *Result {
	return fixture{
		input:    kv.Input{Kind: "dump", Name: "hard.safetensors"},
		passages: 8, baselines: []string{"fp8:group=64"}, codecs: []string{"e8:q=38", "nvfp4", "q4_0"},
		streams: []fixtureStream{{name: "hca.3", kind: kv.HCA, layer: 3, dim: 512, noise: 0.06, rotated: 1.25, audit: [5]float64{2, 9, 434, 0.5, 0.2}}},
	}.build()
}

// hostile has names that break out of every format that does not escape them.
func hostile() *Result {
	r := dump(3, false)
	evil := []string{
		`</svg><script>alert(1)</script>`,
		"k.0|`x`|\n| a | b |\n\n# heading <b>&amp;\"'",
		"=HYPERLINK(\"http://example.com\")",
		"\x1b[31mred\x00\u202egnp.exe \xff\xfe [link](http://example.com) " + strings.Repeat("長い名前", 60),
	}
	rename := map[string]string{}
	for i := range r.Streams {
		rename[r.Streams[i].Name] = evil[i]
		r.Streams[i].Name = evil[i]
		r.Streams[i].Kind = kv.Kind(evil[(i+1)%4])
	}
	for i := range r.Thresholds {
		r.Thresholds[i].Stream = rename[r.Thresholds[i].Stream]
		r.Thresholds[i].Reason = evil[1]
	}
	r.Streams[0].Codecs[3].Codec = evil[0]
	r.Streams[0].Codecs[3].Family = evil[1]
	r.Streams[1].Codecs[0].RelMSEEnergy.Mean = stats.Undefined
	r.Streams[1].Codecs[2].Ratios = nil
	r.Streams[2].Audit.Isotropy = stats.Summarize([]float64{math.Inf(1)})
	r.Input.Name = evil[0] + evil[3]
	r.Command = append(r.Command, evil...)
	r.Notices = evil
	r.Protocol.Tensors = evil
	r.Passages[0].Title = evil[1]
	r.Skipped = []Skipped{{Stream: evil[1], Codec: evil[0], Reason: evil[3]}}
	r.Tool.CPU = evil[0]
	r.Attention[0].Streams = evil[:2]
	return r
}

// fixtures are the shapes that every renderer must bear, made once: tests that
// change a result make their own.
var fixtures = sync.OnceValue(func() map[string]*Result {
	sims := synthetic()
	for i := range sims.Streams {
		for j := range sims.Streams[i].Codecs {
			if c := &sims.Streams[i].Codecs[j]; !c.Baseline {
				c.Simulated, c.Bytes = true, nil
			}
		}
	}
	return map[string]*Result{
		"synthetic":      synthetic(),
		"one passage":    dump(1, false),
		"blocks":         dump(8, true),
		"v4":             v4(auditCodecs),
		"hopeless":       hopeless(),
		"hostile":        hostile(),
		"simulated only": sims,
		"no streams":     {Schema: Schema, Input: kv.Input{Kind: "dump", Name: "empty"}},
		"no baseline": fixture{
			input: kv.Input{Kind: "dump", Name: "x.safetensors"}, passages: 2, codecs: []string{"e8:q=38", "d4:q=38"},
			streams: []fixtureStream{{name: "k.0", kind: kv.Key, layer: 0, dim: 64, noise: 0.1}},
		}.build(),
	}
})
