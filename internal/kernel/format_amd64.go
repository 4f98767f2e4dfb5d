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
	zero, limit := false, math.MaxFloat32/f.Largest()
	for _, s := range scales {
		if s >= limit {
			return false // kernels do not saturate
		}
		zero = zero || s == 0
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
