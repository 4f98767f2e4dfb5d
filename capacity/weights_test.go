package capacity

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"kakeyalattice/internal/fakemodel"
)

// Checkpoints that are laid out tensor by tensor have the bytes that the sums
// over a config.json say.
func TestWeightsAddUpToTheTensorsOfACheckpoint(t *testing.T) {
	wide := fakemodel.Tiny()
	wide.HiddenSize, wide.Heads, wide.OGroups, wide.RoutedExperts, wide.HashLayers = 256, 8, 4, 6, 1
	pro := fakemodel.Tiny()
	pro.CompressRatios = []int{128, 128, 4, 128, 4, 0}
	for name, m := range map[string]*fakemodel.Model{
		"V4-Flash": fakemodel.DeepSeekV4(fakemodel.Flash(), 1), "small V4": fakemodel.DeepSeekV4(fakemodel.Tiny(), 1),
		"wider V4": fakemodel.DeepSeekV4(wide, 1), "V4 without layers of window alone": fakemodel.DeepSeekV4(pro, 1),
		"Qwen2-0.5B": fakemodel.LlamaFamily(fakemodel.Qwen2(), 1), "small Qwen2": fakemodel.LlamaFamily(fakemodel.TinyQwen2(), 1),
	} {
		var bytes int64
		for _, f := range m.Files() {
			if !strings.HasSuffix(f.Name, ".safetensors") {
				continue
			}
			var header [8]byte
			if _, err := f.ReadAt(header[:], 0); err != nil {
				t.Fatal(err)
			}
			bytes += f.Size - 8 - int64(binary.LittleEndian.Uint64(header[:]))
		}
		text, err := m.ReadFile(t.Context(), "config.json")
		if err != nil {
			t.Fatal(err)
		}
		model, err := ParseModel(text)
		if err != nil {
			t.Fatal(err)
		}
		if model.Weights.Bytes != bytes {
			t.Errorf("%s: %d bytes, the tensors have %d", name, model.Weights.Bytes, bytes)
		}
	}
}

// The short names are those of the config in the folder inference.
func TestBothNamesOfAConfigPlanTheSameCache(t *testing.T) {
	var long map[string]any
	if err := json.Unmarshal(edited(t, nil), &long); err != nil {
		t.Fatal(err)
	}
	short := map[string]any{"dtype": "fp8", "scale_fmt": "ue8m0", "original_seq_len": 65536, "rope_factor": 16, "beta_fast": 32, "beta_slow": 1}
	for to, from := range map[string]string{
		"vocab_size": "vocab_size", "dim": "hidden_size", "moe_inter_dim": "moe_intermediate_size", "n_layers": "num_hidden_layers",
		"n_hash_layers": "num_hash_layers", "n_heads": "num_attention_heads", "n_routed_experts": "n_routed_experts",
		"n_shared_experts": "n_shared_experts", "n_activated_experts": "num_experts_per_tok", "q_lora_rank": "q_lora_rank",
		"head_dim": "head_dim", "rope_head_dim": "qk_rope_head_dim", "o_groups": "o_groups", "o_lora_rank": "o_lora_rank",
		"window_size": "sliding_window", "compress_ratios": "compress_ratios", "compress_rope_theta": "compress_rope_theta",
		"rope_theta": "rope_theta", "index_n_heads": "index_n_heads", "index_head_dim": "index_head_dim", "hc_mult": "hc_mult", "expert_dtype": "expert_dtype",
	} {
		short[to] = long[from]
	}
	text, err := json.Marshal(short)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseModel(text)
	if err != nil {
		t.Fatal(err)
	}
	want := planned(t, model(t, "v4-flash"), uniform(t, m, "fp8-v4", ""), Options{Context: 1 << 20})
	got := planned(t, m, uniform(t, m, "fp8-v4", ""), Options{Context: 1 << 20})
	if got.Layouts[0].TotalBytes != want.Layouts[0].TotalBytes || *got.Weights != *want.Weights {
		t.Errorf("%+v, want %+v", got, want)
	}
	if _, err := m.Plan(nil, Options{}); err == nil || !strings.Contains(err.Error(), "give a context length") {
		t.Errorf("the short config states no length: %v", err)
	}
}
