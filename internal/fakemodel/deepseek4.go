package fakemodel

import (
	"fmt"
	"math"

	"kakeyalattice/safetensors"
)

// V4 is the config.json of a DeepSeek-V4 model, by its own names.
type V4 struct {
	Architectures []string `json:"architectures"`
	ModelType     string   `json:"model_type"`
	TorchDType    string   `json:"torch_dtype"`
	Transformers  string   `json:"transformers_version"`

	AttentionBias     bool    `json:"attention_bias"`
	AttentionDropout  float64 `json:"attention_dropout"`
	BOS               int     `json:"bos_token_id"`
	EOS               int     `json:"eos_token_id"`
	HiddenAct         string  `json:"hidden_act"`
	InitializerRange  float64 `json:"initializer_range"`
	TieWordEmbeddings bool    `json:"tie_word_embeddings"`
	UseCache          bool    `json:"use_cache"`
	ExpertDType       string  `json:"expert_dtype"`

	VocabSize    int `json:"vocab_size"`
	HiddenSize   int `json:"hidden_size"`
	Layers       int `json:"num_hidden_layers"`
	HashLayers   int `json:"num_hash_layers"`
	MTPLayers    int `json:"num_nextn_predict_layers"`
	MaxPositions int `json:"max_position_embeddings"`

	Heads     int `json:"num_attention_heads"`
	KVHeads   int `json:"num_key_value_heads"`
	HeadDim   int `json:"head_dim"`
	RopeDim   int `json:"qk_rope_head_dim"`
	QLoraRank int `json:"q_lora_rank"`
	OGroups   int `json:"o_groups"`
	OLoraRank int `json:"o_lora_rank"`
	Window    int `json:"sliding_window"`

	IndexHeads   int `json:"index_n_heads"`
	IndexHeadDim int `json:"index_head_dim"`
	IndexTopK    int `json:"index_topk"`

	HCMult          int     `json:"hc_mult"`
	HCSinkhornIters int     `json:"hc_sinkhorn_iters"`
	HCEps           float64 `json:"hc_eps"`
	NormEps         float64 `json:"rms_norm_eps"`

	RoutedExperts   int     `json:"n_routed_experts"`
	SharedExperts   int     `json:"n_shared_experts"`
	ExpertsPerToken int     `json:"num_experts_per_tok"`
	MoEIntermediate int     `json:"moe_intermediate_size"`
	NormTopKProb    bool    `json:"norm_topk_prob"`
	ScoringFunc     string  `json:"scoring_func"`
	TopKMethod      string  `json:"topk_method"`
	RoutedScaling   float64 `json:"routed_scaling_factor"`
	SwigluLimit     float64 `json:"swiglu_limit"`

	RopeTheta         float64 `json:"rope_theta"`
	CompressRopeTheta float64 `json:"compress_rope_theta"`
	RopeScaling       YaRN    `json:"rope_scaling"`
	CompressRatios    []int   `json:"compress_ratios"` // of the layers, then of the MTP layers

	Quantization Quantization `json:"quantization_config"`
}

// YaRN is the rope_scaling of a [V4].
type YaRN struct {
	Type             string `json:"type"`
	Factor           int    `json:"factor"`
	BetaFast         int    `json:"beta_fast"`
	BetaSlow         int    `json:"beta_slow"`
	OriginalPosition int    `json:"original_max_position_embeddings"`
}

// Quantization is the quantization_config of a [V4].
type Quantization struct {
	Method     string `json:"quant_method"`
	Format     string `json:"fmt"`
	ScaleFmt   string `json:"scale_fmt"`
	BlockSize  [2]int `json:"weight_block_size"`
	Activation string `json:"activation_scheme"`
}

