// Package hadamard is the normalised Walsh-Hadamard transform.
package hadamard

import (
	"fmt"
	"math"
)

// MaxLen is the longest transform.
const MaxLen = 4096

// Valid reports whether n is a length that [Transform] takes: a power of two,
// 1 to [MaxLen].
func Valid(n int) bool { return n >= 1 && n <= MaxLen && n&(n-1) == 0 }

// Transform replaces x by H x, where H = (1/sqrt(n)) [(-1)^popcount(i&j)] is
// the Sylvester matrix of order n = len(x), scaled to be orthogonal. H is
// symmetric and its own inverse. Transform panics unless [Valid](len(x)).
//
// The operations, each rounded to float32: for h = 1, 2, 4, ... n/2, in this
// order, every pair (a, b) = (x[i], x[i+h]) with i&h = 0 becomes (a+b, a-b);
// then every value is multiplied by float32(1/sqrt(n)).
func Transform(x []float32) {
	n := len(x)
	if !Valid(n) {
		panic(fmt.Sprintf("hadamard: length %d: it must be a power of two up to %d", n, MaxLen))
	}
	scale := float32(1 / math.Sqrt(float64(n)))
	// Three stages a pass over memory, one or two in the last pass where the
	// number of stages asks for it. Only the last pass scales: a product with 1
	// is exact.
	h := 1
	if n >= 16 {
		blocks8(x)
		h = 8
	}
	if n >= 128 {
		blocks64(x)
		h = 64
	}
	for ; 16*h <= n; h *= 8 {
		radix8(x, h, 1)
	}
	switch n / h {
	case 2:
		radix2(x, h, scale)
	case 4:
		radix4(x, h, scale)
	case 8:
		radix8(x, h, scale)
	}
}
