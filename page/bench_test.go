package page

import (
	"fmt"
	"io"
	"runtime"
	"testing"
)

// Benchmarks report the bytes of float32 that go in or come out.

const benchDim, benchVectors = 512, 4096

func eachWorkers(b *testing.B, f func(b *testing.B, workers int)) {
	for _, workers := range []int{1, runtime.GOMAXPROCS(0)} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.SetBytes(4 * benchDim * benchVectors)
			b.ReportAllocs()
			f(b, workers)
		})
	}
}

func BenchmarkWriter(b *testing.B) {
	x := bell(benchDim*benchVectors, 1)
	for _, text := range []string{"bf16", "e8:q=38", "e8-gs"} {
		h := header(b, text, benchDim, x)
		b.Run(text, func(b *testing.B) {
			eachWorkers(b, func(b *testing.B, workers int) {
				for b.Loop() {
					w, err := NewWriter(io.Discard, h, Options{Workers: workers})
					if err != nil || w.Write(x) != nil || w.Close() != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func BenchmarkReadParallel(b *testing.B) {
	x := bell(benchDim*benchVectors, 1)
	for _, text := range []string{"bf16", "e8:q=38", "e8-gs"} {
		p := mustOpen(b, build(b, header(b, text, benchDim, x), x))
		b.Run(text, func(b *testing.B) {
			eachWorkers(b, func(b *testing.B, workers int) {
				for b.Loop() {
					if err := p.ReadParallel(x, 0, workers); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// One vector costs the reading of its chunk, but the decoding of only itself
// where vectors have a fixed size.
func BenchmarkReadOneVector(b *testing.B) {
	x := bell(benchDim*benchVectors, 1)
	for _, text := range []string{"bf16", "e8:q=38", "e8-gs"} {
		p := mustOpen(b, build(b, header(b, text, benchDim, x), x))
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(4 * benchDim)
			at := 0
			for b.Loop() {
				at = (at + 1009) % benchVectors
				if err := p.ReadVectors(x[:benchDim], at); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	x := bell(benchDim*64, 1)
	for _, text := range []string{"bf16", "e8:q=38", "e8-gs"} {
		data := build(b, header(b, text, benchDim, x), x)
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := OpenBytes(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
