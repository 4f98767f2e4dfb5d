package deepseek4

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"kakeyalattice/checkpoint"
	"kakeyalattice/safetensors"
)

// memory is a checkpoint of float32 matrices and vectors.
type memory map[string]tensor

type tensor struct {
	shape  []int
	values []float32
}

func (m memory) Vector(_ context.Context, name string, shape ...int) ([]float32, error) {
	t, ok := m[name]
	if !ok || !slices.Equal(t.shape, shape) {
		return nil, fmt.Errorf("no %s of %v", name, shape)
	}
	return t.values, nil
}

func (m memory) Matrix(ctx context.Context, name string, rows, cols int) (*checkpoint.Matrix, error) {
	v, err := m.Vector(ctx, name, rows, cols)
	if err != nil {
		return nil, err
	}
	return float32Matrix(name, rows, cols, v), nil
}

func float32Matrix(name string, rows, cols int, values []float32) *checkpoint.Matrix {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return &checkpoint.Matrix{Name: name, Rows: rows, Cols: cols, Format: checkpoint.F32, Data: data}
}

// golden reads the float tensors of a file in testdata, and its integers as
// floats.
func golden(t testing.TB, name string) memory {
	t.Helper()
	f, err := safetensors.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := memory{}
	for _, x := range f.Tensors {
		values := make([]float32, x.Elements())
		if x.DType == safetensors.I64 {
			b, err := f.Bytes(x)
			if err != nil {
				t.Fatal(err)
			}
			for i := range values {
				values[i] = float32(int64(binary.LittleEndian.Uint64(b[8*i:])))
			}
		} else if err := f.Float32(values, x, 0); err != nil {
			t.Fatal(err)
		}
		m[x.Name] = tensor{x.Shape, values}
	}
	return m
}

func (m memory) ints(name string) []int {
	var v []int
	for _, f := range m[name].values {
		v = append(v, int(f))
	}
	return v
}

// rows picks rows of a matrix of the given width.
func rows(x []float32, width int, picked []int) []float32 {
	var v []float32
	for _, r := range picked {
		v = append(v, x[r*width:(r+1)*width]...)
	}
	return v
}

// upTo is 0, 1, ... n-1.
func upTo(n int) []int {
	v := make([]int, n)
	for i := range v {
		v[i] = i
	}
	return v
}

// near fails unless got is within tolerance of want everywhere, and logs how
// near it is.
func near(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	worst, at := 0.0, 0
	for i := range want {
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= worst) {
			worst, at = d, i
		}
	}
	t.Logf("%s: %d values, largest difference %.2g", what, len(want), worst)
	if !(worst <= tolerance) {
		t.Errorf("%s: value %d is %v, want %v to within %g", what, at, got[at], want[at], tolerance)
	}
}

// flash is DeepSeek-V4-Flash but for its size.
func flash() *Config {
	return &Config{
		ModelType: "deepseek_v4", HiddenSize: 4096, Layers: 4, HeadDim: 512, RopeDim: 64, Window: 128, IndexHeadDim: 128,
		CompressRatios: []int{0, 0, 4, 128}, NormEps: 1e-6, RopeTheta: 10000, CompressRopeTheta: 160000,
		RopeScaling: RopeScaling{Type: "yarn", Factor: 16, BetaFast: 32, BetaSlow: 1, OriginalPosition: 65536},
	}
}

func load(t testing.TB, w weights, cfg *Config, layer int, streams Streams) *KVLayer {
	t.Helper()
	l, err := loadKV(t.Context(), w, cfg, layer, streams)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func project(t testing.TB, l *KVLayer, x []float32) *Projected {
	t.Helper()
	p, err := l.Project(x, len(x)/l.cfg.HiddenSize, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func entries(t testing.TB, l *KVLayer, p *Projected, rows []int) *Entries {
	t.Helper()
	e, err := l.Entries(p, rows)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func equalEntries(a, b *Entries) bool {
	same := func(x, y []float32) bool {
		return slices.EqualFunc(x, y, func(v, w float32) bool { return math.Float32bits(v) == math.Float32bits(w) })
	}
	return same(a.Window, b.Window) && same(a.Compressed, b.Compressed) && same(a.Indexer, b.Indexer)
}
