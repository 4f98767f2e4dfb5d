package minifloat

import "math"

const (
	bf16NaN = 0x7fc0
	bf16Max = 0x7f7f // code of BF16Max
)

// BF16FromFloat32 returns the bfloat16 code of f, rounded and saturated as the
// package comment says.
func BF16FromFloat32(f float32) uint16 {
	b := math.Float32bits(f)
	mag := b &^ float32Sign
	switch {
	case mag > float32Inf:
		return bf16NaN
	case mag == float32Inf:
		return uint16(b >> 16)
	}
	// bfloat16 is the upper half of a float32, subnormals included.
	return uint16(b>>16&0x8000 | min((mag+1<<15-1+mag>>16&1)>>16, bf16Max))
}

// BF16ToFloat32 returns the value of a bfloat16 code.
func BF16ToFloat32(code uint16) float32 { return math.Float32frombits(uint32(code) << 16) }
