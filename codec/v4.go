package codec

import "kakeyalattice/internal/kernel"

// The DeepSeek-V4 cache entries keep the last values of a vector, those that
// carry the rotary position, in BF16.
const v4Rope = 64

// v4Head returns the number of values before the rotary ones.
func v4Head(spec Spec, dim int) (int, error) {
	if dim <= v4Rope || dim%64 != 0 {
		return 0, dimError(spec, dim, "a multiple of 64 above 64")
	}
	return dim - v4Rope, nil
}

// newFP8V4 makes the entry of the FlashMLA cache for DeepSeek-V4, 584 bytes at
// 512 values. Engines store the scales of a page behind its entries; here they
// stay with their vector, byte for byte the same otherwise.
//
// Layout of one vector, with n = dim-64:
//
//	n bytes     E4M3 codes of value/scale, groups of 64
//	128 bytes   BF16 codes of the last 64 values
//	n/64 bytes  UE8M0 scales: 2^(byte-127)
//	zeros       until the scales fill a multiple of 8 bytes
func newFP8V4(spec Spec, dim int) (Codec, error) {
	head, err := v4Head(spec, dim)
	if err != nil {
		return nil, err
	}
	c := newGrouped(dim, head, 64, kernel.E4M3, fp8Scale)
	c.tail, c.scales = c.scales, c.scales+2*v4Rope
	return newFixed(spec, dim, roundUp(c.end, 8), c.groups(), c), nil
}

// newNVFP4V4 and newMXFP4V4 make the opt-in 4-bit entries of serving engines
// for DeepSeek-V4, 384 and 368 bytes at 512 values.
//
// Layout of one vector, with n = dim-64:
//
//	n/2 bytes      E2M1 codes of value/scale, packed as in mxfp4
//	n/16 or n/32   the scales of nvfp4 or mxfp4, a byte each
//	128 bytes      BF16 codes of the last 64 values
//	zeros          up to a multiple of 16 bytes
func newNVFP4V4(spec Spec, dim int) (Codec, error) {
	head, err := v4Head(spec, dim)
	if err != nil {
		return nil, err
	}
	c := newGrouped(dim, head, nvfp4Group, kernel.E2M1, nvfp4Scale(spec))
	return newFitted(spec, c, dim, 16, nvfp4Reach), nil
}

func newMXFP4V4(spec Spec, dim int) (Codec, error) {
	head, err := v4Head(spec, dim)
	if err != nil {
		return nil, err
	}
	c := newGrouped(dim, head, mxfp4Group, kernel.E2M1, mxfp4Scale)
	return newFixed(spec, dim, roundUp(c.end, 16), c.groups(), c), nil
}

// roundUp returns the smallest multiple of align that is at least n.
func roundUp(n, align int) int { return (n + align - 1) / align * align }
