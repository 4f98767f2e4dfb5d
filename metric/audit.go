package metric

import (
	"math"

	"kakeyalattice/hadamard"
	"kakeyalattice/internal/kernel"
)

// The gates of the audit: a figure above its limit fires.
const (
	GateExcessKurtosis = 0.5
	GateIsotropy       = 1.5
	GateHadamardRatio  = 1.5
	GateTail           = 0.05 // on TailOneSided, which is about 0.107 for Gaussian data
)

// GatesFired counts the figures of g above their gate, 0 to 4. An undefined
// figure does not fire, and TailTwoSided has no gate.
func (g NonGaussian) GatesFired() int {
	fired := 0
	for _, f := range [...]struct{ value, limit float64 }{
		{g.ExcessKurtosis, GateExcessKurtosis},
		{g.Isotropy, GateIsotropy},
		{g.HadamardRatio, GateHadamardRatio},
		{g.TailOneSided, GateTail},
	} {
		if f.value > f.limit {
			fired++
		}
	}
	return fired
}

const (
	// minKurtosisVariance is the least variance that a kurtosis is taken
	// relative to: a constant coordinate counts |0 - 3|.
	minKurtosisVariance = 1e-12

	tailLevel = 0.99
	// gaussianOneSided is the 99 % point of a Gaussian as the published gate
	// rounds it; gaussianTwoSided is that of |x|, the 99.5 % point.
	gaussianOneSided = 2.326
	gaussianTwoSided = 2.5758293035489004
)

// Audit measures how far the vectors of one passage are from Gaussian, x
// vector by vector. All moments are population moments (over n).
//
//   - ExcessKurtosis: mean over coordinates of |m4/m2^2 - 3|, m2 at least
//     1e-12. It alone depends on the scale of the data, through that bound.
//   - Isotropy: largest over smallest variance of a coordinate.
//   - HadamardRatio: the same after every vector is rotated in the runs of
//     [hadamard.Runs].
//   - TailOneSided: over the rotated coordinates, the root mean square of
//     p99(|x|)/(std 2.326) - 1, the quantile interpolated linearly at
//     0.99 (n-1). Values are not centred and a one-sided point is held against
//     |x|, so a mean vector fires the gate, and Gaussian data too.
//   - TailTwoSided: the same of |x - mean| against 2.5758: near 0 for Gaussian
//     data with any mean, but for sampling noise.
//
// A ratio is NaN where the smallest variance is 0, a tail where any rotated
// coordinate has variance 0, and all five where there is one vector.
//
// The errors are those of [NewReference].
func Audit(x []float32, dim int) (NonGaussian, error) {
	n, err := vectors(x, dim)
	if err != nil {
		return NonGaussian{}, err
	}
	if n == 1 {
		nan := math.NaN()
		return NonGaussian{nan, nan, nan, nan, nan}, nil
	}
	kurtosis, isotropy := rawFigures(x, dim, n)
	g := rotatedFigures(x, dim, n)
	g.ExcessKurtosis, g.Isotropy = kurtosis, isotropy
	return g, nil
}

// rawFigures returns the figures of the vectors as they are.
func rawFigures(x []float32, dim, n int) (kurtosis, isotropy float64) {
	mean := columnMeans(x, dim, n)
	m2, m4 := make([]float64, dim), make([]float64, dim)
	for ; len(x) > 0; x = x[dim:] {
		for j, v := range x[:dim] {
			d := float64(v) - mean[j]
			d2 := float64(d * d)
			m2[j] += d2
			m4[j] += float64(d2 * d2)
		}
	}
	for j := range m2 {
		m2[j] /= float64(n)
		v := max(m2[j], minKurtosisVariance)
		kurtosis += math.Abs(m4[j]/float64(n)/(v*v) - 3)
	}
	return kurtosis / float64(dim), spread(m2)
}

// rotatedFigures returns the figures of the rotated vectors. They are rotated
// twice, for the means and for what is about the means, so that no rotated
// copy of a passage is held.
func rotatedFigures(x []float32, dim, n int) NonGaussian {
	rot := newRotation(x, dim)
	mean, m2 := make([]float64, dim), make([]float64, dim)
	oneSided, twoSided := newTails(dim, n), newTails(dim, n)
	for i := range n {
		row := rot.row(x[i*dim : (i+1)*dim])
		kernel.AddColumns(mean, row)
		for j, v := range row {
			oneSided.add(j, math.Abs(float64(v)))
		}
	}
	for j := range mean {
		mean[j] /= float64(n)
	}
	for i := range n {
		for j, v := range rot.row(x[i*dim : (i+1)*dim]) {
			d := float64(v) - mean[j]
			m2[j] += float64(d * d)
			twoSided.add(j, math.Abs(d))
		}
	}
	std := make([]float64, dim)
	for j := range m2 {
		m2[j] /= float64(n)
		std[j] = math.Sqrt(m2[j])
	}
	return NonGaussian{
		HadamardRatio: spread(m2),
		TailOneSided:  oneSided.excess(std, gaussianOneSided),
		TailTwoSided:  twoSided.excess(std, gaussianTwoSided),
	}
}

// spread is the largest over the smallest variance, NaN where that is 0.
func spread(variances []float64) float64 {
	lo, hi := variances[0], variances[0]
	for _, v := range variances {
		lo, hi = min(lo, v), max(hi, v)
	}
	return ratio(hi, lo)
}

// rotation rotates vectors, one at a time, into a buffer.
type rotation struct {
	runs  []int
	scale float32
	buf   []float32
}

// newRotation returns a rotation for the vectors of x. A transform adds up to
// 4096 values in float32, so data near the ends of its range is scaled by a
// power of two on the way: that is exact, and no figure of rotated vectors
// depends on the scale.
func newRotation(x []float32, dim int) *rotation {
	r := &rotation{runs: hadamard.Runs(dim), scale: 1, buf: make([]float32, dim)}
	if _, exp := math.Frexp(float64(kernel.MaxAbs(x))); exp > 100 {
		r.scale = 0x1p-64
	} else if exp < -60 {
		r.scale = 0x1p64
	}
	return r
}

// row returns the rotation of v, valid until the next call.
func (r *rotation) row(v []float32) []float32 {
	for j := range r.buf {
		r.buf[j] = v[j] * r.scale
	}
	at := 0
	for _, n := range r.runs {
		kernel.Hadamard(r.buf[at : at+n])
		at += n
	}
	return r.buf
}