// Flash is the configuration of DeepSeek-V4-Flash (revision 60d8d707): 46
// shards, 69,187 tensors, 159,609,485,896 bytes of them.
func Flash() V4 {
	c := V4{
		Architectures: []string{"DeepseekV4ForCausalLM"}, ModelType: "deepseek_v4", TorchDType: "bfloat16", Transformers: "4.57.1",
		BOS: 0, EOS: 1, HiddenAct: "silu", InitializerRange: 0.02, UseCache: true, ExpertDType: "fp4",
		VocabSize: 129280, HiddenSize: 4096, Layers: 43, HashLayers: 3, MTPLayers: 1, MaxPositions: 1 << 20,
		Heads: 64, KVHeads: 1, HeadDim: 512, RopeDim: 64, QLoraRank: 1024, OGroups: 8, OLoraRank: 1024, Window: 128,
		IndexHeads: 64, IndexHeadDim: 128, IndexTopK: 512,
		HCMult: 4, HCSinkhornIters: 20, HCEps: 1e-6, NormEps: 1e-6,
		RoutedExperts: 256, SharedExperts: 1, ExpertsPerToken: 6, MoEIntermediate: 2048,
		NormTopKProb: true, ScoringFunc: "sqrtsoftplus", TopKMethod: "noaux_tc", RoutedScaling: 1.5, SwigluLimit: 10,
		RopeTheta: 10000, CompressRopeTheta: 160000,
		RopeScaling:  YaRN{Type: "yarn", Factor: 16, BetaFast: 32, BetaSlow: 1, OriginalPosition: 65536},
		Quantization: Quantization{Method: "fp8", Format: "e4m3", ScaleFmt: "ue8m0", BlockSize: [2]int{128, 128}, Activation: "dynamic"},
	}
	c.CompressRatios = []int{0, 0}
	for len(c.CompressRatios) < 42 {
		c.CompressRatios = append(c.CompressRatios, 4, 128)
	}
	c.CompressRatios = append(c.CompressRatios, 4, 0)
	return c
}

// Tiny is a model of the same make with layers of every kind and little in
// them: 512 wide cache entries as in Flash, all else small; 5 MB.
func Tiny() V4 {
	c := Flash()
	c.VocabSize, c.HiddenSize, c.Layers = 320, 128, 5
	c.CompressRatios = []int{0, 0, 4, 128, 4, 0}
	c.Heads, c.QLoraRank, c.OGroups, c.OLoraRank = 4, 64, 2, 64
	c.IndexHeads, c.IndexTopK = 4, 16
	c.RoutedExperts, c.ExpertsPerToken, c.MoEIntermediate = 8, 2, 64
	return c
}

// DeepSeekV4 is a checkpoint of a configuration. Its linear layers keep the
// variance of what goes through them, norms have weights near 1, and the scales
// of quantised weights differ from block to block.
func DeepSeekV4(c V4, seed uint64) *Model {
	w := v4{c, seed}
	shards := [][]tensor{{w.embedding("embed")}}
	for l := range c.Layers {
		shards = append(shards, w.layer(fmt.Sprintf("layers.%d", l), l))
	}
	shards = append(shards, append(w.hcHead(""), w.linear16("head", c.VocabSize, c.HiddenSize), w.norm("norm", c.HiddenSize)))
	for i := range c.MTPLayers {
		p := fmt.Sprintf("mtp.%d", i)
		mtp := append(w.layer(p, c.Layers+i), w.hcHead(p+".")...)
		for _, name := range []string{"e_proj", "h_proj"} {
			mtp = append(mtp, w.linear8(p+"."+name, c.HiddenSize, c.HiddenSize)...)
		}
		for _, name := range []string{"enorm", "hnorm", "norm"} {
			mtp = append(mtp, w.norm(p+"."+name, c.HiddenSize))
		}
		shards = append(shards, mtp)
	}
	return build("a made-up DeepSeek-V4", c, shards)
}

// v4 makes the tensors of a DeepSeek-V4 model. A layer of index Layers or more
// is one of MTP.
type v4 struct {
	V4
	seed uint64
}

func (w v4) layer(p string, l int) []tensor {
	d, ratio := w.HiddenSize, w.CompressRatios[l]
	list := []tensor{w.norm(p+".attn_norm", d), w.norm(p+".ffn_norm", d)}
	list = append(list, w.attention(p+".attn", ratio)...)
	list = append(list, w.moe(p+".ffn", l)...)
	mixes := (2 + w.HCMult) * w.HCMult
	for _, part := range []string{".hc_attn", ".hc_ffn"} {
		list = append(list,
			w.gaussian(p+part+"_fn", 0, gain(w.HCMult*d), mixes, w.HCMult*d),
			w.gaussian(p+part+"_base", 0, 0.5, mixes),
			w.gaussian(p+part+"_scale", 0.5, 0.1, 3))
	}
	return list
}

