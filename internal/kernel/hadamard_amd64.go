//go:build !noasm

package kernel

// The lengths that the transforms have kernels for.
const (
	minHadamard = 64
	maxHadamard = 1024
)

func hadamardVector(x []float32) bool {
	n := len(x)
	if n < minHadamard || n > maxHadamard || n&(n-1) != 0 {
		return false
	}
	switch Active() {
	case AVX512:
		hadamardAVX512(&x[0], n)
	case AVX2:
		hadamardAVX2(&x[0], n)
	default:
		return false
	}
	return true
}
