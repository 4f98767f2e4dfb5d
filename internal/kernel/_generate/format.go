package main

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// format is the formats whose values are in units of a scale that a group of
// them shares.
func format(c *build.Context) {
	bothUnits(c, func(u *units) {
		for _, f := range []storedFormat{e4m3, e2m1, integers(8), integers(6), integers(4)} {
			u.encode(f)
			u.decode(f)
		}
		u.groupMagnitudes()
		if u.wide {
			u.powersE4M3()
			u.fromPowersE4M3()
		}
	})
}

// A storedFormat converts one unit of values. Its functions load constants and
// return what is done to each unit.
type storedFormat struct {
	name  string
	bytes int // of a unit
	// encoder's function stores the codes of values.
	encoder func(*units) func(v []reg.VecVirtual, dst operand.Mem)
	decoder func(*units) decoder
	// encoder's function also takes quads in AVX-512.
	quads bool
}

// quad is how many units go faster together.
const quad = 4

// A decoder reads units of values.
type decoder struct {
	values  func(src operand.Mem) []reg.VecVirtual
	four    func(src operand.Mem) []reg.VecVirtual // those of a quad; nil if that is not faster
	factor  float32                                // what values lack beside their scale
	refused func() reg.GPVirtual                   // not 0 if a code was read that no encoder writes
}

// encode emits the encoder of a format.
func (u *units) encode(f storedFormat) {
	u.function("encode"+f.name, "func(dst *byte, x, scales *float32, groups, length int)", fmt.Sprintf(
		"sets dst, %d bytes for 16 values, to the codes of groups of 16*length values at x over their scales, of 0 where a scale is 0.", f.bytes))
	dst, x, scales := u.pointer("dst"), u.pointer("x"), u.pointer("scales")
	groups, length := u.pointer("groups"), u.pointer("length")
	one, zero := u.splat(math.Float32bits(1)), u.zero()
	put := f.encoder(u)
	loop := func(label string, quotient func(x operand.Mem) reg.VecVirtual) {
		u.eachQuad(label, length, f.quads && u.wide, func(units int) {
			v := u.simd.vectors(units * unitValues / u.lanes())
			for i := range v {
				v[i] = quotient(u.part(operand.Mem{Base: x}, i))
			}
			put(v, operand.Mem{Base: dst})
		}, cursor{x, 4 * unitValues}, cursor{dst, f.bytes})
	}

	u.Label("group")
	scale, bits := u.vec(), u.GP32()
	u.VBROADCASTSS(operand.Mem{Base: scales}, scale)
	u.MOVL(operand.Mem{Base: scales}, bits)
	u.TESTL(operand.U32(1<<23-1), bits)
	u.JNZ(operand.LabelRef("divide"))

	// The inverse of a power of two is exact, so that a product with it rounds
	// as the quotient does. That of 0 is infinite, but masked.
	nonzero, inverse := u.compare(differ, zero, scale), u.XMM()
	u.VDIVSS(scale.AsX(), one.AsX(), inverse)
	u.VBROADCASTSS(inverse, scale)
	loop("times", func(x operand.Mem) reg.VecVirtual {
		q := u.vec()
		if u.wide {
			u.VMULPS_Z(x, scale, nonzero, q)
		} else {
			u.VMULPS(x, scale, q)
			u.VANDPS(nonzero, q, q)
		}
		return q
	})
	u.JMP(operand.LabelRef("next"))

	u.Label("divide")
	loop("over", func(x operand.Mem) reg.VecVirtual {
		q := u.vec()
		u.VMOVUPS(x, q)
		u.VDIVPS(scale, q, q)
		return q
	})

	u.Label("next")
	u.ADDQ(operand.U32(4), scales)
	u.DECQ(groups)
	u.JNZ(operand.LabelRef("group"))
	u.VZEROUPPER()
	u.RET()
}

// decode emits the decoder of a format.
func (u *units) decode(f storedFormat) {
	u.function("decode"+f.name, "func(dst *float32, src *byte, scales *float32, groups, length int) uint32", fmt.Sprintf(
		"sets dst to groups of 16*length values of the codes at src, %d bytes for 16 values, times their scales. "+
			"It returns 0 if an encoder writes all these codes.", f.bytes))
	dst, src, scales := u.pointer("dst"), u.pointer("src"), u.pointer("scales")
	groups, length := u.pointer("groups"), u.pointer("length")
	d := f.decoder(u)
	factor := u.splat(math.Float32bits(d.factor))

	u.Label("group")
	scale := u.vec()
	u.VBROADCASTSS(operand.Mem{Base: scales}, scale)
	if d.factor != 1 {
		u.VMULPS(factor, scale, scale)
	}
	u.eachQuad("unit", length, d.four != nil, func(units int) {
		values := d.values
		if units == quad {
			values = d.four
		}
		for i, v := range values(operand.Mem{Base: src}) {
			u.VMULPS(v, scale, v)
			u.VMOVUPS(v, u.part(operand.Mem{Base: dst}, i))
		}
	}, cursor{src, f.bytes}, cursor{dst, 4 * unitValues})
	u.ADDQ(operand.U32(4), scales)
	u.DECQ(groups)
	u.JNZ(operand.LabelRef("group"))
	u.Store(d.refused(), u.ReturnIndex(0))
	u.VZEROUPPER()
	u.RET()
}

