package matmul_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/kernel"
	"kakeyalattice/matmul"
	"kakeyalattice/minifloat"
)

// peak is the rate of multiply-adds of registers on one core, in GFLOP/s: the
// best of many short probes.
func peak() float64 {
	best := 0.0
	for range 200 {
		start := time.Now()
		operations := kernel.FMAProbe(20000)
		best = max(best, operations/float64(time.Since(start).Nanoseconds()))
	}
	return best
}

// fastest runs f until the benchmark is done and returns the least time of a
// run: on a machine with other work, the one that was disturbed least.
func fastest(b *testing.B, f func()) (ns float64) {
	ns = 1e18
	for b.Loop() {
		start := time.Now()
		f()
		ns = min(ns, float64(time.Since(start).Nanoseconds()))
	}
	return ns
}

// BenchmarkMul multiplies tokens with the two matrices of an expert. It reports
// the rate of the fastest run and its share of what as many cores can do.
func BenchmarkMul(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for l := kernel.Best(); l >= kernel.Go; l-- {
		restore := kernel.Use(l)
		top := peak()
		for _, shape := range [][2]int{{2048, 4096}, {4096, 2048}} {
			for _, f := range formats {
				w := randomMatrix(r, shape[0], shape[1], f, 128, 128)
				switch f {
				case checkpoint.FP8: // as weights are: subnormal codes, which are slower, are rare
					for i := range w.Data {
						w.Data[i] = minifloat.E4M3FromFloat32(float32(64 * r.NormFloat64()))
					}
				case checkpoint.MXFP4:
					w = randomMatrix(r, shape[0], shape[1], f, 1, 32)
				}
				for _, n := range []int{1, 4, 16, 64, 256, 2000} {
					if l == kernel.Go && n > 1 {
						continue
					}
					x, dst := randomValues(r, n*w.Cols), make([]float32, n*w.Rows)
					for _, workers := range []int{1, 2} {
						b.Run(fmt.Sprintf("%v/%dx%d/%v/n=%d/workers=%d", l, w.Rows, w.Cols, f, n, workers), func(b *testing.B) {
							ns := fastest(b, func() { matmul.Mul(dst, x, n, w, workers) })
							rate := 2 * float64(n) * float64(w.Rows) * float64(w.Cols) / ns
							b.ReportMetric(rate, "GFLOP/s")
							b.ReportMetric(float64(len(w.Data))/ns, "GB/s")
							if top > 0 {
								b.ReportMetric(100*rate/top/float64(workers), "%peak")
							}
						})
					}
				}
			}
		}
		restore()
	}
}
