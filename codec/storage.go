package codec

import (
	"encoding/binary"
	"fmt"

	"kakeyalattice/internal/kernel"
	"kakeyalattice/minifloat"
)

// newBF16 and newFP16 make the storage formats: values rounded to nearest
// even, those beyond the largest finite one becoming it.
//
// Layout of one vector: dim codes of 2 bytes.
func newBF16(spec Spec, dim int) (Codec, error) {
	return newFixed(spec, dim, 2*dim, 0, bf16Coder{}), nil
}

func newFP16(spec Spec, dim int) (Codec, error) {
	return newFixed(spec, dim, 2*dim, 0, fp16Coder{}), nil
}

type bf16Coder struct{}

func (bf16Coder) encode(dst []byte, x, _ []float32) error {
	if !finite(maxAbs(x)) {
		return errNonFinite
	}
	kernel.EncodeBF16(dst, x)
	return nil
}

func (bf16Coder) decode(dst []float32, src []byte, _ []float32) error { return getBF16(dst, src) }

// getBF16 fills dst from the start of src.
func getBF16(dst []float32, src []byte) error {
	if i := kernel.DecodeBF16(dst, src); i >= 0 {
		return notFinite("BF16", i, binary.LittleEndian.Uint16(src[2*i:]))
	}
	return nil
}

type fp16Coder struct{}

func (fp16Coder) encode(dst []byte, x, _ []float32) error {
	if !finite(maxAbs(x)) {
		return errNonFinite
	}
	for i, v := range x {
		binary.LittleEndian.PutUint16(dst[2*i:], minifloat.FP16FromFloat32(v))
	}
	return nil
}

func (fp16Coder) decode(dst []float32, src []byte, _ []float32) error {
	for i := range dst {
		code := binary.LittleEndian.Uint16(src[2*i:])
		if code&fp16Inf == fp16Inf {
			return notFinite("FP16", i, code)
		}
		dst[i] = minifloat.FP16ToFloat32(code)
	}
	return nil
}

func notFinite(format string, i int, code uint16) error {
	return fmt.Errorf("%s value %d has the code %#04x, which is not finite: %w", format, i, code, ErrCorrupt)
}