// eachQuad is each for length units, which it keeps: if quads is set, as many as
// there are in steps of four. The cursors say what a unit takes.
func (u *units) eachQuad(label string, length reg.GPVirtual, quads bool, body func(units int), cursors ...cursor) {
	n := u.GP64()
	u.MOVQ(length, n)
	if !quads {
		u.each(label, n, func() { body(1) }, cursors...)
		return
	}
	rest, done := label+"rest", label+"done"
	var four []cursor
	for _, c := range cursors {
		four = append(four, cursor{c.at, quad * c.step})
	}
	u.SHRQ(operand.U8(2), n)
	u.JZ(operand.LabelRef(rest))
	u.each(label, n, func() { body(quad) }, four...)
	u.Label(rest)
	u.MOVQ(length, n)
	u.ANDQ(operand.U8(quad-1), n)
	u.JZ(operand.LabelRef(done))
	u.each(label+"one", n, func() { body(1) }, cursors...)
	u.Label(done)
}

// groupMagnitudes emits the largest magnitude of each group.
func (u *units) groupMagnitudes() {
	u.function("groupMagnitudes", "func(dst, x *float32, groups, length int)",
		"sets dst to the largest magnitudes of groups of 16*length values at x.")
	dst, x := u.pointer("dst"), u.pointer("x")
	groups, length := u.pointer("groups"), u.pointer("length")
	abs := u.splat(1<<31 - 1)
	size, n := u.GP64(), u.GP64()
	u.MOVQ(length, size)
	u.SHLQ(operand.U8(bits.TrailingZeros(4*unitValues)), size)

	// Four groups together take fewer steps from lanes to a number each.
	const together = 4
	u.CMPQ(groups, operand.U8(together))
	u.JLT(operand.LabelRef("single"))
	u.Label("four")
	at := []reg.GPVirtual{x, u.GP64(), u.GP64(), u.GP64()}
	for i := 1; i < together; i++ {
		u.MOVQ(at[i-1], at[i])
		u.ADDQ(size, at[i])
	}
	top := u.simd.vectors(together)
	for _, t := range top {
		u.xor(t, t, t)
	}
	u.MOVQ(length, n)
	var steps []cursor
	for _, p := range at {
		steps = append(steps, cursor{p, 4 * unitValues})
	}
	u.each("units", n, func() {
		for i, t := range top {
			u.largerMagnitudes(at[i], abs, t)
		}
	}, steps...)
	u.VMOVDQU(u.largestOfFour(top), operand.Mem{Base: dst})
	u.MOVQ(at[together-1], x)
	u.ADDQ(operand.U8(4*together), dst)
	u.SUBQ(operand.U8(together), groups)
	u.CMPQ(groups, operand.U8(together))
	u.JGE(operand.LabelRef("four"))
	u.TESTQ(groups, groups)
	u.JZ(operand.LabelRef("end"))

	u.Label("single")
	t := u.zero()
	u.MOVQ(length, n)
	u.each("unit", n, func() { u.largerMagnitudes(x, abs, t) }, cursor{x, 4 * unitValues})
	u.MOVL(u.largestLane(t), operand.Mem{Base: dst})
	u.ADDQ(operand.U8(4), dst)
	u.DECQ(groups)
	u.JNZ(operand.LabelRef("single"))
	u.Label("end")
	u.VZEROUPPER()
	u.RET()
}

// largerMagnitudes takes the magnitudes of the unit at x into top.
func (u *units) largerMagnitudes(x reg.Register, abs, top reg.VecVirtual) {
	for i := range u.vectors() {
		v := u.vec()
		u.and(u.part(operand.Mem{Base: x}, i), abs, v)
		u.VPMAXUD(v, top, top)
	}
}

// largestOfFour returns the largest unsigned lanes of four vectors, which it
// destroys.
func (u *units) largestOfFour(v []reg.VecVirtual) reg.Register {
	larger := func(unpackLow, unpackHigh instruction, a, b reg.VecVirtual) reg.VecVirtual {
		low, high := u.vec(), u.vec()
		unpackLow(b, a, low)
		unpackHigh(b, a, high)
		u.VPMAXUD(high, low, low)
		return low
	}
	// In each quarter: a, b by turns; then a, b, c, d.
	top := larger(u.VPUNPCKLQDQ, u.VPUNPCKHQDQ,
		larger(u.VPUNPCKLDQ, u.VPUNPCKHDQ, v[0], v[1]),
		larger(u.VPUNPCKLDQ, u.VPUNPCKHDQ, v[2], v[3]))
	half := u.YMM()
	if u.wide {
		u.VEXTRACTI64X4(operand.U8(1), top, half)
		u.VPMAXUD(half, top.AsY(), top.AsY())
	}
	u.VEXTRACTI128(operand.U8(1), top.AsY(), half.AsX())
	u.VPMAXUD(half.AsX(), top.AsX(), top.AsX())
	return top.AsX()
}
