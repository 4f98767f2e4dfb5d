package matmul_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"pgregory.net/rapid"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/kernel"
	"kakeyalattice/matmul"
)

var formats = []checkpoint.Format{checkpoint.F32, checkpoint.BF16, checkpoint.FP16, checkpoint.FP8, checkpoint.MXFP4}

// atEachLevel runs f as a subtest for each level of this machine.
func atEachLevel(t *testing.T, f func(t *testing.T)) {
	for l := kernel.Go; l <= kernel.Best(); l++ {
		t.Run(l.String(), func(t *testing.T) {
			defer kernel.Use(l)()
			f(t)
		})
	}
}

// randomMatrix has finite elements of moderate size.
func randomMatrix(r *rand.Rand, rows, cols int, f checkpoint.Format, blockRows, blockCols int) *checkpoint.Matrix {
	w := &checkpoint.Matrix{Name: "w", Rows: rows, Cols: cols, Format: f}
	w.Data = make([]byte, rows*f.RowBytes(cols))
	for i := range w.Data {
		w.Data[i] = byte(r.Uint32())
	}
	switch f {
	case checkpoint.F32:
		for i := 0; i < len(w.Data); i += 4 {
			binary.LittleEndian.PutUint32(w.Data[i:], math.Float32bits(float32(r.NormFloat64())))
		}
	case checkpoint.BF16:
		for i := 0; i < len(w.Data); i += 2 {
			binary.LittleEndian.PutUint16(w.Data[i:], uint16(math.Float32bits(float32(r.NormFloat64()))>>16))
		}
	case checkpoint.FP16:
		for i := 1; i < len(w.Data); i += 2 {
			if w.Data[i]&0x7c == 0x7c { // not finite
				w.Data[i] &^= 0x40
			}
		}
	case checkpoint.FP8:
		for i := range w.Data {
			if w.Data[i]&0x7f == 0x7f { // NaN
				w.Data[i]--
			}
		}
	}
	if f == checkpoint.FP8 || f == checkpoint.MXFP4 {
		w.BlockRows, w.BlockCols = blockRows, blockCols
		w.Scale = make([]byte, (rows+blockRows-1)/blockRows*w.ScaleCols())
		for i := range w.Scale {
			w.Scale[i] = byte(120 + r.IntN(10))
		}
	}
	if err := w.Check(); err != nil {
		panic(err)
	}
	return w
}

func randomValues(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// chain is the definition of an element of a product.
func chain(x, w []float32) float32 {
	var s float32
	for k, v := range x {
		s = kernel.FMA(v, w[k], s)
	}
	return s
}

// want is the definition of a product.
func want(x []float32, n int, w *checkpoint.Matrix) []float32 {
	dst, row := make([]float32, n*w.Rows), make([]float32, w.Cols)
	for o := range w.Rows {
		w.Row(row, o)
		for i := range n {
			dst[i*w.Rows+o] = chain(x[i*w.Cols:][:w.Cols], row)
		}
	}
	return dst
}

// same fails unless got has the bits of want, all NaNs being equal.
func same(t testing.TB, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if g, w := got[i], want[i]; math.Float32bits(g) != math.Float32bits(w) && (g == g || w == w) {
			t.Fatalf("%s: value %d of %d is %v, want %v", what, i, len(want), g, w)
		}
	}
}

func TestProductsAreChainsOfFusedMultiplyAddsForEveryFormat(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	type shape struct{ n, rows, cols, blockRows, blockCols int }
	shapes := []shape{
		{3, 70, 600, 128, 128}, {1, 40, 300, 32, 32}, {2, 33, 512, 1, 32}, {5, 20, 130, 3, 7}, {2, 37, 777, 16, 48},
		{13, 64, 257, 128, 512}, {4, 8, 300, 1, 1024}, {241, 5, 9, 2, 2}, {2, 50, 258, 1, 2}, {1, 65, 640, 64, 96},
	}
	for _, n := range []int{1, 7, 8, 15, 16, 17, 31, 33} {
		for _, e := range []int{1, 7, 8, 15, 16, 17, 31, 33, 63, 65} {
			shapes = append(shapes, shape{n, e, 1 + r.IntN(70), 1 + r.IntN(40), 16 * (1 + r.IntN(4))})
		}
	}
	for _, cols := range []int{1, 7, 8, 15, 16, 17, 31, 32, 33, 255, 256, 257, 511, 513} {
		shapes = append(shapes, shape{3, 35, cols, 128, 128}, shape{1, 18, cols, 1, 32})
	}
	for _, f := range formats {
		t.Run(f.String(), func(t *testing.T) {
			for _, s := range shapes {
				w := randomMatrix(r, s.rows, s.cols, f, s.blockRows, s.blockCols)
				x := randomValues(r, s.n*s.cols)
				expected := want(x, s.n, w)
				for l := kernel.Go; l <= kernel.Best(); l++ {
					restore := kernel.Use(l)
					dst := make([]float32, s.n*s.rows)
					for i := range dst {
						dst[i] = float32(math.NaN())
					}
					matmul.Mul(dst, x, s.n, w, 1+r.IntN(3))
					restore()
					same(t, fmt.Sprintf("%v %v", l, s), dst, expected)
				}
			}
		})
	}
}

