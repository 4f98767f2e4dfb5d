package deepseek4

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/internal/kernel"
)

// The files of DeepSeek-V4-Flash, revision 60d8d707, without what is not read.
const (
	flashFile = `{"architectures":["DeepseekV4ForCausalLM"],"expert_dtype":"fp4","hc_eps":1e-06,"hc_mult":4,"hc_sinkhorn_iters":20,
	"head_dim":512,"hidden_act":"silu","hidden_size":4096,"index_head_dim":128,"index_n_heads":64,"index_topk":512,
	"max_position_embeddings":1048576,"model_type":"deepseek_v4","moe_intermediate_size":2048,"n_routed_experts":256,
	"n_shared_experts":1,"num_attention_heads":64,"num_experts_per_tok":6,"num_hidden_layers":43,"num_hash_layers":3,
	"num_key_value_heads":1,"num_nextn_predict_layers":1,"o_groups":8,"o_lora_rank":1024,"q_lora_rank":1024,
	"qk_rope_head_dim":64,"quantization_config":{"activation_scheme":"dynamic","fmt":"e4m3","quant_method":"fp8",
	"scale_fmt":"ue8m0","weight_block_size":[128,128]},"rms_norm_eps":1e-06,"rope_scaling":{"beta_fast":32,"beta_slow":1,
	"factor":16,"original_max_position_embeddings":65536,"type":"yarn"},"rope_theta":10000,"routed_scaling_factor":1.5,
	"scoring_func":"sqrtsoftplus","sliding_window":128,"swiglu_limit":10.0,"vocab_size":129280,"compress_rope_theta":160000,
	"compress_ratios":` + flashRatios + `}`
	flashInference = `{"vocab_size":129280,"dim":4096,"moe_inter_dim":2048,"n_layers":43,"n_hash_layers":3,"n_heads":64,
	"n_routed_experts":256,"n_shared_experts":1,"n_activated_experts":6,"score_func":"sqrtsoftplus","route_scale":1.5,
	"swiglu_limit":10.0,"q_lora_rank":1024,"head_dim":512,"rope_head_dim":64,"o_groups":8,"o_lora_rank":1024,
	"window_size":128,"original_seq_len":65536,"rope_theta":10000,"rope_factor":16,"beta_fast":32,"beta_slow":1,
	"index_n_heads":64,"index_head_dim":128,"index_topk":512,"hc_mult":4,"hc_sinkhorn_iters":20,"dtype":"fp8",
	"scale_fmt":"ue8m0","expert_dtype":"fp4","compress_rope_theta":160000,"compress_ratios":` + flashRatios + `}`
	flashRatios = `[0,0,4,128,4,128,4,128,4,128,4,128,4,128,4,128,4,128,4,128,4,128,4,128,4,128,4,128,4,128,4,128,4,128,4,128,4,128,4,128,4,128,4,0]`
)

func TestBothFilesOfAModelGiveOneConfig(t *testing.T) {
	c, err := ParseConfig([]byte(flashFile))
	if err != nil {
		t.Fatal(err)
	}
	if c.HiddenSize != 4096 || c.HeadDim != 512 || c.RopeScaling.OriginalPosition != 65536 || c.Quantization.Format != "e4m3" {
		t.Errorf("%+v", c)
	}
	inference, err := ParseConfig([]byte(flashInference))
	if err != nil {
		t.Fatal(err)
	}
	inference.MaxPositions = c.MaxPositions // which that file does not have
	if !reflect.DeepEqual(c, inference) {
		t.Errorf("config.json       %+v\ninference/config.json %+v", c, inference)
	}
}

// 43 layers: 2 without a compressor, 21 of ratio 4 and 20 of ratio 128.
func TestStreamsOfTheLayersOfFlash(t *testing.T) {
	c, err := ParseConfig([]byte(flashFile))
	if err != nil {
		t.Fatal(err)
	}
	count := map[Streams]int{}
	for l := range c.Layers {
		count[c.Streams(l)]++
	}
	if count[Window] != 2 || count[Window|Compressed|Indexer] != 21 || count[Window|Compressed] != 20 {
		t.Errorf("%v", count)
	}
}

