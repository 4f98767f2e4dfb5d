package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sums is sums in float64 over vectors of float32, eight lanes wide: one vector
// of AVX-512, two of AVX2.
func sums(c *build.Context) {
	bothUnits(c, func(u *units) {
		u.sumSquares()
		u.sumSquaresAbout()
		u.comparePair()
		u.dot()
		u.addColumns()
		u.addRows()
	})
}

// sumLanes is the number of lanes of a sum, and of the values added at a time.
const sumLanes = 8

// doubles returns fresh registers for as many float64 as a sum has lanes.
func (u *units) doubles() []reg.VecVirtual {
	v := make([]reg.VecVirtual, sumLanes/(u.lanes()/2))
	for i := range v {
		v[i] = u.vec()
	}
	return v
}

// zeroSum returns a sum that is 0 in all lanes.
func (u *units) zeroSum() []reg.VecVirtual {
	v := u.doubles()
	for i := range v {
		u.xor(v[i], v[i], v[i])
	}
	return v
}

// widen sets v to part i of the eight float32 at m.
func (u *units) widen(m operand.Mem, i int, v reg.VecVirtual) {
	u.VCVTPS2PD(m.Offset(i*u.bytes()/2), v)
}

// addProduct adds a*b, exact in float64, to sum; it destroys b.
func (u *units) addProduct(a, b, sum reg.VecVirtual) {
	if u.wide {
		u.VFMADD231PD(a, b, sum)
	} else {
		u.VMULPD(a, b, b)
		u.VADDPD(b, sum, sum)
	}
}

// total adds up the lanes of a sum: s_j += s_j+w for j < w, w = 4, 2, 1.
func (u *units) total(sum []reg.VecVirtual) reg.Register {
	s, t := sum[0], u.YMM()
	if u.wide {
		u.VEXTRACTF64X4(operand.U8(1), s, t)
		u.VADDPD(t, s.AsY(), s.AsY())
	} else {
		u.VADDPD(sum[1], s, s)
	}
	u.VEXTRACTF128(operand.U8(1), s.AsY(), t.AsX())
	u.VADDPD(t.AsX(), s.AsX(), s.AsX())
	u.VPERMILPD(operand.U8(1), s.AsX(), t.AsX())
	u.VADDSD(t.AsX(), s.AsX(), s.AsX())
	return s.AsX()
}

// finish stores sums as results and ends the function.
func (u *units) finish(sums ...[]reg.VecVirtual) {
	totals := make([]reg.Register, len(sums))
	for i, s := range sums {
		totals[i] = u.total(s)
	}
	u.VZEROUPPER() // before the stores, which are not of AVX
	for i, t := range totals {
		u.Store(t, u.ReturnIndex(i))
	}
	u.RET()
}

func (u *units) sumSquares() {
	u.function("sumSquares", "func(x *float32, eights int) float64", "returns the sum of x^2 over 8*eights values.")
	x, n := u.pointer("x"), u.pointer("eights")
	sum := u.zeroSum()
	u.each("eight", n, func() {
		for i, v := range u.doubles() {
			w := v
			u.widen(operand.Mem{Base: x}, i, v)
			u.addProduct(v, w, sum[i])
		}
	}, cursor{x, 4 * sumLanes})
	u.finish(sum)
}

func (u *units) sumSquaresAbout() {
	u.function("sumSquaresAbout", "func(x *float32, mean *float64, eights int) float64",
		"returns the sum of (x-mean)^2 over 8*eights values.")
	x, mean, n := u.pointer("x"), u.pointer("mean"), u.pointer("eights")
	sum := u.zeroSum()
	u.each("eight", n, func() {
		for i, v := range u.doubles() {
			u.widen(operand.Mem{Base: x}, i, v)
			u.VSUBPD(u.part(operand.Mem{Base: mean}, i), v, v)
			u.VMULPD(v, v, v)
			u.VADDPD(v, sum[i], sum[i])
		}
	}, cursor{x, 4 * sumLanes}, cursor{mean, 8 * sumLanes})
	u.finish(sum)
}

