package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// hadamard is the normalised Walsh-Hadamard transform of n = 64 to 1024 values,
// from values in order to values in order, and from and to rows.
//
// Rows are the order in which the blocks of eight values of a lattice are
// worked on, one block a lane: groups of 8*lanes values, where row i of a group
// holds value i of every block of it. Let b0, b1, ... be the bits of a value's
// index, lowest first. In order, a group is eight vectors, told apart by its
// highest three bits, with the others in the lanes; in rows it is b0, b1 and b2
// that tell the vectors apart. An exchange of two vectors swaps a bit of the
// lane with the bit that tells the vectors apart, so that the stage for a bit
// is a sum and a difference of vectors, and three exchanges make rows. The
// lanes of a row are then, lowest bit first,
//
//	AVX-512: b4, b5, b3, b6      AVX2: b3, b4, b5
func hadamard(c *build.Context) {
	both(c, func(s *simd) {
		t := newTransforms(s)
		t.inOrder()
		t.toRows()
		t.fromRows()
	})
}

// lengths calls f for each length from least on. n holds the length, which
// must be among them.
func (t *transforms) lengths(n reg.GPVirtual, least int, f func(n int, label string)) {
	for length := least; length <= 1024; length *= 2 {
		t.CMPQ(n, operand.U32(length))
		t.JEQ(operand.LabelRef(fmt.Sprintf("n%d", length)))
	}
	t.RET()
	for length := least; length <= 1024; length *= 2 {
		label := fmt.Sprintf("n%d", length)
		t.Label(label)
		f(length, label)
		t.VZEROUPPER()
		t.RET()
	}
}

// group is the number of values in a group of rows.
func (s *simd) group() int { return 8 * s.lanes() }

// transforms emits the transforms of one level.
type transforms struct {
	*simd
	signs []operand.Mem // by lane bit p: how a vector enters its sum with itself exchanged in p
	ones  operand.Op    // factors 1
	pairs [2]operand.Mem
}

// newTransforms lays down the constants that the transforms share.
func newTransforms(s *simd) *transforms {
	t := &transforms{simd: s}
	for p := 0; 1<<p < s.lanes(); p++ {
		t.signs = append(t.signs, t.factors(fmt.Sprintf("signs%d", p), func(lane int) bool { return lane>>p&1 != 0 }))
	}
	if s.wide {
		t.layPairs()
	} else {
		t.ones = t.factors("ones", func(int) bool { return false })
	}
	return t
}

// factors lays down the factors -1, where negative says so, and 1.
func (t *transforms) factors(name string, negative func(lane int) bool) operand.Mem {
	m := t.StaticGlobal(name + t.level())
	t.DataAttributes(attr.RODATA | attr.NOPTR)
	for lane := range t.lanes() {
		f := float32(1)
		if negative(lane) {
			f = -1
		}
		t.AppendDatum(operand.U32(math.Float32bits(f)))
	}
	return m
}

// layPairs lays down how quarters of two vectors are interleaved: those of the
// lower halves, those of the upper ones.
func (t *transforms) layPairs() {
	for i, order := range [2][8]uint64{{0, 1, 8, 9, 2, 3, 10, 11}, {4, 5, 12, 13, 6, 7, 14, 15}} {
		t.pairs[i] = t.StaticGlobal(fmt.Sprintf("pairs%d", i))
		t.DataAttributes(attr.RODATA | attr.NOPTR)
		for _, from := range order {
			t.AppendDatum(operand.U64(from))
		}
	}
}

// inOrder emits the transform in place.
func (t *transforms) inOrder() {
	t.function("hadamard", "func(x *float32, n int)", "transforms the n values at x, n = 64, 128 ... 1024.")
	x, n := t.Load(t.Param("x"), t.GP64()), t.GP64()
	t.Load(t.Param("n"), n)
	signs := t.loadSigns()
	t.lengths(n, 64, func(n int, label string) {
		scale := t.scale(n)
		part := t.part(n)
		t.loop(label+"part", x, x, n/part, 4*part, 4*part, func() {
			v := t.load(x, part/t.lanes())
			for p := range signs {
				t.stageInLanes(v, p, signs)
			}
			for b := 1; b < len(v); b *= 2 {
				t.stage(v, b, true)
			}
			for j := range v {
				if part == n {
					t.VMULPS(scale, v[j], v[j])
				}
				t.VMOVUPS(v[j], operand.Mem{Base: x, Disp: j * t.bytes()})
			}
		})
		if part < n {
			t.SUBQ(operand.U32(4*n), x)
			t.acrossParts(label, x, n, func(_ int, v, _ reg.VecVirtual) { t.VMULPS(scale, v, v) })
		}
	})
}

