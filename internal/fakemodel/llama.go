package fakemodel

import (
	"fmt"

	"kakeyalattice/safetensors"
)

// Llama is the config.json of a model of the Llama family. Its model_type says
// which tensors there are: qwen2 has biases on q, k and v, qwen3 norms on q and
// k, llama neither.
type Llama struct {
	Architectures []string `json:"architectures"`
	ModelType     string   `json:"model_type"`
	TorchDType    string   `json:"torch_dtype"`
	Transformers  string   `json:"transformers_version"`

	AttentionDropout  float64 `json:"attention_dropout"`
	BOS               int     `json:"bos_token_id"`
	EOS               int     `json:"eos_token_id"`
	HiddenAct         string  `json:"hidden_act"`
	InitializerRange  float64 `json:"initializer_range"`
	TieWordEmbeddings bool    `json:"tie_word_embeddings"`
	UseCache          bool    `json:"use_cache"`
	UseSlidingWindow  bool    `json:"use_sliding_window"`

	VocabSize        int     `json:"vocab_size"`
	HiddenSize       int     `json:"hidden_size"`
	IntermediateSize int     `json:"intermediate_size"`
	Layers           int     `json:"num_hidden_layers"`
	Heads            int     `json:"num_attention_heads"`
	KVHeads          int     `json:"num_key_value_heads"`
	HeadDim          int     `json:"head_dim,omitempty"` // HiddenSize / Heads
	MaxPositions     int     `json:"max_position_embeddings"`
	NormEps          float64 `json:"rms_norm_eps"`
	RopeTheta        float64 `json:"rope_theta"`
}

// Qwen2 is the configuration of Qwen2-0.5B: one file, 290 tensors, 988,065,536
// bytes of them.
func Qwen2() Llama {
	return Llama{
		Architectures: []string{"Qwen2ForCausalLM"}, ModelType: "qwen2", TorchDType: "bfloat16", Transformers: "4.40.1",
		BOS: 151643, EOS: 151643, HiddenAct: "silu", InitializerRange: 0.02, TieWordEmbeddings: true, UseCache: true,
		VocabSize: 151936, HiddenSize: 896, IntermediateSize: 4864, Layers: 24, Heads: 14, KVHeads: 2,
		MaxPositions: 131072, NormEps: 1e-6, RopeTheta: 1e6,
	}
}

// TinyQwen2 is a model of the same make: 0.3 MB.
func TinyQwen2() Llama {
	c := Qwen2()
	c.VocabSize, c.HiddenSize, c.IntermediateSize, c.Layers, c.Heads, c.KVHeads = 320, 64, 160, 2, 4, 2
	return c
}

// LlamaFamily is a checkpoint of a configuration, in one file, as BF16.
func LlamaFamily(c Llama, seed uint64) *Model {
	d, head := c.HiddenSize, c.HeadDim
	if head == 0 {
		head = d / c.Heads
	}
	linear := func(name string, out, in int) tensor { return linear16(seed, name, out, in) }
	list := []tensor{embedding(seed, "model.embed_tokens", c.VocabSize, d), norm(seed, "model.norm", d)}
	if !c.TieWordEmbeddings {
		list = append(list, linear("lm_head", c.VocabSize, d))
	}
	for l := range c.Layers {
		p := fmt.Sprintf("model.layers.%d.", l)
		list = append(list,
			norm(seed, p+"input_layernorm", d), norm(seed, p+"post_attention_layernorm", d),
			linear(p+"self_attn.q_proj", c.Heads*head, d), linear(p+"self_attn.k_proj", c.KVHeads*head, d),
			linear(p+"self_attn.v_proj", c.KVHeads*head, d), linear(p+"self_attn.o_proj", d, c.Heads*head),
			linear(p+"mlp.gate_proj", c.IntermediateSize, d), linear(p+"mlp.up_proj", c.IntermediateSize, d),
			linear(p+"mlp.down_proj", d, c.IntermediateSize))
		switch c.ModelType {
		case "qwen2":
			for name, n := range map[string]int{"q_proj": c.Heads, "k_proj": c.KVHeads, "v_proj": c.KVHeads} {
				bias := p + "self_attn." + name + ".bias"
				list = append(list, tensor{bias, safetensors.BF16, []int{n * head}, gaussian16{key: key(seed, bias), std: 0.5}})
			}
		case "qwen3":
			list = append(list, norm(seed, p+"self_attn.q_norm", head), norm(seed, p+"self_attn.k_norm", head))
		}
	}
	return build("a made-up "+c.ModelType, c, [][]tensor{list})
}

// embedding is a BF16 table of rows of different strength.
func embedding(seed uint64, name string, vocab, dim int) tensor {
	return tensor{name + ".weight", safetensors.BF16, []int{vocab, dim},
		gaussian16{key: key(seed, name), std: 0.02, rows: uint64(2 * dim / unit)}}
}

func norm(seed uint64, name string, n int) tensor {
	return tensor{name + ".weight", safetensors.BF16, []int{n}, gaussian16{key: key(seed, name), mean: 1, std: 0.1}}
}

func linear16(seed uint64, name string, out, in int) tensor {
	return tensor{name + ".weight", safetensors.BF16, []int{out, in}, gaussian16{key: key(seed, name), std: float32(gain(in))}}
}
