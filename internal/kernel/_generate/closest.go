package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// closest emits the search for closest lattice points, one block a lane: vector
// i holds coordinate i of as many blocks as there are lanes. The rules are those
// of package lattice, and so are the names.
type closest struct {
	*simd
	dims  int          // coordinates of a block, 8 for E8, 4 for D4
	table reg.Register // *boxTable
	slots []operand.Mem
	magic operand.Op
	abs   operand.Op
	late  []func() // emit what follows the function's return
}

// newClosest begins a search in blocks of dims coordinates.
func newClosest(s *simd, dims int, table reg.Register) *closest {
	c := &closest{simd: s, dims: dims, table: table}
	c.magic, c.abs = c.row(rowMagic), c.row(rowAbs)
	if s.wide {
		c.magic = c.load(rowMagic)
	} else {
		for range 2 * dims {
			c.slots = append(c.slots, s.AllocLocal(s.bytes()))
		}
	}
	return c
}

// row is a row of the table, in memory.
func (c *closest) row(n int) operand.Mem { return operand.Mem{Base: c.table, Disp: 64 * n} }

// load returns a row of the table in a register.
func (c *closest) load(n int) reg.VecVirtual {
	v := c.vec()
	c.VMOVUPS(c.row(n), v)
	return v
}

// keep puts v where it stays until the second pass over the coordinates; AVX2
// has too few registers for that.
func (c *closest) keep(slot int, v reg.VecVirtual) operand.Op {
	if c.wide {
		return v
	}
	c.VMOVUPS(v, c.slots[slot])
	return c.slots[slot]
}

// fetch returns what was kept, in a register.
func (c *closest) fetch(kept operand.Op) reg.VecVirtual {
	if v, ok := kept.(reg.VecVirtual); ok {
		return v
	}
	v := c.vec()
	c.VMOVUPS(kept, v)
	return v
}

// A fold accumulates vectors. It holds the first without a copy, so that one
// must not change.
type fold struct {
	acc   reg.VecVirtual
	count int
}

// add takes v into the fold; op is an instruction that combines its first two
// operands.
func (f *fold) add(s *simd, op instruction, v reg.VecVirtual) {
	switch f.count++; f.count {
	case 1:
		f.acc = v
	case 2:
		dst := s.vec()
		op(v, f.acc, dst)
		f.acc = dst
	default:
		op(v, f.acc, f.acc)
	}
}

// An instruction takes its operands in the order of Go's assembler.
type instruction func(...operand.Op)

// xor3 accumulates an even number of vectors by exclusive or, with AVX-512 two
// at a time.
type xor3 struct {
	fold
	waiting reg.VecVirtual
}

func (f *xor3) add(s *simd, v reg.VecVirtual) {
	switch {
	case !s.wide:
		f.fold.add(s, s.VXORPS, v)
	case f.count < 2:
		f.fold.add(s, s.VPXORD, v)
	case f.waiting == nil:
		f.waiting = v
	default:
		s.VPTERNLOGD(operand.U8(0x96), v, f.waiting, f.acc)
		f.waiting = nil
	}
}

// gathered is what the first pass over the coordinates finds.
type gathered struct {
	r, e          []operand.Op // kept
	parity, signs reg.VecVirtual
	s, near, far  fold
	low, high     fold // of the rounded coordinates, plus the magic number
}

// interior makes the first pass for blocks of which no step leads out of a box.
// y returns coordinate i in a register that may change. With zeros there may be
// -0 among the coordinates, else a block where near is 0 may come out wrong;
// bounds asks for low and high.
func (c *closest) interior(y func(i int) reg.VecVirtual, zeros, bounds bool) *gathered {
	var g gathered
	var parity, signs xor3
	var zero reg.VecVirtual
	if zeros {
		zero = c.zero()
	}
	for i := range c.dims {
		v := y(i)
		if zeros {
			c.VADDPS(zero, v, v)
		}
		u, r, e, a := c.vec(), c.vec(), v, c.vec()
		c.VADDPS(c.magic, v, u)
		c.VSUBPS(c.magic, u, r)
		c.VSUBPS(r, v, e)
		c.and(c.abs, e, a)
		parity.add(c.simd, u)
		if bounds {
			g.low.add(c.simd, c.VMINPS, u)
			g.high.add(c.simd, c.VMAXPS, u)
		}
		if c.dims == 8 {
			signs.add(c.simd, e)
			g.s.add(c.simd, c.VADDPS, a)
			g.near.add(c.simd, c.VPMINUD, a)
		}
		g.far.add(c.simd, c.VPMAXUD, a)
		g.r = append(g.r, c.keep(2*i, r))
		g.e = append(g.e, c.keep(2*i+1, e))
	}
	g.parity, g.signs = parity.acc, signs.acc
	return &g
}

