package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The sizes of package kernel's Tiles.
const (
	xStride      = 4 * 256 // bytes between rows of x
	panelVectors = 2       // vectors in a row of a panel
)

// gemm is the inner loop of matrix products, and the probe that says how fast
// it can be.
func gemm(c *build.Context) {
	both(c, func(s *simd) {
		s.tile()
		s.tileRow()
		s.fmaProbe()
	})
}

// tileRows is the largest number of rows of a tile: as many sums as there are
// registers beside a row of the panel and a few values of x.
func (s *simd) tileRows() int {
	if s.wide {
		return 12
	}
	return 6
}

// sums returns m rows of registers.
func (s *simd) sums(m int) [][panelVectors]reg.VecVirtual {
	sum := make([][panelVectors]reg.VecVirtual, m)
	for i := range sum {
		for j := range sum[i] {
			sum[i][j] = s.vec()
		}
	}
	return sum
}

func (s *simd) tile() {
	s.function("tile", "func(dst *float32, stride int, x *float32, panel *float32, panelStride int, k int, add int, m int)",
		fmt.Sprintf("is Tiles.Tile for m rows, 1 to %d, of two vectors; strides count values, k is positive, and dst is read if add is not 0.", s.tileRows()))
	load := func(name string) reg.GPVirtual { return s.Load(s.Param(name), s.GP64()).(reg.GPVirtual) }
	dst, stride := load("dst"), load("stride")
	x, panel, panelStride := load("x"), load("panel"), load("panelStride")
	k, add, m := load("k"), load("add"), load("m")
	s.SHLQ(operand.U8(2), stride)
	s.SHLQ(operand.U8(2), panelStride)
	stride3 := s.GP64()
	s.LEAQ(operand.Mem{Base: panelStride, Index: panelStride, Scale: 2}, stride3)
	for rows := 1; rows < s.tileRows(); rows++ {
		s.CMPQ(m, operand.U8(rows))
		s.JEQ(operand.LabelRef(fmt.Sprintf("rows%d", rows)))
	}
	for rows := s.tileRows(); rows > 0; rows-- {
		s.Label(fmt.Sprintf("rows%d", rows))
		s.tileOf(rows, dst, stride, x, panel, panelStride, stride3, k, add)
	}
}

// tileOf emits a tile of m rows.
func (s *simd) tileOf(m int, dst, stride, x, panel, panelStride, stride3, k, add reg.GPVirtual) {
	label := func(name string) string { return fmt.Sprintf("%s%d", name, m) }
	sum := s.sums(m)
	row := s.GP64()
	eachPart := func(f func(at operand.Mem, sum reg.VecVirtual)) {
		s.MOVQ(dst, row)
		for i := range sum {
			for j, v := range sum[i] {
				f(operand.Mem{Base: row, Disp: j * s.bytes()}, v)
			}
			if i < m-1 {
				s.ADDQ(stride, row)
			}
		}
	}
	s.TESTQ(add, add)
	s.JZ(operand.LabelRef(label("zero")))
	eachPart(func(at operand.Mem, sum reg.VecVirtual) { s.VMOVUPS(at, sum) })
	s.JMP(operand.LabelRef(label("start")))
	s.Label(label("zero"))
	for i := range sum {
		for _, v := range sum[i] {
			s.xor(v, v, v)
		}
	}

	s.Label(label("start"))
	// step adds the products of column u.
	step := func(u int, at operand.Mem) {
		var w [panelVectors]reg.VecVirtual
		for j := range w {
			w[j] = s.vec()
			s.VMOVUPS(at.Offset(j*s.bytes()), w[j])
		}
		for i := range sum {
			v := s.vec()
			s.VBROADCASTSS(operand.Mem{Base: x, Disp: i*xStride + 4*u}, v)
			for j := range w {
				s.VFMADD231PS(v, w[j], sum[i][j])
			}
		}
	}
	const unroll = 4
	s.SUBQ(operand.U8(unroll), k)
	s.JLT(operand.LabelRef(label("rest")))
	s.Label(label("four"))
	step(0, operand.Mem{Base: panel})
	step(1, operand.Mem{Base: panel, Index: panelStride, Scale: 1})
	step(2, operand.Mem{Base: panel, Index: panelStride, Scale: 2})
	step(3, operand.Mem{Base: panel, Index: stride3, Scale: 1})
	s.LEAQ(operand.Mem{Base: panel, Index: panelStride, Scale: 4}, panel)
	s.ADDQ(operand.U8(4*unroll), x)
	s.SUBQ(operand.U8(unroll), k)
	s.JGE(operand.LabelRef(label("four")))
	s.Label(label("rest"))
	s.ADDQ(operand.U8(unroll), k)
	s.JZ(operand.LabelRef(label("done")))
	s.Label(label("one"))
	step(0, operand.Mem{Base: panel})
	s.ADDQ(panelStride, panel)
	s.ADDQ(operand.U8(4), x)
	s.DECQ(k)
	s.JNZ(operand.LabelRef(label("one")))

	s.Label(label("done"))
	eachPart(func(at operand.Mem, sum reg.VecVirtual) { s.VMOVUPS(sum, at) })
	s.VZEROUPPER()
	s.RET()
}

