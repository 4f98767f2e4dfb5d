package kv

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/safetensors"
)

func TestTensorSurvivesWritingAndReading(t *testing.T) {
	want := Tensor{Name: "k.0", Shape: []int{2, 1, 3}, Values: []float32{1, -2, 3, 0, math.MaxFloat32, math.SmallestNonzeroFloat32}}
	for _, ending := range []string{"safetensors", "npy", "NPY"} {
		path := filepath.Join(t.TempDir(), "k.0."+ending)
		if err := WriteTensor(path, want); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"", "k.0"} {
			got, err := ReadTensor(path, name)
			if err != nil {
				t.Fatal(err)
			}
			if got.Name != want.Name || !slices.Equal(got.Shape, want.Shape) || !slices.Equal(got.Values, want.Values) {
				t.Errorf("%s, name %q: got %+v", ending, name, got)
			}
		}
	}
}

func TestTensorIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "two.safetensors")
	err := safetensors.WriteFile(path, []safetensors.Entry{
		safetensors.Float32s("k.0", []int{1, 2}, []float32{1, float32(math.Inf(1))}),
		safetensors.Float32s("v.0", []int{1, 2}, []float32{1, 2}),
		safetensors.Int64s("ids", []int{1}, []int64{1}),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tensor string
		noSuch bool
		want   string
	}{
		"no name for two": {"", true, "k.0, v.0"},
		"unknown name":    {"q.0", true, `"q.0"`},
		"integers":        {"ids", false, "no float type"},
	} {
		_, err := ReadTensor(path, c.tensor)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrNoTensor) != c.noSuch {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
	if err := WriteTensor("out.bin", Tensor{}); err == nil || !strings.Contains(err.Error(), ".safetensors or .npy") {
		t.Errorf("unknown ending: got %v", err)
	}
}

func TestVectorDimIsTheLastAxisOrTheLastTwo(t *testing.T) {
	for _, c := range []struct {
		shape  []int
		vector string
		want   int // 0: an error
	}{
		{[]int{4, 8}, "head", 8}, {[]int{4, 8}, "token", 8},
		{[]int{4, 2, 8}, "head", 8}, {[]int{4, 2, 8}, "token", 16},
		{[]int{8}, "head", 8}, {nil, "head", 0}, {[]int{0, 8}, "head", 0}, {[]int{8, 0}, "head", 0},
	} {
		n := 1
		for _, axis := range c.shape {
			n *= axis
		}
		got, err := Tensor{Name: "x", Shape: c.shape, Values: make([]float32, n)}.VectorDim(c.vector)
		if got != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%v by %s: got %d, %v, want %d", c.shape, c.vector, got, err, c.want)
		}
	}
}
