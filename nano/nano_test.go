package nano

import (
	"errors"
	"math"
	"os"
	"testing"

	"kakeyalattice/checkpoint"
	"kakeyalattice/model/deepseek4"
)

// golden.safetensors holds logits of the shipped weights that tools/nano/export.py
// computed with PyTorch in float32, at some positions of a held-out text.
func golden(t *testing.T) (tokens, positions []int64, logits []float32) {
	t.Helper()
	data, err := os.ReadFile("testdata/golden.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	ck, err := checkpoint.Open(t.Context(), checkpoint.Memory("golden", map[string][]byte{"model.safetensors": data}))
	if err != nil {
		t.Fatal(err)
	}
	shape := func(name string) []int {
		tensor, err := ck.Lookup(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return tensor.Shape
	}
	var errs [3]error
	tokens, errs[0] = ck.Int64s(t.Context(), "tokens", shape("tokens")...)
	positions, errs[1] = ck.Int64s(t.Context(), "positions", shape("positions")...)
	logits, errs[2] = ck.Vector(t.Context(), "logits", shape("logits")...)
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return tokens, positions, logits
}

func model(t testing.TB) *deepseek4.Model {
	t.Helper()
	ck, err := checkpoint.Open(t.Context(), Files())
	if err != nil {
		t.Fatal(err)
	}
	m, err := deepseek4.Load(t.Context(), ck)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLogitsAreThoseOfPyTorch(t *testing.T) {
	tokens, positions, want := golden(t)
	m := model(t)
	ids := make([]int32, len(tokens))
	for i, id := range tokens {
		ids[i] = int32(id)
	}
	got, err := m.NewSession(deepseek4.Options{}).Forward(ids)
	if err != nil {
		t.Fatal(err)
	}
	vocab := m.Config.VocabSize
	var worst, largest float64
	for i, at := range positions {
		for j := range vocab {
			w := float64(want[i*vocab+j])
			worst = max(worst, math.Abs(float64(got[int(at)*vocab+j])-w))
			largest = max(largest, math.Abs(w))
		}
	}
	t.Logf("largest difference %.2g, largest logit %.3g, %d positions", worst, largest, len(positions))
	if !(worst <= 1e-4*largest) || largest < 1 {
		t.Errorf("logits differ by %g where the largest is %g", worst, largest)
	}
}
