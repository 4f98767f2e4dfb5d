package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// e4m3 and e2m1 are formats of package minifloat.
var (
	e4m3 = storedFormat{
		name:  "E4M3",
		bytes: unitValues,
		quads: true,
		encoder: func(u *units) func([]reg.VecVirtual, operand.Mem) {
			round := u.rounder(8, 3, 7, 448)
			var order reg.VecVirtual
			if u.wide {
				order = u.bytesOrder()
			}
			return func(v []reg.VecVirtual, dst operand.Mem) {
				for i := range v {
					v[i] = round(v[i])
				}
				if u.wide && len(v) == quad {
					u.VMOVDQU32(u.bytesOfFour(v, order), dst)
					return
				}
				u.VMOVDQU(u.bytesOf(v), dst)
			}
		},
		decoder: decodeE4M3,
	}
	e2m1 = storedFormat{
		name:  "E2M1",
		bytes: unitValues / 2,
		encoder: func(u *units) func([]reg.VecVirtual, operand.Mem) {
			round, pack := u.rounder(4, 1, 1, 6), u.packer(4)
			return func(v []reg.VecVirtual, dst operand.Mem) {
				for i := range v {
					v[i] = round(v[i])
				}
				pack(u.bytesOf(v), dst)
			}
		},
		decoder: decodeE2M1,
	}
)

// rounder returns what gives the codes of values, in the lowest bits of lanes
// that are zero else, in a format of the given bits, of which man are of the
// mantissa, exponent bias and largest value. Values may be infinite; they are
// destroyed.
//
// With e the exponent of a value, at least that of the format's smallest normal
// one, 2^(e+23-man) is where the spacing of float32 is that of the format: the
// sum with it is rounded to the nearest value of the format, ties to even, and
// its lowest bits count the spacings, to which those below 2^e come. All is
// computed modulo the size of a code, and what is added to the sum, an even
// number for the sake of ties, is in the anchor: with AVX-512 all of it, for
// there the anchors of all exponents are in one register.
func (u *units) rounder(bits, man, bias int, largest float32) func(v reg.VecVirtual) reg.VecVirtual {
	var (
		sign     = uint32(1) << (bits - 1)
		least    = uint32(128-bias) << 23 // the smallest normal value
		spacings = least >> (23 - man)
	)
	abs, top := u.constant(1<<31-1), u.constant(math.Float32bits(largest))
	normal := u.constant(least)
	magnitude := u.constant(sign - 1)
	anchor, rest := uint32(23-man)<<23, -spacings
	if u.wide {
		var table [16]uint32 // by the lowest bits of the exponent
		for e := least >> 23; e <= math.Float32bits(largest)>>23; e++ {
			table[e%16] = e<<23 + anchor + (rest+e<<man)&(2*sign-1)
		}
		anchors := u.vec()
		u.VMOVDQU32(u.words(fmt.Sprintf("anchors%d", bits), table[:]), anchors)
		return func(v reg.VecVirtual) reg.VecVirtual {
			a, e, code := u.vec(), u.vec(), u.vec()
			u.VPANDD(abs, v, a)
			u.VPMINSD(top, a, a)
			u.VPMAXSD(normal, a, e)
			u.VPSRLD(operand.U8(23), e, e)
			u.VPERMD(anchors, e, code)
			u.VADDPS(a, code, code)
			u.VPSRLD(operand.U8(32-bits), v, v)
			const choose = 0xe4 // the first source where the third is set, else the second
			u.VPTERNLOGD(operand.U8(choose), magnitude, v, code)
			return code
		}
	}
	exponent, signBit := u.constant(0xff<<23), u.constant(sign)
	anchors := u.constant(anchor + rest&(2*sign-1))
	return func(v reg.VecVirtual) reg.VecVirtual {
		a, e, code := u.vec(), u.vec(), u.vec()
		u.VPAND(abs, v, a)
		u.VPMINSD(top, a, a)
		u.VPAND(exponent, a, e)
		u.VPMAXSD(normal, e, e)
		u.VPADDD(anchors, e, code)
		u.VADDPS(a, code, code)
		u.VPSRLD(operand.U8(23-man), e, e)
		u.VPADDD(e, code, code)
		u.VPSRLD(operand.U8(32-bits), v, v)
		u.VPAND(magnitude, code, code)
		u.VPAND(signBit, v, v)
		u.VPOR(v, code, code)
		return code
	}
}

