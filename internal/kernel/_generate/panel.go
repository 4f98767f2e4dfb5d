package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// panel expands and transposes stored rows of weights into panels: a row of a
// panel holds one column of all the rows.
//
// A unit is 16 bytes of every row. Vector j of eight holds in each of its
// 128-bit lanes the bytes of one row, and three rounds of unpacking within the
// lanes, of 8, 16 and 32 bits or of 16, 32 and 64, bring together what is of
// one column. Unpacking with zeros then widens the codes: lane l of its lower
// half has the rows 4l to 4l+3 where vectors 0 to 3 held them, and that of the
// upper half those that vectors 4 to 7 held.
func panel(c *build.Context) {
	bothUnits(c, func(u *units) {
		u.copyRows()
		u.packF32()
		u.packBF16()
		u.packFP16()
		u.packFP8()
		u.packFP4()
	})
}

// copyRows copies rows, and asks for what will be copied next: the cache lines at
// a distance.
func (u *units) copyRows() {
	const line = 64
	u.function("copyRows", "func(dst *byte, dstStride int, src *byte, stride int, rows int, lines int, ahead int)",
		"copies rows of 64*lines bytes, both at least 1, that are strides of bytes apart, and prefetches what lies ahead of each.")
	dst, dstStride, src, stride := u.pointer("dst"), u.pointer("dstStride"), u.pointer("src"), u.pointer("stride")
	rows, lines, ahead := u.pointer("rows"), u.pointer("lines"), u.pointer("ahead")
	from, to, n := u.GP64(), u.GP64(), u.GP64()
	u.Label("row")
	u.MOVQ(src, from)
	u.MOVQ(dst, to)
	u.MOVQ(lines, n)
	u.Label("line")
	u.PREFETCHT0(operand.Mem{Base: from, Index: ahead, Scale: 1})
	for i := range line / u.bytes() {
		v := u.vec()
		u.VMOVUPS(u.part(operand.Mem{Base: from}, i), v)
		u.VMOVUPS(v, u.part(operand.Mem{Base: to}, i))
	}
	u.ADDQ(operand.U8(line), from)
	u.ADDQ(operand.U8(line), to)
	u.DECQ(n)
	u.JNZ(operand.LabelRef("line"))
	u.ADDQ(stride, src)
	u.ADDQ(dstStride, dst)
	u.DECQ(rows)
	u.JNZ(operand.LabelRef("row"))
	u.VZEROUPPER()
	u.RET()
}

// rowsAt finds the stored rows of a panel: eight from each base.
type rowsAt struct {
	base    []reg.GPVirtual
	strides [8]multiple
}

// multiple is a multiple of the distance between rows.
type multiple struct {
	index reg.GPVirtual
	scale uint8
}

// panelRows is the number of rows of a panel.
func (s *simd) panelRows() int { return panelVectors * s.lanes() }

// rows prepares the addresses of the rows at src.
func (u *units) rows() *rowsAt {
	r := &rowsAt{}
	src, stride := u.pointer("src"), u.pointer("stride")
	times := func(n int) reg.GPVirtual { // n = 3, 5, 9
		m := u.GP64()
		u.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: uint8(n - 1)}, m)
		return m
	}
	three, five := times(3), times(5)
	seven := u.GP64()
	u.LEAQ(operand.Mem{Base: three, Index: stride, Scale: 4}, seven)
	r.strides = [8]multiple{{scale: 0}, {stride, 1}, {stride, 2}, {three, 1}, {stride, 4}, {five, 1}, {three, 2}, {seven, 1}}
	r.base = append(r.base, src)
	for len(r.base) < u.panelRows()/8 {
		next := u.GP64()
		u.LEAQ(operand.Mem{Base: r.base[len(r.base)-1], Index: stride, Scale: 8}, next)
		r.base = append(r.base, next)
	}
	return r
}

