package main

import (
	"bytes"
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// cut is the closest points of E8 to rows, cut into the symbols and raw bits of
// gain-shape codes as splitE8 does, in the order of the blocks.
func cut(c *build.Context) {
	bothUnits(c, func(s *units) {
		b := &boxes{&transforms{simd: s.simd}, 8}
		b.begin("cut", "func(symbols, raw *byte, rows *float32, groups int, inverse float32, twiceLo int32, table *uint64) uint32",
			"cuts the blocks of the closest points to rows times inverse, which it destroys: with k as for splitE8, symbols are (k - twiceLo)>>1. "+
				"It returns the largest k - twiceLo without a sign; one above 255 is cut off.")
		cutter := &cutter{b.search(), s, s.vec(), s.zero()}
		s.VBROADCASTSS(s.paramAddr("twiceLo"), cutter.lo)
		symbols, raw := b.param("symbols"), b.param("raw")
		b.inRows(cutter.closest, unbounded, nil, func(_ reg.Register, z []reg.VecVirtual, half mask) {
			for i, v := range cutter.blocks(cutter.distances(z, half)) {
				cutter.put(v, b.at(symbols, i), operand.Mem{Base: raw, Disp: i * s.bytes() / 8})
			}
			s.ADDQ(operand.U32(s.group()), symbols)
			s.ADDQ(operand.U32(s.group()/8), raw)
		})
		s.Store(s.largestLane(cutter.top), s.ReturnIndex(0))
		cutter.end()
	})
}

type cutter struct {
	*closest
	constants *units
	lo, top   reg.VecVirtual
}

// distances returns k - lo of the coordinates, that of the last with the coset as
// its lowest bit. The whole part of a half is the half rounded down, and where it
// takes one more, up.
func (c *cutter) distances(z []reg.VecVirtual, half mask) []reg.VecVirtual {
	var halves reg.VecVirtual
	if !c.wide {
		halves = c.masked(half, c.row(rowHalf))
	}
	for i, v := range z {
		up := i >= 3 && i <= 6
		switch {
		case c.wide && up:
			c.VCVTPS2DQ_RU_SAE(v, v)
		case c.wide:
			c.VCVTPS2DQ_RD_SAE(v, v)
		case up:
			c.VADDPS(halves, v, v)
			c.VCVTPS2DQ(v, v)
		default:
			c.VSUBPS(halves, v, v)
			c.VCVTPS2DQ(v, v)
		}
		c.VPSUBD(c.lo, v, v)
		c.VPMAXUD(v, c.top, c.top)
	}
	last, coset, one := z[7], c.masked(half, c.row(rowIntOne)), c.load(rowIntOne)
	if c.wide {
		c.VPTERNLOGD(operand.U8(0xba), coset, one, last) // last &^ one | coset
	} else {
		c.VPANDN(last, one, last)
		c.VPOR(coset, last, last)
	}
	return z
}

// blocks returns the lowest bytes of vectors, the eight of a lane side by side,
// in the order of the blocks. Other bytes are zero, or all is in vain.
func (c *cutter) blocks(v []reg.VecVirtual) []reg.VecVirtual {
	// Packing works within quarters of four lanes each.
	order := c.vec()
	c.VMOVUPS(c.constants.data("transposed4x4", transposed4x4()), order)
	var fours [2]reg.VecVirtual // coordinates 0 to 3 and 4 to 7
	for i := range fours {
		v := v[4*i:]
		a, b := c.vec(), c.vec()
		c.VPACKUSDW(v[1], v[0], a)
		c.VPACKUSDW(v[3], v[2], b)
		c.VPACKUSWB(b, a, a)
		c.VPSHUFB(order, a, a)
		fours[i] = a
	}
	low, high := c.vec(), c.vec() // blocks of the lanes 0 and 1, 2 and 3 of each four
	c.VPUNPCKLDQ(fours[1], fours[0], low)
	c.VPUNPCKHDQ(fours[1], fours[0], high)
	if !c.wide {
		out := c.vectors(2)
		c.VPERM2I128(operand.U8(0x20), high, low, out[0])
		c.VPERM2I128(operand.U8(0x31), high, low, out[1])
		return out
	}
	// The bits of a block's number are lane bits 2, 0, 1 and 3 (see hadamard), of
	// which 1 tells low and high apart and the others are the place there.
	out := c.vectors(2)
	for i, v := range out {
		var places []uint32
		for block := range 8 {
			place := block>>2<<3 | i<<2 | block&1<<1 | block>>1&1
			places = append(places, uint32(place), 0)
		}
		c.VMOVDQU64(c.constants.words(fmt.Sprintf("blocks%d", i), places), v)
		c.VPERMI2Q(high, low, v)
	}
	return out
}

// transposed4x4 returns the order that transposes the bytes of four by four, for
// each quarter of a vector.
func transposed4x4() []byte {
	var order []byte
	for i := range 64 {
		order = append(order, byte(i%4*4+i/4%4))
	}
	return order
}

// put stores the symbols and raw bits of as many blocks as a vector holds.
func (c *cutter) put(v reg.VecVirtual, symbols, raw operand.Mem) {
	t := c.vec()
	c.VPSRLW(operand.U8(1), v, t)
	c.VPSLLW(operand.U8(7), v, v)
	c.and(c.constants.data("sevenBits", bytes.Repeat([]byte{0x7f}, 64)), t, t)
	if c.wide {
		k := c.K()
		c.VPMOVB2M(v, k)
		c.KMOVQ(k, raw)
	} else {
		bits := c.GP32()
		c.VPMOVMSKB(v, bits)
		c.MOVL(bits, raw)
	}
	c.VMOVUPS(t, symbols)
}