func decodeE4M3(u *units) decoder {
	const nan = 0x7f
	magnitude, top := u.bytes16("magnitude", nan), u.XMM()
	u.VPXOR(top, top, top)
	d := decoder{factor: 1}
	watch := func(src operand.Mem) {
		b := u.XMM()
		u.VMOVDQU(src, b)
		u.VPAND(magnitude, b, b)
		u.VPMAXUB(b, top, top)
	}
	var all reg.VecVirtual // the largest magnitudes of quads
	d.refused = func() reg.GPVirtual {
		r := u.GP32()
		if all != nil {
			for part := range uint8(4) {
				t := u.XMM()
				u.VEXTRACTI32X4(operand.U8(part), all, t)
				u.VPMAXUB(t, top, top)
			}
		}
		u.VPCMPEQB(magnitude, top, top)
		u.VPMOVMSKB(top, r)
		return r
	}
	if u.wide {
		// A code is a half-precision value 2^8 times smaller but for the place of
		// its sign.
		d.factor = 1 << 8
		half := u.words16("half", 0xbf80)
		d.values = func(src operand.Mem) []reg.VecVirtual {
			w, v := u.YMM(), u.vec()
			u.VPMOVZXBW(src, w)
			watch(src)
			u.VPSLLW(operand.U8(8), w, w)
			u.VPSRAW(operand.U8(1), w, w)
			u.VPAND(half, w, w)
			u.VCVTPH2PS(w, v)
			return []reg.VecVirtual{v}
		}
		all = u.zero()
		magnitudes, halves := u.splat(nan*0x01010101), u.splat(0xbf80bf80)
		d.four = func(src operand.Mem) []reg.VecVirtual {
			b := u.vec()
			u.VPANDD(src, magnitudes, b)
			u.VPMAXUB(b, all, all)
			v := u.simd.vectors(quad)
			for i := range 2 {
				w, upper := u.vec(), u.YMM()
				u.VPMOVZXBW(src.Offset(2*unitValues*i), w)
				u.VPSLLW(operand.U8(8), w, w)
				u.VPSRAW(operand.U8(1), w, w)
				u.VPANDD(halves, w, w)
				u.VEXTRACTI64X4(operand.U8(1), w, upper)
				u.VCVTPH2PS(w.AsY(), v[2*i])
				u.VCVTPH2PS(upper, v[2*i+1])
			}
			return v
		}
		return d
	}
	// The bits of a code at the place of a float32's: t is the value of a normal
	// code; 2t - 2^-6 is that of a subnormal one, and where it is not, it is the
	// larger of the two.
	bits, sign := u.constant(nan<<20), u.constant(1<<31)
	once, twice := u.constant((127-7)<<23), u.constant((128-7)<<23)
	normal := u.constant(math.Float32bits(0x1p-6))
	d.values = func(src operand.Mem) []reg.VecVirtual {
		watch(src)
		v := u.vectors()
		for i := range v {
			c, t := u.vec(), u.vec()
			u.VPMOVZXBD(src.Offset(8*i), c)
			u.VPSLLD(operand.U8(20), c, v[i])
			u.and(bits, v[i], v[i])
			u.VPADDD(once, v[i], t)
			u.VPADDD(twice, v[i], v[i])
			u.VSUBPS(normal, v[i], v[i])
			u.VMINPS(t, v[i], v[i])
			u.VPSLLD(operand.U8(24), c, c)
			u.and(sign, c, c)
			u.VPOR(c, v[i], v[i])
		}
		return v
	}
	return d
}

func decodeE2M1(u *units) decoder {
	magnitudes := []float32{0, 0.5, 1, 1.5, 2, 3, 4, 6}
	var bits []uint32
	for code := range 16 {
		bits = append(bits, math.Float32bits(magnitudes[code&7])|uint32(code>>3)<<31)
	}
	table, at := u.vec(), u.words("e2m1", bits)
	u.VMOVUPS(at, table)
	sign := u.constant(1 << 31)
	return decoder{
		factor: 1,
		values: func(src operand.Mem) []reg.VecVirtual {
			v := u.nibbles(src)
			for i := range v {
				code := v[i]
				v[i] = u.vec()
				u.VPERMPS(table, code, v[i]) // by as many bits as the table has entries
				if !u.wide {
					u.VPSLLD(operand.U8(28), code, code)
					u.and(sign, code, code)
					u.VPOR(code, v[i], v[i])
				}
			}
			return v
		},
		refused: u.none,
	}
}

// none is what a decoder refuses that knows all codes.
func (u *units) none() reg.GPVirtual {
	r := u.GP32()
	u.XORL(r, r)
	return r
}
