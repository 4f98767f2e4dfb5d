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
			round := u.rounder(e4m3Floats)
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
			round, pack := u.rounder(e2m1Floats), u.packer(4)
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

// floats is a format of a sign, an exponent with a bias and a mantissa, without
// infinities.
type floats struct {
	bits, man, bias int
	largest         float32
}

var (
	e4m3Floats = floats{8, 3, 7, 448}
	e2m1Floats = floats{4, 1, 1, 6}
)

func (f floats) sign() uint32 { return 1 << (f.bits - 1) }

// least is the smallest normal value, as bits of a float32.
func (f floats) least() uint32 { return uint32(128-f.bias) << 23 }

// anchor is what values of the exponent e, at least that of the smallest normal
// one, are added to, as bits of a float32. For e = 0 it is what is common to all.
//
// 2^(e+23-man) is where the spacing of float32 is that of the format: the sum
// with it is rounded to the nearest value of the format, ties to even, and its
// lowest bits count the spacings, to which those below 2^e come. These, an even
// number for the sake of ties, are the anchor's lowest bits, modulo the size of a
// code.
func (f floats) anchor(e uint32) uint32 {
	spacings := e<<f.man - f.least()>>(23-f.man)
	return (e+uint32(23-f.man))<<23 + spacings&(2*f.sign()-1)
}

// rounder returns what gives the codes of values, in the lowest bits of lanes
// that are zero else. Values may be infinite; they are destroyed.
func (u *units) rounder(f floats) func(v reg.VecVirtual) reg.VecVirtual {
	abs, top := u.constant(1<<31-1), u.constant(math.Float32bits(f.largest))
	if u.wide {
		r := u.wideRounder(f)
		return func(v reg.VecVirtual) reg.VecVirtual {
			a := u.vec()
			u.VPANDD(abs, v, a)
			u.VPMINSD(top, a, a)
			return r.code(a, v)
		}
	}
	normal, magnitude, sign := u.constant(f.least()), u.constant(f.sign()-1), u.constant(f.sign())
	exponent, anchor := u.constant(0xff<<23), u.constant(f.anchor(0))
	return func(v reg.VecVirtual) reg.VecVirtual {
		a, e, code := u.vec(), u.vec(), u.vec()
		u.VPAND(abs, v, a)
		u.VPMINSD(top, a, a)
		u.VPAND(exponent, a, e)
		u.VPMAXSD(normal, e, e)
		u.VPADDD(anchor, e, code)
		u.VADDPS(a, code, code)
		u.VPSRLD(operand.U8(23-f.man), e, e)
		u.VPADDD(e, code, code)
		u.VPSRLD(operand.U8(32-f.bits), v, v)
		u.VPAND(magnitude, code, code)
		u.VPAND(sign, v, v)
		u.VPOR(v, code, code)
		return code
	}
}

// A wideRounder has the anchors of all exponents, at most 16, in one register of
// AVX-512, each in the lane that the lowest bits of the exponent name.
type wideRounder struct {
	*units
	floats
	anchors, normal, magnitude reg.VecVirtual
}

func (u *units) wideRounder(f floats) *wideRounder {
	var anchors [16]uint32
	for e := f.least() >> 23; e <= math.Float32bits(f.largest)>>23; e++ {
		anchors[e%16] = f.anchor(e)
	}
	r := &wideRounder{u, f, u.vec(), u.splat(f.least()), u.splat(f.sign() - 1)}
	u.VMOVDQU32(u.words(fmt.Sprintf("anchors%d", f.bits), anchors[:]), r.anchors)
	return r
}

// code returns the codes of magnitudes a, at most the largest, with the signs of
// v, which it destroys.
func (r *wideRounder) code(a, v reg.VecVirtual) reg.VecVirtual {
	e, code := r.vec(), r.vec()
	r.VPMAXSD(r.normal, a, e)
	r.VPSRLD(operand.U8(23), e, e)
	r.VPERMD(r.anchors, e, code)
	r.VADDPS(a, code, code)
	r.VPSRLD(operand.U8(32-r.bits), v, v)
	const choose = 0xe4 // the first source where the third is set, else the second
	r.VPTERNLOGD(operand.U8(choose), r.magnitude, v, code)
	return code
}

