package codec

import (
	"fmt"
	"math"
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
func newInt(bits int) func(Spec, int) (Codec, error) {
	return func(spec Spec, dim int) (Codec, error) {
		c := &intCoder{bits: uint(bits), group: min(spec.integer("group"), dim)}
		c.scale = fp16Scale{levels: float32(c.largest()), try: "fp8-v41"}
		c.codes = 2 * ((dim + c.group - 1) / c.group)
		work := 0
		if _, ok := spec.value("hadamard"); ok {
			if c.rotation, ok = newRotation(dim); !ok {
				return nil, dimError(spec, dim, rotationDims)
			}
			c.rotate, work = true, dim
		}
		return newFixed(spec, dim, c.codes+(dim*bits+7)/8, work, c), nil
	}
}

type intCoder struct {
	bits     uint
	group    int
	codes    int // where the codes begin
	scale    fp16Scale
	rotate   bool
	rotation rotation
}

// largest is the largest code.
func (c *intCoder) largest() int { return 1<<(c.bits-1) - 1 }

func (c *intCoder) encode(dst []byte, x, work []float32) error {
	if c.rotate {
		if err := c.forward(work, x); err != nil {
			return err
		}
		x = work
	}
	scales, w := dst, bitWriter{dst: dst[c.codes:]}
	mask := uint64(1)<<c.bits - 1
	for len(x) > 0 {
		n := min(c.group, len(x))
		scale, err := c.scale.put(scales[:2], maxAbs(x[:n]))
		if err != nil {
			return err
		}
		if scale == 0 {
			scale = 1 // the group is all zeros, and so are its codes
		}
		for _, v := range x[:n] {
			w.put(uint64(roundToEven(v/scale))&mask, c.bits)
		}
		x, scales = x[n:], scales[2:]
	}
	w.flush()
	return nil
}

// forward sets y to the rotated x.
func (c *intCoder) forward(y, x []float32) error {
	amax := maxAbs(x)
	if amax < maxPlain {
		c.rotation.forward(y, x)
		return nil
	}
	// The sums could overflow, and the largest rotated magnitude, at least
	// amax/sqrt(dim), is far beyond the scale's range in any case.
	scaled, exp := prescale(y, x, amax)
	c.rotation.forward(y, scaled)
	return c.scale.tooLarge(math.Ldexp(float64(maxAbs(y)/c.scale.levels), exp))
}

// roundToEven rounds v, at most 2^22 in magnitude, to the nearest integer, ties
// to even: at 1.5*2^23 the spacing of float32 is 1.
func roundToEven(v float32) int32 {
	const anchor = 0x1.8p23
	return int32(math.Float32bits(v+anchor)) - int32(math.Float32bits(anchor))
}

func (c *intCoder) decode(dst []float32, src []byte, _ []float32) error {
	r := bitReader{src: src[c.codes:]}
	unused := 64 - c.bits
	for lo := 0; lo < len(dst); lo += c.group {
		i := lo / c.group
		scale, err := c.scale.get(src[2*i:])
		if err != nil {
			return fmt.Errorf("group %d: %w", i, err)
		}
		for k := lo; k < min(lo+c.group, len(dst)); k++ {
			q := int64(r.get(c.bits)<<unused) >> unused
			if q < int64(-c.largest()) || q != 0 && scale == 0 {
				return fmt.Errorf("group %d: value %d has the code %d at a scale of %v: %w", i, k-lo, q, scale, ErrCorrupt)
			}
			dst[k] = float32(q) * scale
		}
	}
	if err := r.end(); err != nil {
		return err
	}
	if c.rotate {
		// At most 127*65504 in magnitude: no sum can overflow.
		c.rotation.inverse(dst, dst)
	}
	return nil
}
