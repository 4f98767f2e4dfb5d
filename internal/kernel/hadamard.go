package kernel

//go:generate go run -C _generate . hadamard

import "kakeyalattice/hadamard"

// Hadamard is [hadamard.Transform]; lengths 64 to 1024 have kernels.
func Hadamard(x []float32) {
	if !hadamardVector(x) {
		hadamard.Transform(x)
	}
}
