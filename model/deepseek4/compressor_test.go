package deepseek4

import (
	"math"
	"math/rand/v2"
	"testing"
)

// poolByDefinition is the softmax of the scores times the values, with the
// standard library's exponential.
func poolByDefinition(slots []slot, i int) float64 {
	largest := math.Inf(-1)
	for _, s := range slots {
		largest = max(largest, float64(s.gate[i]+s.ape[i]))
	}
	total, sum := 0.0, 0.0
	for _, s := range slots {
		w := math.Exp(float64(s.gate[i]+s.ape[i]) - largest)
		total += w
		sum += w * float64(s.kv[i])
	}
	return sum / total
}

func TestPoolingIsTheSoftmaxOfEveryChannel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, scale := range []float64{0, 1, 30, 300, 1e4, 1e30} {
		for _, n := range []int{1, 4, 8, 128} {
			const dim = 70
			slots := make([]slot, n)
			for k := range slots {
				slots[k] = slot{make([]float32, dim), make([]float32, dim), make([]float32, dim)}
				for i := range dim {
					slots[k].kv[i] = float32(r.NormFloat64())
					slots[k].gate[i] = float32(scale * r.NormFloat64())
					slots[k].ape[i] = float32(r.NormFloat64())
				}
			}
			got := make([]float32, dim)
			newPool(dim).into(got, slots)
			for i := range got {
				want := poolByDefinition(slots, i)
				if math.Abs(float64(got[i])-want) > 1e-7*(1+math.Abs(want)) {
					t.Fatalf("scores of %g, %d slots: channel %d is %v, want %v", scale, n, i, got[i], want)
				}
			}
		}
	}
}

func TestPoolingPassesNaNOn(t *testing.T) {
	nan := float32(math.NaN())
	slots := []slot{{[]float32{1, 1}, []float32{nan, 0}, []float32{0, 0}}, {[]float32{1, 1}, []float32{0, 0}, []float32{0, 0}}}
	got := make([]float32, 2)
	newPool(2).into(got, slots)
	if got[0] == got[0] || got[1] != 1 {
		t.Errorf("%v", got)
	}
}