// toRows emits the transform from order to rows.
func (t *transforms) toRows() {
	params, doc := "rows, x *float32, n int", fmt.Sprintf("sets rows to the transform of the n values at x, n = %d, %d ... 1024, "+
		"which may be the same memory, and returns the bits of the largest magnitude.", t.group(), 2*t.group())
	if t.wide {
		params, doc = params+", peaks *float32", doc+" peaks gets the largest magnitude of each block, in the order of the lanes."
	}
	t.function("hadamardToRows", "func("+params+") uint32", doc)
	rows, x, n := t.Load(t.Param("rows"), t.GP64()), t.Load(t.Param("x"), t.GP64()), t.GP64()
	t.Load(t.Param("n"), n)
	signs := t.loadSigns()
	var abs reg.VecVirtual
	if !t.wide {
		abs = t.splat(1<<31 - 1)
	}
	t.lengths(n, t.group(), func(n int, label string) {
		scale := t.scale(n)
		// AVX2 has no registers for the peaks of blocks.
		peaks := make([]reg.VecVirtual, 1)
		if t.wide {
			peaks = make([]reg.VecVirtual, n/t.group())
		}
		for i := range peaks {
			peaks[i] = t.zero()
		}
		finish := func(g int, v, spare reg.VecVirtual) {
			t.VMULPS(scale, v, v)
			p := peaks[g%len(peaks)]
			if t.wide {
				const largerMagnitude = 0b1011
				t.VRANGEPS(operand.U8(largerMagnitude), v, p, p)
				return
			}
			t.VPAND(v, abs, spare)
			t.VPMAXUD(spare, p, p)
		}
		part := t.part(n)
		t.loop(label+"part", x, rows, n/part, 4*part, 4*part, func() {
			v := t.load(x, part/t.lanes())
			for b, p := range t.order() {
				t.exchange(v, 1<<b, p)
				t.stage(v, 1<<b, true)
			}
			for _, p := range t.laneOrder() {
				t.stageInLanes(v, p, signs)
			}
			for b := 8; b < len(v); b *= 2 {
				t.stage(v, b, true)
			}
			spare := t.vec()
			for i := range v {
				if part == n {
					finish(i/8, v[i], spare)
				}
				t.VMOVUPS(v[i], operand.Mem{Base: rows, Disp: i * t.bytes()})
			}
		})
		if part < n {
			t.SUBQ(operand.U32(4*n), rows)
			t.acrossParts(label, rows, n, finish)
		}
		if t.wide {
			out := t.Load(t.Param("peaks"), t.GP64())
			for g, p := range peaks {
				t.VMOVUPS(p, operand.Mem{Base: out, Disp: g * t.bytes()})
				if g > 0 {
					t.VPMAXUD(p, peaks[0], peaks[0])
				}
			}
		}
		t.Store(t.largestLane(peaks[0]), t.ReturnIndex(0))
	})
}

