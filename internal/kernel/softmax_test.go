package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"kakeyalattice/internal/elementary"
)

func TestAddExpAddsTheExponentialsOfTheScores(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(6, 1))
		for _, n := range edgeLengths {
			for kind := range 4 {
				gate, ape, kv := make([]float32, n), make([]float32, n), make([]float32, n)
				total, sum := make([]float64, n), make([]float64, n)
				wantTotal, wantSum := make([]float64, n), make([]float64, n)
				for i := range n {
					kv[i] = float32(r.NormFloat64())
					gate[i] = float32(3 * r.NormFloat64())
					ape[i] = float32(r.NormFloat64())
					switch {
					case kind == 1: // everywhere that exponentials are normal
						gate[i] = float32(708 * (2*r.Float64() - 1))
					case kind == 2 && r.IntN(20) == 0: // beyond
						gate[i] = []float32{-708, 709, 1e30, -1e30, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}[r.IntN(7)]
						ape[i] = 0
					case kind == 3: // the same at every channel
						gate[i] = float32(n)/3 - 100
						ape[i] = 0
					}
					total[i], sum[i] = r.Float64(), r.NormFloat64()
					e := elementary.Exp(float64(gate[i] + ape[i]))
					wantTotal[i] = total[i] + e
					wantSum[i] = sum[i] + float64(e*float64(kv[i]))
				}
				AddExp(total, sum, gate, ape, kv)
				for i := range n {
					if !sameOrNaN(total[i], wantTotal[i]) || !sameOrNaN(sum[i], wantSum[i]) {
						t.Fatalf("%d channels, %d: %v + %v: total %v, want %v; sum %v, want %v",
							n, i, gate[i], ape[i], total[i], wantTotal[i], sum[i], wantSum[i])
					}
				}
			}
		}
	})
}

// sameOrNaN: the payload of a NaN is left open.
func sameOrNaN(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

func BenchmarkAddExp(b *testing.B) {
	const n = 512
	gate, ape, kv := make([]float32, n), make([]float32, n), make([]float32, n)
	total, sum := make([]float64, n), make([]float64, n)
	r := rand.New(rand.NewPCG(6, 2))
	for i := range n {
		gate[i], ape[i], kv[i] = float32(2*r.NormFloat64()), float32(r.NormFloat64()), float32(r.NormFloat64())
	}
	benchEachLevel(b, 1, 4*n, func() { AddExp(total, sum, gate, ape, kv) })
}
