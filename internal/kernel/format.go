package kernel

//go:generate go run -C _generate . format

import (
	"fmt"
	"math"

	"kakeyalattice/minifloat"
)

// Format is a way to store values in units of a scale that a group of them
// shares. The codes of a vector are dense, the first in the lowest bits of the
// first byte.
//
//	E4M3, E2M1         package minifloat's code of value/scale
//	Int8, Int6, Int4   value/scale rounded to the nearest integer, ties to even,
//	                   in two's complement
//
// value/scale is the quotient rounded to float32. A decoder's product with the
// scale is rounded and saturated.
type Format int

const (
	E4M3 Format = iota
	E2M1
	Int8
	Int6
	Int4
)

var formats = [...]struct {
	name        string
	bits        int
	largest     float32
	unsaturated float32 // at scales below, no product is infinite
}{
	E4M3: {"E4M3", 8, minifloat.E4M3Max, math.MaxFloat32 / minifloat.E4M3Max},
	E2M1: {"E2M1", 4, minifloat.E2M1Max, math.MaxFloat32 / minifloat.E2M1Max},
	Int8: {"Int8", 8, 127, math.MaxFloat32 / 127},
	Int6: {"Int6", 6, 31, math.MaxFloat32 / 31},
	Int4: {"Int4", 4, 7, math.MaxFloat32 / 7},
}

func (f Format) String() string {
	if f < 0 || int(f) >= len(formats) {
		return fmt.Sprintf("Format(%d)", int(f))
	}
	return formats[f].name
}

// Bits is the size of a code.
func (f Format) Bits() int { return formats[f].bits }

// Bytes is the size of n codes, the last byte filled up with zeros.
func (f Format) Bytes(n int) int { return (n*f.Bits() + 7) / 8 }

// Largest is the largest value of a code.
func (f Format) Largest() float32 { return formats[f].largest }

// unit is the number of values that kernels of formats work on at a time.
const unit = 16

// Encode sets dst, [Format.Bytes](len(x)) bytes, to the codes of x, whose groups
// are of the given length but for the last, which may be shorter. Scales are
// not negative and finite; where one is 0, codes are 0. Values are finite, and
// those of integer formats at most 2^22 scales.
func (f Format) Encode(dst []byte, x, scales []float32, group int) {
	if n := len(x) - len(x)%group; n > 0 && group%unit == 0 && f.encodeUnits(dst, x[:n], scales, group) {
		dst, x, scales = dst[f.Bytes(n):], x[n:], scales[n/group:]
	}
	if n := len(x); n == 0 || n < group && n%unit == 0 && f.encodeUnits(dst, x, scales, n) {
		return
	}
	var codes [chunk]byte
	left := group
	for len(x) > 0 {
		n := min(chunk, len(x))
		for at := 0; at < n; {
			m := min(left, n-at)
			f.codes(codes[at:at+m], x[at:at+m], scales[0])
			if at, left = at+m, left-m; left == 0 {
				scales, left = scales[1:], group
			}
		}
		pack(dst, codes[:n], f.Bits())
		dst, x = dst[f.Bytes(n):], x[n:]
	}
}

// Decode sets dst to the values of the codes at the start of src. It returns -1
// or, with some of dst set, what Encode cannot have written: the index of the
// first value whose code is a NaN, an integer without its opposite, or anything
// but 0 at a scale of 0; or len(dst) if bits after the last code are not zero.
func (f Format) Decode(dst []float32, src []byte, scales []float32, group int) int {
	done := 0
	if n := len(dst) - len(dst)%group; n > 0 && group%unit == 0 && f.decodeUnits(dst[:n], src, scales, group) {
		done = n
	}
	if n := len(dst) - done; n < group && n%unit == 0 && (n == 0 || f.decodeUnits(dst[done:], src[f.Bytes(done):], scales[done/group:], n)) {
		return -1
	}
	var codes [chunk]byte
	src, scales = src[f.Bytes(done):], scales[done/group:]
	left := group
	for done < len(dst) {
		n := min(chunk, len(dst)-done)
		padding := unpack(codes[:n], src, f.Bits())
		for at := 0; at < n; {
			m := min(left, n-at)
			if bad := f.values(dst[done+at:done+at+m], codes[at:at+m], scales[0]); bad >= 0 {
				return done + at + bad
			}
			if at, left = at+m, left-m; left == 0 {
				scales, left = scales[1:], group
			}
		}
		done += n
		if padding {
			return done
		}
		src = src[f.Bytes(n):]
	}
	return -1
}

// EncodeE4M3Powers is [GroupMaxAbs] for groups of 64, scales by them, and
// [Format.Encode] for E4M3 at once: scales get the codes
//
//	minifloat.E8M0Ceil(max(largest magnitude, floor) * inverse)
//
// with the product rounded; floor times inverse is at least 2^-126, and inverse
// at most 1/448, rounded. It returns the largest magnitude of all, which is finite
// if and only if all values are; else what was set is undefined. ok is false if it
// did nothing, because the active level has no kernel for it or x is not whole
// groups.
func EncodeE4M3Powers(dst, scales []byte, x []float32, floor, inverse float32) (amax float32, ok bool) {
	return encodeE4M3Powers(dst, scales, x, floor, inverse)
}

