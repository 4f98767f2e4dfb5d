package codec_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"kakeyalattice/codec"
	"kakeyalattice/hadamard"
	"kakeyalattice/safetensors"
)

// The golden files hold inputs x.D* and what the reference system's v1.4 (d4)
// and v1.5 (e8) return for them, with its own rel-MSE about the mean vector.
const goldenTensors, goldenFigures = "testdata/codec_roundtrip.safetensors", "testdata/codec_roundtrip.json"

type goldenCase struct {
	Codec  string  `json:"codec"`
	Dim    int     `json:"D"`
	Q      int     `json:"Q"`
	Bits   int     `json:"bits"`
	RelMSE float64 `json:"rel_mse"`
	Cosine float64 `json:"cos"`
}

func TestSimulatorsReproduceTheReference(t *testing.T) {
	text, err := os.ReadFile(goldenFigures)
	if err != nil {
		t.Fatal(err)
	}
	var cases []goldenCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.Open(goldenTensors)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, g := range cases {
		t.Run(fmt.Sprintf("%s D=%d Q=%d", g.Codec, g.Dim, g.Q), func(t *testing.T) {
			spec, err := codec.Parse(fmt.Sprintf("ref-%s:q=%d", g.Codec, g.Q))
			if err != nil {
				t.Fatal(err)
			}
			sim, err := codec.NewSimulator(spec, g.Dim)
			if err != nil {
				t.Fatal(err)
			}
			if sim.ClaimedBits() != g.Bits {
				t.Errorf("claims %d bits, the reference %d", sim.ClaimedBits(), g.Bits)
			}
			x := tensor(t, file, fmt.Sprintf("x.D%d", g.Dim))
			want := tensor(t, file, fmt.Sprintf("%s.D%d.Q%d", g.Codec, g.Dim, g.Q))
			got := make([]float32, len(x))
			if err := sim.RoundTrip(got, x); err != nil {
				t.Fatal(err)
			}
			compareVectors(t, g, want, got)
			if rel := relMSE(x, got, g.Dim); math.Abs(rel/g.RelMSE-1) > 1e-4 {
				t.Errorf("rel-MSE %v, the reference %v", rel, g.RelMSE)
			}
		})
	}
}

// compareVectors allows for the reference's Hadamard, a matrix product: its
// other summation order decides a tie the other way now and then, and that
// moves one block of one vector.
func compareVectors(t *testing.T, g goldenCase, want, got []float32) {
	t.Helper()
	n, off := len(want)/g.Dim, 0
	for v := range n {
		w, y := want[v*g.Dim:(v+1)*g.Dim], got[v*g.Dim:(v+1)*g.Dim]
		var peak, worst float64
		for i := range w {
			peak = max(peak, math.Abs(float64(w[i])))
			worst = max(worst, math.Abs(float64(w[i])-float64(y[i])))
		}
		if worst <= 1e-5*peak {
			continue
		}
		off++
		if blocks := differingBlocks(g, w, y); blocks > 1 {
			t.Errorf("vector %d differs in %d blocks", v, blocks)
		}
	}
	if off*100 > 6*n {
		t.Errorf("%d of %d vectors differ", off, n)
	}
}

// differingBlocks counts the lattice blocks in which the rotated difference of
// two reconstructions is more than noise.
func differingBlocks(g goldenCase, w, y []float32) int {
	size := map[string]int{"d4": 4, "e8": 8}[g.Codec]
	diff := make([]float32, len(w))
	var peak float32
	for i := range w {
		diff[i] = w[i] - y[i]
		peak = max(peak, w[i], -w[i])
	}
	hadamard.Transform(diff)
	blocks := 0
	for b := 0; b < len(diff); b += size {
		for _, d := range diff[b : b+size] {
			if math.Abs(float64(d)) > 1e-4*float64(peak) {
				blocks++
				break
			}
		}
	}
	return blocks
}

func relMSE(x, y []float32, dim int) float64 {
	mean := make([]float64, dim)
	for i, v := range x {
		mean[i%dim] += float64(v) / float64(len(x)/dim)
	}
	var num, den float64
	for i := range x {
		num += math.Pow(float64(x[i])-float64(y[i]), 2)
		den += math.Pow(float64(x[i])-mean[i%dim], 2)
	}
	return num / den
}

func tensor(t *testing.T, file *safetensors.File, name string) []float32 {
	t.Helper()
	info, ok := file.Lookup(name)
	if !ok {
		t.Fatalf("%s has no tensor %s", goldenTensors, name)
	}
	x := make([]float32, info.Elements())
	if err := file.Float32(x, info, 0); err != nil {
		t.Fatal(err)
	}
	return x
}
