package kernel

//go:generate go run -C _generate . shape
//go:generate go run -C _generate . cut

import "math"

// Norm returns the Euclidean length of x, as machines with 16 lanes form it: 16
// sums, the j-th of the squares of x_j, x_j+16, ... in this order, added up by
//
//	for w = 8, 4, 2, 1: s_j = s_j + s_j+w for j < w
//
// and the root of s_0, every operation rounded to float32.
func Norm(x []float32) float32 {
	sum, ok := squaredNorm(x)
	if !ok {
		sum = plainSquaredNorm(x)
	}
	// The root of a float32 in float64, rounded, is the correctly rounded one.
	return float32(math.Sqrt(float64(sum)))
}

func plainSquaredNorm(x []float32) float32 {
	var s [unit]float32
	for ; len(x) >= unit; x = x[unit:] {
		for j, v := range x[:unit] {
			s[j] += float32(v * v)
		}
	}
	for j, v := range x {
		s[j] += float32(v * v)
	}
	for w := unit / 2; w > 0; w /= 2 {
		for j := range w {
			s[j] += s[j+w]
		}
	}
	return s[0]
}

// A ShapeE8 cuts points of E8 into symbols and raw bits, a byte of them a block,
// and puts them together: the cut of package codec's gain-shape codes with a
// shift of 1.
type ShapeE8 struct {
	lo     int32 // the value that the symbol 0 stands for
	values int32 // the number of values
	plan   rowsPlan
}

// NewShapeE8 returns the cut into so many values from lo on, of vectors that are
// rotated in the given runs.
func NewShapeE8(lo, values int32, runs []int) *ShapeE8 {
	return &ShapeE8{lo, values, newRowsPlan(runs)}
}

// Cut does at once what [Hadamard] on the runs of x, [E8.Closest] at a factor and
// Split do, with the symbols in a lane of b; work has 9/8 as many values as x and
// may begin with it. It returns false for done if it did nothing, because the
// active level has no kernel for it.
func (s *ShapeE8) Cut(b *RansBatch, lane int, raw []byte, x, work []float32, factor float32) (fits, done bool) {
	return s.cut(b, lane, raw, x, work, factor)
}

// halfOffset is what is added to coordinate i of the half coset before it is cut.
func halfOffset(i int) int32 {
	if i >= 3 && i <= 6 {
		return 1
	}
	return 0
}

// Split sets the symbols and the raw bytes of points. It returns false if there
// is a value without a symbol; then symbols are undefined.
func (s *ShapeE8) Split(symbols, raw []byte, points []float32) bool {
	blocks := len(points) / 8
	symbols, raw = symbols[:8*blocks], raw[:blocks]
	done, top := s.splitBlocks(symbols, raw, points)
	for ; done < blocks; done++ {
		z := (*[8]float32)(points[8*done:])
		out := (*[8]byte)(symbols[8*done:])
		coset := int32(2*z[0]) & 1
		half := float32(coset) / 2
		bits := byte(coset) << 7
		for i, v := range z {
			k := int32(v-half) + coset*halfOffset(i)
			if i < 7 {
				bits |= byte(k&1) << i
			}
			v := uint32(k>>1 - s.lo)
			top = max(top, v)
			out[i] = byte(v)
		}
		raw[done] = bits
	}
	return top < uint32(s.values)
}

// Join sets points to what Split made of them, times factor.
func (s *ShapeE8) Join(points []float32, symbols, raw []byte, factor float32) {
	blocks := len(points) / 8
	symbols, raw = symbols[:8*blocks], raw[:blocks]
	for done := s.joinBlocks(points, symbols, raw, factor); done < blocks; done++ {
		z := (*[8]float32)(points[8*done:])
		in := (*[8]byte)(symbols[8*done:])
		bits := int32(raw[done])
		coset := bits >> 7
		half := float32(coset) / 2
		var parity int32
		for i := range 7 {
			k := (s.lo+int32(in[i]))<<1 | bits&1
			bits >>= 1
			k -= coset * halfOffset(i)
			parity ^= k
			z[i] = (float32(k) + half) * factor
		}
		z[7] = (float32((s.lo+int32(in[7]))<<1|parity&1) + half) * factor
	}
}