// DecodeE4M3Powers sets dst to the values of E4M3 codes in groups of 64 whose
// scales have the given E8M0 codes. It returns false, with dst undefined, where
// [Format.Decode] must do it: where that refuses codes, where products may be too
// large, and where the active level has no kernel for it.
func DecodeE4M3Powers(dst []float32, src, scales []byte) bool {
	return decodeE4M3Powers(dst, src, scales)
}

// GroupMaxAbs sets dst[i] to the largest magnitude of group i of the finite
// values x. Groups are of the given length but for the last, which may be
// shorter.
func GroupMaxAbs(dst, x []float32, group int) {
	if n := len(x) - len(x)%group; n > 0 && group%unit == 0 && groupMaxAbs(dst, x[:n], group) {
		dst, x = dst[n/group:], x[n:]
	}
	for i := 0; len(x) > 0; i++ {
		n := min(group, len(x))
		dst[i] = MaxAbs(x[:n])
		x = x[n:]
	}
}

// chunk is a number of values whose codes are whole bytes in every format.
const chunk = 64

// codes sets dst to the codes of x, a byte each.
func (f Format) codes(dst []byte, x []float32, scale float32) {
	dst = dst[:len(x)]
	switch {
	case scale == 0:
		clear(dst)
	case f == E4M3:
		for i, v := range x {
			dst[i] = minifloat.E4M3FromFloat32(v / scale)
		}
	case f == E2M1:
		for i, v := range x {
			dst[i] = minifloat.E2M1FromFloat32(v / scale)
		}
	default:
		mask := byte(1)<<f.Bits() - 1
		for i, v := range x {
			dst[i] = byte(roundToEven(v/scale)) & mask
		}
	}
}

// roundToEven rounds v, at most 2^22 in magnitude, to the nearest integer, ties
// to even: at 1.5*2^23 the spacing of float32 is 1.
func roundToEven(v float32) int32 {
	const anchor = 0x1.8p23
	return int32(math.Float32bits(v+anchor)) - int32(math.Float32bits(anchor))
}

// values is the inverse of codes. It returns the index of a code that codes
// does not give, or -1.
func (f Format) values(dst []float32, codes []byte, scale float32) int {
	codes = codes[:len(dst)]
	if scale == 0 {
		for i, c := range codes {
			if c != 0 {
				return i
			}
		}
		clear(dst)
		return -1
	}
	switch f {
	case E4M3:
		for i, c := range codes {
			if c&0x7f == 0x7f {
				return i
			}
			dst[i] = Saturate(minifloat.E4M3ToFloat32(c) * scale)
		}
	case E2M1:
		for i, c := range codes {
			dst[i] = Saturate(minifloat.E2M1ToFloat32(c) * scale)
		}
	default:
		unused := 8 - f.Bits()
		lone := int8(-128) >> unused
		for i, c := range codes {
			q := int8(c<<unused) >> unused
			if q == lone {
				return i
			}
			dst[i] = Saturate(float32(q) * scale)
		}
	}
	return -1
}

// Saturate brings an infinity to the largest finite value.
func Saturate(v float32) float32 {
	if v > math.MaxFloat32 {
		return math.MaxFloat32
	}
	if v < -math.MaxFloat32 {
		return -math.MaxFloat32
	}
	return v
}

// pack sets dst to the low bits of codes, dense; their other bits are zero.
func pack(dst, codes []byte, bits int) {
	switch bits {
	case 8:
		copy(dst, codes)
		return
	case 6:
		for ; len(codes) >= 4; codes = codes[4:] {
			w := uint(codes[0]) | uint(codes[1])<<6 | uint(codes[2])<<12 | uint(codes[3])<<18
			dst[0], dst[1], dst[2] = byte(w), byte(w>>8), byte(w>>16)
			dst = dst[3:]
		}
	case 4:
		for ; len(codes) >= 2; codes = codes[2:] {
			dst[0] = codes[0] | codes[1]<<4
			dst = dst[1:]
		}
	}
	var w uint
	for i, c := range codes {
		w |= uint(c) << (bits * i)
	}
	for i := 0; 8*i < bits*len(codes); i++ {
		dst[i] = byte(w >> (8 * i))
	}
}

// unpack is the inverse of pack. It reports whether bits after the last code, up
// to a whole byte, are not zero.
func unpack(codes, src []byte, bits int) (padding bool) {
	switch bits {
	case 8:
		copy(codes, src)
		return false
	case 6:
		for ; len(codes) >= 4; codes = codes[4:] {
			w := uint(src[0]) | uint(src[1])<<8 | uint(src[2])<<16
			codes[0], codes[1], codes[2], codes[3] = byte(w&63), byte(w>>6&63), byte(w>>12&63), byte(w>>18)
			src = src[3:]
		}
	case 4:
		for ; len(codes) >= 2; codes = codes[2:] {
			codes[0], codes[1] = src[0]&15, src[0]>>4
			src = src[1:]
		}
	}
	var w uint
	for i := 0; 8*i < bits*len(codes); i++ {
		w |= uint(src[i]) << (8 * i)
	}
	for i := range codes {
		codes[i] = byte(w) & (1<<bits - 1)
		w >>= bits
	}
	return w != 0
}
