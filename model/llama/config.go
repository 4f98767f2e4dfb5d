package llama

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Config is the shape of a model, by the names of its config.json.
type Config struct {
	ModelType         string  `json:"model_type"` // llama, qwen2, qwen3
	HiddenSize        int     `json:"hidden_size"`
	IntermediateSize  int     `json:"intermediate_size"`
	Layers            int     `json:"num_hidden_layers"`
	Heads             int     `json:"num_attention_heads"`
	KVHeads           int     `json:"num_key_value_heads"` // 0: as many as Heads
	HeadDim           int     `json:"head_dim"`            // 0: HiddenSize / Heads
	VocabSize         int     `json:"vocab_size"`
	MaxPositions      int     `json:"max_position_embeddings"` // 0: the default of the model type
	NormEps           float64 `json:"rms_norm_eps"`            // 0: 1e-6
	RopeTheta         float64 `json:"rope_theta"`              // 0: 10000
	TieWordEmbeddings bool    `json:"tie_word_embeddings"`
	HiddenAct         string  `json:"hidden_act"` // "": silu
	AttentionBias     bool    `json:"attention_bias"`
	MLPBias           bool    `json:"mlp_bias"`
	SlidingWindow     int     `json:"sliding_window"`
	UseSlidingWindow  bool    `json:"use_sliding_window"`

	RopeScaling    json.RawMessage `json:"rope_scaling"`
	RopeParameters json.RawMessage `json:"rope_parameters"` // what newer files have instead
	LayerTypes     []string        `json:"layer_types"`

	Rope Rope `json:"-"` // what the fields above say of rotary positions
}

// ParseConfig reads a config.json, fills in what it leaves to its defaults,
// and refuses models that this package would compute wrongly.
func ParseConfig(text []byte) (*Config, error) {
	var c Config
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	positions := map[string]int{"llama": 2048, "qwen2": 32768, "qwen3": 32768}[c.ModelType]
	if positions == 0 {
		return nil, fmt.Errorf("config.json: model_type %q is not one of llama, qwen2, qwen3", c.ModelType)
	}
	c.MaxPositions = min(orDefault(c.MaxPositions, positions), maxPositions)
	c.NormEps = orDefault(c.NormEps, 1e-6)
	c.RopeTheta = orDefault(c.RopeTheta, 10000)
	c.KVHeads = orDefault(c.KVHeads, c.Heads)
	if c.HeadDim == 0 && c.Heads > 0 {
		c.HeadDim = c.HiddenSize / c.Heads
	}
	for _, x := range []struct {
		name  string
		value int
	}{
		{"hidden_size", c.HiddenSize}, {"intermediate_size", c.IntermediateSize},
		{"num_hidden_layers", c.Layers}, {"num_attention_heads", c.Heads},
		{"num_key_value_heads", c.KVHeads}, {"head_dim", c.HeadDim}, {"vocab_size", c.VocabSize},
		{"max_position_embeddings", c.MaxPositions},
	} {
		// The bound keeps products of two sizes within an int.
		if x.value < 1 || x.value > 1<<30 {
			return nil, fmt.Errorf("config.json: %s is %d", x.name, x.value)
		}
	}
	if c.HeadDim > 1<<14 {
		return nil, fmt.Errorf("config.json: head_dim is %d", c.HeadDim)
	}
	if c.Heads%c.KVHeads != 0 {
		return nil, fmt.Errorf("config.json: %d heads do not share %d key/value heads evenly", c.Heads, c.KVHeads)
	}
	if c.HeadDim%2 != 0 {
		return nil, fmt.Errorf("config.json: head_dim %d is odd", c.HeadDim)
	}
	if !(c.NormEps > 0 && c.NormEps < 1) {
		return nil, fmt.Errorf("config.json: rms_norm_eps is %v", c.NormEps)
	}
	if c.HiddenAct != "" && c.HiddenAct != "silu" {
		return nil, fmt.Errorf("config.json: hidden_act %q: only silu is known", c.HiddenAct)
	}
	if c.UseSlidingWindow || slices.Contains(c.LayerTypes, "sliding_attention") {
		return nil, fmt.Errorf("config.json: sliding windows (use_sliding_window, layer_types) are not supported")
	}
	rope, err := parseRope(&c)
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	c.Rope = rope
	return &c, nil
}

func orDefault[T int | float64](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}
