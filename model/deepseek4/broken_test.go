package deepseek4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakeyalattice/checkpoint"
	"kakeyalattice/safetensors"
)

// changedModel is the model of testdata with a change to its config or to the bytes
// of a tensor.
func changedModel(t *testing.T, config func(string) string, tensor string, change func([]byte)) *checkpoint.Checkpoint {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(forwardModel, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(forwardModel, "model.safetensors")
	weights, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		text = []byte(config(string(text)))
	}
	if tensor != "" {
		h, start, err := safetensors.ReadHeader(bytes.NewReader(weights), int64(len(weights)))
		if err != nil {
			t.Fatal(err)
		}
		x, ok := h.Lookup(tensor)
		if !ok {
			t.Fatal(tensor)
		}
		change(weights[start+x.Begin : start+x.End])
	}
	for name, data := range map[string][]byte{"config.json": text, "model.safetensors": weights} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ck, err := checkpoint.Open(t.Context(), checkpoint.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	return ck
}

func TestConfigurationsThatTheWeightsOrTheProgramContradictAreRefused(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{`"hidden_size": 32`, `"hidden_size": 64`, "embed.weight: shape is BF16 [64 32], want [64 64]"},
		{`"n_routed_experts": 8`, `"n_routed_experts": 9`, "layers.0.ffn.experts.8.w1.weight"},
		{`"n_routed_experts": 8`, `"n_routed_experts": 2`, "num_experts_per_tok is 3 of n_routed_experts 2"},
		{`"num_hash_layers": 2`, `"num_hash_layers": 3`, "tid2eid"},
		{`"num_hash_layers": 2`, `"num_hash_layers": 1`, "layers.1.ffn.gate.bias"},
		{`"o_groups": 2`, `"o_groups": 3`, "4 attention heads cannot be in 3 o_groups"},
		{`"o_groups": 2`, `"o_groups": 4`, "wo_a.weight"},
		{`"hc_mult": 4`, `"hc_mult": 2`, "hc_head_fn"},
		{`"hc_mult": 4`, `"hc_mult": 0`, "hc_mult is 0"},
		{`"index_topk": 32`, `"index_topk": 0`, "index_topk 0"},
		{`"routed_scaling_factor": 1.5`, `"routed_scaling_factor": 0`, "routed_scaling_factor is 0"},
		{`"swiglu_limit": 0.5`, `"swiglu_limit": -1`, "swiglu_limit is -1"},
		{`"scoring_func": "sqrtsoftplus"`, `"scoring_func": "sigmoid"`, `scoring_func "sigmoid": not a DeepSeek-V4`},
		{`"n_shared_experts": 1`, `"n_shared_experts": 2`, "n_shared_experts is 2"},
		{`"hidden_act": "silu"`, `"hidden_act": "gelu"`, `hidden_act "gelu"`},
		{`"hc_sinkhorn_iters": 20`, `"hc_sinkhorn_iters": 10000000`, "hc_sinkhorn_iters 10000000"},
	} {
		ck := changedModel(t, func(s string) string {
			if !strings.Contains(s, c.from) {
				t.Fatal(c.from)
			}
			return strings.Replace(s, c.from, c.to, 1)
		}, "", nil)
		if _, err := Load(t.Context(), ck); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.to, err)
		}
	}
	v41 := changedModel(t, func(s string) string { return strings.Replace(s, "128,\n  4,\n", "2,\n  4,\n", 1) }, "", nil)
	if _, err := Load(t.Context(), v41); !errors.Is(err, ErrUnsupported) {
		t.Errorf("V4.1: %v", err)
	}
}

func TestWeightsThatAreNotFiniteAreNamed(t *testing.T) {
	nan32 := func(b []byte) { binary.LittleEndian.PutUint32(b[4:], math.Float32bits(float32(math.NaN()))) }
	nan16 := func(b []byte) { copy(b[8:], []byte{0xc0, 0x7f}) }
	fp8 := func(b []byte) { b[5] = 0x7f }
	scale := func(b []byte) { b[0] = 0xff }
	for _, c := range []struct {
		tensor string
		change func([]byte)
	}{
		{"layers.0.hc_attn_fn", nan32}, {"layers.0.hc_ffn_base", nan32}, {"layers.1.attn.attn_sink", nan32},
		{"layers.0.attn.wq_a.weight", fp8}, {"layers.0.attn.wq_b.weight", fp8}, {"layers.2.attn.wo_a.weight", fp8},
		{"layers.4.attn.wo_b.weight", fp8}, {"layers.1.attn.indexer.wq_b.weight", fp8},
		{"layers.3.attn.indexer.weights_proj.weight", nan16}, {"layers.2.ffn.gate.weight", nan16},
		{"layers.2.ffn.gate.bias", nan32}, {"layers.0.ffn.experts.3.w2.scale", scale},
		{"layers.4.ffn.shared_experts.w1.weight", fp8}, {"layers.1.ffn.experts.0.w1.scale", scale},
		{"hc_head_fn", nan32}, {"norm.weight", nan16}, {"head.weight", nan16},
		{"embed.weight", func(b []byte) { // all of it
			for i := 0; i < len(b); i += 2 {
				copy(b[i:], []byte{0x80, 0x7f})
			}
		}},
	} {
		for _, mode := range []Mode{Exact, AsServed} {
			ck := changedModel(t, nil, c.tensor, c.change)
			m, err := Load(t.Context(), ck)
			if err == nil {
				_, err = m.NewSession(Options{Mode: mode}).Forward(forwardTokens(t)[:160])
			}
			want := strings.TrimSuffix(c.tensor, ".scale")
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, %s: %v", mode, c.tensor, err)
			}
		}
	}
}

func TestHashedExpertsThatCannotBeAreRefused(t *testing.T) {
	const name = "layers.1.ffn.gate.tid2eid"
	for want, change := range map[string]func(row []byte){
		"goes to expert 8 of 8":  func(row []byte) { binary.LittleEndian.PutUint64(row[8:], 8) },
		"goes to expert -1 of 8": func(row []byte) { binary.LittleEndian.PutUint64(row[8:], math.MaxUint64) },
		"twice":                  func(row []byte) { copy(row[16:24], row[:8]) },
	} {
		ck := changedModel(t, nil, name, func(b []byte) { change(b[2*3*8:]) })
		if _, err := Load(t.Context(), ck); err == nil || !strings.Contains(err.Error(), name+": token 2 ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
