package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// closest emits the search for closest lattice points, one block a lane: vector
// i of a group in rows is coordinate i of as many blocks of eight as there are
// lanes; for D4, vectors 0 to 3 are one block and 4 to 7 another. The rules are
// those of package lattice, and so are the names.
//
// A group takes two passes over its coordinates, between which lies the choice
// of the coset. A chunk of groups makes the first pass before any makes the
// second, so that the latency of that choice is hidden. In between, e is kept in
// the rows, and the rest in memory of the function's own, the save area.
type closest struct {
	*simd
	dims  int          // coordinates of a block, 8 for E8, 4 for D4
	table reg.Register // *boxTable
	magic operand.Op
	abs   operand.Op
	none  reg.VecVirtual // AVX-512: zeros
	area  operand.Mem
	apart *operand.Mem // of anywhere, where it is used
	late  []func()     // emit what follows the function's return
}

// newClosest begins a search in blocks of dims coordinates.
func newClosest(s *simd, dims int, table reg.Register) *closest {
	c := &closest{simd: s, dims: dims, table: table}
	c.magic, c.abs = c.row(rowMagic), c.row(rowAbs)
	if s.wide {
		c.magic, c.abs, c.none = c.load(rowMagic), c.load(rowAbs), c.zero()
	}
	c.area = s.AllocLocal(chunk*s.saveBytes() + 64)
	return c
}

// zeros returns a vector of zeros. With AVX-512, which has registers enough, it is
// made once.
func (c *closest) zeros() reg.VecVirtual {
	if c.wide {
		return c.none
	}
	return c.zero()
}

// chunk is the number of groups of a chunk: 512 values for AVX-512.
const chunk = 4

// Vectors of a group's save area: r, and what a block that is searched knows
// after the first pass.
const (
	saveR      = 0
	saveTarget = 8  // 8 for the first D4 block, 9 for the second
	saveActive = 10 // masks
	saveHalf   = 12
	saveRisk   = 13 // 32 bits for each block, 0 if there was no risk
	saveSize   = 14
)

func (s *simd) saveBytes() int { return saveSize * s.bytes() }

// row is a row of the table, in memory.
func (c *closest) row(n int) operand.Mem { return operand.Mem{Base: c.table, Disp: 64 * n} }

// load returns a row of the table in a register.
func (c *closest) load(n int) reg.VecVirtual {
	v := c.vec()
	c.VMOVUPS(c.row(n), v)
	return v
}

// eachGroup emits first and second for each of the groups, a count that it
// destroys. They get the save area of a group and must advance their own
// pointers.
func (c *closest) eachGroup(groups reg.Register, first, second func(save reg.Register)) {
	area, save, n := c.GP64(), c.GP64(), c.GP64()
	c.aligned(c.area, area)
	c.Label("chunk")
	for pass, body := range []func(reg.Register){first, second} {
		label := fmt.Sprintf("pass%d", pass+1)
		c.MOVQ(operand.U32(chunk), n)
		c.CMPQ(groups, n)
		c.CMOVQLT(groups, n)
		c.MOVQ(area, save)
		c.Label(label)
		body(save)
		c.ADDQ(operand.U32(c.saveBytes()), save)
		c.DECQ(n)
		c.JNZ(operand.LabelRef(label))
	}
	c.SUBQ(operand.U32(chunk), groups)
	c.JG(operand.LabelRef("chunk"))
}

// aligned sets p to the first multiple of 64 from m on.
func (c *closest) aligned(m operand.Mem, p reg.Register) {
	c.LEAQ(m, p)
	c.ADDQ(operand.U32(63), p)
	c.ANDQ(operand.I8(-64), p)
}

// end returns from the function and emits what was put off.
func (c *closest) end() {
	c.VZEROUPPER()
	c.RET()
	for _, f := range c.late {
		f()
	}
}

// A fold accumulates vectors. It holds the first without a copy, so that one
// must not change.
type fold struct {
	acc   reg.VecVirtual
	count int
}

// An instruction takes its operands in the order of Go's assembler.
type instruction func(...operand.Op)

// add takes v into the fold; op combines its first two operands.
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

