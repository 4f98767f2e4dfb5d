package kernel

//go:generate go run -C _generate . bf16

import (
	"encoding/binary"

	"kakeyalattice/minifloat"
)

// EncodeBF16 sets dst, 2*len(x) bytes, to the bfloat16 codes of the finite
// values x, little endian: those of [minifloat.BF16FromFloat32].
func EncodeBF16(dst []byte, x []float32) {
	done := encodeBF16(dst, x)
	dst, x = dst[2*done:], x[done:]
	for i, v := range x {
		binary.LittleEndian.PutUint16(dst[2*i:], minifloat.BF16FromFloat32(v))
	}
}

// DecodeBF16 sets dst to the values of the bfloat16 codes at the start of src.
// It returns the index of the first that is not finite, with some of dst set,
// or -1.
func DecodeBF16(dst []float32, src []byte) int {
	done := decodeBF16(dst, src)
	for i := done; i < len(dst); i++ {
		code := binary.LittleEndian.Uint16(src[2*i:])
		if code&0x7f80 == 0x7f80 {
			return i
		}
		dst[i] = minifloat.BF16ToFloat32(code)
	}
	return -1
}
