package main

import (
	"encoding/binary"
	"math"
	"math/big"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// exp is what a transformer computes with the exponential function, that of
// package elementary, on eight values of float64 at a time.
func exp(c *build.Context) {
	bothUnits(c, func(u *units) {
		u.largest()
		u.expAbout()
		u.scaleDown()
		u.siluTimes()
	})
}

// double returns lanes of a float64.
func (u *units) double(name string, v float64) operand.Mem { return u.long(name, math.Float64bits(v)) }

// long returns lanes of 64 bits.
func (u *units) long(name string, bits uint64) operand.Mem {
	var data []byte
	for range 8 {
		data = binary.LittleEndian.AppendUint64(data, bits)
	}
	return u.data(name, data)
}

// powers returns the address of 2^(j/64) for j from 0 to 63, rounded to nearest.
func (u *units) powers() reg.GPVirtual {
	var data []byte
	for j := range 64 {
		v := new(big.Float).SetMantExp(big.NewFloat(1).SetPrec(200), j)
		for range 6 {
			v.Sqrt(v)
		}
		f, _ := v.Float64()
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(f))
	}
	at := u.GP64()
	u.LEAQ(u.data("powers", data), at)
	return at
}

// exponential replaces x, from -708 to 709, by its exponential: the steps of
// elementary.ExpAll.
func (u *units) exponential(x reg.VecVirtual, powers reg.GPVirtual) {
	anchor := u.double("anchor", 0x1.8p52)
	t, k, r := u.vec(), u.vec(), u.vec()
	u.VMULPD(u.double("perLn2", 0x1.71547652b82fep+6), x, t)
	u.VADDPD(anchor, t, t)
	u.VSUBPD(anchor, t, k)
	u.VMULPD(u.double("ln2Hi", 0x1.62e42feep-7), k, r)
	u.VSUBPD(r, x, x)
	u.VMULPD(u.double("ln2Lo", 0x1.a39ef35793c76p-39), k, r)
	u.VSUBPD(r, x, r)

	index, scale := u.vec(), u.zero()
	u.and(u.long("low6", 63), t, index)
	at := operand.Mem{Base: powers, Index: index, Scale: 8}
	if u.wide {
		all := u.K()
		u.KXNORW(all, all, all)
		u.VGATHERQPD(at, all, scale)
	} else {
		all := u.vec()
		u.VPCMPEQD(all, all, all)
		u.VGATHERQPD(all, at, scale)
	}
	u.VPSRLQ(operand.U8(6), t, t)
	u.VPSLLQ(operand.U8(52), t, t)
	u.VPADDQ(t, scale, scale)

	p := x
	u.VMULPD(u.double("over120", 1.0/120), r, p)
	u.VADDPD(u.double("over24", 1.0/24), p, p)
	for _, c := range []struct {
		name string
		v    float64
	}{{"over6", 1.0 / 6}, {"half", 0.5}, {"one", 1}} {
		u.VMULPD(r, p, p)
		u.VADDPD(u.double(c.name, c.v), p, p)
	}
	u.VMULPD(r, p, p)
	u.VMULPD(scale, p, p)
	u.VADDPD(scale, p, p)
}

// keepAbove sets v to least where it is below, and leaves NaN.
func (u *units) keepAbove(least operand.Mem, v reg.VecVirtual) {
	bound := u.vec()
	u.VMOVUPD(least, bound)
	u.VMAXPD(v, bound, v)
}

// narrow returns float64 lanes as float32.
func (u *units) narrow(v reg.VecVirtual) reg.VecVirtual {
	if u.wide {
		n := u.YMM()
		u.VCVTPD2PS(v, n)
		return n
	}
	n := u.XMM()
	u.VCVTPD2PSY(v, n)
	return n
}

// doublesAt is part i of eight float64 at m, singlesAt that of eight float32.
func (u *units) doublesAt(m reg.GPVirtual, i int) operand.Mem {
	return operand.Mem{Base: m, Disp: i * u.bytes()}
}