// xorFold accumulates an even number of vectors by exclusive or, with AVX-512
// two at a time.
type xorFold struct {
	fold
	waiting reg.VecVirtual
}

func (f *xorFold) add(s *simd, v reg.VecVirtual) {
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

// gathered is what a first pass finds.
type gathered struct {
	parity, signs xorFold
	s, near, far  fold
	low, high     fold // of r + magic
}

// bounds are how the blocks are told that may leave the box.
type bounds int

const (
	unbounded bounds = iota // none does, there is no box
	byPeaks                 // by the largest magnitudes of the blocks
	byRounded               // by the rounded coordinates
)

// firstPass emits the first pass over the block that begins with vector first of
// a group, of which y returns coordinate i in a register that may change.
//
// Some blocks are a risk: those that may round to the border of the box or
// beyond, and those that may hold a -0, which counts as positive, with
// consequences. (A coordinate of q - 1/2 that is rounded down steps to q at
// most.) With one of them the group goes to anywhere or, without a box, every -0
// is replaced.
func (c *closest) firstPass(first int, y func(i int) reg.VecVirtual, b bounds, peaks reg.VecVirtual, rows, save reg.Register) {
	border, again, done := fmt.Sprintf("border%d", first), fmt.Sprintf("again%d", first), fmt.Sprintf("found%d", first)
	if b == byPeaks {
		c.jumpIfAny(c.notLess(peaks, c.row(rowBound)), border)
		c.late = append(c.late, func() {
			c.Label(border)
			c.anywhere(first, y, rows, save)
			c.JMP(operand.LabelRef(done))
		})
	}
	var g gathered
	for i := first; i < first+c.dims; i++ {
		v := y(i)
		u, r, e, a := c.vec(), c.vec(), v, c.vec()
		c.VADDPS(c.magic, v, u)
		c.VSUBPS(c.magic, u, r)
		c.VMOVUPS(r, c.at(save, saveR+i))
		c.VSUBPS(r, v, e)
		c.VMOVUPS(e, c.at(rows, i))
		c.and(c.abs, e, a)
		g.parity.add(c.simd, u)
		if b == byRounded {
			g.low.add(c.simd, c.VMINPS, u)
			g.high.add(c.simd, c.VMAXPS, u)
		}
		if c.dims == 8 {
			g.signs.add(c.simd, e)
			g.s.add(c.simd, c.VADDPS, a)
			g.near.add(c.simd, c.VPMINUD, a)
		}
		g.far.add(c.simd, c.VPMAXUD, a)
	}
	c.jumpIfAny(c.risky(&g, b), again)
	if b == unbounded {
		settled := fmt.Sprintf("settled%d", first)
		c.late = append(c.late, func() {
			c.Label(again)
			c.positiveZeros(first, &g, rows)
			c.JMP(operand.LabelRef(settled))
		})
		c.Label(settled)
	} else {
		c.late = append(c.late, func() {
			c.Label(again)
			c.anywhere(first, func(i int) reg.VecVirtual {
				v := c.vec()
				c.VMOVUPS(c.at(save, saveR+i), v)
				c.VADDPS(c.at(rows, i), v, v) // exact: e is the exact difference
				return v
			}, rows, save)
			c.JMP(operand.LabelRef(done))
		})
		c.MOVL(operand.U32(0), riskOf(c.simd, save, first))
	}
	var cost reg.VecVirtual
	if c.dims == 8 {
		cost = c.vec()
		c.VADDPS(g.near.acc, g.near.acc, cost)
	}
	c.remember(first, c.decide(&g, cost), save)
	if b != unbounded {
		c.Label(done)
	}
}

// positiveZeros replaces every -0 among the e in rows by +0, and the signs that
// were gathered by those of that.
func (c *closest) positiveZeros(first int, g *gathered, rows reg.Register) {
	var signs xorFold
	for i := first; i < first+c.dims; i++ {
		e := c.vec()
		c.VMOVUPS(c.at(rows, i), e)
		c.VADDPS(c.zeros(), e, e)
		c.VMOVUPS(e, c.at(rows, i))
		if c.dims == 8 {
			signs.add(c.simd, e)
		}
	}
	if c.dims == 8 {
		c.VMOVAPS(signs.acc, g.signs.acc)
	}
}

// remember puts a choice where the second pass finds it.
func (c *closest) remember(first int, ch choice, save reg.Register) {
	block := first / 4
	c.VMOVUPS(ch.target, c.at(save, saveTarget+block))
	c.storeMask(ch.active, c.at(save, saveActive+block))
	if ch.half != nil {
		c.storeMask(ch.half, c.at(save, saveHalf))
	}
}

// remembered undoes remember.
func (c *closest) remembered(first int, save reg.Register) choice {
	block := first / 4
	ch := choice{target: c.vec()}
	if c.dims == 8 {
		ch.half = c.loadMask(c.at(save, saveHalf))
	}
	c.VMOVUPS(c.at(save, saveTarget+block), ch.target)
	ch.active = c.loadMask(c.at(save, saveActive+block))
	return ch
}

// riskOf is where a group keeps the risk of the block that begins with vector
// first.
func riskOf(s *simd, save reg.Register, first int) operand.Mem {
	m := s.at(save, saveRisk)
	m.Disp += first
	return m
}

// risky returns the blocks that are a risk after the first pass.
func (c *closest) risky(g *gathered, b bounds) mask {
	zero := g.near.acc
	if c.dims == 4 {
		zero = g.far.acc
	}
	m := c.equal(zero, c.zeros())
	if b != byRounded {
		return m
	}
	m = c.maskOr(m, c.less(g.low.acc, c.row(rowLowest)))
	return c.maskOr(m, c.less(c.load(rowHighest), g.high.acc))
}

// choice is what the second pass does with the coordinates: stay is what is
// added to r with the sign of d; flip is added instead to the first coordinate
// of a block that is equal to target, in the lanes of active.
type choice struct {
	active mask
	target reg.VecVirtual
	half   mask // the half coset wins; nil for D4
}

// decide chooses the coset. cost is what the step of the half coset adds to the
// squared distance.
func (c *closest) decide(g *gathered, cost reg.VecVirtual) choice {
	p0 := c.lowBit(g.parity.acc, c.row(rowIntOne))
	if c.dims == 4 {
		return choice{active: p0, target: g.far.acc}
	}
	signs := c.negative(g.signs.acc)
	p1 := c.maskXor(p0, signs)
	// Twice a float32 is exact, so that fusing changes nothing.
	c0 := c.vec()
	if c.wide {
		c.VMOVAPS(g.far.acc, c0)
		c.VFMADD213PS_Z(c.row(rowOne), c.load(rowMinus2), p0, c0)
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
		half:   win,
	}
}

// steps returns what is added to r, see choice. For D4 stay is nothing.
func (c *closest) steps(half mask) (stay, flip reg.VecVirtual) {
	if half == nil {
		return nil, c.load(rowOne)
	}
	return c.masked(half, c.row(rowHalf)), c.pick(half, c.row(rowMinusHalf), c.load(rowOne))
}

// step returns what is added to r, but for its sign, where m is the lanes that
// flip.
func (c *closest) step(stay, flip reg.VecVirtual, m mask) reg.VecVirtual {
	if stay == nil {
		return c.masked(m, flip)
	}
	return c.pick(m, flip, stay)
}

// secondPass emits the second pass over the block that begins with vector first
// of a group and sets its z. It returns the lanes where the half coset wins.
func (c *closest) secondPass(first int, z []reg.VecVirtual, rows, save reg.Register) (half mask) {
	ch := c.remembered(first, save)
	stay, flip := c.steps(ch.half)
	for i := first; i < first+c.dims; i++ {
		e, a := c.at(rows, i), c.vec()
		if c.wide {
			c.VPANDD(e, c.abs, a)
		} else {
			c.VMOVUPS(c.abs, a)
			c.VPAND(e, a, a)
		}
		var m mask
		m, ch.active = c.firstEqual(ch.active, a, ch.target)
		step := c.step(stay, flip, m)
		// The sign of e alone: e without its magnitude.
		if c.wide {
			c.VPTERNLOGD(operand.U8(0x96), e, a, step)
		} else {
			c.VPXOR(a, step, step)
			c.VPXOR(e, step, step)
		}
		c.VADDPS(c.at(save, saveR+i), step, z[i])
	}
	return ch.half
}
