package kernel

//go:generate go run -C _generate . gemm

// TileDepth is the number of values between rows of x in [Tiles.Tile], and so
// the largest number of columns of a tile.
const TileDepth = 256

// Tiles are the kernels of matrix products at one level. The product of x, some
// rows of n values, and w, others of n values, has for each row of x and each
// row of w the sum
//
//	s_0 = 0,  s_k+1 = FMA(x_k, w_k, s_k)
//
// in this order at every level. Rows of w are taken [Tiles.Width] at a time and
// transposed into a panel, which holds their values column by column.
type Tiles struct {
	level       Level
	rows, width int
}

// NewTiles returns the kernels of the active level.
func NewTiles() Tiles {
	switch l := Active(); l {
	case AVX512:
		return Tiles{l, 12, 32}
	case AVX2:
		return Tiles{l, 6, 16}
	default:
		return Tiles{Go, 4, 4}
	}
}

// Rows is the largest number of rows of x in a tile.
func (t Tiles) Rows() int { return t.rows }

// Width is the number of columns of a tile: the values in a row of a panel.
func (t Tiles) Width() int { return t.width }

// Tile computes m rows, 1 to [Tiles.Rows], of [Tiles.Width] sums over k columns,
// 1 to [TileDepth]. Row i of x is x[i*TileDepth:], row j of the panel
// panel[j*panelStride:], and the sums are at dst[i*stride:]; they go on from what
// is there if add is set, and from 0 if not.
func (t Tiles) Tile(dst []float32, stride int, x []float32, m int, panel []float32, panelStride, k int, add bool) {
	dst = dst[:(m-1)*stride+t.width]
	x = x[:(m-1)*TileDepth+k]
	panel = panel[:(k-1)*panelStride+t.width]
	if !t.tile(dst, stride, x, m, panel, panelStride, k, add) {
		plainTile(dst, stride, x, m, panel, panelStride, k, add)
	}
}

func plainTile(dst []float32, stride int, x []float32, m int, panel []float32, panelStride, k int, add bool) {
	for i := range m {
		d := (*[4]float32)(dst[i*stride:])
		var s0, s1, s2, s3 float64
		if add {
			s0, s1, s2, s3 = float64(d[0]), float64(d[1]), float64(d[2]), float64(d[3])
		}
		for j, v := range x[i*TileDepth:][:k] {
			w, v := (*[4]float32)(panel[j*panelStride:]), float64(v)
			p0, p1, p2, p3 := v*float64(w[0]), v*float64(w[1]), v*float64(w[2]), v*float64(w[3]) // exact
			z0, z1, z2, z3 := s0, s1, s2, s3
			s0, s1, s2, s3 = p0+z0, p1+z1, p2+z2, p3+z3
			if twice(s0) || twice(s1) || twice(s2) || twice(s3) {
				s0, s1, s2, s3 = roundToOdd(s0, p0, z0), roundToOdd(s1, p1, z1), roundToOdd(s2, p2, z2), roundToOdd(s3, p3, z3)
			}
			s0, s1, s2, s3 = float64(float32(s0)), float64(float32(s1)), float64(float32(s2)), float64(float32(s3))
		}
		*d = [4]float32{float32(s0), float32(s1), float32(s2), float32(s3)}
	}
}

// RowPanels is the number of panels of [Tiles.Row].
const RowPanels = 4

// Row computes what [Tiles.Tile] does for one row x and RowPanels panels, which
// lie one after the other, k rows of Width values each: as many times Width sums
// at dst.
func (t Tiles) Row(dst, x, panels []float32, k int, add bool) {
	x = x[:k]
	dst, panels = dst[:RowPanels*t.width], panels[:RowPanels*k*t.width]
	if t.row(dst, x, panels, add) {
		return
	}
	for p := range RowPanels {
		plainTile(dst[p*t.width:], 0, x, 1, panels[p*k*t.width:], t.width, k, add)
	}
}

// FMAProbe computes multiply-adds of registers and nothing else, as fast as the
// machine can, and returns their number of operations, two for each value: about
// 400 n. At the level [Go] it does nothing.
func FMAProbe(n int) (operations float64) { return fmaProbe(max(n, 1)) }