// fromRows emits the transform from rows to order.
func (t *transforms) fromRows() {
	t.function("hadamardFromRows", "func(x, rows *float32, n int, factor float32)",
		fmt.Sprintf("sets the n values at x, n = %d, %d ... 1024, to the transform of rows, which may be the same memory, "+
			"times factor, a power of two: in one product, exact where no result is subnormal.", t.group(), 2*t.group()))
	x, rows, n := t.Load(t.Param("x"), t.GP64()), t.Load(t.Param("rows"), t.GP64()), t.GP64()
	t.Load(t.Param("n"), n)
	factor := t.vec()
	t.VBROADCASTSS(t.paramAddr("factor"), factor)
	signs := t.loadSigns()
	t.lengths(n, t.group(), func(n int, label string) {
		scale := t.scale(n)
		t.VMULPS(factor, scale, scale)
		finish := func(_ int, v, _ reg.VecVirtual) { t.VMULPS(scale, v, v) }
		part := t.part(n)
		t.loop(label+"part", rows, x, n/part, 4*part, 4*part, func() {
			v := t.load(rows, part/t.lanes())
			for b := 1; b < 8; b *= 2 {
				t.stage(v, b, true)
			}
			if t.wide {
				t.stageInLanes(v, 2, signs) // b3 stays in the lanes
			}
			for b := 2; b >= 0; b-- {
				t.restore(v, 1<<b, t.order()[b])
			}
			for b := 1; b < len(v); b *= 2 {
				t.stage(v, b, true)
			}
			for j := range v {
				if part == n {
					finish(j/8, v[j], nil)
				}
				t.VMOVUPS(v[j], operand.Mem{Base: x, Disp: j * t.bytes()})
			}
		})
		if part < n {
			t.SUBQ(operand.U32(4*n), x)
			t.acrossParts(label, x, n, finish)
		}
	})
}

// part is the number of values that are transformed in registers at a time: the
// more are in flight, the better latencies hide.
func (t *transforms) part(n int) int {
	if t.wide {
		return min(n, 2*t.group())
	}
	return min(n, t.group())
}

// load returns the first vectors at p.
func (t *transforms) load(p reg.Register, vectors int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, vectors)
	for i := range v {
		v[i] = t.vec()
		t.VMOVUPS(operand.Mem{Base: p, Disp: i * t.bytes()}, v[i])
	}
	return v
}

// order is, for b0, b1 and b2, the lane bit where an exchange finds it; each
// exchange moves what it leaves in the lanes, see exchange.
func (t *transforms) order() []int { return []int{0, 0, 2} }

// laneOrder is the lane bits of rows in ascending order of the index bits there.
func (t *transforms) laneOrder() []int {
	if t.wide {
		return []int{2, 0, 1, 3}
	}
	return []int{0, 1, 2}
}

// scale returns a vector of 1/sqrt(n), rounded as package hadamard does.
func (t *transforms) scale(n int) reg.VecVirtual {
	return t.splat(math.Float32bits(float32(1 / math.Sqrt(float64(n)))))
}

// loadSigns returns signs, as memory operands where registers are scarce, and
// sets ones.
func (t *transforms) loadSigns() []operand.Op {
	if t.wide {
		t.ones = t.splat(math.Float32bits(1))
	}
	var ops []operand.Op
	for _, m := range t.signs {
		if !t.wide {
			ops = append(ops, m)
			continue
		}
		v := t.vec()
		t.VMOVUPS(m, v)
		ops = append(ops, v)
	}
	return ops
}

// loop emits body count times, after each adding the steps to a and, if it is
// another register, b.
func (t *transforms) loop(label string, a, b reg.Register, count, stepA, stepB int, body func()) {
	var n reg.GPVirtual
	if count > 1 {
		n = t.GP64()
		t.MOVQ(operand.U32(count), n)
		t.Label(label)
	}
	body()
	if count == 1 {
		return
	}
	t.ADDQ(operand.U32(stepA), a)
	if a != b {
		t.ADDQ(operand.U32(stepB), b)
	}
	t.DECQ(n)
	t.JNZ(operand.LabelRef(label))
}

// stage replaces the pairs (v[i], v[i+b]) with i&b = 0 by sum and difference.
// Fused with products with 1, which are exact, the difference rounds as a
// subtraction does, and is left to units beside those that add, where these have
// no products of their own to form.
func (t *transforms) stage(v []reg.VecVirtual, b int, fused bool) {
	for i := range v {
		if i&b != 0 {
			continue
		}
		sum, difference := t.vec(), v[i]
		t.VADDPS(v[i+b], v[i], sum)
		if fused {
			t.VFNMADD231PS(t.ones, v[i+b], difference)
		} else {
			t.VSUBPS(v[i+b], v[i], difference)
		}
		v[i], v[i+b] = sum, difference
	}
}

