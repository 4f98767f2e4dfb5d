package llama

import (
	"math"
	"strings"
	"testing"
)

const small = `"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 8`

func TestConfigs(t *testing.T) {
	for name, c := range map[string]struct{ text, err string }{
		"what is left out":          {`{"model_type": "llama", ` + small + `}`, ""},
		"nulls":                     {`{"model_type": "qwen3", "head_dim": null, "sliding_window": null, "rope_scaling": null, "num_key_value_heads": null, ` + small + `}`, ""},
		"no JSON":                   {`<html>`, "config.json"},
		"another model":             {`{"model_type": "mamba", ` + small + `}`, `"mamba" is not one of`},
		"no layers":                 {`{"model_type": "llama", "hidden_size": 8}`, "intermediate_size is 0"},
		"a size that overflows":     {`{"model_type": "llama", ` + strings.Replace(small, `"vocab_size": 8`, `"vocab_size": 9000000000000000000`, 1) + `}`, "vocab_size"},
		"uneven groups":             {`{"model_type": "llama", "num_key_value_heads": 3, ` + small + `}`, "evenly"},
		"an odd head":               {`{"model_type": "llama", "head_dim": 3, ` + small + `}`, "odd"},
		"another activation":        {`{"model_type": "llama", "hidden_act": "gelu", ` + small + `}`, `"gelu"`},
		"sliding windows":           {`{"model_type": "qwen2", "use_sliding_window": true, ` + small + `}`, "sliding"},
		"sliding windows by layer":  {`{"model_type": "qwen2", "layer_types": ["sliding_attention"], ` + small + `}`, "sliding"},
		"a negative epsilon":        {`{"model_type": "qwen2", "rms_norm_eps": -1, ` + small + `}`, "rms_norm_eps"},
		"YaRN":                      {`{"model_type": "qwen2", "rope_scaling": {"type": "yarn", "factor": 4}, ` + small + `}`, `"yarn" is not one of`},
		"dynamic scaling":           {`{"model_type": "llama", "rope_parameters": {"rope_type": "dynamic", "factor": 4}, ` + small + `}`, `"dynamic"`},
		"linear without its factor": {`{"model_type": "llama", "rope_scaling": {"type": "linear"}, ` + small + `}`, "factor is 0"},
		"llama3 without its length": {`{"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4}, ` + small + `}`, "original_max_position_embeddings"},
		"llama3 with no range":      {`{"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4, "original_max_position_embeddings": 64}, ` + small + `}`, "high_freq_factor"},
		"partial rotation":          {`{"model_type": "llama", "rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}, ` + small + `}`, "partial_rotary_factor"},
		"rotation without a base":   {`{"model_type": "llama", "rope_theta": -5, ` + small + `}`, "rope_theta"},
		"a list for a number":       {`{"model_type": "llama", "rope_scaling": [], ` + small + `}`, "rope_scaling"},
	} {
		cfg, err := ParseConfig([]byte(c.text))
		switch {
		case c.err == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.err == "":
			if cfg.KVHeads != 2 || cfg.HeadDim != 4 || cfg.RopeTheta != 10000 || cfg.NormEps != 1e-6 || cfg.MaxPositions == 0 {
				t.Errorf("%s: %+v", name, cfg)
			}
		case err == nil || !strings.Contains(err.Error(), c.err):
			t.Errorf("%s: %v, want %q", name, err, c.err)
		}
	}
}

func TestFrequenciesAreThePowersOfTheBase(t *testing.T) {
	c, err := ParseConfig([]byte(`{"model_type": "qwen3", "head_dim": 128, "rope_theta": 1000000, ` + small + `}`))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range c.Rope.Frequencies {
		if want := math.Pow(1e6, -float64(i)/64); math.Abs(f-want) > 1e-14*want {
			t.Errorf("frequency %d is %v, want %v", i, f, want)
		}
	}
}

// FuzzParseConfig: a config that is accepted describes a model.
func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 8192}, ` + small + `}`))
	f.Add([]byte(`{"model_type": "qwen2", "num_key_value_heads": 1, "rope_parameters": {"rope_type": "linear", "factor": 2}, ` + small + `}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text)
		if err != nil {
			return
		}
		if c.Heads%c.KVHeads != 0 || len(c.Rope.Frequencies) != c.HeadDim/2 || c.MaxPositions < 1 {
			t.Errorf("%+v", c)
		}
		for _, f := range c.Rope.Frequencies {
			if !(f >= 0 && f <= math.MaxFloat64) {
				t.Errorf("frequency %v", f)
			}
		}
	})
}
