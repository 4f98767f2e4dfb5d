package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

// bf16 is the conversion to and from bfloat16, the upper half of a float32.
func bf16(c *build.Context) {
	bothUnits(c, func(u *units) {
		u.encodeBF16()
		u.decodeBF16()
	})
}

func (u *units) encodeBF16() {
	u.function("encodeBF16", "func(dst *byte, x *float32, units int)",
		"sets dst to the bfloat16 codes of the 16*units finite values at x.")
	dst, x, n := u.pointer("dst"), u.pointer("x"), u.pointer("units")
	abs, half, one := u.constant(1<<31-1), u.constant(1<<15-1), u.constant(1)
	const largest = 0x7f7f
	top := u.constant(largest<<16 | 0xffff)
	sign := u.constant(1 << 15)
	u.each("unit", n, func() {
		v := u.vectors()
		for i := range v {
			f, odd := u.vec(), u.vec()
			u.VMOVUPS(u.part(operand.Mem{Base: x}, i), f)
			u.and(abs, f, v[i])
			u.VPSRLD(operand.U8(16), f, f)
			u.and(one, f, odd)
			// Half a unit less one, plus one where the code is odd: ties go to even.
			u.VPADDD(half, v[i], v[i])
			u.VPADDD(odd, v[i], v[i])
			u.VPMINSD(top, v[i], v[i])
			u.VPSRLD(operand.U8(16), v[i], v[i])
			u.and(sign, f, f)
			u.or(f, v[i], v[i])
		}
		u.VMOVDQU(u.wordsOf(v), operand.Mem{Base: dst})
	}, cursor{x, 4 * unitValues}, cursor{dst, 2 * unitValues})
	u.VZEROUPPER()
	u.RET()
}

func (u *units) decodeBF16() {
	u.function("decodeBF16", "func(dst *float32, src *byte, units int) uint32",
		"sets dst to the values of the 16*units bfloat16 codes at src and returns 0 if all are finite.")
	dst, src, n := u.pointer("dst"), u.pointer("src"), u.pointer("units")
	abs, infinity := u.constant(1<<31-1), u.constant(0xff<<23)
	top := u.zero()
	u.each("unit", n, func() {
		v := u.vectors()
		for i := range v {
			a := u.vec()
			u.VPMOVZXWD(operand.Mem{Base: src, Disp: 2 * i * u.lanes()}, v[i])
			u.VPSLLD(operand.U8(16), v[i], v[i])
			u.VMOVUPS(v[i], u.part(operand.Mem{Base: dst}, i))
			u.and(abs, v[i], a)
			u.VPMAXSD(a, top, top)
		}
	}, cursor{src, 2 * unitValues}, cursor{dst, 4 * unitValues})
	// A lane is not finite if it is not below infinity.
	u.and(infinity, top, top)
	u.Store(u.equalLanes(infinity, top), u.ReturnIndex(0))
	u.VZEROUPPER()
	u.RET()
}
