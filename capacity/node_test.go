package capacity

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestGPUsAreReadByNameOrMemory(t *testing.T) {
	for text, c := range map[string]struct {
		memory int64
		want   Node
	}{
		"4xH200":       {0, Node{"4xH200", 4, 143771 << 20}},
		"h200":         {0, Node{"1xH200", 1, 143771 << 20}},
		"8×a100_80gb":  {0, Node{"8xA100-80GB", 8, 81920 << 20}},
		"2xRTX 4090":   {0, Node{"2xRTX4090", 2, 24564 << 20}},
		"8x192GiB":     {0, Node{"8x192GiB", 8, 192 << 30}},
		"80GB":         {0, Node{"1x80GB", 1, 80e9}},
		"4":            {96 << 30, Node{"4xGPU", 4, 96 << 30}},
		"4XB200":       {96 << 30, Node{"4xB200", 4, 96 << 30}},
		"2xmy own GPU": {1 << 30, Node{"2xmy own GPU", 2, 1 << 30}},
	} {
		if got, err := ParseNode(text, c.memory); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, c.want)
		}
	}
	for text, want := range map[string]string{
		"": "not GPUs", "4x": "not GPUs", "x": "not GPUs", "0xH200": "1 to", "99999999xH200": "1 to", "99999999999999999999xH200": "1 to",
		"4xH300": "known are L4", "4": "of what memory", "4x80": "unit", "4x0GiB": "without memory", "-4xH200": "not GPUs", "4xA100": "known are",
	} {
		if _, err := ParseNode(text, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func FuzzParseNode(f *testing.F) {
	for _, text := range []string{"4xH200", "8x192GiB", "4", "××", "4xx80GB", "1x", "007xL4"} {
		f.Add(text, int64(0))
		f.Add(text, int64(1<<30))
	}
	f.Fuzz(func(t *testing.T, text string, memory int64) {
		n, err := ParseNode(text, max(0, memory))
		if err == nil && (n.GPUs < 1 || n.GPUs > maxGPUs || n.Memory < 1) {
			t.Errorf("%q: %+v", text, n)
		}
	})
}

// held plans one layout on one node.
func held(tb testing.TB, m *Model, l Layout, context int, n Node, s Serving) NodePlan {
	tb.Helper()
	return planned(tb, m, l, Options{Context: context, Nodes: []Node{n}, Serving: s}).Nodes[0]
}

func TestHowGPUsShareAModelDecidesWhatTheyHold(t *testing.T) {
	flash, h200 := model(t, "v4-flash"), Node{"4xH200", 4, 143771 << 20}
	llama := llamaModel(t, nil) // 8 key/value heads, 128 KiB a token, 16,060,522,496 bytes of weights
	const routed = 150_592_290_816
	for name, c := range map[string]struct {
		m       *Model
		codec   string
		node    Node
		s       Serving
		context int
		weights int64 // on a GPU
		bytes   int64 // of a sequence on a GPU
		want    int64
	}{
		"data: experts shared out, a sequence on one GPU": {flash, "e8:q=38", h200, Serving{}, 1 << 20,
			159_609_485_896 - routed + routed/4, 3_064_502_784 + 12_206_080, 4 * 28},
		"tensor: a latent cache is copied": {flash, "e8:q=38", h200, Serving{Parallel: Tensor}, 1 << 20,
			159_609_485_896 / 4, 3_064_502_784 + 12_206_080, 31},
		"context: every cache is shared out": {flash, "e8:q=38", h200, Serving{Parallel: Context}, 1 << 20,
			159_609_485_896 / 4, 3_064_502_784/4 + 12_206_080, 123},
		"tensor: key/value heads are shared out": {llama, "bf16", Node{"4x80GB", 4, 80e9}, Serving{}, 131072,
			16_060_522_496 / 4, 4 << 30, (72_000_000_000 - 16_060_522_496/4) / (4 << 30)},
		"tensor: more GPUs than heads copy them": {llama, "bf16", Node{"16x80GB", 16, 80e9}, Serving{}, 131072,
			16_060_522_496 / 16, 2 << 30, (72_000_000_000 - 16_060_522_496/16) / (2 << 30)},
		"all of the memory, less a reserve": {llama, "bf16", Node{"1x80GB", 1, 80e9}, Serving{Utilisation: 1, Reserve: 5e9, Weights: 10e9}, 131072,
			10e9, 16 << 30, 3},
		"weights that do not fit": {flash, "bf16", Node{"1xH100", 1, 81559 << 20}, Serving{}, 1000, 159_609_485_896, 0, 0},
	} {
		index := ""
		got := held(t, c.m, uniform(t, c.m, c.codec, index), c.context, c.node, c.s)
		l := got.Layouts[0]
		if got.WeightsPerGPU != c.weights || c.bytes > 0 && l.BytesPerGPU != c.bytes || l.Sequences != c.want {
			t.Errorf("%s: weights %d, sequence %d, %d sequences; want %d, %d, %d", name, got.WeightsPerGPU, l.BytesPerGPU, l.Sequences, c.weights, c.bytes, c.want)
		}
		if c.want == 0 && got.FreePerGPU >= 0 {
			t.Errorf("%s: %d bytes free", name, got.FreePerGPU)
		}
	}
}

func TestNodesNeedTheWeights(t *testing.T) {
	m := llamaModel(t, map[string]any{"quantization_config": map[string]any{"quant_method": "awq"}})
	o := Options{Nodes: []Node{{"1xL4", 1, 24 << 30}}}
	if _, err := m.Plan([]Layout{uniform(t, m, "bf16", "")}, o); !errors.Is(err, ErrWeights) {
		t.Errorf("weights unknown: %v", err)
	}
	o.Serving.Weights = 5e9
	if p := planned(t, m, uniform(t, m, "bf16", ""), o); p.Nodes[0].Layouts[0].Sequences != 1 || p.Weights.Source != "stated" {
		t.Errorf("%+v", p.Nodes[0])
	}
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	m := model(t, "v4-flash")
	l := uniform(t, m, "bf16", "")
	for name, o := range map[string]Options{
		"a negative context":    {Context: -1},
		"a context of too much": {Context: maxContext + 1},
		"pages of nothing":      {PageTokens: -1},
		"all and more memory":   {Serving: Serving{Utilisation: 1.1}},
		"a negative reserve":    {Serving: Serving{Reserve: -1}},
		"another way to share":  {Serving: Serving{Parallel: "pipeline"}},
		"a node of no GPU":      {Nodes: []Node{{"", 0, 1}}},
		"no such base":          {Base: "e8:q=38"},
		"no such focus":         {Focus: "e8:q=38"},
	} {
		if _, err := m.Plan([]Layout{l}, o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	l.Rates = nil
	if _, err := m.Plan([]Layout{l}, Options{}); err == nil {
		t.Error("a layout without rates is accepted")
	}
	if p := planned(t, m, uniform(t, m, "bf16", ""), Options{Context: 2 << 20}); len(p.Notices) != 1 {
		t.Errorf("a context beyond the model's: notices %q", p.Notices)
	}
}

// Totals are sums, pages hold what is in them, and more memory, fewer bytes or a
// shorter context never hold fewer sequences.
func TestPlansKeepTheirLaws(t *testing.T) {
	models := []*Model{model(t, "v4-flash"), model(t, "v4-pro"), llamaModel(t, nil),
		llamaModel(t, map[string]any{"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": true, "max_window_layers": 20})}
	parallel := []Parallel{Data, Tensor, Context}
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom(models).Draw(t, "model")
		bytes := rapid.Float64Range(1, 4096).Draw(t, "bytes")
		align := rapid.SampledFrom([]int{0, 1, 16, 576}).Draw(t, "align")
		o := Options{
			Context:    rapid.IntRange(1, 1<<22).Draw(t, "context"),
			PageTokens: rapid.IntRange(1, 4096).Draw(t, "page"),
			Nodes:      []Node{{"n", rapid.IntRange(1, 64).Draw(t, "gpus"), rapid.Int64Range(1, 1<<40).Draw(t, "memory")}},
			Serving:    Serving{Parallel: rapid.SampledFrom(parallel).Draw(t, "parallel"), Utilisation: rapid.Float64Range(0.01, 1).Draw(t, "share")},
		}
		plan := func(bytes float64, o Options) *Plan {
			l := Layout{Name: "x", Rates: uniformRates(m, Rate{Codec: "x", Bytes: bytes, Align: align})}
			p, err := m.Plan([]Layout{l}, o)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		p := plan(bytes, o)
		l := p.Layouts[0]
		var total, padded int64
		for _, c := range l.Components {
			total, padded = total+c.Bytes, padded+c.PaddedBytes
			if float64(c.PaddedBytes) < float64(c.Bytes)-1 {
				t.Errorf("%s: %d bytes on pages of %d", c.Name, c.Bytes, c.PaddedBytes)
			}
		}
		if total != l.TotalBytes || padded != l.PaddedBytes {
			t.Errorf("totals %d and %d, sums %d and %d", l.TotalBytes, l.PaddedBytes, total, padded)
		}
		n := p.Nodes[0]
		sequences := n.Layouts[0].Sequences
		if used := n.Layouts[0].BytesPerGPU; sequences > 0 && n.WeightsPerGPU+n.Reserve+used > n.GPUMemory {
			t.Errorf("%d sequences of %d bytes beside weights of %d in %d", sequences, used, n.WeightsPerGPU, n.GPUMemory)
		}
		at := func(p *Plan) int64 { return p.Nodes[0].Layouts[0].Sequences }
		more := o
		more.Nodes = []Node{{"n", o.Nodes[0].GPUs, 2 * o.Nodes[0].Memory}}
		shorter := o
		shorter.Context = max(1, o.Context/2)
		if at(plan(bytes, more)) < sequences || at(plan(bytes/2, o)) < sequences || at(plan(bytes, shorter)) < sequences {
			t.Error("more room holds fewer sequences")
		}
	})
}
