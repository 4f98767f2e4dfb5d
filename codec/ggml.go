package codec

import (
	"encoding/binary"
	"fmt"
	"math"

	"kakeyalattice/minifloat"
)

// ggmlBlock is the block size of Q8_0 and Q4_0.
const ggmlBlock = 32

// ggmlMax is where rounding to half precision would overflow. Below it, ggml
// rounds to nearest, and so up to 65504.
const ggmlMax = 65520

// newQ80 makes ggml's Q8_0, bit for bit its reference quantiser: d = amax/127,
// codes value*(1/d) rounded half away from zero. It takes dimensions that are
// no multiple of 32, which ggml does not, with a shorter last block.
//
// Layout of one vector: a block for every 32 values, each
//
//	2 bytes  FP16 of d, rounded to nearest
//	n bytes  codes, two's complement; n = 32, less in a short last block
//
// Values whose d rounds to 0 are lost: magnitudes below about 127*2^-25.
func newQ80(spec Spec, dim int) (Codec, error) {
	return newFixed(spec, dim, ggmlBytes(dim, func(n int) int { return n }), 0, q80Coder{}), nil
}

// newQ40 makes ggml's Q4_0, bit for bit its reference quantiser: d is the value
// of the largest magnitude, sign included, over -8; codes are
// min(15, trunc(value*(1/d) + 8.5)), which mean (code-8)*d. It takes dimensions
// that are no multiple of 32 as q8_0 does.
//
// Layout of one vector: a block for every 32 values, each
//
//	2 bytes          FP16 of d, rounded to nearest
//	ceil(n/2) bytes  codes, the first half of the block in the low halves of
//	                 the bytes, the second in the high ones; n = 32, less in a
//	                 short last block, whose first half is the longer if n is
//	                 odd and whose last high half is then 0
func newQ40(spec Spec, dim int) (Codec, error) {
	return newFixed(spec, dim, ggmlBytes(dim, func(n int) int { return (n + 1) / 2 }), 0, q40Coder{}), nil
}

// ggmlBytes is the size of a vector whose blocks of n values take 2+codes(n)
// bytes.
func ggmlBytes(dim int, codes func(n int) int) int {
	size := dim / ggmlBlock * (2 + codes(ggmlBlock))
	if n := dim % ggmlBlock; n > 0 {
		size += 2 + codes(n)
	}
	return size
}

// putGGMLScale writes d and returns its inverse: 0 where d is 0 or so small
// that the inverse is infinite, which makes all codes stand for 0, as the
// stored d does.
func putGGMLScale(field []byte, d float32, try string) (inverse float32, err error) {
	if a := math.Abs(float64(d)); a >= ggmlMax {
		return 0, &ScaleError{Scale: a, Max: float64(minifloat.FP16Max), Try: try}
	}
	binary.LittleEndian.PutUint16(field, minifloat.FP16FromFloat32(d))
	if inverse = 1 / d; math.IsInf(float64(inverse), 0) {
		inverse = 0
	}
	return inverse, nil
}

func getGGMLScale(field []byte) (float32, error) {
	code := binary.LittleEndian.Uint16(field)
	if code&fp16Inf == fp16Inf {
		return 0, fmt.Errorf("its scale has the code %#04x, which is not finite: %w", code, ErrCorrupt)
	}
	return minifloat.FP16ToFloat32(code), nil
}

type q80Coder struct{}

func (q80Coder) encode(dst []byte, x, _ []float32) error {
	if !finite(maxAbs(x)) {
		return errNonFinite
	}
	for len(x) > 0 {
		n := min(ggmlBlock, len(x))
		inverse, err := putGGMLScale(dst, maxAbs(x[:n])/127, "fp8-v41")
		if err != nil {
			return err
		}
		for i, v := range x[:n] {
			// In float64 the sum is exact, and truncation rounds half away.
			t := float64(v * inverse)
			dst[2+i] = byte(int8(t + math.Copysign(0.5, t)))
		}
		x, dst = x[n:], dst[2+n:]
	}
	return nil
}

func (q80Coder) decode(dst []float32, src []byte, _ []float32) error {
	for block := 0; len(dst) > 0; block++ {
		n := min(ggmlBlock, len(dst))
		d, err := getGGMLScale(src)
		if err == nil && math.Signbit(float64(d)) {
			err = fmt.Errorf("its scale is negative: %w", ErrCorrupt)
		}
		if err != nil {
			return fmt.Errorf("block %d: %w", block, err)
		}
		for i, code := range src[2 : 2+n] {
			if code == 0x80 {
				return fmt.Errorf("block %d: value %d has the code -128: %w", block, i, ErrCorrupt)
			}
			dst[i] = float32(int8(code)) * d
		}
		dst, src = dst[n:], src[2+n:]
	}
	return nil
}

type q40Coder struct{}

func (q40Coder) encode(dst []byte, x, _ []float32) error {
	if !finite(maxAbs(x)) {
		return errNonFinite
	}
	for len(x) > 0 {
		n := min(ggmlBlock, len(x))
		inverse, err := putGGMLScale(dst, extreme(x[:n])/-8, "mxfp4")
		if err != nil {
			return err
		}
		half := (n + 1) / 2
		low, high, codes := x[:half], x[half:n], dst[2:2+half]
		for i, v := range low {
			codes[i] = q40Code(v, inverse)
		}
		for i, v := range high {
			codes[i] |= q40Code(v, inverse) << 4
		}
		x, dst = x[n:], dst[2+half:]
	}
	return nil
}

// extreme returns the first value of the largest magnitude.
func extreme(x []float32) float32 {
	var best float32
	for _, v := range x {
		if math.Abs(float64(v)) > math.Abs(float64(best)) {
			best = v
		}
	}
	return best
}

func q40Code(v, inverse float32) byte {
	return min(15, byte(float32(v*inverse)+8.5))
}

func (q40Coder) decode(dst []float32, src []byte, _ []float32) error {
	for block := 0; len(dst) > 0; block++ {
		n := min(ggmlBlock, len(dst))
		d, err := getGGMLScale(src)
		if err != nil {
			return fmt.Errorf("block %d: %w", block, err)
		}
		half := (n + 1) / 2
		low, high, codes := dst[:half], dst[half:n], src[2:2+half]
		for i := range low {
			low[i] = float32(int(codes[i]&15)-8) * d
		}
		for i := range high {
			high[i] = float32(int(codes[i]>>4)-8) * d
		}
		if len(high) < half && codes[half-1] > 15 {
			return fmt.Errorf("block %d: the half byte after the last code is not zero: %w", block, ErrCorrupt)
		}
		dst, src = dst[n:], src[2+half:]
	}
	return nil
}