// at is the address of a row.
func (r *rowsAt) at(row int) operand.Mem {
	s := r.strides[row%8]
	if s.scale == 0 {
		return operand.Mem{Base: r.base[row/8]}
	}
	return operand.Mem{Base: r.base[row/8], Index: s.index, Scale: s.scale}
}

// advance moves all addresses by a unit.
func (u *units) advance(r *rowsAt) {
	for _, b := range r.base {
		u.ADDQ(operand.U8(16), b)
	}
}

// quads is the row in lane l of vector j for codes that unpacking widens.
func (u *units) quads(j, l int) int { return j/4*u.lanes() + 4*l + j%4 }

// octets is the row in lane l of vector j where a lane keeps its eight rows.
func (u *units) octets(j, l int) int { return 8*l + j }

// loadUnit returns a unit, with row(j, l) in lane l of vector j.
func (u *units) loadUnit(r *rowsAt, row func(j, l int) int) [8]reg.VecVirtual {
	var v [8]reg.VecVirtual
	for j := range v {
		v[j] = u.vec()
		u.inLanes(r.at(row(j, 0)), v[j])
		if !u.wide {
			u.VINSERTI128(operand.U8(1), r.at(row(j, 1)), v[j], v[j])
			continue
		}
		for l := 1; l < 4; l++ {
			u.VINSERTI32X4(operand.U8(l), r.at(row(j, l)), v[j], v[j])
		}
	}
	return v
}

// unpackers are the two instructions that interleave elements of a size.
type unpackers struct {
	low, high func(ops ...operand.Op)
}

func (u *units) unpack(bits int) unpackers {
	switch bits {
	case 8:
		return unpackers{u.VPUNPCKLBW, u.VPUNPCKHBW}
	case 16:
		return unpackers{u.VPUNPCKLWD, u.VPUNPCKHWD}
	case 32:
		return unpackers{u.VPUNPCKLDQ, u.VPUNPCKHDQ}
	}
	return unpackers{u.VPUNPCKLQDQ, u.VPUNPCKHQDQ}
}

// interleave replaces v by what interleaves its elements i and i+distance,
// the lower half of them at i and the upper half at i+distance.
func (u *units) interleave(v []reg.VecVirtual, bits, distance int) {
	p := u.unpack(bits)
	for i := range v {
		if i&distance != 0 {
			continue
		}
		low := u.vec()
		p.low(v[i+distance], v[i], low)
		p.high(v[i+distance], v[i], v[i+distance])
		v[i] = low
	}
}

// transpose brings the columns of a unit of elements of the given bits
// together, eight rows of a column side by side in each lane, and returns the
// vectors in the order of their columns.
func (u *units) transpose(v [8]reg.VecVirtual, bits int) [8]reg.VecVirtual {
	u.interleave(v[:], bits, 1)
	u.interleave(v[:], 2*bits, 2)
	u.interleave(v[:], 4*bits, 4)
	// Round r chose by the bit r of the place what bit 2-r of the column says.
	return [8]reg.VecVirtual{v[0], v[4], v[2], v[6], v[1], v[5], v[3], v[7]}
}

// widened stores a column of words, which are the upper halves of values, times
// scale if it is not nil.
func (u *units) widened(words, zero reg.VecVirtual, scale []operand.Op, dst operand.Mem) {
	p := u.unpack(16)
	for i, half := range []func(ops ...operand.Op){p.low, p.high} {
		v := u.vec()
		half(words, zero, v)
		if scale != nil {
			u.VMULPS(scale[i], v, v)
		}
		u.VMOVUPS(v, dst.Offset(i*u.bytes()))
	}
}

// column is where column c of a unit goes.
func (u *units) column(dst reg.GPVirtual, c int) operand.Mem {
	return operand.Mem{Base: dst, Disp: 4 * u.panelRows() * c}
}

