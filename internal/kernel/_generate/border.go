package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// anywhere emits what takes the place of the first pass in a box for any finite
// coordinates. It sets rows to the points, which are all that is left to the
// second pass.
func (c *closest) anywhere(first int, y func(i int) reg.VecVirtual, rows, save reg.Register) {
	if c.apart == nil {
		m := c.AllocLocal(apartSize*c.bytes() + 64)
		c.apart = &m
	}
	apart := c.GP64()
	c.aligned(*c.apart, apart)
	var g gathered
	zero := c.zeros()
	for i := first; i < first+c.dims; i++ {
		v, u, r := y(i), c.vec(), c.vec()
		c.VADDPS(zero, v, v)
		if c.wide {
			c.VRANGEPS(operand.U8(2), c.row(rowQ), v, u) // the smaller magnitude, the sign of v
		} else {
			c.VMINPS(c.row(rowQ), v, u)
			c.VMAXPS(c.row(rowMinusQ), u, u)
		}
		c.VADDPS(c.magic, u, u)
		g.parity.add(c.simd, u)
		c.VSUBPS(c.magic, u, r)
		c.VSUBPS(r, v, v)
		c.VMOVUPS(r, c.at(save, saveR+i))
		d, t, border := c.offer(r, v)
		c.VMOVUPS(d, c.at(rows, i))
		c.VMOVUPS(t, c.at(apart, apartT+i))
		g.far.add(c.simd, c.VMAXPS, t)
		if c.dims == 8 {
			g.signs.add(c.simd, d)
			g.s.add(c.simd, c.VADDPS, t)
			cost := c.cost(t, border)
			c.VMOVUPS(cost, c.at(apart, apartCost+i))
			g.near.add(c.simd, c.VMINPS, cost)
			// Where the half coset steps at the border, it goes on by d.
			c.VMOVUPS(c.pick(border, c.row(row3Halves), c.load(rowMinusHalf)), c.at(apart, apartFlip+i))
		}
	}
	c.MOVL(operand.U32(1), riskOf(c.simd, save, first))
	ch := c.decide(&g, g.near.acc)
	one := c.load(rowOne)
	var stay reg.VecVirtual // as in steps
	if c.dims == 8 {
		stay = c.masked(ch.half, c.row(rowHalf))
		c.storeMask(ch.half, c.at(save, saveHalf))
	}
	for i := first; i < first+c.dims; i++ {
		t, flip := c.vec(), one
		c.VMOVUPS(c.at(apart, apartT+i), t)
		if c.dims == 8 {
			t = c.pick(ch.half, c.at(apart, apartCost+i), t)
			flip = c.pick(ch.half, c.at(apart, apartFlip+i), one)
		}
		var m mask
		m, ch.active = c.first(ch.active, c.same(t, ch.target))
		step, d := c.step(stay, flip, m), c.at(rows, i)
		if c.wide {
			c.VPTERNLOGD(operand.U8(0xd2), d, c.abs, step) // step ^ (d &^ abs)
		} else {
			sign := c.load(rowSign)
			c.VANDPS(d, sign, sign)
			c.VXORPS(sign, step, step)
		}
		c.VADDPS(c.at(save, saveR+i), step, step)
		c.VMOVUPS(step, c.at(rows, i))
	}
}

// Vectors, each for every coordinate, that anywhere keeps apart from the save
// areas: t, and the cost and the step of the half coset, but for its sign.
const (
	apartT    = 0
	apartCost = 8
	apartFlip = 16
	apartSize = 24
)

// offer returns the step d of a coordinate, in the sign, t, which may be -0
// where it should be 0, and the lanes where r is at the border, so that only a
// step inwards is left: that of the sign of -r.
func (c *closest) offer(r, e reg.VecVirtual) (d, t reg.VecVirtual, border mask) {
	size, inwards := c.vec(), c.load(rowSign)
	c.and(c.abs, r, size)
	border = c.equal(size, c.row(rowQ))
	c.xor(r, inwards, inwards)
	d, t = c.pick(border, inwards, e), c.vec()
	if c.wide {
		c.VMOVAPS(e, t)
		c.VPTERNLOGD(operand.U8(0xb4), c.abs, d, t) // e ^ (d &^ abs)
	} else {
		c.VPAND(c.row(rowSign), d, t)
		c.VPXOR(e, t, t)
	}
	return d, t, border
}

// cost is what the step of the half coset at a coordinate adds.
func (c *closest) cost(t reg.VecVirtual, border mask) reg.VecVirtual {
	cost, two := c.vec(), c.load(rowTwo)
	c.VADDPS(t, t, cost)
	if c.wide {
		c.VSUBPS(cost, two, border, cost)
		return cost
	}
	c.VSUBPS(cost, two, two)
	return c.pick(border, two, cost)
}
