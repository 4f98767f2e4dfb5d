package main

import (
	"fmt"
	"slices"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// box is the closest points of E8 and D4 and, for those in a box, their ranks as
// dense bits. Vectors come in rows (see hadamard) or in order, in groups of 128
// values for AVX-512 and of 64 for AVX2.
func box(c *build.Context) {
	both(c, func(s *simd) {
		t := &transforms{simd: s}
		if s.wide {
			t.layPairs()
		}
		for _, dims := range []int{8, 4} {
			b := &boxes{t, dims}
			b.inOrder("closest", "", (*closest).unboundedPoints)
			b.inOrder("closestBox", " in the box", (*closest).boxPoints)
			b.roundTrip()
			b.pack()
			b.unpack()
		}
	})
}

// boxes emits the functions for one lattice and level.
type boxes struct {
	*transforms
	dims int // 8 for E8, 4 for D4
}

// begin begins a function whose parameters include the table.
func (b *boxes) begin(verb, signature, doc string) *closest {
	b.function(verb+map[int]string{8: "E8", 4: "D4"}[b.dims], signature, doc)
	return newClosest(b.simd, b.dims, b.param("table"))
}

// param returns a parameter in a general register.
func (s *simd) param(name string) reg.Register { return s.Load(s.Param(name), s.GP64()) }

// splatParam returns a vector of a float32 parameter.
func (s *simd) splatParam(name string) reg.VecVirtual {
	v := s.vec()
	s.VBROADCASTSS(s.paramAddr(name), v)
	return v
}

// eachGroup emits body for as many groups as the register counts down; body
// advances the pointers.
func (s *simd) eachGroup(groups reg.Register, body func()) {
	s.Label("group")
	body()
	s.DECQ(groups)
	s.JNZ(operand.LabelRef("group"))
}

// at is vector i at p.
func (s *simd) at(p reg.Register, i int) operand.Mem {
	return operand.Mem{Base: p, Disp: i * s.bytes()}
}

// inOrder emits the search from values in order to values in order.
func (b *boxes) inOrder(verb, where string, points func(*closest, *source) ([]reg.VecVirtual, mask)) {
	c := b.begin(verb, "func(z, y *float32, groups int, factor float32, table *uint64)",
		"sets z to the closest points"+where+" to y times factor. z may be y.")
	z, y, groups, factor := b.param("z"), b.param("y"), b.param("groups"), b.splatParam("factor")
	b.eachGroup(groups, func() {
		v := b.load(y, 8)
		for bit, p := range b.order() {
			b.exchange(v, 1<<bit, p)
		}
		for i := range v {
			b.VMOVUPS(v[i], b.at(z, i))
		}
		v, _ = points(c, &source{rows: z, factor: factor})
		for bit := 2; bit >= 0; bit-- {
			b.restore(v, 1<<bit, b.order()[bit])
		}
		for i := range v {
			b.VMOVUPS(v[i], b.at(z, i))
		}
		b.ADDQ(operand.U32(4*b.group()), y)
		b.ADDQ(operand.U32(4*b.group()), z)
	})
	c.end()
}

// roundTrip emits the search from rows to rows, times the step.
func (b *boxes) roundTrip() {
	c := b.begin("roundTripBox", "func(rows, peaks *float32, groups int, inverse, step float32, table *uint64)",
		"replaces rows by the closest points in the box to rows times inverse, times step. "+peaksDoc)
	rows, groups := b.param("rows"), b.param("groups")
	src := &source{rows: rows, factor: b.splatParam("inverse"), peaks: b.peaks()}
	step := b.splatParam("step")
	b.eachGroup(groups, func() {
		z, _ := c.boxPoints(src)
		for i := range z {
			b.VMULPS(step, z[i], z[i])
			b.VMOVUPS(z[i], b.at(rows, i))
		}
		b.ADDQ(operand.U32(4*b.group()), rows)
		b.advance(src)
	})
	c.end()
}

const peaksDoc = "peaks are the largest magnitudes of the blocks, for AVX-512 alone."

// peaks returns the parameter peaks where it is used.
func (b *boxes) peaks() reg.Register {
	if !b.wide || b.dims != 8 {
		return nil
	}
	return b.param("peaks")
}

// advance moves on the peaks of a source.
func (b *boxes) advance(s *source) {
	if s.peaks != nil {
		b.ADDQ(operand.U32(b.bytes()), s.peaks)
	}
}

// source is where the blocks of a group come from.
type source struct {
	rows   reg.Register
	factor reg.VecVirtual
	peaks  reg.Register // nil where they are not known
}

// vectors returns fresh registers.
func (s *simd) vectors(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = s.vec()
	}
	return v
}

// coordinate returns the function that loads coordinate i of the blocks that
// begin with row first.
func (c *closest) coordinate(s *source, first int) func(i int) reg.VecVirtual {
	return func(i int) reg.VecVirtual {
		v := c.vec()
		c.VMULPS(c.at(s.rows, first+i), s.factor, v)
		return v
	}
}

// unboundedPoints returns the closest points to the blocks of a group.
func (c *closest) unboundedPoints(s *source) ([]reg.VecVirtual, mask) {
	z := c.vectors(8)
	for first := 0; first < 8; first += c.dims {
		c.unbounded(c.coordinate(s, first), z[first:first+c.dims])
	}
	return z, nil
}

// boxPoints returns the closest points in the box to the blocks of a group and,
// for E8, the lanes where the half coset wins.
func (c *closest) boxPoints(s *source) (z []reg.VecVirtual, half mask) {
	z = c.vectors(8)
	if c.dims == 8 {
		half = c.mask()
	}
	settle := func(m mask) { // where both ways leave it
		switch {
		case half == nil:
		case c.wide:
			c.KMOVW(m, half)
		default:
			c.VMOVAPS(m, half)
		}
	}
	for first := 0; first < 8; first += c.dims {
		risky, done := fmt.Sprintf("risky%d", first), fmt.Sprintf("done%d", first)
		y := c.coordinate(s, first)
		var peaks reg.VecVirtual
		if s.peaks != nil {
			peaks = c.vec()
			c.VMULPS(c.at(s.peaks, 0), s.factor, peaks)
		}
		results := slices.Clone(z[first : first+c.dims]) // callers overwrite z
		settle(c.inside(y, peaks, risky, results))
		c.Label(done)
		c.late = append(c.late, func() {
			c.Label(risky)
			settle(c.anywhere(y, results))
			c.JMP(operand.LabelRef(done))
		})
	}
	return z, half
}

// end returns from the function and emits what was put off.
func (c *closest) end() {
	c.VZEROUPPER()
	c.RET()
	for _, f := range c.late {
		f()
	}
}