// packer's common parts: what it does with a unit of unitColumns columns.
func (u *units) packUnits(name, what string, unitColumns int, body func(r *rowsAt, dst reg.GPVirtual)) {
	u.function(name, "func(dst *float32, src *byte, stride int, units int)",
		fmt.Sprintf("expands units of %d columns of the %d rows of %s at src, stride bytes apart, into a panel.", unitColumns, u.panelRows(), what))
	dst, n := u.pointer("dst"), u.pointer("units")
	r := u.rows()
	u.Label("unit")
	body(r, dst)
	u.advance(r)
	u.ADDQ(operand.U32(4*u.panelRows()*unitColumns), dst)
	u.DECQ(n)
	u.JNZ(operand.LabelRef("unit"))
	u.VZEROUPPER()
	u.RET()
}

func (u *units) packF32() {
	u.packUnits("packF32", "float32 values", 4, func(r *rowsAt, dst reg.GPVirtual) {
		v := u.loadUnit(r, u.quads)
		u.interleave(v[:], 32, 1)
		u.interleave(v[:], 64, 2)
		for half := range 2 {
			for c, from := range []int{0, 2, 1, 3} {
				u.VMOVUPS(v[4*half+from], u.column(dst, c).Offset(half*u.bytes()))
			}
		}
	})
}

func (u *units) packBF16() {
	u.packUnits("packBF16", "bfloat16 codes", 8, func(r *rowsAt, dst reg.GPVirtual) {
		zero := u.zero()
		for c, words := range u.transpose(u.loadUnit(r, u.quads), 16) {
			u.widened(words, zero, nil, u.column(dst, c))
		}
	})
}

func (u *units) packFP16() {
	u.packUnits("packFP16", "half-precision codes", 8, func(r *rowsAt, dst reg.GPVirtual) {
		for c, words := range u.transpose(u.loadUnit(r, u.octets), 16) {
			for half := range panelVectors {
				v, part := u.vec(), reg.Register(words.AsX())
				if u.wide {
					part = words.AsY()
				}
				if half == 1 {
					upper := u.vec()
					if u.wide {
						part = upper.AsY()
						u.VEXTRACTI64X4(operand.U8(1), words, part)
					} else {
						part = upper.AsX()
						u.VEXTRACTI128(operand.U8(1), words, part)
					}
				}
				u.VCVTPH2PS(part, v)
				u.VMOVUPS(v, u.column(dst, c).Offset(half*u.bytes()))
			}
		}
	})
}

// packScaled's common parts. Of each row there are blocks of units units, with
// a scale for each row and block.
func (u *units) packScaled(name, what, scaled, result string, unitColumns int, constants func() func(r *rowsAt, dst reg.GPVirtual, scale []operand.Op), done func()) {
	u.function(name, "func(dst *float32, src *byte, stride int, scales *float32, blocks int, units int)"+result,
		fmt.Sprintf("expands blocks of units of %d columns of the %d rows of %s at src, stride bytes apart, into a panel; scales has a value for every row, block after block%s.", unitColumns, u.panelRows(), what, scaled))
	dst, scales, blocks := u.pointer("dst"), u.pointer("scales"), u.pointer("blocks")
	r := u.rows()
	body := constants()
	n, scale := u.GP64(), make([]operand.Op, panelVectors)
	for i := range scale {
		scale[i] = operand.Mem{Base: scales, Disp: i * u.bytes()}
	}
	u.Label("block")
	u.MOVQ(u.paramAddr("units"), n)
	u.Label("unit")
	body(r, dst, scale)
	u.advance(r)
	u.ADDQ(operand.U32(4*u.panelRows()*unitColumns), dst)
	u.DECQ(n)
	u.JNZ(operand.LabelRef("unit"))
	u.ADDQ(operand.U32(4*u.panelRows()), scales)
	u.DECQ(blocks)
	u.JNZ(operand.LabelRef("block"))
	done()
	u.VZEROUPPER()
	u.RET()
}

