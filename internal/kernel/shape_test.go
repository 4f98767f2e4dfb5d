package kernel

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kakeyalattice/lattice"
)

func TestNormAddsUpSixteenSums(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(6, 1))
		for _, n := range edgeLengths {
			x := make([]float32, n)
			for range 20 {
				fill(r, x)
				for i := range x {
					x[i] = float32(math.Mod(float64(x[i]), 0x1p48))
				}
				var s [16]float32
				for i, v := range x {
					s[i%16] += float32(v * v)
				}
				for _, w := range []int{8, 4, 2, 1} {
					for j := range w {
						s[j] += s[j+w]
					}
				}
				want := float32(math.Sqrt(float64(s[0])))
				if got := Norm(x); math.Float32bits(got) != math.Float32bits(want) {
					t.Fatalf("%d values: %v, want %v", n, got, want)
				}
			}
		}
	})
}

// latticePoints returns blocks of E8 points of about the given deviation.
func latticePoints(r *rand.Rand, blocks int, deviation float64) []float32 {
	points := make([]float32, 8*blocks)
	for i := range points {
		points[i] = float32(deviation * r.NormFloat64())
	}
	for p := points; len(p) > 0; p = p[8:] {
		z := (*[8]float32)(p)
		lattice.ClosestE8(z, z)
	}
	return points
}

func TestShapesOfE8AreCutAsDefinedAndComeBack(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(6, 2))
		s := ShapeE8{Lo: -30, Values: 61}
		for blocks := range 40 {
			points := latticePoints(r, blocks, 11)
			symbols, raw := make([]byte, 8*blocks+1), make([]byte, blocks+1)
			symbols[8*blocks], raw[blocks] = 0x5a, 0x5a
			if !s.Split(symbols[:8*blocks], raw[:blocks], points) {
				t.Fatalf("%d blocks: a value has no symbol", blocks)
			}
			if symbols[8*blocks] != 0x5a || raw[blocks] != 0x5a {
				t.Fatalf("%d blocks: more was written", blocks)
			}
			for i, z := range points {
				k := int(math.Floor(float64(z)))
				half := z != float32(k)
				if half && i%8 >= 3 && i%8 <= 6 {
					k++
				}
				bit := k & 1
				if i%8 == 7 {
					bit = 0
					if half {
						bit = 1
					}
				}
				if got, want := int(symbols[i]), k>>1+30; got != want {
					t.Fatalf("coordinate %d of %d blocks, %v: symbol %d, want %d", i, blocks, z, got, want)
				}
				if got := int(raw[i/8] >> (i % 8) & 1); got != bit {
					t.Fatalf("coordinate %d of %d blocks, %v: raw bit %d, want %d", i, blocks, z, got, bit)
				}
			}
			for _, factor := range []float32{1, 0.123} {
				got, want := make([]float32, len(points)), make([]float32, len(points))
				for i, z := range points {
					want[i] = z * factor
				}
				s.Join(got, symbols, raw, factor)
				sameBits(t, "joined", got, want)
			}
		}
	})
}

func TestValuesWithoutASymbolAreReported(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		s := ShapeE8{Lo: -3, Values: 6} // k from -6 to 5
		for _, blocks := range []int{1, 2, 3, 8, 17} {
			for at := range 8 * blocks {
				for _, v := range []float32{-7, -6, 5, 6, 512, -600, 1e6} {
					points := make([]float32, 8*blocks)
					points[at] = v
					got := s.Split(make([]byte, 8*blocks), make([]byte, blocks), points)
					if want := v >= -6 && v <= 5; got != want {
						t.Fatalf("%v at %d of %d blocks: %v", v, at, blocks, got)
					}
				}
			}
		}
	})
}

// FuzzShapeE8 holds every level against plain Go on any symbols and raw bits.
func FuzzShapeE8(f *testing.F) {
	f.Add([]byte("some symbols and the raw bits of eight blocks, or of a few more of them"), int8(-30), uint32(0x3f800000))
	f.Fuzz(func(t *testing.T, data []byte, lo int8, bits uint32) {
		factor := math.Float32frombits(bits)
		if blocks := len(data) / 9; blocks > 0 && factor == factor {
			s := ShapeE8{Lo: int32(lo), Values: 256}
			symbols, raw := data[:8*blocks], data[8*blocks:9*blocks]
			var want []float32
			for _, l := range levels() {
				restore := Use(l)
				points := make([]float32, 8*blocks)
				s.Join(points, symbols, raw, factor)
				if l == Go {
					want = slices.Clone(points)
				}
				sameBits(t, l.String(), points, want)
				s.Join(points, symbols, raw, 1)
				again, rawAgain := make([]byte, len(symbols)), make([]byte, len(raw))
				ok := s.Split(again, rawAgain, points)
				restore()
				if !ok || !bytes.Equal(again, symbols) || !bytes.Equal(rawAgain, raw) {
					t.Fatalf("%v: %x and %x become %x and %x (%v)", l, symbols, raw, again, rawAgain, ok)
				}
			}
		}
	})
}

func BenchmarkShapeE8(b *testing.B) {
	points := latticePoints(rand.New(rand.NewPCG(6, 3)), 64, 11)
	symbols, raw := make([]byte, len(points)), make([]byte, 64)
	s := ShapeE8{Lo: -30, Values: 61}
	b.Run("split", func(b *testing.B) { benchEachLevel(b, 1, 4*len(points), func() { s.Split(symbols, raw, points) }) })
	b.Run("join", func(b *testing.B) { benchEachLevel(b, 1, 4*len(points), func() { s.Join(points, symbols, raw, 0.1) }) })
}

func BenchmarkNorm(b *testing.B) {
	x := latticePoints(rand.New(rand.NewPCG(6, 4)), 64, 1)
	benchEachLevel(b, 1, 4*len(x), func() { Norm(x) })
}