// rowPanels is the number of panels that one row of x is multiplied with at a
// time, for enough chains of additions.
const rowPanels = 4

func (s *simd) tileRow() {
	s.function("tileRow", "func(dst *float32, x *float32, panels *float32, k int, add int)",
		"is Tiles.Row; k is positive, and dst is read if add is not 0.")
	load := func(name string) reg.GPVirtual { return s.Load(s.Param(name), s.GP64()).(reg.GPVirtual) }
	dst, x, panels, k, add := load("dst"), load("x"), load("panels"), load("k"), load("add")
	row := panelVectors * s.bytes()
	size, size3 := s.GP64(), s.GP64() // of a panel
	s.IMUL3Q(operand.U32(row), k, size)
	s.LEAQ(operand.Mem{Base: size, Index: size, Scale: 2}, size3)
	at := []operand.Mem{{Base: panels}, {Base: panels, Index: size, Scale: 1}, {Base: panels, Index: size, Scale: 2}, {Base: panels, Index: size3, Scale: 1}}
	sum := s.sums(rowPanels)
	eachPart := func(f func(at operand.Mem, sum reg.VecVirtual)) {
		for i := range sum {
			for j, v := range sum[i] {
				f(operand.Mem{Base: dst, Disp: i*row + j*s.bytes()}, v)
			}
		}
	}
	for i := range sum {
		for _, v := range sum[i] {
			s.xor(v, v, v)
		}
	}
	s.TESTQ(add, add)
	s.JZ(operand.LabelRef("column"))
	eachPart(func(at operand.Mem, sum reg.VecVirtual) { s.VMOVUPS(at, sum) })
	s.Label("column")
	v := s.vec()
	s.VBROADCASTSS(operand.Mem{Base: x}, v)
	for i := range sum {
		for j, sum := range sum[i] {
			s.VFMADD231PS(at[i].Offset(j*s.bytes()), v, sum)
		}
	}
	s.ADDQ(operand.U8(4), x)
	s.ADDQ(operand.U8(row), panels)
	s.DECQ(k)
	s.JNZ(operand.LabelRef("column"))
	eachPart(func(at operand.Mem, sum reg.VecVirtual) { s.VMOVUPS(sum, at) })
	s.VZEROUPPER()
	s.RET()
}

// probeChains is the number of independent sums of the probe: enough to hide
// the latency of two units with up to five cycles.
const probeChains = 12

func (s *simd) fmaProbe() {
	s.function("fmaProbe", "func(n int)", fmt.Sprintf("does %d*n multiply-adds of vectors and nothing else; n is positive.", probeChains))
	n := s.Load(s.Param("n"), s.GP64())
	a := s.zero()
	sum := make([]reg.VecVirtual, probeChains)
	for i := range sum {
		sum[i] = s.zero()
	}
	s.Label("again")
	for _, v := range sum {
		s.VFMADD231PS(a, a, v)
	}
	s.DECQ(n)
	s.JNZ(operand.LabelRef("again"))
	s.VZEROUPPER()
	s.RET()
}