func (u *units) packFP8() {
	var top, magnitude reg.VecVirtual
	const nan = 0x7f7f7f7f
	u.packScaled("packFP8", "E4M3 codes", " 2^120 times too large; the result is not 0, and the panel of no use, if a code is NaN", " uint32", 16, func() func(r *rowsAt, dst reg.GPVirtual, scale []operand.Op) {
		zero := u.zero()
		top = u.zero()
		magnitudes, fields := u.constant(nan), u.constant(0x87f087f0)
		magnitude = u.vec()
		return func(r *rowsAt, dst reg.GPVirtual, scale []operand.Op) {
			v := u.loadUnit(r, u.quads)
			for j := range v {
				u.and(magnitudes, v[j], magnitude)
				u.VPMAXUB(magnitude, top, top)
			}
			v = u.transpose(v, 8)
			p := u.unpack(8)
			for i, pair := range v {
				for odd, half := range []func(ops ...operand.Op){p.low, p.high} {
					// The bits of a code at the place of a float32's: the value is
					// 2^120 times smaller.
					words := u.vec()
					half(pair, zero, words)
					u.VPSRAW(operand.U8(4), words, words)
					u.and(fields, words, words)
					u.widened(words, zero, scale, u.column(dst, 2*i+odd))
				}
			}
		}
	}, func() {
		u.nanCodes(top)
	})
}

// nanCodes returns whether a byte of top, magnitudes of E4M3, is that of NaN.
func (u *units) nanCodes(top reg.VecVirtual) {
	nan := u.splat(0x7f7f7f7f)
	r := u.GP32()
	if u.wide {
		k := u.K()
		u.VPCMPEQB(nan, top, k)
		wide := u.GP64()
		u.KMOVQ(k, wide)
		u.TESTQ(wide, wide)
		u.SETNE(r.As8())
		u.MOVBLZX(r.As8(), r)
	} else {
		u.VPCMPEQB(nan, top, top)
		u.VPMOVMSKB(top, r)
	}
	u.Store(r, u.ReturnIndex(0))
}

func (u *units) packFP4() {
	// The upper and lower bytes of bfloat16 codes by E2M1 code.
	var upper, lower []byte
	for code := range 16 {
		bits := math.Float32bits([]float32{0, 0.5, 1, 1.5, 2, 3, 4, 6}[code&7]) | uint32(code>>3)<<31
		upper, lower = append(upper, byte(bits>>24)), append(lower, byte(bits>>16))
	}
	u.packScaled("packFP4", "E2M1 codes, the even column in the lower half of a byte,", "", "", 32, func() func(r *rowsAt, dst reg.GPVirtual, scale []operand.Op) {
		zero := u.zero()
		nibble := u.constant(0x0f0f0f0f)
		uppers, lowers := u.vec(), u.vec()
		u.inLanes(u.data("e2m1Upper", upper), uppers)
		u.inLanes(u.data("e2m1Lower", lower), lowers)
		return func(r *rowsAt, dst reg.GPVirtual, scale []operand.Op) {
			p := u.unpack(8)
			for i, pair := range u.transpose(u.loadUnit(r, u.quads), 8) {
				for odd := range 2 {
					codes, up, low := u.vec(), u.vec(), u.vec()
					if odd == 1 {
						u.VPSRLW(operand.U8(4), pair, codes)
						u.and(nibble, codes, codes)
					} else {
						u.and(nibble, pair, codes)
					}
					u.VPSHUFB(codes, uppers, up)
					u.VPSHUFB(codes, lowers, low)
					words := u.vec()
					p.low(up, low, words)
					u.widened(words, zero, scale, u.column(dst, 4*i+odd))
					p.high(up, low, low)
					u.widened(low, zero, scale, u.column(dst, 4*i+2+odd))
				}
			}
		}
	}, func() {})
}

// inLanes sets v to the 16 bytes at a place in every lane.
func (u *units) inLanes(at operand.Mem, v reg.VecVirtual) {
	if u.wide {
		u.VBROADCASTI32X4(at, v)
	} else {
		u.VBROADCASTI128(at, v)
	}
}
