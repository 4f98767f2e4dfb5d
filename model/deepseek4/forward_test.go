package deepseek4

import (
	"fmt"
	"math"
	"testing"

	"kakeyalattice/checkpoint"
)

// testdata/forward is a random model and what transformers 5.24.0 computes with it
// in float32: tools/golden/deepseek4/hf_forward.py.
const forwardModel = "testdata/forward"

func loadForward(t testing.TB) *Model {
	t.Helper()
	ck, err := checkpoint.Open(t.Context(), checkpoint.Dir(forwardModel))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	m, err := Load(t.Context(), ck)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func forwardTokens(t testing.TB) (tokens []int32) {
	for _, v := range golden(t, "forward/golden.safetensors").ints("tokens") {
		tokens = append(tokens, int32(v))
	}
	return tokens
}

// alikeRelative fails unless got is within tolerance of want everywhere, relative to
// the largest value of want.
func alikeRelative(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	top := 0.0
	for _, v := range want {
		top = max(top, math.Abs(float64(v)))
	}
	near(t, what, got, want, tolerance*top)
}

func TestTheForwardPassIsThatOfTransformers(t *testing.T) {
	m, g := loadForward(t), golden(t, "forward/golden.safetensors")
	c := m.Config
	names := map[Point]string{AttentionInput: "attn_in", AttentionOutput: "attn_out", ExpertsOutput: "moe_out"}
	got := map[string][]float32{}
	s := m.NewSession(Options{
		Tap: func(layer int, p Point, x []float32) {
			if name, ok := names[p]; ok {
				key := fmt.Sprintf("%s.%d", name, layer)
				got[key] = append(got[key], x...)
			}
		},
		Streams: func(layer int, x []float32) {
			key := fmt.Sprintf("x.%d", layer)
			got[key] = append(got[key], x...)
		},
	})
	logits, err := s.Forward(forwardTokens(t))
	if err != nil {
		t.Fatal(err)
	}
	picked := g.ints("picked")
	for l := range c.Layers + 1 {
		key := fmt.Sprintf("x.%d", l)
		alikeRelative(t, key, rows(got[key], c.HCMult*c.HiddenSize, picked), g[key].values, 1e-5)
		if l == c.Layers {
			break
		}
		for _, name := range []string{"attn_in", "attn_out", "moe_out"} {
			key := fmt.Sprintf("%s.%d", name, l)
			alikeRelative(t, key, rows(got[key], c.HiddenSize, picked), g[key].values, 1e-5)
		}
	}
	alikeRelative(t, "logits", rows(logits, c.VocabSize, picked), g["logits"].values, 1e-5)
}