// stageInLanes replaces values by sum and difference with that whose lane
// differs in bit p, rounded as in stage.
func (t *transforms) stageInLanes(v []reg.VecVirtual, p int, signs []operand.Op) {
	for i := range v {
		other := t.vec()
		switch {
		case p < 2:
			t.VPERMILPS(operand.U8([]uint8{0xb1, 0x4e}[p]), v[i], other)
		case t.wide:
			t.VSHUFF32X4(operand.U8([]uint8{0xb1, 0x4e}[p-2]), v[i], v[i], other)
		default:
			t.VPERM2F128(operand.U8(1), v[i], v[i], other)
		}
		if t.wide {
			t.VFMADD213PS(other, signs[p], v[i])
		} else {
			t.VFMADD132PS(signs[p], other, v[i])
		}
	}
}

// exchange swaps, for the pairs (v[i], v[i+b]) with i&b = 0, the bit of the
// vector with bit p of the lane. It also moves bits in the lanes: p becomes
// what p+1 was, and the bit of the vector comes to p+1, where there is one.
func (t *transforms) exchange(v []reg.VecVirtual, b, p int) {
	for i := range v {
		if i&b != 0 {
			continue
		}
		lo, hi := t.vec(), t.vec()
		switch {
		case p == 0:
			t.VSHUFPS(operand.U8(0x88), v[i+b], v[i], lo)
			t.VSHUFPS(operand.U8(0xdd), v[i+b], v[i], hi)
		case t.wide:
			t.VSHUFF32X4(operand.U8(0x88), v[i+b], v[i], lo)
			t.VSHUFF32X4(operand.U8(0xdd), v[i+b], v[i], hi)
		default:
			t.VPERM2F128(operand.U8(0x20), v[i+b], v[i], lo)
			t.VPERM2F128(operand.U8(0x31), v[i+b], v[i], hi)
		}
		v[i], v[i+b] = lo, hi
	}
}

// restore undoes exchange.
func (t *transforms) restore(v []reg.VecVirtual, b, p int) {
	for i := range v {
		if i&b != 0 {
			continue
		}
		lo, hi := t.vec(), t.vec()
		switch {
		case p == 0:
			t.VUNPCKLPS(v[i+b], v[i], lo)
			t.VUNPCKHPS(v[i+b], v[i], hi)
		case t.wide:
			t.VMOVUPS(t.pairs[0], lo)
			t.VMOVUPS(t.pairs[1], hi)
			t.VPERMI2PD(v[i+b], v[i], lo)
			t.VPERMI2PD(v[i+b], v[i], hi)
		default:
			t.VPERM2F128(operand.U8(0x20), v[i+b], v[i], lo)
			t.VPERM2F128(operand.U8(0x31), v[i+b], v[i], hi)
		}
		v[i], v[i+b] = lo, hi
	}
}

// acrossParts emits the stages for the parts of the n values at p; the last calls
// finish with the number of a group, a vector of it and a spare register.
func (t *transforms) acrossParts(label string, p reg.Register, n int, finish func(g int, v, spare reg.VecVirtual)) {
	h := t.part(n)
	group := min(h, t.group())
	for radix := n / h; radix > 1; radix = n / h {
		if !t.wide && radix > 8 {
			radix = 4 // AVX2 has 16 registers
		}
		last := h*radix == n
		groups := h / group // that hold the values of one stage's first operand
		if !t.wide {
			groups = 1
		}
		pass := fmt.Sprintf("%sh%d", label, h)
		t.loop(pass+"outer", p, p, n/(h*radix), 4*h*(radix-1), 4*h*(radix-1), func() {
			t.loop(pass, p, p, h/groups/t.lanes(), t.bytes(), t.bytes(), func() {
				for g := range groups {
					v := make([]reg.VecVirtual, radix)
					at := func(k int) operand.Mem { return operand.Mem{Base: p, Disp: 4 * (h*k + group*g)} }
					for k := range v {
						v[k] = t.vec()
						t.VMOVUPS(at(k), v[k])
					}
					for b := 1; b < radix; b *= 2 {
						t.stage(v, b, !t.wide)
					}
					spare := t.vec()
					for k := range v {
						if last {
							finish(k*groups+g, v[k], spare)
						}
						t.VMOVUPS(v[k], at(k))
					}
				}
			})
			if groups > 1 && n > h*radix {
				panic("generate: the parts of one group lie apart")
			}
		})
		if !last {
			t.SUBQ(operand.U32(4*n), p)
		}
		h *= radix
	}
}
