//go:build !noasm

package kernel

import "math"

// encodeUnits is Encode for one or more whole groups of a multiple of unit
// values; it returns false where it did nothing.
func (f Format) encodeUnits(dst []byte, x, scales []float32, group int) bool {
	groups, length := len(x)/group, group/unit
	_, _ = dst[f.Bytes(len(x))-1], scales[groups-1]
	d, v, s := &dst[0], &x[0], &scales[0]
	switch Active() {
	case AVX512:
		switch f {
		case E4M3:
			encodeE4M3AVX512(d, v, s, groups, length)
		case E2M1:
			encodeE2M1AVX512(d, v, s, groups, length)
		case Int8:
			encodeInt8AVX512(d, v, s, groups, length)
		case Int6:
			encodeInt6AVX512(d, v, s, groups, length)
		case Int4:
			encodeInt4AVX512(d, v, s, groups, length)
		}
	case AVX2:
		switch f {
		case E4M3:
			encodeE4M3AVX2(d, v, s, groups, length)
		case E2M1:
			encodeE2M1AVX2(d, v, s, groups, length)
		case Int8:
			encodeInt8AVX2(d, v, s, groups, length)
		case Int6:
			encodeInt6AVX2(d, v, s, groups, length)
		case Int4:
			encodeInt4AVX2(d, v, s, groups, length)
		}
	default:
		return false
	}
	return true
}

// decodeUnits is Decode for one or more whole groups of a multiple of unit
// values; it returns false where plain Go must do it: also where codes are
// refused, to find out which.
func (f Format) decodeUnits(dst []float32, src []byte, scales []float32, group int) bool {
	groups, length := len(dst)/group, group/unit
	scales, src = scales[:groups], src[:f.Bytes(len(dst))]
	zero, limit := false, math.Float32bits(formats[f].unsaturated)
	for _, s := range scales {
		// One comparison for both: no scale is negative.
		switch b := math.Float32bits(s); {
		case b-1 < limit-1:
		case b == 0:
			zero = true
		default:
			return false // kernels do not saturate
		}
	}
	d, c, s := &dst[0], &src[0], &scales[0]
	var refused uint32
	switch Active() {
	case AVX512:
		switch f {
		case E4M3:
			refused = decodeE4M3AVX512(d, c, s, groups, length)
		case E2M1:
			refused = decodeE2M1AVX512(d, c, s, groups, length)
		case Int8:
			refused = decodeInt8AVX512(d, c, s, groups, length)
		case Int6:
			refused = decodeInt6AVX512(d, c, s, groups, length)
		case Int4:
			refused = decodeInt4AVX512(d, c, s, groups, length)
		}
	case AVX2:
		switch f {
		case E4M3:
			refused = decodeE4M3AVX2(d, c, s, groups, length)
		case E2M1:
			refused = decodeE2M1AVX2(d, c, s, groups, length)
		case Int8:
			refused = decodeInt8AVX2(d, c, s, groups, length)
		case Int6:
			refused = decodeInt6AVX2(d, c, s, groups, length)
		case Int4:
			refused = decodeInt4AVX2(d, c, s, groups, length)
		}
	default:
		return false
	}
	return refused == 0 && !(zero && f.codesAtZero(src, scales, group))
}

// codesAtZero reports whether a group with the scale 0 has codes that are not.
func (f Format) codesAtZero(src []byte, scales []float32, group int) bool {
	size := f.Bytes(group)
	for i, s := range scales {
		if s != 0 {
			continue
		}
		for _, b := range src[i*size : (i+1)*size] {
			if b != 0 {
				return true
			}
		}
	}
	return false
}

func encodeE4M3Powers(dst, scales []byte, x []float32, floor, inverse float32) (amax float32, ok bool) {
	const group = 64
	groups := len(x) / group
	if Active() < AVX512 || groups == 0 || len(x)%group != 0 {
		return 0, false
	}
	_, _ = dst[len(x)-1], scales[groups-1]
	return math.Float32frombits(powersE4M3AVX512(&dst[0], &scales[0], &x[0], groups, floor, inverse)), true
}

func decodeE4M3Powers(dst []float32, src, scales []byte) bool {
	const group = 64
	groups := len(dst) / group
	if Active() < AVX512 || groups == 0 || len(dst)%group != 0 {
		return false
	}
	scales, src = scales[:groups], src[:len(dst)]
	for _, code := range scales {
		// 0 is a subnormal; times the largest value, 2^119 is finite.
		if code-1 >= 127+119 {
			return false
		}
	}
	return fromPowersE4M3AVX512(&dst[0], &src[0], &scales[0], groups) == 0
}

func groupMaxAbs(dst, x []float32, group int) bool {
	groups, length := len(x)/group, group/unit
	_ = dst[groups-1]
	switch Active() {
	case AVX512:
		groupMagnitudesAVX512(&dst[0], &x[0], groups, length)
	case AVX2:
		groupMagnitudesAVX2(&dst[0], &x[0], groups, length)
	default:
		return false
	}
	return true
}
