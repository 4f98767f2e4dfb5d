package kernel

import (
	"bytes"
	"encoding/binary"
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
		s := NewShapeE8(-30, 61, []int{8})
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
		s := NewShapeE8(-3, 6, []int{8}) // k from -6 to 5
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

// checkCut holds Cut, at every level that has it, against what it does at once.
func checkCut(t *testing.T, s *ShapeE8, runs []int, x []float32, factor float32) {
	t.Helper()
	y := slices.Clone(x)
	at := 0
	for _, n := range runs {
		Hadamard(y[at : at+n])
		at += n
	}
	E8.Closest(y, y, factor)
	symbols, raw := make([]byte, len(x)), make([]byte, len(x)/8)
	want := s.Split(symbols, raw, y)
	for _, l := range levels() {
		restore := Use(l)
		b := NewRansBatch(len(x), 3)
		got := make([]byte, len(raw))
		fits, done := s.Cut(b, 1, got, x, make([]float32, len(x)+len(x)/8), factor)
		restore()
		if !done {
			continue
		}
		if fits != want {
			t.Fatalf("%v, %d values: fits %v, want %v", l, len(x), fits, want)
		}
		if fits && (!bytes.Equal(getSymbols(b, 1), symbols) || !bytes.Equal(got, raw)) {
			t.Fatalf("%v, %d values: %x and %x, want %x and %x", l, len(x), getSymbols(b, 1), got, symbols, raw)
		}
	}
}

func TestCutIsRotationClosestPointsAndSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 5))
	for _, runs := range [][]int{{8}, {64}, {128}, {256}, {512}, {512, 64}, {512, 128}, {128, 64}, {512, 128, 64}, {1024}, {1024, 512, 128}} {
		n := 0
		for _, run := range runs {
			n += run
		}
		x := make([]float32, n)
		for trial := range 60 {
			fillVector(r, x)
			s := NewShapeE8(-64, 128, runs)
			if trial%3 == 2 {
				s = NewShapeE8(-int32(r.IntN(20)), 1+int32(r.IntN(40)), runs)
			}
			factor := 11 / max(Norm(x)/float32(math.Sqrt(float64(n))), math.SmallestNonzeroFloat32)
			checkCut(t, s, runs, x, []float32{factor, 0.1 * factor, 5 * factor}[r.IntN(3)])
		}
	}
}

func TestCutHasKernels(t *testing.T) {
	for _, l := range levels()[1:] {
		restore := Use(l)
		_, done := NewShapeE8(-64, 128, []int{512}).Cut(NewRansBatch(512, 1), 0, make([]byte, 64), make([]float32, 512), make([]float32, 576), 1)
		restore()
		if !done {
			t.Errorf("%v: nothing was done", l)
		}
	}
}

// FuzzCut is TestCutIsRotationClosestPointsAndSplit on any values that do not
// overflow.
func FuzzCut(f *testing.F) {
	f.Add([]byte("the values of a vector, four bytes each, over and over again"), uint8(128))
	f.Fuzz(func(t *testing.T, data []byte, values uint8) {
		if len(data) < 4 {
			return
		}
		x := make([]float32, 512)
		for i := range x {
			at := 4 * i % (len(data) - 3)
			v := math.Float32frombits(binary.LittleEndian.Uint32(data[at:]))
			if math.Abs(float64(v)) < 1e9 { // no NaN either
				x[i] = v
			}
		}
		if top := MaxAbs(x); top > 0 {
			runs := []int{512}
			checkCut(t, NewShapeE8(-int32(values)/2, 1+int32(values)/2, runs), runs, x, 60/top)
		}
	})
}

// FuzzShapeE8 holds every level against plain Go on any symbols and raw bits.
func FuzzShapeE8(f *testing.F) {
	f.Add([]byte("some symbols and the raw bits of eight blocks, or of a few more of them"), int8(-30), uint32(0x3f800000))
	f.Fuzz(func(t *testing.T, data []byte, lo int8, bits uint32) {
		factor := math.Float32frombits(bits)
		if blocks := len(data) / 9; blocks > 0 && factor == factor {
			s := NewShapeE8(int32(lo), 256, []int{8})
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
	s := NewShapeE8(-30, 61, []int{8})
	b.Run("split", func(b *testing.B) { benchEachLevel(b, 1, 4*len(points), func() { s.Split(symbols, raw, points) }) })
	b.Run("join", func(b *testing.B) { benchEachLevel(b, 1, 4*len(points), func() { s.Join(points, symbols, raw, 0.1) }) })
}

func BenchmarkNorm(b *testing.B) {
	x := latticePoints(rand.New(rand.NewPCG(6, 4)), 64, 1)
	benchEachLevel(b, 1, 4*len(x), func() { Norm(x) })
}

func BenchmarkCut(b *testing.B) {
	const n = 512
	r := rand.New(rand.NewPCG(6, 7))
	x, raw, work := make([]float32, n), make([]byte, n/8), make([]float32, n+n/8)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	batch := NewRansBatch(n, 1)
	s := NewShapeE8(-64, 128, []int{n})
	benchEachLevel(b, 1, 4*n, func() { s.Cut(batch, 0, raw, x, work, 11) })
}
