// Package deepseek4 is the forward pass of DeepSeek-V4, with a hook on every entry
// of its KV cache before it is stored; and the computation of these entries alone:
// of the sliding window, of the compressors and of the indexer.
//
// A [Model] is a whole model, and a [Session] one text on its way through it. A
// [Layer] is one layer, loaded alone, for callers that take many texts through a
// layer before the next. forward.go is the layer from top to bottom.
//
// A layer's weights for the entries alone come from [LoadKV]. [KVLayer.Norm] and
// [KVLayer.Project] work on tokens without position; [KVLayer.Entries] turns their
// result into the entries of a passage, and a [State] does so token by token.
//
// The rules, their sources, and where serving engines differ are in
// docs/deepseek-v4.md.
package deepseek4

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ErrUnsupported marks a model whose cache this package would compute wrongly.
var ErrUnsupported = errors.New("not a DeepSeek-V4 that this program computes")

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
	MaxPositions    int    `json:"max_position_embeddings"` // 0: not stated
	CompressRatios  []int  `json:"compress_ratios"`         // backbone layers, then MTP layers
	ExpertDType     string `json:"expert_dtype"`
	ScoringFunc     string `json:"scoring_func"` // absent: sqrtsoftplus
	HiddenAct       string `json:"hidden_act"`   // absent: silu

	NormEps           float64     `json:"rms_norm_eps"`
	HCEps             float64     `json:"hc_eps"`
	RopeTheta         float64     `json:"rope_theta"`
	CompressRopeTheta float64     `json:"compress_rope_theta"`
	RopeScaling       RopeScaling `json:"rope_scaling"` // zero: none
	RoutedScaling     float64     `json:"routed_scaling_factor"`
	SwigluLimit       float64     `json:"swiglu_limit"`

	Quantization Quantization `json:"quantization_config"`
}

// RopeScaling is the YaRN extension of the rotary position, for the layers that
// compress. It applies at every position and length.
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

// ParseConfig reads a config.json: that of the model's repository, or the one
// in its folder inference, which uses shorter names. It refuses what this
// package would compute wrongly; V4.1 and other kin with [ErrUnsupported].
func ParseConfig(text []byte) (*Config, error) {
	c, err := parseNames(text)
	if err == nil {
		err = c.checkKind()
	}
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return c, nil
}

func parseNames(text []byte) (*Config, error) {
	var names map[string]json.RawMessage
	if err := json.Unmarshal(text, &names); err != nil {
		return nil, err
	}
	if names["dim"] != nil && names["hidden_size"] == nil {
		return parseInference(text)
	}
	if names["compress_ratios"] == nil && names["layer_types"] != nil {
		return nil, errors.New("layer_types without compress_ratios: Hugging Face transformers has rewritten this file; use the one that the model was released with")
	}
	var c Config
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, err
	}
	return &c, nil
}

// checkKind tells V4 from its kin.
func (c *Config) checkKind() error {
	switch {
	case c.ModelType == "deepseek_v4":
	case strings.HasPrefix(c.ModelType, "deepseek_v4"):
		return fmt.Errorf("model_type %q: %w", c.ModelType, ErrUnsupported)
	default:
		return fmt.Errorf("model_type %q is not deepseek_v4", c.ModelType)
	}
	for l, r := range c.CompressRatios {
		switch r {
		case RatioSWA, RatioCSA, RatioHCA:
		case 1, 2:
			return fmt.Errorf("compress_ratios[%d] is %d, as in DeepSeek-V4.1, where only some layers write compressed entries, in four bits, and window entries are FP8 with the rotary dimensions: %w", l, r, ErrUnsupported)
		default:
			return fmt.Errorf("compress_ratios[%d] is %d; DeepSeek-V4 has 0, 4 and 128: %w", l, r, ErrUnsupported)
		}
	}
	if b := c.Quantization.BlockSize; len(b) == 2 && b[0] == 32 && b[1] == 32 {
		return fmt.Errorf("weight_block_size 32 x 32, as in DeepSeek-V4.1, whose cache differs: %w", ErrUnsupported)
	}
	return nil
}

// maxSize bounds every size, so that products of a few do not overflow.
const maxSize = 1 << 24

// check refuses sizes with which the KV path cannot be computed.
func (c *Config) check() error {
	for _, x := range []struct {
		name  string
		value int
	}{
		{"hidden_size", c.HiddenSize}, {"num_hidden_layers", c.Layers}, {"head_dim", c.HeadDim},
		{"qk_rope_head_dim", c.RopeDim}, {"sliding_window", c.Window},
	} {
		if x.value < 1 || x.value > maxSize {
			return fmt.Errorf("%s is %d", x.name, x.value)
		}
	}
	if c.RopeDim%2 != 0 || c.RopeDim >= c.HeadDim {
		return fmt.Errorf("qk_rope_head_dim is %d of a head_dim of %d; it must be even and smaller", c.RopeDim, c.HeadDim)
	}
	if len(c.CompressRatios) < c.Layers {
		return fmt.Errorf("%d compress_ratios for %d layers", len(c.CompressRatios), c.Layers)
	}
	if !(c.NormEps > 0 && c.NormEps < 1) {
		return fmt.Errorf("rms_norm_eps is %v", c.NormEps)
	}
	if !(c.RopeTheta > 1 && c.RopeTheta < 1e12) {
		return fmt.Errorf("rope_theta is %v", c.RopeTheta)
	}
	if c.MaxPositions < 0 {
		return fmt.Errorf("max_position_embeddings is %d", c.MaxPositions)
	}
	for _, r := range c.CompressRatios[:c.Layers] {
		if r != RatioSWA {
			return c.checkCompressed()
		}
	}
	return nil
}

// checkCompressed refuses what layers with a compressor cannot work with.
func (c *Config) checkCompressed() error {
	if !(c.CompressRopeTheta > 1 && c.CompressRopeTheta < 1e12) {
		return fmt.Errorf("compress_rope_theta is %v", c.CompressRopeTheta)
	}
	if d := c.IndexHeadDim; d < c.RopeDim || d > 4096 || d&(d-1) != 0 {
		return fmt.Errorf("index_head_dim is %d; it must be a power of two from qk_rope_head_dim, %d, to 4096", d, c.RopeDim)
	}
	s := c.RopeScaling
	switch {
	case s == RopeScaling{}:
		return nil
	case s.Type != "yarn":
		return fmt.Errorf("rope_scaling.type %q is not yarn", s.Type)
	case !(s.Factor >= 1 && s.Factor < 1e6), !(s.BetaFast > 0 && s.BetaFast < 1e6), !(s.BetaSlow > 0 && s.BetaSlow <= s.BetaFast), s.OriginalPosition < 1:
		return fmt.Errorf("rope_scaling has factor %v, beta_fast %v, beta_slow %v and original_max_position_embeddings %d", s.Factor, s.BetaFast, s.BetaSlow, s.OriginalPosition)
	}
	return nil
}
