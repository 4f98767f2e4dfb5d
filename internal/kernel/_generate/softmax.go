package main

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// softmax is sums weighted by exponentials, in float64, eight channels at a
// time. Its time goes to the look-ups of a table, which wider vectors do not
// make fewer: there is no kernel of AVX-512.
func softmax(c *build.Context) {
	u := &units{&simd{c, false}, map[string]operand.Mem{}}
	u.addExp()
}

// float64s returns four float64 alike, in memory.
func (u *units) float64s(name string, v float64) operand.Mem {
	return u.data(name, bytes.Repeat(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)), 4))
}

// addExp emits the steps of elementary.ExpAll.
func (u *units) addExp() {
	u.function("addExp", "func(total, sum *float64, gate, ape, kv *float32, table *[64]uint64, eights int) (left int)",
		"adds, for 8*eights channels, e^s to total and e^s kv to sum, s = gate+ape. "+
			"It stops before eight of which an s is not within -708 and 709, and returns how many eights are left.")
	total, sum := u.pointer("total"), u.pointer("sum")
	gate, ape, kv := u.pointer("gate"), u.pointer("ape"), u.pointer("kv")
	table, n := u.pointer("table"), u.pointer("eights")

	var (
		low    = u.float64s("expLow", -708)
		high   = u.float64s("expHigh", 709)
		anchor = u.float64s("expAnchor", 0x1.8p52)
		perLn2 = u.float64s("expPerLn2", 0x1.71547652b82fep+6)
		ln2Hi  = u.float64s("expLn2Hi", 0x1.62e42feep-7)
		ln2Lo  = u.float64s("expLn2Lo", 0x1.a39ef35793c76p-39)
		powers = []operand.Mem{
			u.float64s("exp24th", 1.0/24), u.float64s("exp6th", 1.0/6),
			u.float64s("expHalf", 0.5), u.float64s("expOne", 1),
		}
		last = u.float64s("exp120th", 1.0/120)
		mask = u.data("expMask", bytes.Repeat([]byte{63, 0, 0, 0, 0, 0, 0, 0}, 4))
	)
	u.each("eight", n, func() {
		score := u.YMM()
		u.VMOVUPS(operand.Mem{Base: gate}, score)
		u.VADDPS(operand.Mem{Base: ape}, score, score)
		v, upper := u.doubles(), u.XMM()
		u.VEXTRACTF128(operand.U8(1), score, upper)
		u.VCVTPS2PD(score.AsX(), v[0])
		u.VCVTPS2PD(upper, v[1])
		for _, s := range v {
			u.jumpUnlessWithin(s, low, high, "stop")
		}
		for i, s := range v {
			t, kf, p := u.vec(), u.vec(), u.vec()
			u.VMULPD(perLn2, s, t)
			u.VADDPD(anchor, t, t)
			u.VSUBPD(anchor, t, kf)
			u.VMULPD(ln2Hi, kf, p)
			u.VSUBPD(p, s, s)
			u.VMULPD(ln2Lo, kf, p)
			u.VSUBPD(p, s, s) // r
			u.VMULPD(last, s, p)
			for _, c := range powers {
				u.VADDPD(c, p, p)
				u.VMULPD(s, p, p)
			}
			scale := u.lookUp(table, t, mask)
			u.VPSRLQ(operand.U8(6), t, t)
			u.VPSLLQ(operand.U8(52), t, t)
			u.VPADDQ(t, scale, scale)
			u.VMULPD(scale, p, p)
			u.VADDPD(p, scale, scale)

			at := u.part(operand.Mem{Base: total}, i)
			u.VADDPD(at, scale, p)
			u.VMOVUPD(p, at)
			at = u.part(operand.Mem{Base: sum}, i)
			u.widen(operand.Mem{Base: kv}, i, p)
			u.VMULPD(p, scale, scale)
			u.VADDPD(at, scale, scale)
			u.VMOVUPD(scale, at)
		}
	}, cursor{total, 8 * sumLanes}, cursor{sum, 8 * sumLanes}, cursor{gate, 4 * sumLanes}, cursor{ape, 4 * sumLanes}, cursor{kv, 4 * sumLanes})
	u.Label("stop")
	u.VZEROUPPER()
	u.Store(n, u.ReturnIndex(0))
	u.RET()
}

// jumpUnlessWithin jumps unless low < v < high in all lanes of float64.
func (u *units) jumpUnlessWithin(v reg.VecVirtual, low, high operand.Mem, label string) {
	const (
		notAbove = 10 // v <= low or NaN
		notBelow = 5  // v >= high or NaN
	)
	a, b := u.vec(), u.vec()
	u.VCMPPD(operand.U8(notAbove), low, v, a)
	u.VCMPPD(operand.U8(notBelow), high, v, b)
	u.VPOR(a, b, a)
	u.VPTEST(a, a)
	u.JNZ(operand.LabelRef(label))
}

// lookUp returns the words of a table by the low six bits of t's lanes.
func (u *units) lookUp(table reg.GPVirtual, t reg.VecVirtual, mask operand.Mem) reg.VecVirtual {
	index, all, v := u.vec(), u.vec(), u.vec()
	u.VPAND(mask, t, index)
	u.VPCMPEQQ(all, all, all)
	u.VXORPD(v, v, v) // here, while the others are in use: the three must differ
	u.VGATHERQPD(all, operand.Mem{Base: table, Index: index, Scale: 8}, v)
	return v
}
