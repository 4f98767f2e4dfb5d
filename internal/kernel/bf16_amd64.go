//go:build !noasm

package kernel

// encodeBF16 returns the number of values that it encoded.
func encodeBF16(dst []byte, x []float32) int {
	units := len(x) / unit
	if units == 0 {
		return 0
	}
	_ = dst[2*units*unit-1]
	switch Active() {
	case AVX512:
		encodeBF16AVX512(&dst[0], &x[0], units)
	case AVX2:
		encodeBF16AVX2(&dst[0], &x[0], units)
	default:
		return 0
	}
	return units * unit
}

// decodeBF16 returns the number of values that it decoded, 0 where one is not
// finite.
func decodeBF16(dst []float32, src []byte) int {
	units := len(dst) / unit
	if units == 0 {
		return 0
	}
	_ = src[2*units*unit-1]
	var refused uint32
	switch Active() {
	case AVX512:
		refused = decodeBF16AVX512(&dst[0], &src[0], units)
	case AVX2:
		refused = decodeBF16AVX2(&dst[0], &src[0], units)
	default:
		return 0
	}
	if refused != 0 {
		return 0
	}
	return units * unit
}
