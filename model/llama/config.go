// Package llama is the forward pass of the Llama family (Llama, Qwen2, Qwen3),
// with a hook on every key and value before it is cached.
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
	MaxPositions      int     `json:"max_position_embeddings"`
	NormEps           float64 `json:"rms_norm_eps"`
	RopeTheta         float64 `json:"rope_theta"` // 0: 10000
	TieWordEmbeddings bool    `json:"tie_word_embeddings"`
	HiddenAct         string  `json:"hidden_act"`
	AttentionBias     bool    `json:"attention_bias"`
	SlidingWindow     int     `json:"sliding_window"`
	UseSlidingWindow  bool    `json:"use_sliding_window"`

	RopeScaling json.RawMessage `json:"rope_scaling"`
}

// ParseConfig reads a config.json, fills in what it leaves to its defaults,
// and refuses models that this package would compute wrongly.
func ParseConfig(text []byte) (*Config, error) {
	var c Config
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	if !slices.Contains([]string{"llama", "qwen2", "qwen3"}, c.ModelType) {
		return nil, fmt.Errorf("config.json: model_type %q is not one of llama, qwen2, qwen3", c.ModelType)
	}
	if c.KVHeads == 0 {
		c.KVHeads = c.Heads
	}
	if c.HeadDim == 0 && c.Heads > 0 {
		c.HeadDim = c.HiddenSize / c.Heads
	}
	if c.RopeTheta == 0 {
		c.RopeTheta = 10000
	}
	for _, x := range []struct {
		name  string
		value int
	}{
		{"hidden_size", c.HiddenSize}, {"intermediate_size", c.IntermediateSize},
		{"num_hidden_layers", c.Layers}, {"num_attention_heads", c.Heads},
		{"num_key_value_heads", c.KVHeads}, {"head_dim", c.HeadDim}, {"vocab_size", c.VocabSize},
	} {
		if x.value < 1 {
			return nil, fmt.Errorf("config.json: %s is %d", x.name, x.value)
		}
	}
	if c.Heads%c.KVHeads != 0 {
		return nil, fmt.Errorf("config.json: %d heads do not share %d key/value heads evenly", c.Heads, c.KVHeads)
	}
	if c.HeadDim%2 != 0 {
		return nil, fmt.Errorf("config.json: head_dim %d is odd", c.HeadDim)
	}
	return &c, nil
}
