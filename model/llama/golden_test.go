package llama_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"kakeyalattice/checkpoint"
	"kakeyalattice/model/llama"
	"kakeyalattice/safetensors"
)

// The folders of testdata hold models and what Hugging Face transformers 5.24.0
// computes with them; tools/golden/llama/golden.py made them.
var goldenModels = []string{"llama", "llama-bias", "qwen2", "qwen3"}

// load returns the model in a folder.
func load(t testing.TB, dir string) *llama.Model {
	t.Helper()
	ck, err := checkpoint.Open(context.Background(), checkpoint.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	m, err := llama.Load(context.Background(), ck)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// golden is a file of arrays.
type golden struct {
	t    testing.TB
	file *safetensors.File
}

func openGolden(t testing.TB, path string) golden {
	t.Helper()
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return golden{t, f}
}

// floats returns an array.
func (g golden) floats(name string) []float32 {
	g.t.Helper()
	tensor, ok := g.file.Lookup(name)
	if !ok {
		g.t.Fatalf("no array %s", name)
	}
	v := make([]float32, tensor.Elements())
	if err := g.file.Float32(v, tensor, 0); err != nil {
		g.t.Fatal(err)
	}
	return v
}

// isClose fails unless got is want but for rounding: relative to the largest value
// of want, since sums of float32 are.
func isClose(t testing.TB, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	top := 0.0
	for _, v := range want {
		top = max(top, math.Abs(float64(v)))
	}
	for i, v := range want {
		if !(math.Abs(float64(got[i]-v)) <= tolerance*top) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], v)
		}
	}
}

func TestModelsComputeWhatTransformersComputes(t *testing.T) {
	for _, name := range goldenModels {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("testdata", name)
			m, g := load(t, dir), openGolden(t, filepath.Join(dir, "golden.safetensors"))
			got := map[string][]float32{}
			collect := func(kind string) llama.Tap {
				return func(layer, _ int, x []float32) {
					key := fmt.Sprintf("%s.%d", kind, layer)
					got[key] = append(got[key], x...)
				}
			}
			k, v := collect("k"), collect("v")
			s := m.NewSession(llama.Options{
				Hidden: collect("hidden"), Query: collect("q"),
				Hook: func(layer, position int, key, value []float32) { k(layer, position, key); v(layer, position, value) },
			})
			var tokens []int32
			for _, token := range g.floats("tokens") {
				tokens = append(tokens, int32(token))
			}
			logits, err := s.Forward(tokens)
			if err != nil {
				t.Fatal(err)
			}
			isClose(t, "logits", logits, g.floats("logits"), 1e-5)
			for l := range m.Config.Layers {
				for _, kind := range []string{"hidden", "q", "k", "v"} {
					key := fmt.Sprintf("%s.%d", kind, l)
					isClose(t, key, got[key], g.floats(key), 1e-5)
				}
			}
		})
	}
}
