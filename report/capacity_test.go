package report

import (
	"os"
	"strings"
	"testing"

	"kakeyalattice/capacity"
	"kakeyalattice/experiment"
)

func v4Flash(t *testing.T) *capacity.Model {
	t.Helper()
	text, err := os.ReadFile("../capacity/testdata/v4-flash.json")
	if err != nil {
		t.Fatal(err)
	}
	m, err := capacity.ParseModel(text)
	if err != nil {
		t.Fatal(err)
	}
	m.Name = "DeepSeek-V4-Flash"
	return m
}

// plannedV4 is the fixture of 43 layers with its capacity.
func plannedV4(t *testing.T) *Result {
	t.Helper()
	r := v4(auditCodecs)
	node, err := capacity.ParseNode("4xH200", 0)
	if err != nil {
		t.Fatal(err)
	}
	r.planCapacity(Options{Context: 1 << 20, Model: v4Flash(t), Nodes: []capacity.Node{node}})
	if len(r.Capacity) != 1 {
		t.Fatalf("notices %q", r.Notices)
	}
	return r
}

func TestCapacityIsPlannedAtTheMeasuredRates(t *testing.T) {
	r := plannedV4(t)
	p := &r.Capacity[0]
	if p.Base != "fp8-v4" || p.Layout("fp8-v4").BytesPerVector != 584 || p.Layout("bf16") == nil {
		t.Fatalf("base %s", p.Base)
	}
	focus := p.Layout(p.Focus)
	if focus == nil || !strings.Contains(p.Focus, "A ") {
		t.Fatalf("focus %q", p.Focus)
	}
	f := newFindings(r)
	for _, c := range focus.Components[:3] {
		var bits, n float64
		for i := range r.Streams {
			s := &r.Streams[i]
			if string(s.Kind) != c.Name {
				continue
			}
			bits, n = bits+s.codec(f.policy.choice(s)).BitsPerVector, n+1
		}
		if want := bits / n / 8; c.BytesPerVector != want || !strings.HasPrefix(c.Rate, capacity.HowMeasured) {
			t.Errorf("%s: %v bytes (%s), want %v", c.Name, c.BytesPerVector, c.Rate, want)
		}
	}
	if c := focus.Components[3]; c.Name != "indexer" || c.BytesPerVector != 132 {
		t.Errorf("%+v", c)
	}
	if held := p.Nodes[0].Layouts; len(held) != len(p.Layouts) || held[0].Sequences != 84 {
		t.Errorf("%+v", held)
	}
}

func TestCapacityIsInEveryRendering(t *testing.T) {
	r := plannedV4(t)
	for format, want := range map[string][]string{
		"md":   {"## What the cache takes, and what a node holds", "| `fp8-v4` | 584 | 3.1 | 3066.0 | 91.3 | 693.0 | 3.76 |", "4xH200"},
		"html": {`id="capacity"`, "3066.0", "4xH200", `href="#capacity"`},
		"json": {`"capacity": [`, `"padded_bytes"`, `"sequences": 84`},
	} {
		text := render(t, r, format)
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s lacks %q", format, part)
			}
		}
	}
	var b strings.Builder
	if err := Summary(&b, r, 100); err != nil || !strings.Contains(b.String(), "DeepSeek-V4-Flash at 1,048,576 tokens") {
		t.Errorf("%v:\n%s", err, b.String())
	}
	back, err := ReadJSON(strings.NewReader(render(t, r, "json")))
	if err != nil || render(t, back, "md") != render(t, r, "md") {
		t.Errorf("the report differs after reading: %v", err)
	}
	if text := render(t, v4(auditCodecs), "md"); strings.Contains(text, "What the cache takes") {
		t.Error("a section without a plan")
	}
}

func TestVectorsOfAllHeadsAreCountedByHead(t *testing.T) {
	m, err := capacity.ParseModel([]byte(`{"model_type":"llama","hidden_size":16,"intermediate_size":8,"num_hidden_layers":1,"num_attention_heads":2,
		"head_dim":8,"vocab_size":9,"max_position_embeddings":100,"torch_dtype":"bfloat16"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, dim := range []int{8, 16} {
		src := memorySource([]int{64, 64, 64}, "k.0", "v.0")
		for _, s := range src.Streams {
			s.Dim = dim
		}
		plan := &experiment.Plan{Source: src, Codecs: experiment.MustSpecs("fp16 int8"), Baselines: experiment.MustSpecs("bf16")}
		outcome, err := experiment.Run(t.Context(), plan, experiment.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := Assemble(outcome, src, Options{Context: 100, Model: m})
		if len(r.Capacity) != 1 || r.Capacity[0].Base != "bf16" {
			t.Fatalf("%d plans, notices %q", len(r.Capacity), r.Notices)
		}
		// fp16 is the only codec with less error than bf16: 2 bytes a value as well.
		for _, l := range r.Capacity[0].Layouts {
			if l.BytesPerVector != 16 || l.TotalBytes != 100*2*2*16 {
				t.Errorf("D = %d, %s: %v bytes a vector, %d in all", dim, l.Name, l.BytesPerVector, l.TotalBytes)
			}
		}
		if len(r.Capacity[0].Layouts) < 2 {
			t.Errorf("D = %d: no policy is planned: %+v", dim, r.Capacity[0].Notices)
		}
	}
}

func TestACapacityThatCannotBePlannedIsANotice(t *testing.T) {
	r := synthetic() // no streams of a cache
	r.planCapacity(Options{Context: 1 << 20, Model: v4Flash(t)})
	if len(r.Capacity) != 1 || len(r.Capacity[0].Layouts) != len(r.Baselines) || !strings.Contains(strings.Join(r.Capacity[0].Notices, " "), "no rate for swa") {
		t.Errorf("%+v", r.Capacity)
	}
	r = synthetic()
	r.planCapacity(Options{Context: -1, Model: v4Flash(t)})
	if len(r.Capacity) != 0 || !strings.Contains(strings.Join(r.Notices, " "), "no capacity is planned") {
		t.Errorf("notices %q", r.Notices)
	}
}
