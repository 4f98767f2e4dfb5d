package capacity

import (
	"fmt"
	"math"
	"slices"

	"kakeyalattice/kv"
	"kakeyalattice/model/deepseek4"
)

// v4WindowPage is the number of entries on a page of the sliding window: engines
// keep 64, whatever a block of tokens covers.
const v4WindowPage = 64

// v4BlockTokens is the block that engines use: a page then holds 64 CSA entries
// or 2 HCA entries.
const v4BlockTokens = 256

// FromDeepSeek4 returns the cache of a DeepSeek-V4 model. Every layer keeps a
// sliding window; a CSA or HCA layer keeps compressed entries beside it, and a
// CSA layer an indexer vector for each of those. Layers that predict further
// tokens (MTP) are part of the weights and not of the cache.
func FromDeepSeek4(c *deepseek4.Config) (*Model, error) {
	for _, b := range []struct {
		name      string
		value     int
		low, high int
	}{
		{"num_hidden_layers", c.Layers, 1, maxLayers}, {"num_nextn_predict_layers", c.MTPLayers, 0, maxLayers},
		{"hidden_size", c.HiddenSize, 1, maxCount}, {"num_attention_heads", c.Heads, 1, maxCount},
		{"head_dim", c.HeadDim, 1, maxCount}, {"q_lora_rank", c.QLoraRank, 1, maxCount},
		{"o_groups", c.OGroups, 1, maxCount}, {"o_lora_rank", c.OLoraRank, 1, maxCount},
		{"sliding_window", c.Window, 1, maxContext}, {"index_n_heads", c.IndexHeads, 1, maxCount},
		{"index_head_dim", c.IndexHeadDim, 1, maxCount}, {"hc_mult", c.HCMult, 1, 1 << 10},
		{"num_hash_layers", c.HashLayers, 0, maxLayers}, {"n_routed_experts", c.RoutedExperts, 1, maxCount},
		{"n_shared_experts", c.SharedExperts, 0, maxCount}, {"num_experts_per_tok", c.ExpertsPerToken, 1, maxCount},
		{"moe_intermediate_size", c.MoEIntermediate, 1, maxCount}, {"vocab_size", c.VocabSize, 1, maxCount},
		{"max_position_embeddings", c.MaxPositions, 0, maxContext},
	} {
		if err := bounded(b.name, b.value, b.low, b.high); err != nil {
			return nil, err
		}
	}
	if len(c.CompressRatios) < c.Layers {
		return nil, fmt.Errorf("config.json: %d compress_ratios for %d layers", len(c.CompressRatios), c.Layers)
	}
	count := func(ratio int) (n int) {
		for _, r := range c.CompressRatios[:c.Layers] {
			if r == ratio {
				n++
			}
		}
		return n
	}
	swa, csa, hca := count(deepseek4.RatioSWA), count(deepseek4.RatioCSA), count(deepseek4.RatioHCA)
	m := &Model{
		Family:     "deepseek_v4",
		LayerKinds: []LayerKind{{"swa", swa}, {"csa", csa}, {"hca", hca}},
		Components: []Component{
			{Name: "swa", Kind: kv.SWA, Layers: c.Layers, Vectors: 1, Dim: c.HeadDim, Ratio: 1, Window: c.Window, Page: v4WindowPage},
			{Name: "csa", Kind: kv.CSA, Layers: csa, Vectors: 1, Dim: c.HeadDim, Ratio: deepseek4.RatioCSA},
			{Name: "hca", Kind: kv.HCA, Layers: hca, Vectors: 1, Dim: c.HeadDim, Ratio: deepseek4.RatioHCA},
			{Name: "indexer", Kind: kv.Indexer, Layers: csa, Vectors: 1, Dim: c.IndexHeadDim, Ratio: deepseek4.RatioCSA},
		},
		MaxContext: c.MaxPositions,
		KVHeads:    1,
		StateBytes: v4State(c, csa, hca),
		PageTokens: v4BlockTokens,
		engines:    v4Engines,
		latent:     true,
	}
	m.Components = slices.DeleteFunc(m.Components, func(c Component) bool { return c.Layers == 0 })
	var err error
	m.Weights, err = v4Weights(c)
	return m, err
}