func TestCodesThatAreNotNumbersAndExtremeScalesAreExpandedAsRowsAre(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 1))
		for _, f := range formats {
			for range 20 {
				w := randomMatrix(r, 40, 288, f, 1+r.IntN(40), 32<<r.IntN(3))
				for i := range 3 {
					if len(w.Scale) > 0 {
						w.Scale[r.IntN(len(w.Scale))] = []byte{0, 255, 254}[i]
					}
					w.Data[r.IntN(len(w.Data))] = 0xff
				}
				// One value at a time, so that none hides behind another.
				x, dst, row := make([]float32, w.Cols), make([]float32, w.Rows), make([]float32, w.Cols)
				for range 20 {
					k := r.IntN(w.Cols)
					clear(x)
					x[k] = 1
					matmul.Mul(dst, x, 1, w, 1)
					for o := range w.Rows {
						w.Row(row, o)
						same(t, fmt.Sprintf("%v, column %d", f, k), dst[o:o+1], []float32{chain(x, row)})
					}
				}
			}
		}
	})
}

func TestARowDoesNotDependOnTheOthersNorOnTheWorkers(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
			n, rows, cols := rapid.IntRange(1, 40).Draw(t, "n"), rapid.IntRange(1, 90).Draw(t, "rows"), rapid.IntRange(1, 300).Draw(t, "cols")
			w := randomMatrix(r, rows, cols, rapid.SampledFrom(formats).Draw(t, "format"), 32, 32)
			x := randomValues(r, n*cols)
			all, one := make([]float32, n*rows), make([]float32, rows)
			matmul.Mul(all, x, n, w, rapid.IntRange(0, 4).Draw(t, "workers"))
			i := rapid.IntRange(0, n-1).Draw(t, "row")
			matmul.Mul(one, x[i*cols:][:cols], 1, w, 1)
			for o := range one {
				if math.Float32bits(one[o]) != math.Float32bits(all[i*rows+o]) {
					t.Fatalf("output %d: %v alone, %v among others", o, one[o], all[i*rows+o])
				}
			}
		})
	})
}

func TestProductsAreThoseOfGonum(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 1))
		for _, s := range [][3]int{{1, 300, 500}, {17, 129, 257}, {250, 33, 64}} {
			n, rows, cols := s[0], s[1], s[2]
			w, x := randomValues(r, rows*cols), randomValues(r, n*cols)
			oracle := make([]float32, n*rows)
			blas32.Gemm(blas.NoTrans, blas.Trans, 1,
				blas32.General{Rows: n, Cols: cols, Stride: cols, Data: x}, blas32.General{Rows: rows, Cols: cols, Stride: cols, Data: w},
				0, blas32.General{Rows: n, Cols: rows, Stride: rows, Data: oracle})
			transposed := make([]float32, len(w))
			for o := range rows {
				for k := range cols {
					transposed[k*rows+o] = w[o*cols+k]
				}
			}
			byT, byN := make([]float32, n*rows), make([]float32, n*rows)
			matmul.MulT(byT, x, n, cols, w, rows, nil, 2)
			matmul.MulN(byN, x, n, cols, transposed, rows, nil, 2)
			for i, want := range oracle {
				if math.Abs(float64(byT[i]-want)) > 1e-5*math.Sqrt(float64(cols))*4 || byT[i] != byN[i] {
					t.Fatalf("%v: value %d is %v and %v, gonum has %v", s, i, byT[i], byN[i], want)
				}
			}
		}
	})
}

