package metric

import (
	"fmt"

	"kakeyalattice/internal/kernel"
)

// Reference is the vectors of one passage with the sums that do not depend on
// a codec, computed once and shared by all codecs measured on the passage. It
// is read-only, safe for concurrent use.
type Reference struct {
	x        []float32
	dim      int
	ropeDims int
	norms    []float64 // |x|^2 of each vector
	sums     Distortion
}

// NewReference prepares the len(x)/dim vectors of a passage, x vector by
// vector. The last ropeDims values of each vector carry the rotary position;
// 0 where unknown, and then errors are not split. It keeps x, which must not
// change while the Reference is in use.
//
// An empty passage, a length that dim does not divide and a NaN or infinity
// are errors.
func NewReference(x []float32, dim, ropeDims int) (*Reference, error) {
	n, err := vectors(x, dim)
	if err != nil {
		return nil, err
	}
	if ropeDims < 0 || ropeDims > dim {
		return nil, fmt.Errorf("metric: %d RoPE dimensions in vectors of %d: give 0 to %d", ropeDims, dim, dim)
	}
	r := &Reference{x: x, dim: dim, ropeDims: ropeDims, norms: make([]float64, n)}
	r.sums = Distortion{Vectors: n, HasRope: ropeDims > 0}
	nope := dim - ropeDims
	for i := range n {
		v := x[i*dim : (i+1)*dim]
		rope := kernel.SumSquares(v[nope:])
		r.norms[i] = kernel.SumSquares(v[:nope]) + rope
		r.sums.Energy += r.norms[i]
		r.sums.RopeEnergy += rope
	}
	r.sums.Variance = variance(x, dim, n)
	return r, nil
}

// Measure returns the distortion of y, the decoded form of all vectors of the
// passage.
func (r *Reference) Measure(y []float32) (Distortion, error) {
	if len(y) != len(r.x) {
		return Distortion{}, fmt.Errorf("metric: %d decoded values for a passage of %d: decode all %d vectors", len(y), len(r.x), r.sums.Vectors)
	}
	d := r.sums
	nope := r.dim - r.ropeDims
	for i := range r.norms {
		lo, mid, hi := i*r.dim, i*r.dim+nope, (i+1)*r.dim
		s := kernel.ComparePair(r.x[lo:mid], y[lo:mid])
		if r.ropeDims > 0 {
			rope := kernel.ComparePair(r.x[mid:hi], y[mid:hi])
			d.RopeError += rope.Err
			s.Err, s.Dot, s.YY = s.Err+rope.Err, s.Dot+rope.Dot, s.YY+rope.YY
		}
		d.Error += s.Err
		d.Cosine += cosine(s.Dot, r.norms[i], s.YY)
	}
	// No sum over finite float32 values overflows, so this finds them all.
	if !finite(d.Error) {
		i := kernel.NonFinite(y)
		return Distortion{}, fmt.Errorf("metric: decoded vector %d holds %v at coordinate %d: the codec is broken", i/r.dim, y[i], i%r.dim)
	}
	return d, nil
}

// Measure returns the distortion of y, the decoded form of x. To measure
// several codecs on one x, use [NewReference].
func Measure(x, y []float32, dim, ropeDims int) (Distortion, error) {
	r, err := NewReference(x, dim, ropeDims)
	if err != nil {
		return Distortion{}, err
	}
	return r.Measure(y)
}

// vectors returns the number of vectors in x, having checked that there are
// some and that all values are finite.
func vectors(x []float32, dim int) (int, error) {
	switch {
	case dim <= 0:
		return 0, fmt.Errorf("metric: vectors of dimension %d: give 1 or more", dim)
	case len(x) == 0:
		return 0, fmt.Errorf("metric: no vectors: leave empty passages out")
	case len(x)%dim != 0:
		return 0, fmt.Errorf("metric: %d values are no whole number of vectors of %d: give the dimension of the stream", len(x), dim)
	}
	if i := kernel.NonFinite(x); i >= 0 {
		return 0, fmt.Errorf("metric: vector %d holds %v at coordinate %d: only finite data can be measured", i/dim, x[i], i%dim)
	}
	return len(x) / dim, nil
}

// variance returns the sum of |x - mean|^2 over n vectors, in two passes: the
// mean vector first, so that a mean far larger than the spread cancels
// nothing. It is exactly 0 for vectors that are all equal: n v is exact in
// float64 for n up to 2^29.
func variance(x []float32, dim, n int) float64 {
	mean := columnMeans(x, dim, n)
	var sum float64
	for ; len(x) > 0; x = x[dim:] {
		sum += kernel.SumSquaresAbout(x[:dim], mean)
	}
	return sum
}

// columnMeans returns the mean vector of n vectors.
func columnMeans(x []float32, dim, n int) []float64 {
	mean := make([]float64, dim)
	for ; len(x) > 0; x = x[dim:] {
		kernel.AddColumns(mean, x[:dim])
	}
	for j := range mean {
		mean[j] /= float64(n)
	}
	return mean
}
