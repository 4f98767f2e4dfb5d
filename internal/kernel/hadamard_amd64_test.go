//go:build !noasm

package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"kakeyalattice/hadamard"
)

// row returns where rows of level l hold the value of index i.
func row(l Level, i int) int {
	if l == AVX512 {
		block := i >> 3 & 15
		lane := block>>1&3 | block&1<<2 | block&8 // b4, b5, b3, b6
		return i&^127 | i&7<<4 | lane
	}
	return i&^63 | i&7<<3 | i>>3&7
}

func TestTransformsToAndFromRows(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, l := range levels()[1:] {
		group := 64
		if l == AVX512 {
			group = 128
		}
		for n := group; n <= maxHadamard; n *= 2 {
			for range 50 {
				x, rows, ordered, peaks := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n/8)
				fill(r, x)
				limit(x)
				want := append([]float32(nil), x...)
				hadamard.Transform(want)
				var top uint32
				toRows := func(rows, x []float32) {
					if l == AVX512 {
						top = hadamardToRowsAVX512(&rows[0], &x[0], n, &peaks[0])
					} else {
						top = hadamardToRowsAVX2(&rows[0], &x[0], n)
					}
				}
				toRows(rows, x)
				for i := range ordered {
					ordered[i] = rows[row(l, i)]
				}
				sameBits(t, l.String()+" to rows", ordered, want)
				if got, want := math.Float32frombits(top), MaxAbs(want); got != want {
					t.Fatalf("%v: largest magnitude %v, want %v", l, got, want)
				}
				if l == AVX512 {
					for b := range peaks {
						at := row(l, 8*b)
						if got, want := peaks[at&^127/8+at&15], MaxAbs(want[8*b:8*b+8]); got != want {
							t.Fatalf("%v: peak of block %d is %v, want %v", l, b, got, want)
						}
					}
				}
				inPlace := append([]float32(nil), x...)
				toRows(inPlace, inPlace)
				sameBits(t, l.String()+" to rows in place", inPlace, rows)

				for i := range x {
					rows[row(l, i)] = x[i]
				}
				want = append([]float32(nil), x...)
				hadamard.Transform(want)
				factor := []float32{1, 0.5, 0x1p-60, 0x1p80}[r.IntN(4)]
				for i := range want {
					want[i] *= factor
				}
				fromRows := func(x, rows []float32) {
					if l == AVX512 {
						hadamardFromRowsAVX512(&x[0], &rows[0], n, factor)
					} else {
						hadamardFromRowsAVX2(&x[0], &rows[0], n, factor)
					}
				}
				fromRows(ordered, rows)
				sameBits(t, l.String()+" from rows", ordered, want)
				fromRows(rows, rows)
				sameBits(t, l.String()+" from rows in place", rows, want)
			}
		}
	}
}

func BenchmarkRows(b *testing.B) {
	x, rows, peaks := make([]float32, 512), make([]float32, 512), make([]float32, 64)
	x[5] = 1
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
		})
	}
	if Best() >= AVX512 {
		run("to/avx512", func() { hadamardToRowsAVX512(&rows[0], &x[0], 512, &peaks[0]) })
		run("from/avx512", func() { hadamardFromRowsAVX512(&x[0], &rows[0], 512, 1) })
	}
	if Best() >= AVX2 {
		run("to/avx2", func() { hadamardToRowsAVX2(&rows[0], &x[0], 512) })
		run("from/avx2", func() { hadamardFromRowsAVX2(&x[0], &rows[0], 512, 1) })
	}
}
