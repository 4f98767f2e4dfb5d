package lattice

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchBlocks is the number of blocks that benchmarks go through, so many that a
// branch predictor cannot learn them: 4096 are too few for that.
const benchBlocks = 1 << 15

// benchInput draws coordinates like those of rotated KV vectors: Gaussian, the
// largest near q.
func benchInput(q float64) []float32 {
	r := rand.New(rand.NewPCG(7, 7))
	y := make([]float32, 8*benchBlocks)
	for i := range y {
		y[i] = float32(max(-q, min(q, r.NormFloat64()*q/3.2)))
	}
	return y
}

// perBlock reports the time of one block of a benchmark whose iterations go
// through the whole input.
func perBlock(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchBlocks, "ns/block")
}

func BenchmarkClosestE8(b *testing.B) {
	y := benchInput(38)
	b.SetBytes(int64(4 * len(y)))
	z := make([]float32, len(y))
	for b.Loop() {
		for i := 0; i < len(y); i += 8 {
			ClosestE8((*[8]float32)(z[i:]), (*[8]float32)(y[i:]))
		}
	}
	perBlock(b)
}

func BenchmarkClosestE8Blocks(b *testing.B) {
	y := benchInput(38)
	b.SetBytes(int64(4 * len(y)))
	z := make([]float32, len(y))
	for b.Loop() {
		ClosestE8Blocks(z, y, 1, 1)
	}
	perBlock(b)
}

func BenchmarkBoxClosestE8(b *testing.B) {
	box := newBox(b, 38)
	for _, c := range []struct {
		name  string
		scale float64
	}{{"inside", 37}, {"border", 400}} {
		b.Run(c.name, func(b *testing.B) {
			y := benchInput(c.scale)
			b.SetBytes(int64(4 * len(y)))
			z := make([]float32, len(y))
			for b.Loop() {
				for i := 0; i < len(y); i += 8 {
					box.ClosestE8((*[8]float32)(z[i:]), (*[8]float32)(y[i:]))
				}
			}
			perBlock(b)
		})
	}
}

func BenchmarkBoxClosestD4(b *testing.B) {
	box := newBox(b, 38)
	y := benchInput(37)[:4*benchBlocks]
	b.SetBytes(int64(4 * len(y)))
	z := make([]float32, len(y))
	for b.Loop() {
		for i := 0; i < len(y); i += 4 {
			box.ClosestD4((*[4]float32)(z[i:]), (*[4]float32)(y[i:]))
		}
	}
	perBlock(b)
}

func BenchmarkRankE8(b *testing.B) {
	for _, q := range []int{38, 152} {
		box := newBox(b, q)
		z := benchInput(float64(q))
		for i := 0; i < len(z); i += 8 {
			y := (*[8]float32)(z[i:])
			box.ClosestE8(y, y)
		}
		hi, lo := make([]uint64, benchBlocks), make([]uint64, benchBlocks)
		b.Run(fmt.Sprintf("rank q=%d", q), func(b *testing.B) {
			b.SetBytes(int64(4 * len(z)))
			for b.Loop() {
				for i := range lo {
					hi[i], lo[i] = box.RankE8((*[8]float32)(z[8*i:]))
				}
			}
			perBlock(b)
		})
		b.Run(fmt.Sprintf("unrank q=%d", q), func(b *testing.B) {
			b.SetBytes(int64(4 * len(z)))
			for b.Loop() {
				for i := range lo {
					if !box.UnrankE8((*[8]float32)(z[8*i:]), hi[i], lo[i]) {
						b.Fatal("refused")
					}
				}
			}
			perBlock(b)
		})
	}
}

func BenchmarkRankD4(b *testing.B) {
	box := newBox(b, 38)
	z := benchInput(37)[:4*benchBlocks]
	for i := 0; i < len(z); i += 4 {
		y := (*[4]float32)(z[i:])
		box.ClosestD4(y, y)
	}
	rank := make([]uint64, benchBlocks)
	b.Run("rank", func(b *testing.B) {
		b.SetBytes(int64(4 * len(z)))
		for b.Loop() {
			for i := range rank {
				rank[i] = box.RankD4((*[4]float32)(z[4*i:]))
			}
		}
		perBlock(b)
	})
	b.Run("unrank", func(b *testing.B) {
		b.SetBytes(int64(4 * len(z)))
		for b.Loop() {
			for i := range rank {
				if !box.UnrankD4((*[4]float32)(z[4*i:]), rank[i]) {
					b.Fatal("refused")
				}
			}
		}
		perBlock(b)
	})
}
