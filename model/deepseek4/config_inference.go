package deepseek4

import "encoding/json"

// inferenceConfig is the file of the folder inference: the same model by the
// short names of the program beside it, which has defaults for what is absent.
type inferenceConfig struct {
	VocabSize         int     `json:"vocab_size"`
	Dim               int     `json:"dim"`
	MoEInterDim       int     `json:"moe_inter_dim"`
	Layers            int     `json:"n_layers"`
	HashLayers        int     `json:"n_hash_layers"`
	MTPLayers         int     `json:"n_mtp_layers"`
	Heads             int     `json:"n_heads"`
	RoutedExperts     int     `json:"n_routed_experts"`
	SharedExperts     int     `json:"n_shared_experts"`
	ActivatedExperts  int     `json:"n_activated_experts"`
	RouteScale        float64 `json:"route_scale"`
	SwigluLimit       float64 `json:"swiglu_limit"`
	QLoraRank         int     `json:"q_lora_rank"`
	HeadDim           int     `json:"head_dim"`
	RopeHeadDim       int     `json:"rope_head_dim"`
	NormEps           float64 `json:"norm_eps"`
	OGroups           int     `json:"o_groups"`
	OLoraRank         int     `json:"o_lora_rank"`
	WindowSize        int     `json:"window_size"`
	CompressRatios    []int   `json:"compress_ratios"`
	CompressRopeTheta float64 `json:"compress_rope_theta"`
	OriginalSeqLen    int     `json:"original_seq_len"`
	RopeTheta         float64 `json:"rope_theta"`
	RopeFactor        float64 `json:"rope_factor"`
	BetaFast          float64 `json:"beta_fast"`
	BetaSlow          float64 `json:"beta_slow"`
	IndexHeads        int     `json:"index_n_heads"`
	IndexHeadDim      int     `json:"index_head_dim"`
	IndexTopK         int     `json:"index_topk"`
	HCMult            int     `json:"hc_mult"`
	HCSinkhornIters   int     `json:"hc_sinkhorn_iters"`
	HCEps             float64 `json:"hc_eps"`
	DType             string  `json:"dtype"`
	ScaleFmt          string  `json:"scale_fmt"`
	ExpertDType       string  `json:"expert_dtype"`
	ScoreFunc         string  `json:"score_func"`
}

func parseInference(text []byte) (*Config, error) {
	s := inferenceConfig{MTPLayers: 1, SharedExperts: 1, NormEps: 1e-6, HCEps: 1e-6}
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, err
	}
	c := &Config{
		ModelType:       "deepseek_v4",
		HiddenSize:      s.Dim,
		Layers:          s.Layers,
		MTPLayers:       s.MTPLayers,
		Heads:           s.Heads,
		HeadDim:         s.HeadDim,
		RopeDim:         s.RopeHeadDim,
		QLoraRank:       s.QLoraRank,
		OGroups:         s.OGroups,
		OLoraRank:       s.OLoraRank,
		Window:          s.WindowSize,
		IndexHeads:      s.IndexHeads,
		IndexHeadDim:    s.IndexHeadDim,
		IndexTopK:       s.IndexTopK,
		HCMult:          s.HCMult,
		HCSinkhornIters: s.HCSinkhornIters,
		HashLayers:      s.HashLayers,
		RoutedExperts:   s.RoutedExperts,
		SharedExperts:   s.SharedExperts,
		ExpertsPerToken: s.ActivatedExperts,
		MoEIntermediate: s.MoEInterDim,
		VocabSize:       s.VocabSize,
		CompressRatios:  s.CompressRatios,
		ExpertDType:     s.ExpertDType,
		ScoringFunc:     s.ScoreFunc,
		HiddenAct:       "silu", // the program has no other

		NormEps:           s.NormEps,
		HCEps:             s.HCEps,
		RopeTheta:         s.RopeTheta,
		CompressRopeTheta: s.CompressRopeTheta,
		RoutedScaling:     s.RouteScale,
		SwigluLimit:       s.SwigluLimit,
	}
	if s.OriginalSeqLen != 0 {
		c.RopeScaling = RopeScaling{Type: "yarn", Factor: s.RopeFactor, BetaFast: s.BetaFast, BetaSlow: s.BetaSlow, OriginalPosition: s.OriginalSeqLen}
	}
	if s.DType == "fp8" {
		c.Quantization = Quantization{Method: "fp8", Format: "e4m3", ScaleFormat: s.ScaleFmt, BlockSize: []int{128, 128}}
	}
	return c, nil
}
