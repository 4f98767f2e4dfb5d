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
			b.inOrder("closest", "", unbounded)
			b.inOrder("closestBox", " in the box", byRounded)
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
func (b *boxes) begin(verb, signature, doc string) {
	b.function(verb+map[int]string{8: "E8", 4: "D4"}[b.dims], signature, doc)
}

// search begins a search in the function that was begun.
func (b *boxes) search() *closest {
	b.Attributes(0) // the save area is too large for NOSPLIT
	return newClosest(b.simd, b.dims, b.param("table"))
}

// at is vector i at p.
func (s *simd) at(p reg.Register, i int) operand.Mem {
	return operand.Mem{Base: p, Disp: i * s.bytes()}
}

// vectors returns fresh registers.
func (s *simd) vectors(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = s.vec()
	}
	return v
}

// next moves a pointer on by a group.
func (s *simd) next(p reg.Register) { s.ADDQ(operand.U32(4*s.group()), p) }

// inOrder emits the search from values in order to values in order.
func (b *boxes) inOrder(verb, where string, limits bounds) {
	b.begin(verb, "func(z, y *float32, groups int, factor float32, table *uint64)",
		"sets z to the closest points"+where+" to y times factor. z may be y.")
	c := b.search()
	z, y, groups, factor := b.param("z"), b.param("y"), b.param("groups"), b.splatParam("factor")
	rows := b.GP64()
	b.MOVQ(z, rows)
	c.eachGroup(groups, func(save reg.Register) {
		v := b.load(y, 8)
		for bit, p := range b.order() {
			b.exchange(v, 1<<bit, p)
		}
		for first := 0; first < 8; first += b.dims {
			c.firstPass(first, func(i int) reg.VecVirtual {
				b.VMULPS(factor, v[i], v[i])
				return v[i]
			}, limits, nil, rows, save)
		}
		b.next(y)
		b.next(rows)
	}, func(save reg.Register) {
		v, _ := c.points(limits, z, save)
		for bit := 2; bit >= 0; bit-- {
			b.restore(v, 1<<bit, b.order()[bit])
		}
		for i := range v {
			b.VMOVUPS(v[i], b.at(z, i))
		}
		b.next(z)
	})
	c.end()
}

// points emits the second passes over a group and returns its points and, for
// E8, the lanes where the half coset wins.
func (c *closest) points(limits bounds, rows, save reg.Register) (z []reg.VecVirtual, half mask) {
	z = c.vectors(8)
	if c.dims == 8 {
		half = c.mask()
	}
	for first := 0; first < 8; first += c.dims {
		risky, done := fmt.Sprintf("risky%d", first), fmt.Sprintf("done%d", first)
		if limits != unbounded {
			c.CMPL(riskOf(c.simd, save, first), operand.U8(0))
			c.JNE(operand.LabelRef(risky))
		}
		results := slices.Clone(z) // callers overwrite z
		settle := func(m mask) {
			if half != nil {
				c.moveMask(m, half)
			}
		}
		settle(c.secondPass(first, results, rows, save))
		if limits == unbounded {
			continue
		}
		c.Label(done)
		c.late = append(c.late, func() {
			c.Label(risky)
			for i := first; i < first+c.dims; i++ {
				c.VMOVUPS(c.at(rows, i), results[i])
			}
			if half != nil {
				settle(c.loadMask(c.at(save, saveHalf)))
			}
			c.JMP(operand.LabelRef(done))
		})
	}
	return z, half
}

// inBox emits the search in the box from rows; use gets the points of each group
// and the register of its rows.
func (b *boxes) inBox(c *closest, use func(rows reg.Register, z []reg.VecVirtual, half mask)) {
	if b.wide && b.dims == 8 {
		b.inRows(c, byPeaks, b.param("peaks"), use)
	} else {
		b.inRows(c, byRounded, nil, use)
	}
}

// inRows emits the search from rows, with peaks for byPeaks.
func (b *boxes) inRows(c *closest, limits bounds, peaks reg.Register, use func(rows reg.Register, z []reg.VecVirtual, half mask)) {
	rows, groups, inverse := b.param("rows"), b.param("groups"), b.splatParam("inverse")
	done := b.GP64()
	b.MOVQ(rows, done)
	c.eachGroup(groups, func(save reg.Register) {
		var peak reg.VecVirtual
		if peaks != nil {
			peak = b.vec()
			b.VMULPS(b.at(peaks, 0), inverse, peak)
			b.ADDQ(operand.U32(b.bytes()), peaks)
		}
		for first := 0; first < 8; first += b.dims {
			c.firstPass(first, func(i int) reg.VecVirtual {
				v := b.vec()
				b.VMULPS(b.at(rows, i), inverse, v)
				return v
			}, limits, peak, rows, save)
		}
		b.next(rows)
	}, func(save reg.Register) {
		z, half := c.points(limits, done, save)
		use(done, z, half)
		b.next(done)
	})
}

// roundTrip emits the search from rows to rows, times the step.
func (b *boxes) roundTrip() {
	b.begin("roundTripBox", "func(rows, peaks *float32, groups int, inverse, step float32, table *uint64)",
		"replaces rows by the closest points in the box to rows times inverse, times step. "+peaksDoc)
	c := b.search()
	step := b.splatParam("step")
	b.inBox(c, func(rows reg.Register, z []reg.VecVirtual, _ mask) {
		for i := range z {
			b.VMULPS(step, z[i], z[i])
			b.VMOVUPS(z[i], b.at(rows, i))
		}
	})
	c.end()
}

const peaksDoc = "It destroys rows. peaks are the largest magnitudes of the blocks, for AVX-512 alone."
