package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// shape is what gain-shape codes do to a vector beside rotation, closest points
// and entropy coding.
func shape(c *build.Context) {
	bothUnits(c, func(u *units) {
		u.norm()
		u.splitE8()
		u.joinE8()
	})
}

// norm emits 16 sums, the j-th over the values j, j+16, ...
func (u *units) norm() {
	u.function("squaredNorm", "func(x *float32, units int) uint32", "returns the sum of the squares of 16*units values, in float32, as bits.")
	x, n := u.pointer("x"), u.pointer("units")
	sum := u.vectors()
	for _, s := range sum {
		u.xor(s, s, s)
	}
	u.each("unit", n, func() {
		for i, v := range u.vectors() {
			u.VMOVUPS(u.part(operand.Mem{Base: x}, i), v)
			u.VMULPS(v, v, v)
			u.VADDPS(v, sum[i], sum[i])
		}
	}, cursor{x, 4 * unitValues})
	s, t := sum[0], u.YMM()
	if u.wide {
		u.VEXTRACTF64X4(operand.U8(1), s, t)
		u.VADDPS(t, s.AsY(), s.AsY())
	} else {
		u.VADDPS(sum[1], s, s)
	}
	u.VEXTRACTF128(operand.U8(1), s.AsY(), t.AsX())
	u.VADDPS(t.AsX(), s.AsX(), s.AsX())
	u.VPERMILPS(operand.U8(0x4e), s.AsX(), t.AsX())
	u.VADDPS(t.AsX(), s.AsX(), s.AsX())
	u.VPERMILPS(operand.U8(0xb1), s.AsX(), t.AsX())
	u.VADDSS(t.AsX(), s.AsX(), s.AsX())
	bits := u.GP32()
	u.VMOVD(s.AsX(), bits)
	u.Store(bits, u.ReturnIndex(0))
	u.VZEROUPPER()
	u.RET()
}

// A unit is two blocks of E8; eight blocks have eight raw bytes.
const (
	blockSize  = 8
	unitBlocks = unitValues / blockSize
	wordBlocks = 8
)

// blockPattern repeats the eight words of a block for the blocks of a unit.
func blockPattern(block [blockSize]uint32) []uint32 {
	var words []uint32
	for range unitBlocks {
		words = append(words, block[:]...)
	}
	return words
}

func (u *units) splitE8() {
	u.function("splitE8", "func(symbols, raw *byte, points *float32, units int, lo int32) uint32",
		"cuts 2*units blocks of E8 points: with k = floor(point), and 1 more in the half coset for the coordinates 3 to 6, symbols are (k>>1) - lo, "+
			"and the raw byte of a block holds the lowest bits of k and, for the last coordinate, the coset. It returns the largest symbol without a sign; one above 255 is cut off.")
	symbols, raw, points, n := u.pointer("symbols"), u.pointer("raw"), u.pointer("points"), u.pointer("units")
	lo, one := u.vec(), u.constant(1)
	u.VBROADCASTSS(u.paramAddr("lo"), lo)
	offsets := u.words("halfOffsets", blockPattern([blockSize]uint32{3: 1, 4: 1, 5: 1, 6: 1}))
	top := u.zero()
	u.each("unit", n, func() {
		s := u.vectors()
		lowest, cosets := u.GP32(), u.GP32()
		for i := range s {
			z, f, k := u.vec(), u.vec(), u.vec()
			u.VMOVUPS(u.part(operand.Mem{Base: points}, i), z)
			if u.wide {
				u.VCVTPS2DQ_RD_SAE(z, k)
				u.VCVTDQ2PS(k, f)
				half, odd := u.K(), u.K()
				u.VCMPPS(operand.U8(differ), f, z, half)
				u.VPADDD(u.part(offsets, i), k, half, k)
				u.VPTESTMD(one, k, odd)
				u.KMOVW(half, cosets)
				u.KMOVW(odd, lowest)
			} else {
				const floor = 1
				u.VROUNDPS(operand.U8(floor), z, f)
				u.VCVTPS2DQ(f, k)
				u.VCMPPS(operand.U8(differ), f, z, z)
				u.VPAND(u.part(offsets, i), z, f)
				u.VPADDD(f, k, k)
				u.VPSLLD(operand.U8(31), k, f)
				u.gather(z, cosets, i)
				u.gather(f, lowest, i)
			}
			u.VPSRAD(operand.U8(1), k, s[i])
			u.VPSUBD(lo, s[i], s[i])
			u.VPMAXUD(s[i], top, top)
		}
		u.VMOVDQU(u.bytesOf(s), operand.Mem{Base: symbols})
		u.ANDL(operand.U32(0x7f7f), lowest)
		u.ANDL(operand.U32(0x8080), cosets)
		u.ORL(cosets, lowest)
		u.MOVW(lowest.As16(), operand.Mem{Base: raw})
	}, cursor{points, 4 * unitValues}, cursor{symbols, unitValues}, cursor{raw, unitBlocks})
	u.Store(u.largestLane(top), u.ReturnIndex(0))
	u.VZEROUPPER()
	u.RET()
}