func TestTensorsOfALayer(t *testing.T) {
	c, _ := ParseConfig([]byte(flashFile))
	for _, x := range []struct {
		layer   int
		streams Streams
		want    string
	}{
		{0, AllStreams, "attn_norm.weight attn.wkv.weight attn.kv_norm.weight"},
		{2, Compressed, "attn_norm.weight attn.compressor.wkv.weight attn.compressor.wgate.weight attn.compressor.ape attn.compressor.norm.weight"},
		{3, Compressed | Indexer, "attn_norm.weight attn.compressor.wkv.weight attn.compressor.wgate.weight attn.compressor.ape attn.compressor.norm.weight"},
		{2, Indexer, "attn_norm.weight attn.indexer.compressor.wkv.weight attn.indexer.compressor.wgate.weight attn.indexer.compressor.ape attn.indexer.compressor.norm.weight"},
	} {
		var want []string
		for _, name := range strings.Fields(x.want) {
			want = append(want, layerPrefix(x.layer)+name)
		}
		if got := KVTensors(c, x.layer, x.streams); !slices.Equal(got, want) {
			t.Errorf("layer %d: %v, want %v", x.layer, got, want)
		}
	}
}

func TestConfigsThatCannotBeComputedAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, from, to, want string
		unsupported          bool
	}{
		{"another model", `"model_type":"deepseek_v4"`, `"model_type":"deepseek_v3"`, `model_type "deepseek_v3"`, false},
		{"V4.1 by its type", `"model_type":"deepseek_v4"`, `"model_type":"deepseek_v41"`, `model_type "deepseek_v41"`, true},
		{"V4.1 by its ratios", `[0,0,4,`, `[0,0,2,`, "compress_ratios[2] is 2, as in DeepSeek-V4.1", true},
		{"V4.1 by its blocks", `[128,128]`, `[32,32]`, "weight_block_size 32 x 32, as in DeepSeek-V4.1", true},
		{"an unknown ratio", `[0,0,4,`, `[0,0,8,`, "compress_ratios[2] is 8", true},
		{"too few ratios", `"num_hidden_layers":43`, `"num_hidden_layers":45`, "44 compress_ratios for 45 layers", false},
		{"rewritten by transformers", `"compress_ratios"`, `"layer_types"`, "transformers has rewritten", false},
		{"no hidden size", `"hidden_size":4096,`, ``, "hidden_size is 0", false},
		{"a size beyond reason", `"hidden_size":4096,`, `"hidden_size":99999999999,`, "hidden_size is 99999999999", false},
		{"a window of none", `"sliding_window":128`, `"sliding_window":0`, "sliding_window is 0", false},
		{"an odd rotary part", `"qk_rope_head_dim":64`, `"qk_rope_head_dim":63`, "qk_rope_head_dim is 63", false},
		{"nothing but a rotary part", `"qk_rope_head_dim":64`, `"qk_rope_head_dim":512`, "qk_rope_head_dim is 512", false},
		{"no eps", `"rms_norm_eps":1e-06,`, ``, "rms_norm_eps is 0", false},
		{"no base", `"rope_theta":10000,`, ``, "rope_theta is 0", false},
		{"no base of compressed layers", `"compress_rope_theta":160000,`, ``, "compress_rope_theta is 0", false},
		{"an indexer that is no power of two", `"index_head_dim":128`, `"index_head_dim":96`, "index_head_dim is 96", false},
		{"another rope scaling", `"type":"yarn"`, `"type":"linear"`, `rope_scaling.type "linear"`, false},
		{"a factor of 0", `"factor":16`, `"factor":0`, "factor 0", false},
		{"positions below 0", `"max_position_embeddings":1048576`, `"max_position_embeddings":-1`, "max_position_embeddings is -1", false},
		{"no JSON", `{"architectures"`, `<html>`, "invalid character", false},
		{"a number for a list", flashRatios, `4`, "cannot unmarshal", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(flashFile, c.from) {
				t.Fatalf("no %s", c.from)
			}
			_, err := ParseConfig([]byte(strings.Replace(flashFile, c.from, c.to, 1)))
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrUnsupported) != c.unsupported {
				t.Errorf("%v", err)
			}
		})
	}
}

// A config that is accepted has sizes that can be computed with.
func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(flashFile))
	f.Add([]byte(flashInference))
	f.Add([]byte(`{"dim":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text)
		if err != nil {
			return
		}
		for l := range min(c.Layers, 3) {
			KVTensors(c, l, AllStreams)
		}
		if c.RopeDim > 1024 {
			return
		}
		r := newRope(c.RopeDim, c.RopeTheta, nil)
		cos, sin := make([]float32, len(r.freqs)), make([]float32, len(r.freqs))
		r.at(1<<20, cos, sin)
		if i := kernel.NonFinite(append(cos, sin...)); i >= 0 {
			t.Errorf("angle %d of base %v", i, c.RopeTheta)
		}
		if s := c.RopeScaling; s != (RopeScaling{}) && c.CompressRopeTheta > 1 {
			newRope(c.RopeDim, c.CompressRopeTheta, &s)
		}
	})
}