// risky returns the blocks that the first pass cannot decide: those that round
// to the border of the box or beyond, and those that may hold a -0 with
// consequences. (A coordinate of q - 1/2 that is rounded down steps to q at
// most.)
func (c *closest) risky(g *gathered) mask {
	zero := g.near.acc
	if c.dims == 4 {
		zero = g.far.acc
	}
	none := c.zero()
	m := c.equal(zero, none)
	if g.low.count > 0 {
		m = c.maskOr(m, c.less(g.low.acc, c.row(rowLowest)))
		m = c.maskOr(m, c.less(c.load(rowHighest), g.high.acc))
	}
	return m
}

// choice is what the second pass does with the coordinates: stay is what is
// added to r with the sign of d, flip is added instead to the first coordinate
// that is equal to target, in the lanes of active.
type choice struct {
	active             mask
	target, stay, flip reg.VecVirtual
	half               mask // the half coset wins
}

// decide chooses the coset. cost is what the step of the half coset adds to the
// squared distance (c1 in package lattice).
func (c *closest) decide(g *gathered, cost reg.VecVirtual) choice {
	one, half := c.row(rowOne), c.row(rowHalf)
	var ones operand.Op = c.row(rowIntOne)
	if c.dims == 4 {
		return choice{
			active: c.lowBit(g.parity, ones),
			target: g.far.acc,
			flip:   c.load(rowOne),
		}
	}
	p0, signs := c.lowBit(g.parity, ones), c.negative(g.signs)
	p1 := c.maskXor(p0, signs)
	// Twice a float32 is exact, so that fusing changes nothing.
	c0 := c.vec()
	if c.wide {
		c.VMOVAPS(g.far.acc, c0)
		c.VFMADD213PS_Z(one, c.load(rowMinus2), p0, c0)
	} else {
		c.VADDPS(g.far.acc, g.far.acc, c0)
		c.VSUBPS(c0, c.load(rowOne), c0)
		c.VPAND(p0, c0, c0)
	}
	h := c.load(rowTwo)
	c.VSUBPS(g.s.acc, h, h)
	if c.wide {
		c.VADDPS(cost, h, p1, h)
	} else {
		c.VADDPS(c.masked(p1, cost), h, h)
	}
	win := c.less(h, c0)
	return choice{
		active: c.maskXor(p0, c.maskAnd(win, signs)), // p1 where the half coset wins, else p0
		target: c.pick(win, g.near.acc, g.far.acc),
		stay:   c.masked(win, half),
		flip:   c.pick(win, c.row(rowMinusHalf), c.load(rowOne)),
		half:   win,
	}
}

// finish makes the second pass and returns the coordinates of the points.
func (c *closest) finish(g *gathered, ch choice, z []reg.VecVirtual) {
	for i := range c.dims {
		e, a := c.fetch(g.e[i]), c.vec()
		c.and(c.abs, e, a)
		m := c.equalIn(ch.active, a, ch.target)
		if i < c.dims-1 {
			ch.active = c.maskXor(ch.active, m)
		}
		step := c.step(ch, m)
		// The sign of e alone: e without its magnitude.
		if c.wide {
			c.VPTERNLOGD(operand.U8(0x96), a, e, step)
		} else {
			c.VPXOR(a, e, e)
			c.VPXOR(e, step, step)
		}
		c.VADDPS(g.r[i], step, z[i])
	}
}

// step returns what is added to r, but for its sign, where m is the lanes that
// flip.
func (c *closest) step(ch choice, m mask) reg.VecVirtual {
	if ch.stay == nil {
		return c.masked(m, ch.flip)
	}
	return c.pick(m, ch.flip, ch.stay)
}

