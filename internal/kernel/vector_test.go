package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestMaxAbsIsTheLargestMagnitude(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 1))
		for _, n := range edgeLengths {
			x := make([]float32, n)
			for range 20 {
				fill(r, x)
				var want float32
				for _, v := range x {
					want = max(want, float32(math.Abs(float64(v))))
				}
				if got := MaxAbs(x); math.Float32bits(got) != math.Float32bits(want) {
					t.Fatalf("%d values: %v, want %v", n, got, want)
				}
			}
		}
	})
}

func TestPeaksAreTheLargestMagnitudesOfBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for range 1000 {
		x := make([]float32, 8*r.IntN(20))
		peaks := make([]float32, len(x)/8)
		fill(r, x)
		if got, want := blockPeaks(peaks, x), MaxAbs(x); got != want {
			t.Fatalf("%v of all, want %v", got, want)
		}
		for i, got := range peaks {
			if want := MaxAbs(x[8*i : 8*i+8]); got != want {
				t.Fatalf("block %d: %v, want %v", i, got, want)
			}
		}
	}
}

func TestNonFiniteFindsTheFirst(t *testing.T) {
	bad := []float32{float32(math.NaN()), -float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, n := range edgeLengths {
			x := make([]float32, n)
			fill(r, x)
			if got := NonFinite(x); got != -1 {
				t.Errorf("%d finite values: %d", n, got)
			}
			for i := range x {
				was := x[i]
				x[n-1] = bad[(i+1)%len(bad)]
				x[i] = bad[i%len(bad)]
				if got := NonFinite(x); got != i {
					t.Errorf("%v at %d of %d: %d", x[i], i, n, got)
				}
				x[i] = was
			}
		}
	})
}

func TestAddScaledRoundsProductAndSum(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 4))
		for _, n := range edgeLengths {
			x, y, f := make([]float32, n), make([]float32, n+1), make([]float32, 1)
			for range 20 {
				fill(r, x)
				fill(r, y)
				fill(r, f)
				want := slices.Clone(y)
				for i, v := range x {
					product := f[0] * v
					want[i] += product
				}
				AddScaled(y[:n], f[0], x)
				for i, v := range y {
					if math.Float32bits(v) != math.Float32bits(want[i]) && v == v {
						t.Fatalf("value %d of %d: %v, want %v", i, n, v, want[i])
					}
				}
			}
		}
	})
}

func BenchmarkAddScaled(b *testing.B) {
	x, y := make([]float32, 512), make([]float32, 512)
	benchEachLevel(b, 1, 4*len(x), func() { AddScaled(y, 0.5, x) })
}

func BenchmarkMaxAbs(b *testing.B) {
	x := make([]float32, 512)
	benchEachLevel(b, 1, 4*len(x), func() { MaxAbs(x) })
}
