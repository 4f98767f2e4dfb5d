package codec

import (
	"math"

	"kakeyalattice/internal/kernel"
)

// newInt makes integers of the given bits with one scale a group: the group's
// largest magnitude over the largest integer m = 2^(bits-1)-1, rounded up to
// half precision. Codes are value/scale rounded to nearest even, in [-m, m].
// The switch "hadamard" codes the rotated vector instead.
//
// Layout of one vector, where g = min(group, dim) and the last group is short
// if g does not divide dim:
//
//	ceil(dim/g)*2 bytes      FP16 scales, 0 for a group of zeros
//	ceil(dim*bits/8) bytes   codes in two's complement, dense from the lowest
//	                         bit of the first byte; the bits that are left are 0
func newInt(format kernel.Format) func(Spec, int) (Codec, error) {
	return func(spec Spec, dim int) (Codec, error) {
		scale := fp16Scale{levels: format.Largest(), try: "fp8-v41"}
		c := newGrouped(dim, dim, spec.integer("group"), format, scale)
		c.codes, c.scales = c.groups()*scale.width(), 0
		if _, ok := spec.value("hadamard"); !ok {
			return newFixed(spec, dim, c.end, c.groups(), c), nil
		}
		rot, ok := newRotation(dim)
		if !ok {
			return nil, dimError(spec, dim, rotationDims)
		}
		return newFixed(spec, dim, c.end, dim+c.groups(), &rotatedInt{c, rot, scale}), nil
	}
}

// rotatedInt codes the rotated vector.
type rotatedInt struct {
	*grouped
	rotation rotation
	fp16     fp16Scale
}

func (c *rotatedInt) encode(dst []byte, x, work []float32) error {
	y, work := work[:c.head], work[c.head:]
	switch amax := maxAbs(x); {
	case !finite(amax):
		return errNonFinite
	case amax >= maxPlain:
		// The sums could overflow, and the largest rotated magnitude, at least
		// amax/sqrt(dim), is far beyond the scale's range in any case.
		scaled, exp := prescale(y, x, amax)
		c.rotation.forward(y, scaled)
		return c.fp16.tooLarge(math.Ldexp(float64(maxAbs(y)/c.fp16.levels), exp))
	}
	c.rotation.forward(y, x)
	return c.grouped.encode(dst, y, work)
}

func (c *rotatedInt) decode(dst []float32, src []byte, work []float32) error {
	if err := c.grouped.decode(dst, src, work); err != nil {
		return err
	}
	// At most 127*65504 in magnitude: no sum can overflow.
	c.rotation.inverse(dst, dst)
	return nil
}