func (w v4) attention(p string, ratio int) []tensor {
	d := w.HiddenSize
	list := []tensor{
		w.gaussian(p+".attn_sink", 0, 1, w.Heads),
		w.norm(p+".q_norm", w.QLoraRank), w.norm(p+".kv_norm", w.HeadDim),
	}
	list = append(list, w.linear8(p+".wq_a", w.QLoraRank, d)...)
	list = append(list, w.linear8(p+".wq_b", w.Heads*w.HeadDim, w.QLoraRank)...)
	list = append(list, w.linear8(p+".wkv", w.HeadDim, d)...)
	list = append(list, w.linear8(p+".wo_a", w.OGroups*w.OLoraRank, w.Heads*w.HeadDim/w.OGroups)...)
	list = append(list, w.linear8(p+".wo_b", d, w.OGroups*w.OLoraRank)...)
	if ratio > 0 {
		list = append(list, w.compressor(p+".compressor", ratio, w.HeadDim)...)
	}
	if ratio == 4 {
		list = append(list, w.compressor(p+".indexer.compressor", ratio, w.IndexHeadDim)...)
		list = append(list, w.linear8(p+".indexer.wq_b", w.IndexHeads*w.IndexHeadDim, w.QLoraRank)...)
		list = append(list, w.linear16(p+".indexer.weights_proj", w.IndexHeads, d))
	}
	return list
}

// compressor has twice the width where its blocks overlap.
func (w v4) compressor(p string, ratio, dim int) []tensor {
	width := dim
	if ratio == 4 {
		width *= 2
	}
	return []tensor{
		w.linear16(p+".wkv", width, w.HiddenSize), w.linear16(p+".wgate", width, w.HiddenSize),
		w.gaussian(p+".ape", 0, 0.1, ratio, width), w.norm(p+".norm", dim),
	}
}

func (w v4) moe(p string, l int) []tensor {
	d, inter := w.HiddenSize, w.MoEIntermediate
	list := []tensor{w.linear16(p+".gate", w.RoutedExperts, d)}
	if l < w.HashLayers {
		name := p + ".gate.tid2eid"
		list = append(list, tensor{name, safetensors.I64, []int{w.VocabSize, w.ExpertsPerToken},
			choices{key(w.seed, name), uint64(w.ExpertsPerToken), uint64(w.RoutedExperts)}})
	} else {
		list = append(list, w.gaussian(p+".gate.bias", 0, 0.01, w.RoutedExperts))
	}
	for e := range w.RoutedExperts {
		expert := fmt.Sprintf("%s.experts.%d", p, e)
		list = append(list, w.linear4(expert+".w1", inter, d)...)
		list = append(list, w.linear4(expert+".w2", d, inter)...)
		list = append(list, w.linear4(expert+".w3", inter, d)...)
	}
	shared := p + ".shared_experts"
	list = append(list, w.linear8(shared+".w1", w.SharedExperts*inter, d)...)
	list = append(list, w.linear8(shared+".w2", d, w.SharedExperts*inter)...)
	return append(list, w.linear8(shared+".w3", w.SharedExperts*inter, d)...)
}

func (w v4) hcHead(p string) []tensor {
	return []tensor{
		w.gaussian(p+"hc_head_fn", 0, gain(w.HCMult*w.HiddenSize), w.HCMult, w.HCMult*w.HiddenSize),
		w.gaussian(p+"hc_head_base", 0, 0.5, w.HCMult),
		w.gaussian(p+"hc_head_scale", 0.5, 0.1, 1),
	}
}

// gain is the standard deviation of weights that keep the variance of in
// inputs.
func gain(in int) float64 { return 1 / math.Sqrt(float64(in)) }

func (w v4) embedding(name string) tensor             { return embedding(w.seed, name, w.VocabSize, w.HiddenSize) }
func (w v4) norm(name string, n int) tensor           { return norm(w.seed, name, n) }
func (w v4) linear16(name string, out, in int) tensor { return linear16(w.seed, name, out, in) }

func (w v4) gaussian(name string, mean, std float64, shape ...int) tensor {
	return tensor{name, safetensors.F32, shape, gaussian32{key(w.seed, name), float32(mean), float32(std)}}
}

// linear8 is an FP8 weight and its scales.
func (w v4) linear8(name string, out, in int) []tensor {
	std, base := quantised(gain(in), 106) // 4.2 standard deviations are 448
	block := w.Quantization.BlockSize
	return []tensor{
		{name + ".weight", safetensors.F8E4M3, []int{out, in}, codes8{key(w.seed, name), table8(std)}},
		{name + ".scale", safetensors.F8E8M0, []int{(out + block[0] - 1) / block[0], (in + block[1] - 1) / block[1]},
			exponents{key(w.seed, name+".scale"), base}},
	}
}

// linear4 is an MXFP4 weight, two values a byte, and its scales.
func (w v4) linear4(name string, out, in int) []tensor {
	std, base := quantised(gain(in), 2.5) // 2.4 standard deviations are 6
	return []tensor{
		{name + ".weight", safetensors.I8, []int{out, in / 2}, codes4{key(w.seed, name), table4(std)}},
		{name + ".scale", safetensors.F8E8M0, []int{out, in / 32}, exponents{key(w.seed, name+".scale"), base}},
	}
}