// inside emits the search in a box for blocks without a risk, for which it jumps
// to the label risky. y is as for interior; peaks are the largest magnitudes of
// the blocks, if they are known.
func (c *closest) inside(y func(i int) reg.VecVirtual, peaks reg.VecVirtual, label string, z []reg.VecVirtual) mask {
	if peaks != nil {
		c.jumpIfAny(c.notLess(peaks, c.row(rowBound)), label)
	}
	g := c.interior(y, false, peaks == nil)
	c.jumpIfAny(c.risky(g), label)
	ch := c.decide(g, c.costOf(g))
	c.finish(g, ch, z)
	return ch.half
}

// unbounded emits the search without a box.
func (c *closest) unbounded(y func(i int) reg.VecVirtual, z []reg.VecVirtual) {
	g := c.interior(y, true, false)
	c.finish(g, c.decide(g, c.costOf(g)), z)
}

// costOf is the cost of the step of the half coset where no block is at the
// border.
func (c *closest) costOf(g *gathered) reg.VecVirtual {
	if c.dims == 4 {
		return nil
	}
	v := c.vec()
	c.VADDPS(g.near.acc, g.near.acc, v)
	return v
}

// anywhere emits the search in a box for any finite y and returns the lanes
// where the half coset wins.
func (c *closest) anywhere(y func(i int) reg.VecVirtual, z []reg.VecVirtual) mask {
	var g gathered
	var parity, signs xor3
	zero := c.zero()
	for i := range c.dims {
		v := y(i)
		c.VADDPS(zero, v, v)
		u, r, e := c.vec(), c.vec(), v
		c.VMINPS(c.row(rowQ), v, u)
		c.VMAXPS(c.row(rowMinusQ), u, u)
		c.VADDPS(c.magic, u, u)
		c.VSUBPS(c.magic, u, r)
		c.VSUBPS(r, v, e)
		parity.add(c.simd, u)
		d, t, border := c.offer(r, e)
		g.far.add(c.simd, c.VMAXPS, t)
		if c.dims == 8 {
			signs.add(c.simd, d)
			g.s.add(c.simd, c.VADDPS, t)
			g.near.add(c.simd, c.VMINPS, c.cost(t, border))
		}
		g.r = append(g.r, c.keep(2*i, r))
		g.e = append(g.e, c.keep(2*i+1, e))
	}
	g.parity, g.signs = parity.acc, signs.acc
	ch := c.decide(&g, g.near.acc)
	for i := range c.dims {
		r := c.fetch(g.r[i])
		d, t, border := c.offer(r, c.fetch(g.e[i]))
		if c.dims == 8 {
			t = c.pick(ch.half, c.cost(t, border), t)
		}
		m := c.equalIn(ch.active, t, ch.target)
		if i < c.dims-1 {
			ch.active = c.maskXor(ch.active, m)
		}
		step := c.step(ch, m)
		if c.dims == 8 {
			// Where the half coset steps at the border, it goes on by d.
			step = c.pick(c.maskAnd(c.maskAnd(m, border), ch.half), c.row(row3Halves), step)
		}
		c.VANDPS(c.row(rowSign), d, d)
		c.VXORPS(d, step, step)
		if c.wide {
			c.VADDPS(r, step, z[i])
		} else {
			c.VADDPS(r, step, r)
			c.VMOVUPS(r, c.slots[2*i])
		}
	}
	if !c.wide {
		for i := range c.dims {
			c.VMOVUPS(c.slots[2*i], z[i])
		}
	}
	return ch.half
}

// offer returns the step d of a coordinate, as the sign, t, and the lanes where
// r is at the border, so that only a step inwards is left: that is -r.
func (c *closest) offer(r, e reg.VecVirtual) (d, t reg.VecVirtual, border mask) {
	size := c.vec()
	c.and(c.abs, r, size)
	border = c.equal(size, c.row(rowQ))
	inwards := c.vec()
	c.xor(r, c.load(rowSign), inwards)
	d = c.pick(border, inwards, e)
	t = c.vec()
	c.and(d, c.load(rowSign), t)
	c.xor(e, t, t)
	c.VADDPS(c.zero(), t, t)
	return d, t, border
}

// cost is what the step of the half coset at a coordinate adds.
func (c *closest) cost(t reg.VecVirtual, border mask) reg.VecVirtual {
	twice, beyond := c.vec(), c.load(rowTwo)
	c.VADDPS(t, t, twice)
	c.VSUBPS(twice, beyond, beyond)
	return c.pick(border, beyond, twice)
}
