package kernel

import (
	"math"
	"math/rand/v2"
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

func BenchmarkMaxAbs(b *testing.B) {
	x := make([]float32, 512)
	benchEachLevel(b, 1, 4*len(x), func() { MaxAbs(x) })
}
