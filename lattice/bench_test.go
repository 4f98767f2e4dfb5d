package lattice

import (
	"math/rand/v2"
	"testing"
)

// benchBlocks is the number of blocks of 8 in the vectors that benchmarks use:
// D = 512.
const benchBlocks = 64

// benchVector draws a vector with coordinates of a rotated KV vector: Gaussian,
// the largest near q.
func benchVector(q float64) []float32 {
	r := rand.New(rand.NewPCG(7, 7))
	y := make([]float32, 8*benchBlocks)
	for i := range y {
		y[i] = float32(max(-q, min(q, r.NormFloat64()*q/3.2)))
	}
	return y
}

// perBlock runs f on every block of a vector and reports ns per block.
func perBlock(b *testing.B, y []float32, f func(i int, y *[8]float32)) {
	b.SetBytes(int64(4 * len(y)))
	n := 0
	for b.Loop() {
		for i := 0; i < len(y); i += 8 {
			f(i/8, (*[8]float32)(y[i:]))
		}
		n += len(y) / 8
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/block")
}

func BenchmarkClosestE8(b *testing.B) {
	var z [8]float32
	perBlock(b, benchVector(38), func(_ int, y *[8]float32) { ClosestE8(&z, y) })
}

func BenchmarkBoxClosestE8(b *testing.B) {
	box, _ := NewBox(38)
	var z [8]float32
	b.Run("inside", func(b *testing.B) {
		perBlock(b, benchVector(37), func(_ int, y *[8]float32) { box.ClosestE8(&z, y) })
	})
	b.Run("corners", func(b *testing.B) {
		perBlock(b, benchVector(400), func(_ int, y *[8]float32) { box.ClosestE8(&z, y) })
	})
}

func BenchmarkBoxClosestD4(b *testing.B) {
	box, _ := NewBox(38)
	var z [4]float32
	perBlock(b, benchVector(37), func(_ int, y *[8]float32) { box.ClosestD4(&z, (*[4]float32)(y[:])) })
}

func BenchmarkRankE8(b *testing.B) {
	for _, q := range []int{38, 152} {
		box, _ := NewBox(q)
		z := benchVector(float64(q))
		for i := 0; i < len(z); i += 8 {
			y := (*[8]float32)(z[i:])
			box.ClosestE8(y, y)
		}
		ranks := make([][2]uint64, len(z)/8)
		b.Run(map[int]string{38: "q=38", 152: "q=152"}[q], func(b *testing.B) {
			perBlock(b, z, func(i int, z *[8]float32) { ranks[i][0], ranks[i][1] = box.RankE8(z) })
		})
		b.Run(map[int]string{38: "unrank q=38", 152: "unrank q=152"}[q], func(b *testing.B) {
			perBlock(b, z, func(i int, z *[8]float32) { box.UnrankE8(z, ranks[i][0], ranks[i][1]) })
		})
	}
}