func (u *units) comparePair() {
	u.function("comparePair", "func(x, y *float32, eights int) (err, dot, yy float64)",
		"returns the sums of (x-y)^2, x*y and y^2 over 8*eights values.")
	x, y, n := u.pointer("x"), u.pointer("y"), u.pointer("eights")
	err, dot, yy := u.zeroSum(), u.zeroSum(), u.zeroSum()
	u.each("eight", n, func() {
		for i, a := range u.doubles() {
			b, d := u.vec(), u.vec()
			u.widen(operand.Mem{Base: x}, i, a)
			u.widen(operand.Mem{Base: y}, i, b)
			u.VSUBPD(b, a, d)
			u.VMULPD(d, d, d)
			u.VADDPD(d, err[i], err[i])
			u.addProduct(b, a, dot[i])
			u.addProduct(b, b, yy[i])
		}
	}, cursor{x, 4 * sumLanes}, cursor{y, 4 * sumLanes})
	u.finish(err, dot, yy)
}

func (u *units) dot() {
	u.function("dot", "func(q *float64, k *float32, eights int) float64", "returns the sum of q*k over 8*eights values.")
	q, k, n := u.pointer("q"), u.pointer("k"), u.pointer("eights")
	sum := u.zeroSum()
	u.each("eight", n, func() {
		for i, v := range u.doubles() {
			u.widen(operand.Mem{Base: k}, i, v)
			u.VMULPD(u.part(operand.Mem{Base: q}, i), v, v)
			u.VADDPD(v, sum[i], sum[i])
		}
	}, cursor{q, 8 * sumLanes}, cursor{k, 4 * sumLanes})
	u.finish(sum)
}

func (u *units) addColumns() {
	u.function("addColumns", "func(sum *float64, row *float32, eights int)", "adds 8*eights values of row to sum.")
	sum, row, n := u.pointer("sum"), u.pointer("row"), u.pointer("eights")
	u.each("eight", n, func() {
		for i, v := range u.doubles() {
			at := u.part(operand.Mem{Base: sum}, i)
			u.widen(operand.Mem{Base: row}, i, v)
			u.VADDPD(at, v, v)
			u.VMOVUPD(v, at)
		}
	}, cursor{sum, 8 * sumLanes}, cursor{row, 4 * sumLanes})
	u.VZEROUPPER()
	u.RET()
}

// addRows emits four rows at a time, which saves most of the loads and stores
// of the sum.
func (u *units) addRows() {
	u.function("addRows", "func(sum, w *float64, rows *float32, stride, fours, eights int)",
		"adds to 8*eights values of sum, for each four of 4*fours rows, stride bytes apart, and their weights w, "+
			"(w0*row0 + w1*row1) + (w2*row2 + w3*row3).")
	sum, w, rows, stride := u.pointer("sum"), u.pointer("w"), u.pointer("rows"), u.pointer("stride")
	fours, eights := u.pointer("fours"), u.pointer("eights")
	third, at, left, to := u.GP64(), u.GP64(), u.GP64(), u.GP64()
	u.Label("four")
	var weights [4]reg.VecVirtual
	for k := range weights {
		weights[k] = u.vec()
		u.VBROADCASTSD(operand.Mem{Base: w, Disp: 8 * k}, weights[k])
	}
	u.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, third)
	u.MOVQ(rows, at)
	u.MOVQ(sum, to)
	u.MOVQ(eights, left)
	u.each("eight", left, func() {
		for i, v := range u.doubles() {
			var p [4]reg.VecVirtual
			for k, m := range []operand.Mem{
				{Base: at},
				{Base: at, Index: stride, Scale: 1},
				{Base: at, Index: stride, Scale: 2},
				{Base: at, Index: third, Scale: 1},
			} {
				p[k] = u.vec()
				u.widen(m, i, p[k])
				u.VMULPD(weights[k], p[k], p[k])
			}
			u.VADDPD(p[1], p[0], p[0])
			u.VADDPD(p[3], p[2], p[2])
			u.VADDPD(p[2], p[0], v)
			m := u.part(operand.Mem{Base: to}, i)
			u.VADDPD(m, v, v)
			u.VMOVUPD(v, m)
		}
	}, cursor{at, 4 * sumLanes}, cursor{to, 8 * sumLanes})
	u.ADDQ(operand.U32(32), w)
	u.LEAQ(operand.Mem{Base: rows, Index: stride, Scale: 4}, rows)
	u.DECQ(fours)
	u.JNZ(operand.LabelRef("four"))
	u.VZEROUPPER()
	u.RET()
}
