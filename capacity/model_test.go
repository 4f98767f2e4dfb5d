package capacity

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"kakeyalattice/kv"
)

// model reads a config.json of testdata.
func model(tb testing.TB, name string) *Model {
	tb.Helper()
	text, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		tb.Fatal(err)
	}
	m, err := ParseModel(text)
	if err != nil {
		tb.Fatal(err)
	}
	m.Name = name
	return m
}

// planned is the plan of one layout.
func planned(tb testing.TB, m *Model, l Layout, o Options) *Plan {
	tb.Helper()
	p, err := m.Plan([]Layout{l}, o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func uniform(tb testing.TB, m *Model, codec, indexer string) Layout {
	tb.Helper()
	l, err := m.uniform(codec, indexer)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// The expected figures are those of section 4 of the project's fact sheet on
// DeepSeek-V4: MiB of a V4-Flash sequence at 584 bytes an entry, and of its
// indexer at 132 or 68.
func TestV4FlashTakesThePublishedMiB(t *testing.T) {
	m := model(t, "v4-flash")
	for _, c := range []struct {
		context       int
		codec, index  string
		swa, csa, hca string
		indexer       string
		total         string // GiB
	}{
		{131072, "fp8-v4", "fp8", "3.1", "383.3", "11.4", "86.6", "0.47"},
		{1 << 20, "fp8-v4", "fp8", "3.1", "3066.0", "91.3", "693.0", "3.76"},
		{131072, "fp8-v4", "fp4", "3.1", "383.3", "11.4", "44.6", "0.43"},
		{1 << 20, "fp8-v4", "fp4", "3.1", "3066.0", "91.3", "357.0", "3.43"},
		{1 << 20, "e8:q=38", "fp8", "2.2", "2163.0", "64.4", "693.0", "2.85"},
		// 6.72 GiB is what is published for everything in BF16.
		{1 << 20, "bf16", "bf16", "5.4", "5376.0", "160.0", "1344.0", "6.72"},
	} {
		l := planned(t, m, uniform(t, m, c.codec, c.index), Options{Context: c.context}).Layouts[0]
		for i, want := range []string{c.swa, c.csa, c.hca, c.indexer} {
			if got := decimals(float64(l.Components[i].Bytes)/(1<<20), 1); got != want {
				t.Errorf("%s at %d, %s: %s MiB, want %s", c.codec, c.context, l.Components[i].Name, got, want)
			}
		}
		if got := gib(l.TotalBytes); got != c.total {
			t.Errorf("%s at %d: %s GiB, want %s", c.codec, c.context, got, c.total)
		}
	}
	total := func(codec string) float64 {
		return float64(planned(t, m, uniform(t, m, codec, ""), Options{Context: 1 << 20}).Layouts[0].TotalBytes)
	}
	if got := change(total("e8:q=38"), total("fp8-v4")); got != "-24 %" {
		t.Errorf("e8:q=38 is %s of fp8-v4, want -24 %%", got)
	}
}

// Entries and shares are those of the same section: CSA 97.0 %, HCA 2.9 %, SWA
// 0.1 % of the entries at 1 Mi tokens.
func TestV4FlashHasTwoTwentyOneAndTwentyLayers(t *testing.T) {
	m := model(t, "v4-flash")
	for i, want := range []LayerKind{{"swa", 2}, {"csa", 21}, {"hca", 20}} {
		if m.LayerKinds[i] != want {
			t.Errorf("layers %v, want %v", m.LayerKinds[i], want)
		}
	}
	for i, want := range []float64{43 * 128, 21 * 262144, 20 * 8192, 21 * 262144} {
		if got := m.Components[i].Entries(1 << 20); got != want {
			t.Errorf("%s: %v entries, want %v", m.Components[i].Name, got, want)
		}
	}
	// A window that is not full, and blocks that are not complete.
	for i, want := range []float64{43 * 100, 21 * 25, 0, 21 * 25} {
		if got := m.Components[i].Entries(100); got != want {
			t.Errorf("%s at 100 tokens: %v entries, want %v", m.Components[i].Name, got, want)
		}
	}
}

// 159,609,485,896 bytes is the sum over the 69,187 tensors of the V4-Flash
// checkpoint. For V4-Pro the size of the repository is known to three digits,
// 865 GB.
func TestWeightsAddUpToTheCheckpoint(t *testing.T) {
	if got := model(t, "v4-flash").Weights.Bytes; got != 159_609_485_896 {
		t.Errorf("V4-Flash: %d bytes", got)
	}
	if got := model(t, "v4-pro").Weights.Bytes; decimals(float64(got)/1e9, 0) != "865" {
		t.Errorf("V4-Pro: %d bytes", got)
	}
	if m := model(t, "v4-flash"); m.Weights.Experts != 44*256*3*(2048*2048+2048*128) {
		t.Errorf("V4-Flash experts: %d bytes", m.Weights.Experts)
	}
}

// 9.62 GiB at 1 Mi tokens in BF16 is the figure that vLLM gave for V4-Pro with
// its release.
func TestV4ProHasNoLayerOfWindowAlone(t *testing.T) {
	m := model(t, "v4-pro")
	for i, want := range []LayerKind{{"swa", 0}, {"csa", 30}, {"hca", 31}} {
		if m.LayerKinds[i] != want {
			t.Errorf("layers %v, want %v", m.LayerKinds[i], want)
		}
	}
	if got := m.Components[0].Entries(1 << 20); got != 61*128 {
		t.Errorf("%v window entries: all 61 layers keep one", got)
	}
	if got := gib(planned(t, m, uniform(t, m, "bf16", "bf16"), Options{}).Layouts[0].TotalBytes); got != "9.62" {
		t.Errorf("%s GiB", got)
	}
}

// Compressor state: 8 rows of 1024 and of 256 values for CSA and its indexer,
// 128 of 512 for HCA; a value and a score each, in float32.
func TestCompressorStateIsCounted(t *testing.T) {
	if got, want := model(t, "v4-flash").StateBytes, int64(21*(8*1024+8*256)+20*128*512)*2*4; got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
}

// edited is the V4-Flash config with fields replaced.
func edited(tb testing.TB, change map[string]any) []byte {
	tb.Helper()
	text, err := os.ReadFile("testdata/v4-flash.json")
	if err != nil {
		tb.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(text, &c); err != nil {
		tb.Fatal(err)
	}
	for k, v := range change {
		c[k] = v
	}
	if text, err = json.Marshal(c); err != nil {
		tb.Fatal(err)
	}
	return text
}

func TestConfigsThatCannotBePlannedAreRefusedWithTheReason(t *testing.T) {
	v41 := []int{0, 0}
	for range 18 {
		v41 = append(v41, 2)
	}
	for range 20 {
		v41 = append(v41, 1)
	}
	v41 = append(v41, 0, 0, 0)
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"no JSON":                     {[]byte("<html>"), "config.json of a Hugging Face model"},
		"no model type":               {[]byte("{}"), "no model_type"},
		"another model":               {[]byte(`{"model_type":"mistral"}`), `"mistral": this program plans deepseek_v4, llama`},
		"V4.1 by its ratios":          {edited(t, map[string]any{"num_hidden_layers": 40, "compress_ratios": v41}), "compress_ratios[2] is 2"},
		"V4.1 by its name":            {edited(t, map[string]any{"model_type": "deepseek_v41"}), "DeepSeek-V4.1"},
		"fewer ratios than layers":    {edited(t, map[string]any{"num_hidden_layers": 50}), "compress_ratios for 50 layers"},
		"no layers":                   {edited(t, map[string]any{"num_hidden_layers": 0}), "num_hidden_layers"},
		"a negative dimension":        {edited(t, map[string]any{"head_dim": -512}), "head_dim"},
		"an absurd number of experts": {edited(t, map[string]any{"n_routed_experts": 1 << 23, "hidden_size": 1 << 23}), "dimensions are wrong"},
		"a llama without heads":       {[]byte(`{"model_type":"llama","hidden_size":64,"num_hidden_layers":1,"vocab_size":9,"intermediate_size":8}`), "num_"},
		"layer types of another kind": {llamaText(map[string]any{"layer_types": []string{"full_attention", "linear_attention"}, "num_hidden_layers": 2}), `layer_types[1] is "linear_attention"`},
		"layer types too few":         {llamaText(map[string]any{"layer_types": []string{"full_attention"}}), "1 layer_types for 32 layers"},
		"a window of nothing":         {llamaText(map[string]any{"layer_types": []string{"sliding_attention"}, "num_hidden_layers": 1}), "sliding_window"},
	} {
		_, err := ParseModel(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// llamaText is the config.json of Llama-3.1-8B with fields replaced.
func llamaText(change map[string]any) []byte {
	c := map[string]any{
		"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
		"num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,
		"rms_norm_eps": 1e-5, "rope_theta": 500000, "hidden_act": "silu", "torch_dtype": "bfloat16",
	}
	for k, v := range change {
		c[k] = v
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return text
}

func llamaModel(tb testing.TB, change map[string]any) *Model {
	tb.Helper()
	m, err := ParseModel(llamaText(change))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// Parameter counts are those that the model pages state.
func TestWeightsOfLlamasAreTheirParameters(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]any
		want   int64
	}{
		"Llama-3.1-8B": {nil, 8_030_261_248},
		"Qwen2-0.5B": {map[string]any{"model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
			"num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": 151936, "tie_word_embeddings": true}, 494_032_768},
		"Qwen3-8B": {map[string]any{"model_type": "qwen3", "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
			"num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936}, 8_190_735_360},
	} {
		if got := llamaModel(t, c.change).Weights.Bytes; got != 2*c.want {
			t.Errorf("%s: %d bytes, want %d", name, got, 2*c.want)
		}
	}
	for name, change := range map[string]map[string]any{
		"a quantised one":    {"quantization_config": map[string]any{"quant_method": "awq"}},
		"one without a type": {"torch_dtype": nil},
	} {
		if got := llamaModel(t, change).Weights; got.Bytes != 0 {
			t.Errorf("%s: %+v, want none", name, got)
		}
	}
}

// 128 KiB a token is the well-known figure of Llama-3-8B: 2 x 32 layers x 8 heads
// x 128 values x 2 bytes.
func TestALlamaKeepsKeysAndValuesOfItsSharedHeads(t *testing.T) {
	m := llamaModel(t, nil)
	p := planned(t, m, uniform(t, m, "bf16", ""), Options{Context: 1000})
	l := p.Layouts[0]
	if l.BytesPerToken != 128<<10 || l.TotalBytes != 1000*128<<10 || l.BytesPerVector != 256 {
		t.Errorf("%+v", l)
	}
	// Blocks of 16 tokens: 63 for 1000.
	if l.PaddedBytes != 63*16*128<<10 {
		t.Errorf("%d bytes in pages", l.PaddedBytes)
	}
	if len(l.Components) != 2 || l.Components[0].Name != "k" || l.Components[1].Name != "v" || l.Components[0].Entries != 32*8*1000 {
		t.Errorf("%+v", l.Components)
	}
}

func TestWindowsAreCountedWhereTheyAreConfigured(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]any
		window int
	}{
		"a window that is not in use":     {map[string]any{"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": false}, 0},
		"a window of null":                {map[string]any{"model_type": "qwen2", "sliding_window": nil, "use_sliding_window": true}, 0},
		"layers above the default":        {map[string]any{"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": true}, 4},
		"layers above max_window":         {map[string]any{"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": true, "max_window_layers": 20}, 12},
		"max_window above all layers":     {map[string]any{"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": true, "max_window_layers": 99}, 0},
		"layer types that say so":         {map[string]any{"model_type": "qwen3", "num_hidden_layers": 2, "sliding_window": 4096, "layer_types": []string{"sliding_attention", "full_attention"}}, 1},
		"layer types all full, window on": {map[string]any{"model_type": "qwen3", "num_hidden_layers": 1, "sliding_window": 4096, "use_sliding_window": true, "layer_types": []string{"full_attention"}}, 0},
	} {
		m := llamaModel(t, c.change)
		var windowed, entries float64
		for _, part := range m.Components {
			if part.Kind == kv.Key {
				entries += part.Entries(100_000)
			}
			if part.Name == "k-window" {
				windowed = float64(part.Layers)
			}
		}
		layers := float64(m.Layers())
		if want := 8 * (4096*float64(c.window) + 100_000*(layers-float64(c.window))); windowed != float64(c.window) || entries != want {
			t.Errorf("%s: %v layers with a window, %v key vectors, want %d and %v", name, windowed, entries, c.window, want)
		}
	}
}

func FuzzParseModel(f *testing.F) {
	for _, name := range []string{"v4-flash", "v4-pro"} {
		text, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add(llamaText(nil))
	f.Add(llamaText(map[string]any{"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": true, "max_window_layers": 20}))
	f.Add([]byte(`{"model_type":"llama","head_dim":16777216,"num_key_value_heads":16777216,"num_hidden_layers":16384,"num_attention_heads":16777216,"hidden_size":1,"intermediate_size":1,"vocab_size":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseModel(text)
		if err != nil {
			return
		}
		rates := map[kv.Kind]Rate{}
		for _, k := range m.kinds() {
			rates[k] = Rate{Codec: "x", Bytes: 584, Align: 576}
		}
		l, err := m.Layout("x", rates)
		if err != nil {
			t.Fatal(err)
		}
		for _, context := range []int{1, 127, 1 << 20, maxContext} {
			p, err := m.Plan([]Layout{l}, Options{Context: context, Nodes: []Node{{Name: "n", GPUs: 3, Memory: 80 << 30}}, Serving: Serving{Weights: 1}})
			if err != nil {
				continue
			}
			l := p.Layouts[0]
			if l.TotalBytes < 0 || l.PaddedBytes < l.TotalBytes-int64(len(l.Components)) || p.Nodes[0].Layouts[0].Sequences < 0 {
				t.Fatalf("%+v", p)
			}
			if _, err := json.Marshal(p); err != nil {
				t.Fatal(err)
			}
		}
	})
}
