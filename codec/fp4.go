package codec

import (
	"kakeyalattice/internal/kernel"
	"kakeyalattice/minifloat"
)

// mxfp4Group and nvfp4Group are the block sizes of the OCP Microscaling
// specification and of NVFP4.
const (
	mxfp4Group = 32
	nvfp4Group = 16
)

// mxfp4Scale is the smallest power of two that brings a group within E2M1. The
// OCP specification's own rule, 2^(floor(log2 amax) - 2), clips what lies
// between 6 and 8 times the scale; the DeepSeek-V4 indexer does not, nor do we.
// The floor keeps the scale a normal float32.
var mxfp4Scale = ue8m0Scale{floor: minifloat.E2M1Max * 0x1p-126, inverse: 1 / minifloat.E2M1Max}

// newMXFP4 makes E2M1 codes in groups of 32 with power-of-two scales.
//
// Layout of one vector:
//
//	ceil(dim/2) bytes   E2M1 codes of value/scale, two a byte, the first in the
//	                    low half; the last half byte is 0 where dim is odd
//	ceil(dim/32) bytes  UE8M0 scales: 2^(byte-127)
func newMXFP4(spec Spec, dim int) (Codec, error) {
	c := newGrouped(dim, dim, mxfp4Group, kernel.E2M1, mxfp4Scale)
	return newFixed(spec, dim, c.end, c.groups(), c), nil
}

// newNVFP4 makes E2M1 codes in groups of 16. A group's scale is its largest
// magnitude over 6, stored in E4M3 in units of one float32 scale of the whole
// stream, which is in the spec: the stream's largest magnitude over 6*448.
//
// Layout of one vector:
//
//	ceil(dim/2) bytes   E2M1 codes of value/scale, packed as in mxfp4
//	ceil(dim/16) bytes  E4M3 codes of scale/(scale of the stream), rounded to
//	                    nearest but not to 0; 0 for a group of zeros
func newNVFP4(spec Spec, dim int) (Codec, error) {
	c := newGrouped(dim, dim, nvfp4Group, kernel.E2M1, nvfp4Scale(spec))
	return newFitted(spec, c, dim, 1, nvfp4Reach), nil
}

func nvfp4Scale(spec Spec) e4m3Scale {
	return e4m3Scale{levels: minifloat.E2M1Max, stream: spec.number("scale")}
}

// nvfp4Reach is the largest magnitude at a stream scale of 1.
const nvfp4Reach = minifloat.E2M1Max * minifloat.E4M3Max
