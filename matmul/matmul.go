// Package matmul multiplies float32 matrices, one of which may be weights in the
// format of a checkpoint, expanded a panel at a time.
//
// Every element of a product is one chain of fused multiply-adds,
//
//	s_0 = 0,  s_k+1 = FMA(x_k, w_k, s_k)
//
// over k in ascending order, each rounded once to float32. So a row of the result
// has the same bits whatever the other rows are, how many there are, on how many
// cores and with what instructions it was computed: tokens that go through a
// model together give what they give one by one.
package matmul

import (
	"fmt"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/kernel"
)

// Mul sets dst, [n, w.Rows], to the product of x, [n, w.Cols], with the rows of
// w: dst[i*w.Rows+o] is the sum of x[i*w.Cols+k] * w[o, k] over k, with the
// elements of w as [checkpoint.Matrix.Row] gives them. w is valid by its Check. Up
// to workers goroutines share the work; the result does not depend on them. Mul
// panics if the slices do not have these sizes.
func Mul(dst, x []float32, n int, w *checkpoint.Matrix, workers int) {
	p := product{dst: dst, x: x, n: n, outputs: w.Rows, depth: w.Cols, matrix: w}
	p.run(workers)
}

// MulT sets dst, [n, rows], to the product of x, [n, depth], with the rows of w,
// [rows, depth]: x times w transposed, as of queries with keys. lens, if not nil,
// has n ascending numbers: of row i, only the first lens[i] values are wanted, and
// what lies beyond them is undefined.
func MulT(dst, x []float32, n, depth int, w []float32, rows int, lens []int, workers int) {
	checkSize("w", len(w), rows, depth)
	p := product{dst: dst, x: x, n: n, outputs: rows, depth: depth, rows: w, wanted: lens}
	p.run(workers)
}

// MulN sets dst, [n, cols], to the product of x, [n, depth], with w,
// [depth, cols]: x times w as it lies, as of weights with values. lens, if not nil,
// has n ascending numbers: the sums of row i have only the first lens[i] products.
func MulN(dst, x []float32, n, depth int, w []float32, cols int, lens []int, workers int) {
	checkSize("w", len(w), depth, cols)
	p := product{dst: dst, x: x, n: n, outputs: cols, depth: depth, columns: w, products: lens}
	p.run(workers)
}

func checkSize(name string, have, rows, cols int) {
	if have != rows*cols {
		panic(fmt.Sprintf("matmul: %s has %d values, want %d x %d", name, have, rows, cols))
	}
}

// product is a product of matrices: of x, [n, depth], with one of matrix,
// [outputs, depth], rows, [outputs, depth], and columns, [depth, outputs].
type product struct {
	dst, x            []float32
	n, outputs, depth int

	matrix        *checkpoint.Matrix
	rows, columns []float32

	wanted   []int // of each row, the outputs that are needed; nil: all
	products []int // of each row, the products in its sums; nil: all

	tiles kernel.Tiles
	tasks tasks
}

// Sizes of what a worker does at a time.
const (
	// blockRows of x at a depth of a tile fit half a second-level cache.
	blockRows = 240
	// spanValues of x are packed at a time where few rows allow more than the
	// depth of a tile: then rows of weights are read in longer runs.
	spanValues = blockRows * kernel.TileDepth
	// taskOutputs is the number of outputs of a task, the unit of sharing.
	taskOutputs = 256
)

// compute does the outputs o0 to o1-1 of rows i0 to i1-1.
func (p *product) compute(s *scratch, o0, o1, i0, i1 int) {
	n, width := i1-i0, p.tiles.Width()
	if n == 1 && p.columns == nil {
		o0 = p.row(s, o0, o1, i0)
	}
	span := max(spanValues/n/kernel.TileDepth, 1) * kernel.TileDepth
	for start := 0; start < p.depth; start += span {
		end := min(start+span, p.depth)
		s.packX(p, i0, i1, start, end)
		for o := o0; o < o1; o += width {
			if p.wanted != nil && p.wanted[i1-1] <= o {
				break
			}
			for k0 := start; k0 < end; k0 += kernel.TileDepth {
				k1 := min(k0+kernel.TileDepth, end)
				if k1 < end {
					s.expect(p, o, k0, o, k1)
				} else {
					s.expect(p, o, k0, o+width, start)
				}
				panel, stride := s.panelOf(p, o, k0, k1)
				x := s.x[(k0-start)*n:] // n rows for each depth of a tile
				for i := i0; i < i1; {
					m, k := p.tileAt(i, i1, o, k0, k1)
					if k > 0 {
						p.tile(s, x[(i-i0)*kernel.TileDepth:], panel, stride, i, m, o, k, k0 > 0)
					}
					i += m
				}
			}
		}
	}
}

// rowDepth is the number of columns that a single row is done with at a time:
// the panels of as many stay in a first-level cache.
const rowDepth = kernel.TileDepth / 2

// row does as many of the outputs o0 to o1-1 of row i as fill panels that can be
// done together, and returns the first of the others. With so little to compute
// from each weight, sums of one panel would wait for each other.
func (p *product) row(s *scratch, o0, o1, i int) (done int) {
	width := p.tiles.Width()
	for ; o0+kernel.RowPanels*width <= o1; o0 += kernel.RowPanels * width {
		for k0 := 0; k0 < p.depth; k0 += rowDepth {
			k1 := min(k0+rowDepth, p.depth)
			size := (k1 - k0) * width
			s.panel = grow(s.panel, kernel.RowPanels*size)
			if k1 < p.depth {
				s.expect(p, o0, k0, o0, k1)
			} else {
				s.expect(p, o0, k0, o0+kernel.RowPanels*width, 0)
			}
			for j := range kernel.RowPanels {
				s.pack(p, s.panel[j*size:][:size], o0+j*width, k0, k1)
			}
			p.tiles.Row(p.dst[i*p.outputs+o0:], p.x[i*p.depth+k0:], s.panel, k1-k0, k0 > 0)
		}
	}
	return o0
}

// tileAt returns the number of rows of the tile that begins at row i, and of its
// columns, 0 where there is nothing to do.
func (p *product) tileAt(i, end, o, k0, k1 int) (m, k int) {
	k = k1 - k0
	if p.products != nil {
		k = p.productsAt(i, k0, k1)
		for e := i + 1; e < end; e++ { // rows with sums as long
			if p.productsAt(e, k0, k1) != k {
				end = e
			}
		}
	}
	if p.wanted != nil && p.wanted[i] <= o {
		return 1, 0
	}
	// Tiles about as large as each other.
	most := p.tiles.Rows()
	count := (end - i + most - 1) / most
	return (end - i + count - 1) / count, k
}

// productsAt is the number of columns from k0 to k1-1 in the sums of row i.
func (p *product) productsAt(i, k0, k1 int) int { return max(min(p.products[i], k1)-k0, 0) }

// tile computes a tile and keeps of it what is inside dst.
func (p *product) tile(s *scratch, x, panel []float32, stride, i, m, o, k int, add bool) {
	width := p.tiles.Width()
	dst := p.dst[i*p.outputs+o:]
	if o+width <= p.outputs {
		p.tiles.Tile(dst, p.outputs, x, m, panel, stride, k, add)
		return
	}
	inside := p.outputs - o
	for r := range m {
		copy(s.tile[r*width:][:inside], dst[r*p.outputs:])
	}
	p.tiles.Tile(s.tile, width, x, m, panel, stride, k, add)
	for r := range m {
		copy(dst[r*p.outputs:][:inside], s.tile[r*width:])
	}
}
