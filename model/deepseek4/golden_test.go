package deepseek4

import "testing"

// exactly leaves out every rounding that float32 programs do not have.
var exactly = Switches{Float32: true, ExactWKV: true, PlainIndexer: true}

// testdata/dsv4_kv_path.safetensors was computed with the program of the
// published experiment: random weights, hidden states without attn_norm,
// float32, no FP8, 256 tokens, hence no YaRN by its rule.
func TestEntriesAreThoseOfThePublishedExperiment(t *testing.T) {
	g := golden(t, "dsv4_kv_path.safetensors")
	cfg := flash()
	cfg.HiddenSize, cfg.HeadDim = 96, 128
	ones := make([]float32, cfg.HiddenSize)
	for i := range ones {
		ones[i] = 1
	}
	switches := ReferenceSwitches()
	switches.Float32, switches.PreQuantize = true, PreNone
	for _, c := range []struct {
		layer   int
		stream  Streams
		name    string
		weights map[string]string
	}{
		{0, Window, "swa", map[string]string{"wkv.weight": "wkv", "kv_norm.weight": "kv_norm"}},
		{2, Compressed, "csa", map[string]string{"compressor.wkv.weight": "wkv", "compressor.wgate.weight": "wgate", "compressor.ape": "ape", "compressor.norm.weight": "norm"}},
		{3, Compressed, "hca", map[string]string{"compressor.wkv.weight": "wkv", "compressor.wgate.weight": "wgate", "compressor.ape": "ape", "compressor.norm.weight": "norm"}},
	} {
		w := memory{attnNorm(c.layer): {[]int{cfg.HiddenSize}, ones}}
		for ours, theirs := range c.weights {
			w[layerPrefix(c.layer)+"attn."+ours] = g[c.name+"."+theirs]
		}
		l := load(t, w, cfg, c.layer, c.stream).With(switches)
		e := entries(t, l, project(t, l, l.Norm(g["hidden"].values)), upTo(256))
		got := e.Compressed
		if c.stream == Window {
			got = e.Window
		}
		near(t, c.name, got, g[c.name+".out"].values, 1e-4)
	}
}

// testdata/hf_kv.safetensors holds entries of a random model by the deepseek_v4
// of Hugging Face transformers 5.24.0: tools/golden/deepseek4/hf_kv.py.
func TestEntriesAreThoseOfTransformers(t *testing.T) {
	g := golden(t, "hf_kv.safetensors")
	cfg := flash()
	cfg.Layers, cfg.HiddenSize, cfg.HeadDim, cfg.CompressRatios = 3, 16, 128, []int{0, 4, 128}
	for layer, name := range []string{"0", "1", "2"} {
		l := load(t, g, cfg, layer, AllStreams).With(exactly)
		e := entries(t, l, project(t, l, l.Norm(g["hidden."+name].values)), upTo(400))
		near(t, "window of layer "+name, rows(e.Window, 128, g.ints("picked.window")), g["window."+name].values, 2e-5)
		if layer > 0 {
			near(t, "compressed of layer "+name, rows(e.Compressed, 128, g.ints("picked.compressed."+name)), g["compressed."+name].values, 2e-5)
		}
		if layer == 1 {
			near(t, "indexer of layer "+name, rows(e.Indexer, 128, g.ints("picked.compressed.1")), g["indexer.1"].values, 2e-5)
		}
	}
}

// The hidden state of layer 0 is a positive multiple of the embedding, whatever
// the weights of the hyper-connections: the same model run from its embeddings.
func TestLayerZeroNeedsOnlyTheEmbedding(t *testing.T) {
	g := golden(t, "hf_kv.safetensors")
	cfg := flash()
	cfg.Layers, cfg.HiddenSize, cfg.HeadDim, cfg.CompressRatios = 3, 16, 128, []int{0, 4, 128}
	l := load(t, g, cfg, 0, AllStreams).With(exactly)
	embedding := project(t, l, l.Norm(g["embed.weight"].values))
	e := entries(t, l, embedding, g.ints("ids"))
	near(t, "window", rows(e.Window, 128, g.ints("picked.window")), g["window.0"].values, 2e-5)
}

// Up to position 1,048,575, where a frequency that differs by its last bit would
// turn the first pair by 0.06.
func TestRotaryPositionsAreThoseOfTransformers(t *testing.T) {
	g := golden(t, "hf_kv.safetensors")
	scaling := flash().RopeScaling
	for _, c := range []struct {
		name string
		rope rope
	}{
		{"main", newRope(64, 10000, nil)},
		{"compress", newRope(64, 160000, &scaling)},
	} {
		var allCos, allSin []float32
		for _, t := range g.ints("rope.positions") {
			cos, sin := make([]float32, 32), make([]float32, 32)
			c.rope.at(t, cos, sin)
			allCos, allSin = append(allCos, cos...), append(allSin, sin...)
		}
		near(t, c.name+" cosines", allCos, g["rope."+c.name+".cos"].values, 1e-7)
		near(t, c.name+" sines", allSin, g["rope."+c.name+".sin"].values, 1e-7)
	}
}

// testdata/rope_yarn.safetensors: the program of the published experiment at
// position 65,791, the last of 65,792. Float32 angles there are good to 2e-3.
func TestYarnIsThatOfThePublishedExperimentBeyondItsThreshold(t *testing.T) {
	g := golden(t, "rope_yarn.safetensors")
	scaling := flash().RopeScaling
	cos, sin := make([]float32, 32), make([]float32, 32)
	newRope(64, 160000, &scaling).at(65791, cos, sin)
	near(t, "cosines", cos, g["cos_last"].values, 2e-3)
	near(t, "sines", sin, g["sin_last"].values, 2e-3)
}
