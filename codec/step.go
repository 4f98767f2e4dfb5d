package codec

import (
	"math"

	"kakeyalattice/internal/kernel"
)

// A step is the distance between lattice points, positive, in 32 bits without
// a sign: nine bits of exponent and 23 of mantissa,
//
//	step = (1 + mantissa/2^23) * 2^(exponent-256),
//
// so that it covers every finite float32 vector, subnormal or near the
// largest, at full precision. Zero stands for the zero vector.
type step uint32

// The exponents that a vector of finite float32 values can have. A rotated
// coordinate lies between 2^-149/sqrt(4096) and 2^128*sqrt(4096), and a step
// is that over at most 2^15 levels.
const (
	minStepExp = -149 - 6 - 15
	maxStepExp = 128 + 6
)

// newStep returns s * 2^exp for a normal positive s.
func newStep(s float32, exp int) step {
	b := math.Float32bits(s)
	e := int(b>>23) - 127 + exp
	return step(uint32(e+256)<<23 | b&(1<<23-1))
}

// split returns the step as m * 2^exp with 1 <= m < 2, and false where no
// encoder writes such a step.
func (s step) split() (m float32, exp int, ok bool) {
	exp = int(s>>23) - 256
	m = math.Float32frombits(127<<23 | uint32(s)&(1<<23-1))
	return m, exp, exp >= minStepExp && exp <= maxStepExp
}

// The magnitudes between which a vector is rotated as it is: no sum of its
// coordinates or of their squares can overflow, and no step is subnormal.
const (
	minPlain = 0x1p-48
	maxPlain = 0x1p48
)

// prescale returns x, or x * 2^-exp in work where its largest magnitude lies
// outside [minPlain, maxPlain). Scaling by a power of two changes no
// mantissa, so that both give the same lattice points.
func prescale(work, x []float32, amax float32) (scaled []float32, exp int) {
	if amax >= minPlain && amax < maxPlain {
		return x, 0
	}
	_, exp = math.Frexp(float64(amax))
	scale(work, x, -exp)
	return work, exp
}

// scale sets dst = x * 2^exp, saturated to the largest finite value; dst may
// be x. Values and result are rounded once, whichever way is taken: in float32
// where 2^exp is normal and no product of a decoder (below 2^20 * 2^exp) or of
// prescale (below 1) can overflow, else in float64.
func scale(dst, x []float32, exp int) {
	if f, ok := scaleFactor(exp); ok {
		for i, v := range x {
			dst[i] = v * f
		}
		return
	}
	f := math.Ldexp(1, exp)
	for i, v := range x {
		dst[i] = float32(max(-math.MaxFloat32, min(math.MaxFloat32, float64(v)*f)))
	}
}

// scaleFactor returns 2^exp, and whether scale multiplies by it in float32.
func scaleFactor(exp int) (float32, bool) {
	if exp < -126 || exp > 100 {
		return 0, false
	}
	return math.Float32frombits(uint32(exp+127) << 23), true
}

// maxAbs returns the largest magnitude of the finite values of x.
func maxAbs(x []float32) float32 { return kernel.MaxAbs(x) }
