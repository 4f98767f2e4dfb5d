package capture

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"kakeyalattice/checkpoint"
	"kakeyalattice/kv"
	"kakeyalattice/matmul"
)

// Projection is a matrix [hidden, width] that takes the hidden states of
// another model to the width of this one.
type Projection struct {
	Matrix *checkpoint.Matrix
	Label  string
}

// GaussianProjection draws a projection: independent normal entries of
// variance 1/width, from the seed alone. It stands for the fixed matrix of the
// reference, whose generator is another: the same recipe, not the same matrix.
func GaussianProjection(hidden, width int, seed uint64) Projection {
	r := rand.New(rand.NewPCG(seed, 0))
	values := make([]float32, hidden*width)
	scale := 1 / math.Sqrt(float64(width))
	for i := range values {
		values[i] = float32(r.NormFloat64() * scale)
	}
	return Projection{
		Matrix: matrixOf("projection", hidden, width, values),
		Label:  fmt.Sprintf("a Gaussian %d x %d projection, seed %d (not the reference's matrix)", hidden, width, seed),
	}
}

func (p Projection) apply(x []float32, n, workers int) []float32 {
	y := make([]float32, n*p.Matrix.Rows)
	matmul.Mul(y, x, n, p.Matrix, workers)
	return y
}

// ReadProjection reads a projection: the one tensor [hidden, width] of a
// .safetensors or .npy file.
func ReadProjection(path string, hidden, width int) (Projection, error) {
	t, err := kv.ReadTensor(path, "")
	if err != nil {
		return Projection{}, err
	}
	if len(t.Shape) != 2 || t.Shape[0] != hidden || t.Shape[1] != width {
		return Projection{}, fmt.Errorf("capture: %s: tensor %s has shape %v; a projection of these models is [%d, %d]", path, t.Name, t.Shape, hidden, width)
	}
	if i := kv.FindNonFinite(t.Values); i >= 0 {
		return Projection{}, fmt.Errorf("capture: %s: tensor %s holds %v at row %d, column %d", path, t.Name, t.Values[i], i/width, i%width)
	}
	return Projection{matrixOf(t.Name, hidden, width, t.Values), "the projection of " + path}, nil
}

// matrixOf is a matrix of values in memory.
func matrixOf(name string, rows, cols int, values []float32) *checkpoint.Matrix {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return &checkpoint.Matrix{Name: name, Rows: rows, Cols: cols, Format: checkpoint.F32, Data: data}
}
