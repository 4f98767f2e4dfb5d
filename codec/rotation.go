package codec

import (
	"kakeyalattice/hadamard"
	"kakeyalattice/internal/kernel"
)

// rotation is the orthonormal transform that spreads a vector's energy over
// its coordinates: a normalised Walsh-Hadamard transform, or, where the
// dimension is a multiple of 8 but no power of two, one for each of the runs
// of [hadamard.Runs], side by side. It is its own inverse.
type rotation struct{ runs []int }

// rotationDims says in errors what newRotation accepts.
const rotationDims = "a power of two or a multiple of 8"

// newRotation returns the rotation of vectors of dim values, and whether there
// is one.
func newRotation(dim int) (rotation, bool) {
	if dim < 1 || dim%8 != 0 && dim&(dim-1) != 0 {
		return rotation{}, false
	}
	return rotation{hadamard.Runs(dim)}, true
}

// forward sets y to the rotated x; y may be x.
func (r rotation) forward(y, x []float32) {
	copy(y, x)
	for _, n := range r.runs {
		kernel.Hadamard(y[:n])
		y = y[n:]
	}
}

// inverse sets x to the vector whose rotation is y; x may be y.
func (r rotation) inverse(x, y []float32) { r.forward(x, y) }
