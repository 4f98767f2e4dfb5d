package codec

import (
	"kakeyalattice/internal/kernel"
	"kakeyalattice/minifloat"
)

// newFP8 makes E4M3 codes with one scale a group: the group's largest
// magnitude over 448, rounded up to half precision.
//
// Layout of one vector, where g = min(group, dim) and the last group is short
// if g does not divide dim:
//
//	dim bytes            E4M3 codes of value/scale
//	ceil(dim/g)*2 bytes  FP16 scales, 0 for a group of zeros
func newFP8(spec Spec, dim int) (Codec, error) {
	scale := fp16Scale{levels: minifloat.E4M3Max, try: "fp8-v41"}
	c := newGrouped(dim, dim, spec.integer("group"), kernel.E4M3, scale)
	return newFixed(spec, dim, c.end, c.groups(), c), nil
}

// fp8Scale is the scale of the DeepSeek-V4 caches: the smallest power of two
// that brings a group within E4M3, whose largest magnitude counts as at least
// 1e-4.
var fp8Scale = ue8m0Scale{floor: 1e-4, inverse: 1 / minifloat.E4M3Max}

// newFP8V41 makes the DeepSeek-V4.1 form of a cache entry, 528 bytes at 512
// values.
//
// Layout of one vector:
//
//	dim bytes           E4M3 codes of value/scale, groups of 32, the last may be short
//	ceil(dim/32) bytes  UE8M0 scales: 2^(byte-127)
func newFP8V41(spec Spec, dim int) (Codec, error) {
	c := newGrouped(dim, dim, 32, kernel.E4M3, fp8Scale)
	return newFixed(spec, dim, c.end, c.groups(), c), nil
}

// newFP8Tensor makes E4M3 codes with one float32 scale for the whole stream,
// its largest magnitude over 448, which is in the spec.
//
// Layout of one vector:
//
//	dim bytes  E4M3 codes of value/scale
func newFP8Tensor(spec Spec, dim int) (Codec, error) {
	scale := streamScale{levels: minifloat.E4M3Max, stream: spec.number("scale")}
	c := newGrouped(dim, dim, dim, kernel.E4M3, scale)
	return newFitted(spec, c, dim, 1, minifloat.E4M3Max), nil
}
