package report

import (
	"fmt"
	"math"
	"strings"
	"sync"

	"kakeyalattice/kv"
	"kakeyalattice/stats"
)

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
