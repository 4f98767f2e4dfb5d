package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"kakeyalattice/minifloat"
)

// packers are those of every format.
var packers = []struct {
	name     string
	block    int
	rowBytes func(cols int) int
	pack     func(t Tiles, panel []float32, src []byte, stride, cols int, s *Scales)
}{
	{"f32", 1, func(n int) int { return 4 * n }, func(t Tiles, panel []float32, src []byte, stride, cols int, _ *Scales) {
		t.PackF32(panel, src, stride, cols)
	}},
	{"bf16", 1, func(n int) int { return 2 * n }, func(t Tiles, panel []float32, src []byte, stride, cols int, _ *Scales) {
		t.PackBF16(panel, src, stride, cols)
	}},
	{"fp16", 1, func(n int) int { return 2 * n }, func(t Tiles, panel []float32, src []byte, stride, cols int, _ *Scales) {
		t.PackFP16(panel, src, stride, cols)
	}},
	{"fp8", 128, func(n int) int { return n }, Tiles.PackFP8},
	{"fp4", 32, func(n int) int { return (n + 1) / 2 }, Tiles.PackFP4},
}

// valueOfPacked is the definition of a value in a packed row; scale is that of its block.
var valueOfPacked = map[string]func(row []byte, c int, scale float32) float32{
	"f32": func(row []byte, c int, _ float32) float32 {
		return math.Float32frombits(binary.LittleEndian.Uint32(row[4*c:]))
	},
	"bf16": func(row []byte, c int, _ float32) float32 {
		return minifloat.BF16ToFloat32(binary.LittleEndian.Uint16(row[2*c:]))
	},
	"fp16": func(row []byte, c int, _ float32) float32 {
		return minifloat.FP16ToFloat32(binary.LittleEndian.Uint16(row[2*c:]))
	},
	"fp8": func(row []byte, c int, scale float32) float32 { return minifloat.E4M3ToFloat32(row[c]) * scale },
	"fp4": func(row []byte, c int, scale float32) float32 {
		return minifloat.E2M1ToFloat32(row[c/2]>>(4*(c%2))) * scale
	},
}

func TestPanelsHoldTheColumnsOfRows(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(6, 3))
		tiles := NewTiles()
		width := tiles.Width()
		for _, p := range packers {
			for _, cols := range []int{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256} {
				for _, block := range []int{1, 7, 16, 32, 64, 128, 1000} {
					n := p.rowBytes(cols)
					stride := n + r.IntN(9)
					src, panel := make([]byte, (width-1)*stride+n), make([]float32, cols*width)
					for i := range src {
						src[i] = byte(r.Uint32())
						if r.IntN(4) > 0 && src[i]&0x7f == 0x7f { // mostly without NaN of E4M3
							src[i] = 0x81
						}
					}
					scales := &Scales{Codes: make([]byte, (cols+block-1)/block*width), Block: block}
					for i := range scales.Codes {
						scales.Codes[i] = byte(r.IntN(136)) // most that a kernel takes
						if r.IntN(5000) == 0 {
							scales.Codes[i] = byte(r.Uint32())
						}
					}
					p.pack(tiles, panel, src, stride, cols, scales)
					for c := range cols {
						for row := range width {
							scale := minifloat.E8M0ToFloat32(scales.Codes[c/block*width+row])
							got, want := panel[c*width+row], valueOfPacked[p.name](src[row*stride:], c, scale)
							if !sameValue(got, want) {
								t.Fatalf("%s, %d columns, blocks of %d: column %d of row %d is %v (%#x), want %v (%#x)", p.name, cols, block, c, row,
									got, math.Float32bits(got), want, math.Float32bits(want))
							}
						}
					}
				}
			}
		}
	})
}

// Every code of eight and sixteen bits, at every place in a vector.
func TestEveryCodeIsPackedAsItsValue(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		tiles := NewTiles()
		width := tiles.Width()
		for _, p := range packers[1:] {
			const cols = TileDepth
			n := p.rowBytes(cols)
			src, panel := make([]byte, width*n), make([]float32, cols*width)
			scales := &Scales{Codes: bytes.Repeat([]byte{127}, cols/p.block*width), Block: p.block}
			for start := 0; start < 1<<16; start += width * cols {
				for i := range src {
					code := start + i
					src[i] = byte(code)
					if p.rowBytes(1) == 2 { // sixteen bits
						src[i] = byte((start + i/2) >> (8 * (i % 2)))
					} else if p.name == "fp8" && code&0x7f == 0x7f {
						src[i] = 0
					}
				}
				p.pack(tiles, panel, src, n, cols, scales)
				for c := range cols {
					for row := range width {
						if got, want := panel[c*width+row], valueOfPacked[p.name](src[row*n:], c, 1); !sameValue(got, want) {
							t.Fatalf("%s: column %d of row %d is %v, want %v", p.name, c, row, got, want)
						}
					}
				}
			}
		}
	})
}

func TestRowsAreCopiedAndNothingElse(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(6, 4))
		tiles := NewTiles()
		for _, n := range edgeLengths {
			for _, rows := range []int{0, 1, 2, 16} {
				stride, dstStride := n+r.IntN(70), n+r.IntN(70)
				src, dst := make([]byte, rows*stride), make([]byte, rows*dstStride)
				for i := range src {
					src[i] = byte(1 + r.IntN(255))
				}
				tiles.CopyRows(dst, dstStride, src, stride, rows, n, r.IntN(1<<40)-1<<39)
				for i, b := range dst {
					want := byte(0)
					if i%dstStride < n {
						want = src[i/dstStride*stride+i%dstStride]
					}
					if b != want {
						t.Fatalf("%d rows of %d bytes: byte %d is %d, want %d", rows, n, i, b, want)
					}
				}
			}
		}
	})
}

func BenchmarkPack(b *testing.B) {
	r := rand.New(rand.NewPCG(6, 1))
	for _, l := range levels() {
		restore := Use(l)
		tiles := NewTiles()
		restore()
		for _, p := range packers {
			b.Run(fmt.Sprintf("%v/%s", l, p.name), func(b *testing.B) {
				const cols = TileDepth
				n := p.rowBytes(cols)
				stride := n + 64
				src, panel := make([]byte, tiles.Width()*stride), make([]float32, cols*tiles.Width())
				for i := range src {
					src[i] = byte(r.Uint32())&0x3b | 8
				}
				scales := &Scales{Codes: make([]byte, cols/p.block*tiles.Width()), Block: p.block}
				for i := range scales.Codes {
					scales.Codes[i] = 120
				}
				ns := shortest(b, func() { p.pack(tiles, panel, src, stride, cols, scales) })
				b.ReportMetric(float64(n*tiles.Width())/ns, "GB/s")
				b.ReportMetric(float64(cols*tiles.Width())/ns, "Gvalues/s")
			})
		}
	}
}