// v4State is what the compressors of a sequence hold in float32 of blocks that
// are not complete: values and scores of the tokens of a block, of two blocks
// and twice the width where blocks overlap.
func v4State(c *deepseek4.Config, csa, hca int) int64 {
	const both, float = 2, 4
	overlapping := func(dim int) int64 { return 2 * deepseek4.RatioCSA * 2 * int64(dim) * both * float }
	return int64(csa)*(overlapping(c.HeadDim)+overlapping(c.IndexHeadDim)) +
		int64(hca)*deepseek4.RatioHCA*int64(c.HeadDim)*both*float
}

// v4Weights adds up the tensors of a DeepSeek-V4 checkpoint, the MTP layers
// among them.
func v4Weights(c *deepseek4.Config) (Weights, error) {
	const bf16, f32, i64 = 2, 4, 8
	var (
		dim, head, q = float64(c.HiddenSize), float64(c.HeadDim), float64(c.QLoraRank)
		inner        = float64(c.Heads) * head
		groups, o    = float64(c.OGroups), float64(c.OGroups) * float64(c.OLoraRank)
		index        = float64(c.IndexHeadDim)
		experts, mid = float64(c.RoutedExperts), float64(c.MoEIntermediate)
		hc           = float64(c.HCMult)
	)
	fp8 := func(rows, cols float64) float64 { return rows * cols * bf16 }
	if len(c.Quantization.BlockSize) == 2 && c.Quantization.BlockSize[0] > 0 && c.Quantization.BlockSize[1] > 0 {
		r, s := float64(c.Quantization.BlockSize[0]), float64(c.Quantization.BlockSize[1])
		fp8 = func(rows, cols float64) float64 { return rows*cols + math.Ceil(rows/r)*math.Ceil(cols/s) }
	}
	expert := fp8
	if c.ExpertDType == "fp4" { // two codes a byte, a scale for 32 columns
		expert = func(rows, cols float64) float64 { return rows*math.Ceil(cols/2) + rows*math.Ceil(cols/32) }
	}
	three := func(of func(rows, cols float64) float64) float64 { return 2*of(mid, dim) + of(dim, mid) }
	compressor := func(width, out, rows float64) float64 { return 2*width*dim*bf16 + rows*width*f32 + out*bf16 }

	mix := 2*hc + hc*hc
	layer := 2*dim*bf16 + // norms
		fp8(head, dim) + head*bf16 + // wkv, kv_norm
		fp8(q, dim) + q*bf16 + fp8(inner, q) + // wq_a, q_norm, wq_b
		float64(c.Heads)*f32 + // attn_sink
		fp8(o, inner/groups) + fp8(dim, o) + // wo_a, wo_b
		2*(mix*hc*dim+mix+3)*f32 + // hyper-connections
		experts*dim*bf16 + // router
		float64(c.SharedExperts)*three(fp8)
	bias, hash := experts*f32, float64(c.VocabSize)*float64(c.ExpertsPerToken)*i64
	csa := compressor(2*head, head, deepseek4.RatioCSA) +
		fp8(float64(c.IndexHeads)*index, q) + float64(c.IndexHeads)*dim*bf16 +
		compressor(2*index, index, deepseek4.RatioCSA)
	hca := compressor(head, head, deepseek4.RatioHCA)
	hcHead := (hc*hc*dim + hc + 1) * f32

	total := 2*float64(c.VocabSize)*dim*bf16 + dim*bf16 + hcHead
	for l, r := range c.CompressRatios[:c.Layers] {
		total += layer
		switch r {
		case deepseek4.RatioCSA:
			total += csa
		case deepseek4.RatioHCA:
			total += hca
		}
		if l < c.HashLayers {
			total += hash
		} else {
			total += bias
		}
	}
	total += float64(c.MTPLayers) * (layer + bias + 2*fp8(dim, dim) + 3*dim*bf16 + hcHead)
	routed := float64(c.Layers+c.MTPLayers) * experts * three(expert)
	total += routed
	if !(total < maxBytes) {
		return Weights{}, fmt.Errorf("config.json: weights of %.3g bytes: its dimensions are wrong", total)
	}
	return Weights{Bytes: int64(total), Experts: int64(routed), Source: "tensors of the checkpoint by config.json, MTP layers included"}, nil
}