func (u *units) singlesAt(m reg.GPVirtual, i int) operand.Mem {
	return operand.Mem{Base: m, Disp: i * u.bytes() / 2}
}

func (u *units) largest() {
	u.function("largest", "func(x *float32, groups int, lanes *[8]float32)",
		"sets lane j to the largest of the values j, j+8, ... of the 8*groups at x; a NaN may be left out.")
	x, n, lanes := u.pointer("x"), u.pointer("groups"), u.pointer("lanes")
	top := u.YMM()
	u.VMOVUPS(operand.Mem{Base: x}, top)
	u.each("group", n, func() {
		u.VMAXPS(operand.Mem{Base: x}, top, top)
	}, cursor{x, 4 * sumLanes})
	u.VMOVUPS(top, operand.Mem{Base: lanes})
	u.VZEROUPPER()
	u.RET()
}

func (u *units) expAbout() {
	u.function("expAbout", "func(e *float64, x *float32, groups int, scale float64, top float64, sum *[8]float64)",
		"sets e to the exponentials of max(scale*x - top, -708), none of them above 0, for the 8*groups values at x, and lane j of sum to the sum of j, j+8, ...")
	e, x, n, sum := u.pointer("e"), u.pointer("x"), u.pointer("groups"), u.pointer("sum")
	scale, top := u.vec(), u.vec()
	u.VBROADCASTSD(u.paramAddr("scale"), scale)
	u.VBROADCASTSD(u.paramAddr("top"), top)
	powers := u.powers()
	lanes := u.zeroSum()
	u.each("group", n, func() {
		for i := range lanes {
			v := u.vec()
			u.VCVTPS2PD(u.singlesAt(x, i), v)
			u.VMULPD(scale, v, v)
			u.VSUBPD(top, v, v)
			u.keepAbove(u.double("lowest", -708), v)
			u.exponential(v, powers)
			u.VADDPD(v, lanes[i], lanes[i])
			u.VMOVUPD(v, u.doublesAt(e, i))
		}
	}, cursor{x, 4 * sumLanes}, cursor{e, 8 * sumLanes})
	for i, v := range lanes {
		u.VMOVUPD(v, u.doublesAt(sum, i))
	}
	u.VZEROUPPER()
	u.RET()
}

func (u *units) scaleDown() {
	u.function("scaleDown", "func(x *float32, e *float64, groups int, factor float64)",
		"sets the 8*groups values at x to factor*e, rounded to float64 and then to float32.")
	x, e, n := u.pointer("x"), u.pointer("e"), u.pointer("groups")
	factor := u.vec()
	u.VBROADCASTSD(u.paramAddr("factor"), factor)
	u.each("group", n, func() {
		for i := range u.doubles() {
			v := u.vec()
			u.VMULPD(u.doublesAt(e, i), factor, v)
			u.VMOVUPS(u.narrow(v), u.singlesAt(x, i))
		}
	}, cursor{x, 4 * sumLanes}, cursor{e, 8 * sumLanes})
	u.VZEROUPPER()
	u.RET()
}

func (u *units) siluTimes() {
	u.function("siluTimes", "func(gate *float32, up *float32, groups int)",
		"is SiLUTimes for 8*groups values.")
	gate, up, n := u.pointer("gate"), u.pointer("up"), u.pointer("groups")
	powers := u.powers()
	u.each("group", n, func() {
		for i := range u.doubles() {
			g, v := u.vec(), u.zero()
			u.VCVTPS2PD(u.singlesAt(gate, i), g)
			u.VSUBPD(g, v, v)
			u.keepAbove(u.double("lowest", -708), v)
			u.VMINPD(u.double("highest", 708), v, v)
			u.exponential(v, powers)
			u.VADDPD(u.double("one", 1), v, v)
			u.VDIVPD(v, g, g)
			y := u.narrow(g)
			u.VMULPS(u.singlesAt(up, i), y, y)
			u.VMOVUPS(y, u.singlesAt(gate, i))
		}
	}, cursor{gate, 4 * sumLanes}, cursor{up, 4 * sumLanes})
	u.VZEROUPPER()
	u.RET()
}
