package matmul

import (
	"unsafe"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/kernel"
	"kakeyalattice/minifloat"
)

// scratch is what a worker needs beside the matrices.
type scratch struct {
	x      []float32 // rows of x, each depth of a tile together
	panel  []float32
	tile   []float32
	bytes  []byte    // stored rows of a panel
	values []float32 // the same of float32, of a panel that is not full
	scales kernel.Scales
	ahead  int // bytes from the weights that are packed to those that will be next
}

// grow returns a slice of n values that begins a cache line, b if it is large
// enough.
func grow(b []float32, n int) []float32 {
	if cap(b) >= n {
		return b[:n]
	}
	const line = 64
	b = make([]float32, n+line/4)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) % line / 4
	return b[skip:][:n:n]
}

// packX copies columns start to end-1 of rows i0 to i1-1 of x.
func (s *scratch) packX(p *product, i0, i1, start, end int) {
	n := i1 - i0
	blocks := (end - start + kernel.TileDepth - 1) / kernel.TileDepth
	s.x = grow(s.x, blocks*n*kernel.TileDepth)
	to := s.x
	for k0 := start; k0 < end; k0 += kernel.TileDepth {
		k1 := min(k0+kernel.TileDepth, end)
		for i := i0; i < i1; i++ {
			copy(to, p.x[i*p.depth+k0:i*p.depth+k1])
			to = to[kernel.TileDepth:]
		}
	}
}

// panelOf returns outputs o to o+Width-1 of columns k0 to k1-1 as a panel, zeros
// beyond the last output, and the values between its rows.
func (s *scratch) panelOf(p *product, o, k0, k1 int) (panel []float32, stride int) {
	width, cols := p.tiles.Width(), k1-k0
	if p.columns != nil && o+width <= p.outputs {
		return p.columns[k0*p.outputs+o:], p.outputs
	}
	s.panel = grow(s.panel, cols*width)
	s.tile = grow(s.tile, p.tiles.Rows()*width)
	s.pack(p, s.panel, o, k0, k1)
	return s.panel, width
}

// pack sets a panel, [k1-k0, Width], to outputs o to o+Width-1 of columns k0 to
// k1-1.
func (s *scratch) pack(p *product, panel []float32, o, k0, k1 int) {
	width := p.tiles.Width()
	switch {
	case p.columns != nil:
		clear(panel)
		for k := k0; k < k1; k++ {
			copy(panel[(k-k0)*width:], p.columns[k*p.outputs+o:(k+1)*p.outputs])
		}
	case p.rows != nil:
		s.packValues(p, panel, o, k0, k1)
	default:
		s.packMatrix(p.tiles, p.matrix, panel, o, k0, k1)
	}
}

// packValues packs rows of float32.
func (s *scratch) packValues(p *product, panel []float32, o, k0, k1 int) {
	width, cols := p.tiles.Width(), k1-k0
	if o+width <= p.outputs {
		p.tiles.PackFloats(panel, p.rows[o*p.depth+k0:], p.depth, cols)
		return
	}
	s.values = grow(s.values, width*cols)
	clear(s.values)
	for r := range p.outputs - o {
		copy(s.values[r*cols:], p.rows[(o+r)*p.depth+k0:][:cols])
	}
	p.tiles.PackFloats(panel, s.values, cols, cols)
}

// packMatrix packs rows o to o+Width-1 of columns k0 to k1-1 of w.
func (s *scratch) packMatrix(t kernel.Tiles, w *checkpoint.Matrix, panel []float32, o, k0, k1 int) {
	cols := k1 - k0
	if scaled(w) && !wholeBlocks(w, k0) {
		s.packElements(t, w, panel, o, k0, k1)
		return
	}
	src, stride := s.copyRows(t, w, o, w.Format.RowBytes(k0), w.Format.RowBytes(cols)) // k0 is even
	switch w.Format {
	case checkpoint.F32:
		t.PackF32(panel, src, stride, cols)
	case checkpoint.BF16:
		t.PackBF16(panel, src, stride, cols)
	case checkpoint.FP16:
		t.PackFP16(panel, src, stride, cols)
	case checkpoint.FP8:
		s.scalesOf(w, t.Width(), o, k0, k1)
		t.PackFP8(panel, src, stride, cols, &s.scales)
	case checkpoint.MXFP4:
		s.scalesOf(w, t.Width(), o, k0, k1)
		t.PackFP4(panel, src, stride, cols, &s.scales)
	}
}

// copyRows copies n bytes from at of each of width rows from row o to where they
// lie side by side; rows that do not exist are zero. Where rows lie in w they
// often are a power of two apart, which the sets of a cache do not bear, and the
// packers go through all of them at once.
func (s *scratch) copyRows(t kernel.Tiles, w *checkpoint.Matrix, o, at, n int) (rows []byte, stride int) {
	const line = 64
	stride = n + line
	if cap(s.bytes) < t.Width()*stride {
		s.bytes = make([]byte, t.Width()*stride)
	}
	rows = s.bytes[:t.Width()*stride]
	from := w.Format.RowBytes(w.Cols)
	exist := min(t.Width(), w.Rows-o)
	t.CopyRows(rows, stride, w.Data[o*from+at:], from, exist, n, s.ahead)
	clear(rows[exist*stride:])
	return rows, stride
}

// expect says that the weights from row o and column k are followed by those from
// row nextO and column nextK.
func (s *scratch) expect(p *product, o, k, nextO, nextK int) {
	if w := p.matrix; w != nil {
		s.ahead = (nextO-o)*w.Format.RowBytes(w.Cols) + w.Format.RowBytes(nextK) - w.Format.RowBytes(k)
	}
}

func scaled(w *checkpoint.Matrix) bool {
	return w.Format == checkpoint.FP8 || w.Format == checkpoint.MXFP4
}

// wholeBlocks reports whether a block begins at column k0 or lasts to the end of
// the tile.
func wholeBlocks(w *checkpoint.Matrix, k0 int) bool {
	return k0%w.BlockCols == 0 || w.BlockCols%kernel.TileDepth == 0
}

// scalesOf collects the scales of a panel.
func (s *scratch) scalesOf(w *checkpoint.Matrix, width, o, k0, k1 int) {
	first, last := k0/w.BlockCols, (k1-1)/w.BlockCols
	n := (last - first + 1) * width
	if cap(s.scales.Codes) < n {
		s.scales.Codes = make([]byte, n)
	}
	s.scales.Codes, s.scales.Block = s.scales.Codes[:n], w.BlockCols
	for r := range width {
		row := w.Scale[min(o+r, w.Rows-1)/w.BlockRows*w.ScaleCols():]
		for b, code := range row[first : last+1] {
			s.scales.Codes[b*width+r] = code
		}
	}
}

// packElements is packMatrix for blocks of sizes that the kernels do not know.
func (s *scratch) packElements(t kernel.Tiles, w *checkpoint.Matrix, panel []float32, o, k0, k1 int) {
	width, stride := t.Width(), w.Format.RowBytes(w.Cols)
	clear(panel)
	for r := range min(width, w.Rows-o) {
		row := w.Data[(o+r)*stride:][:stride]
		scales := w.Scale[(o+r)/w.BlockRows*w.ScaleCols():]
		for k := k0; k < k1; k++ {
			var v float32
			if w.Format == checkpoint.FP8 {
				v = minifloat.E4M3ToFloat32(row[k])
			} else {
				v = minifloat.E2M1ToFloat32(row[k/2] >> (4 * (k % 2)))
			}
			panel[(k-k0)*width+r] = v * minifloat.E8M0ToFloat32(scales[k/w.BlockCols])
		}
	}
}
