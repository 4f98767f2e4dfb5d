package metric

import (
	"math"
	"math/rand/v2"

	"pgregory.net/rapid"
)

// near says whether a and b are equal to a relative tolerance, or both
// undefined.
func near(a, b, tolerance float64) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.IsNaN(a) && math.IsNaN(b)
	}
	return math.Abs(a-b) <= tolerance*max(math.Abs(a), math.Abs(b))
}

// randomValues returns n Gaussian values.
func randomValues(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// gaussian draws n values.
func gaussian(t *rapid.T, n int) []float32 {
	return randomValues(n, rapid.Uint64().Draw(t, "seed"))
}

// permutation draws an order of n things.
func permutation(t *rapid.T, n int) []int {
	return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 1)).Perm(n)
}
