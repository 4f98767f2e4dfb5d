// Package deepseek4 computes what DeepSeek-V4 writes into its KV cache: the
// entries of the sliding window, of the compressors and of the indexer.
package deepseek4

import (
	"encoding/json"
	"fmt"
)

// Config is the shape of a model, by the names of its config.json.
type Config struct {
	ModelType       string `json:"model_type"`
	HiddenSize      int    `json:"hidden_size"`
	Layers          int    `json:"num_hidden_layers"`
	MTPLayers       int    `json:"num_nextn_predict_layers"`
	Heads           int    `json:"num_attention_heads"`
	HeadDim         int    `json:"head_dim"`
	RopeDim         int    `json:"qk_rope_head_dim"`
	QLoraRank       int    `json:"q_lora_rank"`
	OGroups         int    `json:"o_groups"`
	OLoraRank       int    `json:"o_lora_rank"`
	Window          int    `json:"sliding_window"`
	IndexHeads      int    `json:"index_n_heads"`
	IndexHeadDim    int    `json:"index_head_dim"`
	IndexTopK       int    `json:"index_topk"`
	HCMult          int    `json:"hc_mult"`
	HCSinkhornIters int    `json:"hc_sinkhorn_iters"`
	HashLayers      int    `json:"num_hash_layers"`
	RoutedExperts   int    `json:"n_routed_experts"`
	SharedExperts   int    `json:"n_shared_experts"`
	ExpertsPerToken int    `json:"num_experts_per_tok"`
	MoEIntermediate int    `json:"moe_intermediate_size"`
	VocabSize       int    `json:"vocab_size"`
	MaxPositions    int    `json:"max_position_embeddings"`
	CompressRatios  []int  `json:"compress_ratios"` // backbone layers, then MTP layers
	ExpertDType     string `json:"expert_dtype"`

	NormEps           float64     `json:"rms_norm_eps"`
	HCEps             float64     `json:"hc_eps"`
	RopeTheta         float64     `json:"rope_theta"`
	CompressRopeTheta float64     `json:"compress_rope_theta"`
	RopeScaling       RopeScaling `json:"rope_scaling"`
	RoutedScaling     float64     `json:"routed_scaling_factor"`
	SwigluLimit       float64     `json:"swiglu_limit"`

	Quantization Quantization `json:"quantization_config"`
}

// RopeScaling is the YaRN extension of the rotary position.
type RopeScaling struct {
	Type             string  `json:"type"`
	Factor           float64 `json:"factor"`
	BetaFast         float64 `json:"beta_fast"`
	BetaSlow         float64 `json:"beta_slow"`
	OriginalPosition int     `json:"original_max_position_embeddings"`
}

// Quantization says how weights are stored.
type Quantization struct {
	Method      string `json:"quant_method"`
	Format      string `json:"fmt"`
	ScaleFormat string `json:"scale_fmt"`
	BlockSize   []int  `json:"weight_block_size"`
}

// The compression ratios of the layer kinds.
const (
	RatioSWA = 0   // sliding window alone
	RatioCSA = 4   // overlapping blocks, selected by the indexer
	RatioHCA = 128 // blocks, all of them attended to
)

// Ratio is the compression ratio of a backbone layer.
func (c *Config) Ratio(layer int) int { return c.CompressRatios[layer] }

// ParseConfig reads a config.json and refuses what this package would compute
// wrongly.
func ParseConfig(text []byte) (*Config, error) {
	var c Config
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	if c.ModelType != "deepseek_v4" {
		return nil, fmt.Errorf("config.json: model_type %q is not deepseek_v4", c.ModelType)
	}
	if len(c.CompressRatios) < c.Layers {
		return nil, fmt.Errorf("config.json: %d compress_ratios for %d layers", len(c.CompressRatios), c.Layers)
	}
	for l, r := range c.CompressRatios {
		if r != RatioSWA && r != RatioCSA && r != RatioHCA {
			return nil, fmt.Errorf("config.json: compress_ratios[%d] is %d; this program knows 0, 4 and 128 (DeepSeek-V4; V4.1 writes its cache otherwise)", l, r)
		}
	}
	return &c, nil
}
