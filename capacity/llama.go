package capacity

import (
	"encoding/json"
	"fmt"
	"slices"

	"kakeyalattice/kv"
	"kakeyalattice/model/llama"
)

// llamaBlockTokens is the block of tokens on a page that engines use.
const llamaBlockTokens = 16

// llamaConfig is a config.json of the Llama family. llama.ParseConfig refuses
// what a forward pass cannot compute, such as windows; the size of a cache needs
// less of it, and some fields c.
type llamaConfig struct {
	llama.Config
	Window          *int            `json:"sliding_window"` // in place of the Config's, which cannot be null
	MaxWindowLayers *int            `json:"max_window_layers"`
	TorchDType      string          `json:"torch_dtype"`
	DType           string          `json:"dtype"`
	Quantization    json.RawMessage `json:"quantization_config"`
}

// fromLlama returns the cache of a model of the Llama family: a key and a value
// for each key/value head of each layer and token.
func fromLlama(c *llamaConfig) (*Model, error) {
	if c.KVHeads == 0 {
		c.KVHeads = c.Heads
	}
	if c.HeadDim == 0 && c.Heads > 0 {
		c.HeadDim = c.HiddenSize / c.Heads
	}
	for _, b := range []struct {
		name        string
		value, high int
	}{
		{"hidden_size", c.HiddenSize, maxCount}, {"intermediate_size", c.IntermediateSize, maxCount},
		{"num_hidden_layers", c.Layers, maxLayers}, {"num_attention_heads", c.Heads, maxCount},
		{"num_key_value_heads", c.KVHeads, maxCount}, {"head_dim", c.HeadDim, maxCount}, {"vocab_size", c.VocabSize, maxCount},
	} {
		if err := bounded(b.name, b.value, 1, b.high); err != nil {
			return nil, err
		}
	}
	if err := bounded("max_position_embeddings", c.MaxPositions, 0, maxContext); err != nil {
		return nil, err
	}
	if c.Window != nil {
		c.SlidingWindow = *c.Window
	}
	windowed, err := windowLayers(c)
	if err != nil {
		return nil, err
	}
	m := &Model{
		Family:     c.ModelType,
		LayerKinds: []LayerKind{{"full", c.Layers - windowed}, {"window", windowed}},
		MaxContext: c.MaxPositions,
		KVHeads:    c.KVHeads,
		PageTokens: llamaBlockTokens,
		engines:    llamaEngines,
	}
	m.LayerKinds = slices.DeleteFunc(m.LayerKinds, func(k LayerKind) bool { return k.Layers == 0 })
	for _, kind := range []kv.Kind{kv.Key, kv.Value} {
		for _, part := range []Component{{Name: string(kind), Layers: c.Layers - windowed}, {Name: string(kind) + "-window", Layers: windowed, Window: c.SlidingWindow}} {
			if part.Layers > 0 {
				part.Kind, part.Vectors, part.Dim, part.Ratio = kind, c.KVHeads, c.HeadDim, 1
				m.Components = append(m.Components, part)
			}
		}
	}
	m.Weights, err = llamaWeights(c)
	return m, err
}

// windowLayers counts the layers that attend to a sliding window alone: those
// that layer_types names; else, where the window is in use, those from
// max_window_layers on, or all of a llama.
func windowLayers(c *llamaConfig) (int, error) {
	n := 0
	switch {
	case len(c.LayerTypes) > 0:
		if len(c.LayerTypes) != c.Layers {
			return 0, fmt.Errorf("config.json: %d layer_types for %d layers", len(c.LayerTypes), c.Layers)
		}
		for l, t := range c.LayerTypes {
			switch t {
			case "full_attention":
			case "sliding_attention":
				n++
			default:
				return 0, fmt.Errorf("config.json: layer_types[%d] is %q: this program knows full_attention and sliding_attention", l, t)
			}
		}
	case !c.UseSlidingWindow || c.Window == nil:
		return 0, nil
	default:
		first := 28 // the default of Qwen2 and Qwen3
		if c.MaxWindowLayers != nil {
			first = *c.MaxWindowLayers
		}
		n = max(0, c.Layers-max(0, first))
	}
	if n > 0 {
		return n, bounded("sliding_window", c.SlidingWindow, 1, maxContext)
	}
	return 0, nil
}

// llamaWeights counts the parameters and multiplies them by the size of the
// config's type; nothing where that is unknown.
func llamaWeights(c *llamaConfig) (Weights, error) {
	var (
		dim, mid, vocab = float64(c.HiddenSize), float64(c.IntermediateSize), float64(c.VocabSize)
		q, kv           = float64(c.Heads) * float64(c.HeadDim), float64(c.KVHeads) * float64(c.HeadDim)
		head            = float64(c.HeadDim)
	)
	layer := 2*dim*q + 2*dim*kv + 3*dim*mid + 2*dim
	switch {
	case c.ModelType == "qwen2":
		layer += q + 2*kv
	case c.AttentionBias:
		layer += q + 2*kv + dim
	}
	if c.ModelType == "qwen3" {
		layer += 2 * head
	}
	if c.MLPBias {
		layer += 2*mid + dim
	}
	parameters := float64(c.Layers)*layer + vocab*dim + dim
	if !c.TieWordEmbeddings {
		parameters += vocab * dim
	}
	if !(4*parameters < maxBytes) {
		return Weights{}, fmt.Errorf("config.json: %.3g parameters: its dimensions are wrong", parameters)
	}
	size := map[string]int64{"float32": 4, "bfloat16": 2, "float16": 2}
	dtype := c.DType
	if dtype == "" {
		dtype = c.TorchDType
	}
	if size[dtype] == 0 || len(c.Quantization) > 0 && string(c.Quantization) != "null" {
		return Weights{}, nil
	}
	return Weights{Bytes: size[dtype] * int64(parameters), Source: fmt.Sprintf("%.0f parameters in %s by config.json", parameters, dtype)}, nil
}