func TestRowsOfDifferentLengthsAreThoseOfEachLengthAlone(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 1))
		for _, c := range []struct{ positions, group, first, size int }{{1, 1, 0, 8}, {1, 3, 300, 64}, {20, 2, 0, 40}, {30, 4, 250, 16}, {260, 1, 0, 8}, {9, 8, 511, 128}} {
			depth := c.first + c.positions
			n := c.positions * c.group
			lens := make([]int, n)
			for i := range lens {
				lens[i] = c.first + i/c.group + 1
			}
			q, keys := randomValues(r, n*c.size), randomValues(r, depth*c.size)
			weights, values := randomValues(r, n*depth), randomValues(r, depth*c.size)
			scores, out := make([]float32, n*depth), make([]float32, n*c.size)
			matmul.MulT(scores, q, n, c.size, keys, depth, lens, 2)
			matmul.MulN(out, weights, n, depth, values, c.size, lens, 2)
			for i, l := range lens {
				row, sum := make([]float32, l), make([]float32, c.size)
				matmul.MulT(row, q[i*c.size:][:c.size], 1, c.size, keys[:l*c.size], l, nil, 1)
				same(t, fmt.Sprintf("%+v: scores of row %d", c, i), scores[i*depth:][:l], row)
				matmul.MulN(sum, weights[i*depth:][:l], 1, l, values[:l*c.size], c.size, nil, 1)
				same(t, fmt.Sprintf("%+v: sums of row %d", c, i), out[i*c.size:][:c.size], sum)
				for j, v := range sum[:1] {
					column := make([]float32, l)
					for k := range column {
						column[k] = values[k*c.size+j]
					}
					same(t, "the definition", []float32{v}, []float32{chain(weights[i*depth:][:l], column)})
				}
			}
		}
	})
}

func TestEmptyProducts(t *testing.T) {
	w := randomMatrix(rand.New(rand.NewPCG(5, 1)), 3, 4, checkpoint.F32, 0, 0)
	matmul.Mul(nil, nil, 0, w, 2)
	matmul.MulT(nil, []float32{1, 2}, 1, 2, nil, 0, nil, 1)
	dst := []float32{1, 2, 3}
	matmul.MulT(dst, nil, 1, 0, nil, 3, nil, 1)
	same(t, "sums of nothing", dst, []float32{0, 0, 0})
	dst = []float32{1, 2, 3}
	matmul.MulN(dst, []float32{5}, 1, 1, []float32{7, 8, 9}, 3, []int{0}, 1)
	same(t, "a row of no products", dst, []float32{0, 0, 0})
}

func TestSlicesOfOtherSizesArePanics(t *testing.T) {
	for name, f := range map[string]func(){
		"x":   func() { matmul.MulT(make([]float32, 2), make([]float32, 3), 1, 2, make([]float32, 4), 2, nil, 1) },
		"dst": func() { matmul.MulT(make([]float32, 3), make([]float32, 2), 1, 2, make([]float32, 4), 2, nil, 1) },
		"w":   func() { matmul.MulN(make([]float32, 2), make([]float32, 2), 1, 2, make([]float32, 5), 2, nil, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// FuzzMul holds products at every level against their definition, for weights
// and scales of any bits.
func FuzzMul(f *testing.F) {
	f.Add(uint8(0), uint8(1), uint16(17), uint16(33), uint8(32), []byte("\x00\x00\x80\x3f\x00\x00\x00\x40"))
	f.Add(uint8(3), uint8(3), uint16(20), uint16(300), uint8(128), []byte("\x7f\x38\xb8\x01\x80\x08"))
	f.Add(uint8(4), uint8(2), uint16(16), uint16(64), uint8(31), []byte("\x12\x34\xff\x00"))
	f.Fuzz(func(t *testing.T, format, n uint8, rows, cols uint16, block uint8, data []byte) {
		w := &checkpoint.Matrix{Name: "w", Rows: 1 + int(rows)%70, Cols: 1 + int(cols)%600, Format: formats[int(format)%len(formats)]}
		repeat := func(n int) []byte {
			b := make([]byte, n)
			for i := range b {
				if len(data) > 0 {
					b[i] = data[(i+i/len(data))%len(data)]
				}
			}
			return b
		}
		w.Data = repeat(w.Rows * w.Format.RowBytes(w.Cols))
		if w.Format == checkpoint.FP8 || w.Format == checkpoint.MXFP4 {
			w.BlockRows, w.BlockCols = 1+int(block)%40, 1+int(block)
			w.Scale = repeat((w.Rows + w.BlockRows - 1) / w.BlockRows * w.ScaleCols())
		}
		tokens := 1 + int(n)%20
		x := randomValues(rand.New(rand.NewPCG(1, uint64(n))), tokens*w.Cols)
		expected := want(x, tokens, w)
		for l := kernel.Go; l <= kernel.Best(); l++ {
			restore := kernel.Use(l)
			dst := make([]float32, tokens*w.Rows)
			matmul.Mul(dst, x, tokens, w, 1+int(n)%2)
			restore()
			same(t, l.String(), dst, expected)
		}
	})
}