// gather adds the signs of a vector, bit by lane, to bits as those of vector i
// of a unit.
func (u *units) gather(v reg.VecVirtual, bits reg.GPVirtual, i int) {
	if i == 0 {
		u.VMOVMSKPS(v, bits)
		return
	}
	t := u.GP32()
	u.VMOVMSKPS(v, t)
	u.SHLL(operand.U8(i*u.lanes()), t)
	u.ORL(t, bits)
}

func (u *units) joinE8() {
	u.function("joinE8", "func(points *float32, symbols, raw *byte, words int, lo int32, factor float32)",
		"sets points to 8*words blocks of E8 points times factor from what splitE8 makes of them.")
	points, symbols, raw, n := u.pointer("points"), u.pointer("symbols"), u.pointer("raw"), u.pointer("words")
	lo, factor := u.vec(), u.vec()
	u.VBROADCASTSS(u.paramAddr("lo"), lo)
	u.VBROADCASTSS(u.paramAddr("factor"), factor)
	const half, lessHalf = 0x3f000000, 0xbf000000 // 1/2, and 1/2 - 1
	halves := u.words("halves", blockPattern([blockSize]uint32{half, half, half, lessHalf, lessHalf, lessHalf, lessHalf, half}))
	one, bits := u.constant(1), u.words("bits", blockPattern([blockSize]uint32{1, 2, 4, 8, 16, 32, 64, 128}))

	low, high := u.everyByte(0x7f), u.everyByte(1)
	var odds, halfs operand.Mem // AVX2: odd and cosets, of which bytes are loaded
	if !u.wide {
		odds, halfs = u.AllocLocal(wordBlocks), u.AllocLocal(wordBlocks)
	}
	u.each("word", n, func() {
		// In odd, the last bit of a byte becomes the parity of the others; in
		// cosets, all of its bits the last.
		odd, cosets, t := u.GP64(), u.GP64(), u.GP64()
		u.MOVQ(operand.Mem{Base: raw}, odd)
		u.MOVQ(odd, cosets)
		u.ANDQ(low, odd)
		u.MOVQ(odd, t)
		for _, by := range []uint8{4, 2, 1} {
			p := u.GP64()
			u.MOVQ(t, p)
			u.SHRQ(operand.U8(by), p)
			u.XORQ(p, t)
		}
		u.ANDQ(high, t)
		u.SHLQ(operand.U8(7), t)
		u.ORQ(t, odd)
		u.SHRQ(operand.U8(7), cosets)
		u.ANDQ(high, cosets)
		u.MOVQ(cosets, t)
		u.SHLQ(operand.U8(8), t)
		u.SUBQ(cosets, t)
		if !u.wide {
			u.MOVQ(odd, odds)
			u.MOVQ(t, halfs)
		}
		for unit := range wordBlocks / unitBlocks {
			for i, k := range u.vectors() {
				at := unit*unitValues + i*u.lanes()
				u.VPMOVZXBD(operand.Mem{Base: symbols, Disp: at}, k)
				u.VPADDD(lo, k, k)
				u.VPADDD(k, k, k)
				var inHalf reg.Register
				if u.wide {
					isOdd, isHalf := u.K(), u.K()
					u.KMOVW(odd.As32(), isOdd)
					u.KMOVW(t.As32(), isHalf)
					u.VPADDD(one, k, isOdd, k)
					inHalf = isHalf
				} else {
					isOdd, isHalf := u.vec(), u.vec()
					u.VPBROADCASTB(odds.Offset(at/blockSize), isOdd)
					u.VPBROADCASTB(halfs.Offset(at/blockSize), isHalf)
					u.VPAND(u.part(bits, i), isOdd, isOdd)
					u.VPCMPEQD(u.part(bits, i), isOdd, isOdd)
					u.VPSUBD(isOdd, k, k)
					inHalf = isHalf
				}
				if u.wide {
					u.SHRQ(operand.U8(u.lanes()), odd)
					u.SHRQ(operand.U8(u.lanes()), t)
				}
				u.VCVTDQ2PS(k, k)
				if u.wide {
					u.VADDPS(u.part(halves, i), k, inHalf, k)
				} else {
					u.VPAND(u.part(halves, i), inHalf, inHalf)
					u.VADDPS(inHalf, k, k)
				}
				u.VMULPS(factor, k, k)
				u.VMOVUPS(k, operand.Mem{Base: points, Disp: 4 * at})
			}
		}
	}, cursor{points, 4 * blockSize * wordBlocks}, cursor{symbols, blockSize * wordBlocks}, cursor{raw, wordBlocks})
	u.VZEROUPPER()
	u.RET()
}

// everyByte returns a register whose eight bytes are b.
func (u *units) everyByte(b uint64) reg.GPVirtual {
	r := u.GP64()
	u.MOVQ(operand.U64(b*0x0101010101010101), r)
	return r
}
