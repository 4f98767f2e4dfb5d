package kernel

//go:generate go run -C _generate . panel

import (
	"encoding/binary"
	"math"

	"kakeyalattice/minifloat"
)

// CopyRows copies n bytes of each of some rows: row r lies at src[r*stride:] and
// goes to dst[r*dstStride:]. The bytes that lie ahead of each are what will be
// needed next; they may be anywhere.
func (t Tiles) CopyRows(dst []byte, dstStride int, src []byte, stride, rows, n, ahead int) {
	if rows < 1 || n < 1 {
		return
	}
	dst, src = dst[:(rows-1)*dstStride+n], src[:(rows-1)*stride+n]
	done := t.copyRows(dst, dstStride, src, stride, rows, n, ahead)
	if done == n {
		return
	}
	for r := range rows {
		copy(dst[r*dstStride+done:r*dstStride+n], src[r*stride+done:])
	}
}

// The packers expand [Tiles.Width] stored rows, of which row r starts at
// src[r*stride], into a panel of cols rows of Width values: panel[c*Width+r] is
// the value in column c of row r.

// PackF32 packs rows of float32 values, little endian.
func (t Tiles) PackF32(panel []float32, src []byte, stride, cols int) {
	panel, src = t.sizes(panel, src, stride, cols, 4*cols)
	done := t.packF32(panel, src, stride, cols)
	t.rest(panel, src, stride, done, cols, func(row []byte, c int) float32 {
		return math.Float32frombits(binary.LittleEndian.Uint32(row[4*c:]))
	})
}

// PackFloats packs rows of float32 values; stride counts values.
func (t Tiles) PackFloats(panel, src []float32, stride, cols int) {
	panel, src = panel[:cols*t.width], src[:(t.width-1)*stride+cols]
	for c := t.packFloats(panel, src, stride, cols); c < cols; c++ {
		for r := range t.width {
			panel[c*t.width+r] = src[r*stride+c]
		}
	}
}

// PackBF16 packs rows of bfloat16 codes, little endian.
func (t Tiles) PackBF16(panel []float32, src []byte, stride, cols int) {
	panel, src = t.sizes(panel, src, stride, cols, 2*cols)
	done := t.packBF16(panel, src, stride, cols)
	t.rest(panel, src, stride, done, cols, func(row []byte, c int) float32 {
		return minifloat.BF16ToFloat32(binary.LittleEndian.Uint16(row[2*c:]))
	})
}

// PackFP16 packs rows of half-precision codes, little endian.
func (t Tiles) PackFP16(panel []float32, src []byte, stride, cols int) {
	panel, src = t.sizes(panel, src, stride, cols, 2*cols)
	done := t.packFP16(panel, src, stride, cols)
	t.rest(panel, src, stride, done, cols, func(row []byte, c int) float32 {
		return minifloat.FP16ToFloat32(binary.LittleEndian.Uint16(row[2*c:]))
	})
}

// Scales are the E8M0 codes of the rows of a panel: Codes[b*Width+r] is that of
// columns b*Block to (b+1)*Block-1 of row r. Values are codes times scales,
// rounded once.
type Scales struct {
	Codes []byte
	Block int

	floats []float32 // for the kernels
}

// PackFP8 packs rows of E4M3 codes.
func (t Tiles) PackFP8(panel []float32, src []byte, stride, cols int, s *Scales) {
	panel, src = t.sizes(panel, src, stride, cols, cols)
	// The kernel reads the bits of a code as those of a float32 that is 2^120
	// times smaller, which its scales have to undo.
	const shift, largest = 120, 254 - 120
	done := 0
	if floats := s.floatsOf(shift, largest); floats != nil {
		done = t.packFP8(panel, src, stride, cols, s.Block, floats)
	}
	t.rest(panel, src, stride, done, cols, func(row []byte, c int) float32 {
		return minifloat.E4M3ToFloat32(row[c])
	})
	t.scale(panel, done, cols, s)
}

// PackFP4 packs rows of E2M1 codes, two a byte, the even column in the lower
// half.
func (t Tiles) PackFP4(panel []float32, src []byte, stride, cols int, s *Scales) {
	panel, src = t.sizes(panel, src, stride, cols, (cols+1)/2)
	done := t.packFP4(panel, src, stride, cols, s.Block, s.floatsOf(0, 255))
	t.rest(panel, src, stride, done, cols, func(row []byte, c int) float32 {
		return minifloat.E2M1ToFloat32(row[c/2] >> (4 * (c % 2)))
	})
	t.scale(panel, done, cols, s)
}

// sizes cuts panel and src, whose rows have n bytes, to what is used.
func (t Tiles) sizes(panel []float32, src []byte, stride, cols, n int) ([]float32, []byte) {
	return panel[:cols*t.width], src[:(t.width-1)*stride+n]
}

// rest packs columns done to cols-1 in plain Go.
func (t Tiles) rest(panel []float32, src []byte, stride, done, cols int, value func(row []byte, c int) float32) {
	if done == cols {
		return
	}
	for r := range t.width {
		row := src[r*stride:]
		for c := done; c < cols; c++ {
			panel[c*t.width+r] = value(row, c)
		}
	}
}

// scale multiplies columns done to cols-1 by their scales.
func (t Tiles) scale(panel []float32, done, cols int, s *Scales) {
	for c := done; c < cols; c++ {
		codes, values := s.Codes[c/s.Block*t.width:][:t.width], panel[c*t.width:][:t.width]
		for r := range values {
			values[r] *= minifloat.E8M0ToFloat32(codes[r])
		}
	}
}

// floatsOf returns the scales times 2^shift, or nil if a code is above largest.
func (s *Scales) floatsOf(shift uint32, largest byte) []float32 {
	if cap(s.floats) < len(s.Codes) {
		s.floats = make([]float32, len(s.Codes))
	}
	floats := s.floats[:len(s.Codes)]
	for i, code := range s.Codes {
		if code > largest {
			return nil
		}
		if shift == 0 {
			floats[i] = minifloat.E8M0ToFloat32(code)
		} else {
			floats[i] = math.Float32frombits((uint32(code) + shift) << 23)
		}
	}
	return floats
}