// powersE4M3 emits, for AVX-512, the encoder of groups of a quad that finds their
// scales, too.
func (u *units) powersE4M3() {
	u.function("powersE4M3", "func(dst, scales *byte, x *float32, groups int, floor, inverse float32) uint32",
		"sets dst to the E4M3 codes of groups of 64 values at x over their scales, and scales to the E8M0 codes of these: the smallest powers of two, at least 2^-126, "+
			"that are not below the largest magnitude, or floor, times inverse. It returns the largest magnitude of all as bits.")
	dst, scales, x, groups := u.pointer("dst"), u.pointer("scales"), u.pointer("x"), u.pointer("groups")
	floor, inverse := u.vec(), u.vec()
	u.VBROADCASTSS(u.paramAddr("floor"), floor)
	u.VBROADCASTSS(u.paramAddr("inverse"), inverse)
	r, order, top := u.wideRounder(e4m3Floats), u.bytesOrder(), u.zero()
	abs, mantissa, ones := u.splat(1<<31-1), u.splat(1<<23-1), u.splat(2*127)
	u.each("group", groups, func() {
		v, a := u.simd.vectors(quad), u.simd.vectors(quad)
		for i := range v {
			u.VMOVUPS(u.part(operand.Mem{Base: x}, i), v[i])
			u.VPANDD(abs, v[i], a[i])
		}
		largest, t := u.vec(), u.vec()
		u.VPMAXUD(a[1], a[0], largest)
		u.VPMAXUD(a[3], a[2], t)
		u.VPMAXUD(t, largest, largest)
		for _, order := range []uint8{0x4e, 0xb1} {
			u.VSHUFF32X4(operand.U8(order), largest, largest, t)
			u.VPMAXUD(t, largest, largest)
		}
		for _, order := range []uint8{0x4e, 0xb1} {
			u.VPERMILPS(operand.U8(order), largest, t)
			u.VPMAXUD(t, largest, largest)
		}
		u.VPMAXUD(largest, top, top)
		// Any bit of the mantissa carries into the exponent.
		u.VPMAXUD(floor, largest, largest)
		u.VMULPS(inverse, largest, largest)
		u.VPADDD(mantissa, largest, largest)
		u.VPSRLD(operand.U8(23), largest, largest)
		code := u.GP32()
		u.VMOVD(largest.AsX(), code)
		u.MOVB(code.As8(), operand.Mem{Base: scales})
		u.VPSUBD(largest, ones, largest)
		u.VPSLLD(operand.U8(23), largest, largest) // the inverse
		codes := make([]reg.VecVirtual, quad)
		for i := range v {
			u.VMULPS(largest, a[i], a[i])
			codes[i] = r.code(a[i], v[i])
		}
		u.VMOVDQU32(u.bytesOfFour(codes, order), operand.Mem{Base: dst})
	}, cursor{x, 4 * unitValues * quad}, cursor{dst, unitValues * quad}, cursor{scales, 1})
	u.Store(u.largestLane(top), u.ReturnIndex(0))
	u.VZEROUPPER()
	u.RET()
}

// fromPowersE4M3 emits, for AVX-512, the decoder of what powersE4M3 makes.
func (u *units) fromPowersE4M3() {
	u.function("fromPowersE4M3", "func(dst *float32, src, scales *byte, groups int) uint32",
		"sets dst to groups of 64 values of the E4M3 codes at src times the scales of the E8M0 codes at scales, 1 to 246. It returns 0 if an encoder writes all these codes.")
	dst, src, scales, groups := u.pointer("dst"), u.pointer("src"), u.pointer("scales"), u.pointer("groups")
	d := decodeE4M3(u)
	u.each("group", groups, func() {
		bits, scale := u.GP32(), u.vec()
		u.MOVBLZX(operand.Mem{Base: scales}, bits)
		u.ADDL(operand.U8(math.Log2(float64(d.factor))), bits)
		u.SHLL(operand.U8(23), bits)
		u.VPBROADCASTD(bits, scale)
		for i, v := range d.four(operand.Mem{Base: src}) {
			u.VMULPS(v, scale, v)
			u.VMOVUPS(v, u.part(operand.Mem{Base: dst}, i))
		}
	}, cursor{dst, 4 * unitValues * quad}, cursor{src, unitValues * quad}, cursor{scales, 1})
	u.Store(d.refused(), u.ReturnIndex(0))
	u.VZEROUPPER()
	u.RET()
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
