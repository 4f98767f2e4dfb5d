package checkpoint

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"kakeyalattice/minifloat"
	"kakeyalattice/safetensors"
)

// Matrix reads a weight matrix of rows outputs by cols inputs as it is stored.
// Of a file that is mapped into memory, Data is a part of the mapping: not to
// be written to, and gone after Close.
//
// F32, BF16 and F16 tensors have the shape [rows, cols]. Quantised ones have a
// tensor of scales beside them, named X.scale, X.weight_scale_inv or
// X.weight_scale for X.weight:
//
//   - F8_E4M3 [rows, cols], scales [ceil(rows/b), ceil(cols/b)] for blocks of b =
//     128 or 32, which the size of the grid tells apart;
//   - MXFP4: I8 or U8 [rows, cols/2], or F4 [rows, cols], scales [rows, cols/32].
//
// E8M0 scales, and others that are powers of two, are kept as E8M0. Other
// scales, such as the F32 ones of DeepSeek-V3, have no place in a [Matrix]: the
// result is then an F32 matrix of the products.
func (c *Checkpoint) Matrix(ctx context.Context, name string, rows, cols int) (*Matrix, error) {
	t, s, err := c.find(ctx, name)
	if err != nil {
		return nil, err
	}
	m := &Matrix{Name: name, Rows: rows, Cols: cols}
	shape := []int{rows, cols}
	switch t.DType {
	case safetensors.F32:
		m.Format = F32
	case safetensors.BF16:
		m.Format = BF16
	case safetensors.F16:
		m.Format = FP16
	case safetensors.F8E4M3:
		m.Format = FP8
	case safetensors.F4:
		m.Format = MXFP4
	case safetensors.I8, safetensors.U8:
		m.Format = MXFP4
		shape[1] = cols / 2
	default:
		return nil, c.errorf("%s: tensor %s: a matrix of %s cannot be read", t.Shard, name, t.DType)
	}
	if !slices.Equal(t.Shape, shape) || m.Format == MXFP4 && cols%2 != 0 {
		want := fmt.Sprint(shape)
		if m.Format == MXFP4 {
			want += fmt.Sprintf(" for %d x %d FP4 values, two a byte", rows, cols)
		}
		return nil, c.wrongShape(t, want)
	}
	if m.Format == FP8 || m.Format == MXFP4 {
		err = c.readScaled(ctx, m, t, s)
	} else {
		m.Data, err = c.bytes(ctx, t, s)
	}
	if err != nil {
		return nil, err
	}
	if err := m.Check(); err != nil {
		return nil, c.errorf("%s: %w", t.Shard, err)
	}
	return m, nil
}

// readScaled completes a quantised matrix with its values and scales.
func (c *Checkpoint) readScaled(ctx context.Context, m *Matrix, t Tensor, s *shard) error {
	scaleName := c.scaleName(t)
	if scaleName == "" {
		return c.errorf("tensor %s: its %v values have no scales: none of %q is there: %w", m.Name, m.Format, scaleNames(m.Name), ErrNoTensor)
	}
	scale, scaleShard, err := c.find(ctx, scaleName)
	if err != nil {
		return err
	}
	if err := m.setBlocks(scale.Shape); err != nil {
		return c.wrongShape(scale, err.Error())
	}
	err = c.fetch(ctx, []part{{t, s, appendRange(nil, t.Range)}, {scale, scaleShard, appendRange(nil, scale.Range)}})
	if err != nil {
		return err
	}
	if m.Data, err = c.readRange(t, s, t.Range); err != nil {
		return err
	}
	codes, err := c.readRange(scale, scaleShard, scale.Range)
	if err != nil {
		return err
	}
	if scale.DType == safetensors.F8E8M0 || scale.DType == safetensors.U8 {
		m.Scale = codes
		return nil
	}
	if !scale.DType.IsFloat() {
		return c.errorf("%s: tensor %s: scales of type %s cannot be read", scale.Shard, scaleName, scale.DType)
	}
	values := make([]float32, len(codes)/scale.DType.Size())
	if err := scale.DType.Float32(values, codes); err != nil {
		return c.errorf("%s: tensor %s: %w", scale.Shard, scaleName, err)
	}
	m.setScales(values)
	return nil
}

// blocks lists the block sizes that quantised weights have: DeepSeek-V3 and V4,
// DeepSeek-V4.1, MXFP8. No two of them fit a grid of scales differently.
var blocks = map[Format][][2]int{
	FP8:   {{128, 128}, {32, 32}, {1, 32}, {1, 128}},
	MXFP4: {{1, 32}},
}

// setBlocks finds the block size from the shape of the scales; its error says
// which shapes would do.
func (m *Matrix) setBlocks(grid []int) error {
	want := ""
	for i, b := range blocks[m.Format] {
		fit := []int{(m.Rows + b[0] - 1) / b[0], (m.Cols + b[1] - 1) / b[1]}
		if slices.Equal(grid, fit) {
			m.BlockRows, m.BlockCols = b[0], b[1]
			return nil
		}
		if i > 0 {
			want += ", or "
		}
		want += fmt.Sprintf("%v for blocks of %d x %d", fit, b[0], b[1])
	}
	return fmt.Errorf("%s of the %d x %d weights", want, m.Rows, m.Cols)
}

// setScales takes scales that are not E8M0: it keeps powers of two as E8M0 and
// widens the matrix for any others.
func (m *Matrix) setScales(values []float32) {
	m.Scale = make([]byte, len(values))
	for i, v := range values {
		code := minifloat.E8M0Ceil(v)
		if minifloat.E8M0ToFloat32(code) != v {
			m.widen(values)
			return
		}
		m.Scale[i] = code
	}
}

// widen replaces the values by their products with the scales, rounded once.
func (m *Matrix) widen(scales []float32) {
	ones := *m
	ones.Scale = make([]byte, len(scales))
	for i := range ones.Scale {
		ones.Scale[i] = minifloat.E8M0One
	}
	wide := make([]byte, 0, 4*m.Rows*m.Cols)
	row := make([]float32, m.Cols)
	for r := range m.Rows {
		ones.Row(row, r)
		rowScales := scales[r/m.BlockRows*m.ScaleCols():]
		for i, v := range row {
			wide = binary.LittleEndian.AppendUint32(wide, math.Float32bits(v*rowScales[i/m.BlockCols]))
		}
	}
	*m = Matrix{Name: m.Name, Rows: m.Rows, Cols: m.Cols, Format: F32, Data: wide}
}
