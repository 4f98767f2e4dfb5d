package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A word is what a block of eight values takes in the bits: the rank of an E8
// point, or of two D4 points, the first in the lower half. Words lie in 64-bit
// lanes, those of the even lanes of rows in one vector, of the odd ones in
// another.

// pack emits the search with ranks as the result.
func (b *boxes) pack() {
	b.begin("packBox", "func(dst *byte, rows, peaks *float32, groups int, inverse float32, table *uint64)",
		"writes the words of the closest points in the box to rows times inverse. "+peaksDoc)
	c := b.search()
	dst := b.param("dst")
	b.inBox(c, func(_ reg.Register, z []reg.VecVirtual, half mask) {
		lower, upper := c.ranks(z, half)
		even, odd := c.words(lower, upper)
		c.putWords(dst, even, odd)
		b.ADDQ(c.groupBytes(), dst)
	})
	c.end()
}

// part is where part n of what is stored of a group lies.
func (c *closest) part(p reg.Register, n int) operand.Mem {
	if n == 0 {
		return operand.Mem{Base: p}
	}
	offset := c.GP64()
	c.MOVQ(operand.Mem{Base: c.table, Disp: 64*rowOffsets + 8*(n-1)}, offset)
	return operand.Mem{Base: p, Index: offset, Scale: 1}
}

// ranks returns the ranks of the lower and the upper four coordinates, in E8 so
// that the rank of a point is upper*n^4 + lower.
//
// z_0 + n*z_1 is an integer in both cosets, as n is odd. What has to be added to
// make digits of coordinates is the same for all points of a coset.
func (c *closest) ranks(z []reg.VecVirtual, half mask) (lower, upper reg.VecVirtual) {
	n, n2 := c.row(rowN), c.row(rowN2)
	for i := 0; i < 8; i += 2 {
		if c.wide {
			c.VFMADD231PS(n, z[i+1], z[i]) // exact
		} else {
			c.VMULPS(n, z[i+1], z[i+1])
			c.VADDPS(z[i+1], z[i], z[i])
		}
		c.VCVTPS2DQ(z[i], z[i])
	}
	for i := 0; i < 8; i += 4 {
		c.VPMULLD(n2, z[i+2], z[i+2])
		c.VPADDD(z[i+2], z[i], z[i])
	}
	lower, upper = z[0], z[4]
	base := c.load(rowBase)
	if c.dims == 8 {
		c.VPADDD(c.pick(half, c.row(rowBaseLowerHalf), base), lower, lower)
		c.VPADDD(c.pick(half, c.row(rowBaseUpperHalf), base), upper, upper)
		return lower, upper
	}
	for _, v := range []reg.VecVirtual{lower, upper} {
		c.VPADDD(base, v, v)
		c.VPSRLD(operand.U8(1), v, v)
	}
	return lower, upper
}

// words returns upper*n4 + lower, where for D4 n4 stands for a power of two.
func (c *closest) words(lower, upper reg.VecVirtual) (even, odd reg.VecVirtual) {
	n4 := c.load(rowN4)
	even, odd = c.vec(), c.vec()
	c.VPMULUDQ(n4, upper, even)
	c.VPSRLQ(operand.U8(32), upper, upper)
	c.VPMULUDQ(n4, upper, odd)
	low := c.vec()
	c.and(lower, c.load(rowLow32), low)
	c.VPADDQ(low, even, even)
	c.VPSRLQ(operand.U8(32), lower, lower)
	c.VPADDQ(lower, odd, odd)
	return even, odd
}

// groupBytes is the number of bytes of a group, which follows the offsets.
func (c *closest) groupBytes() operand.Mem {
	n := 7
	if c.wide {
		n = 1
	}
	return operand.Mem{Base: c.table, Disp: 64*rowOffsets + 8*n}
}

// putWords writes the words of a group, dense.
func (c *closest) putWords(dst reg.Register, even, odd reg.VecVirtual) {
	if c.wide {
		c.putWordsAVX512(dst, even, odd)
	} else {
		c.putWordsAVX2(dst, even, odd)
	}
}

// putWordsAVX512 writes 16 words as two vectors, of which the second ends where
// the group ends and overlaps the first. As words have more than 32 bits, 64
// bits of them meet three words at most: one shifted right, two left.
func (c *closest) putWordsAVX512(dst reg.Register, even, odd reg.VecVirtual) {
	for part := range 2 {
		var pieces [3]reg.VecVirtual
		for i := range pieces {
			row := rowPack + 6*part + 2*i
			v := c.load(row)
			c.VPERMI2Q(odd, even, v)
			if i == 0 {
				c.VPSRLVQ(c.row(row+1), v, v)
			} else {
				c.VPSLLVQ(c.row(row+1), v, v)
			}
			pieces[i] = v
		}
		c.VPTERNLOGQ(operand.U8(0xfe), pieces[0], pieces[1], pieces[2])
		c.VMOVUPS(pieces[2], c.part(dst, part))
	}
}

// putWordsAVX2 stores 8 words of 64 bits in ascending order, each at the byte
// where it begins, with what the word before has in that byte; the bits beyond
// its end are overwritten by the next. The last is stored so that it ends where
// the group ends.
func (c *closest) putWordsAVX2(dst reg.Register, even, odd reg.VecVirtual) {
	restEven, restOdd := c.vec(), c.vec()
	c.VPSRLVQ(c.row(rowPack+2), even, restEven)
	c.VPSRLVQ(c.row(rowPack+3), odd, restOdd)
	c.VPSLLVQ(c.row(rowPack), even, even)
	c.VPSLLVQ(c.row(rowPack+1), odd, odd)
	c.VPOR(restEven, odd, odd)
	c.VPERMQ(operand.U8(0x90), restOdd, restOdd)
	c.VPBLENDD(operand.U8(0x03), c.zero(), restOdd, restOdd)
	c.VPOR(restOdd, even, even)
	for i := range 8 {
		v := []reg.VecVirtual{even, odd}[i%2]
		if i == 4 {
			c.VEXTRACTI128(operand.U8(1), even, even.AsX())
			c.VEXTRACTI128(operand.U8(1), odd, odd.AsX())
		}
		if i/2%2 == 0 {
			c.VMOVQ(v.AsX(), c.part(dst, i))
		} else {
			c.VMOVHPS(v.AsX(), c.part(dst, i))
		}
	}
}

// unpack emits the way from words to points.
func (b *boxes) unpack() {
	b.begin("unpackBox", "func(rows *float32, src *byte, groups int, step float32, table *uint64) uint32",
		"sets rows to the points of the words at src, times step; the result is 0 if and only if all words are those of points.")
	c := &closest{simd: b.simd, dims: b.dims, table: b.param("table")}
	rows, src, groups := b.param("rows"), b.param("src"), b.param("groups")
	step := b.splatParam("step")
	check := &check{highest: c.zero(), last: c.zero(), words: c.zero()}
	b.Label("group")
	even, odd := c.getWords(src)
	var lower, upper reg.VecVirtual
	if b.dims == 8 {
		lower, upper = c.divide(even, odd, check)
	} else {
		lower, upper = c.halves(even, odd)
	}
	c.digits(lower, upper, check, func(i int, z reg.VecVirtual) {
		b.VMULPS(step, z, z)
		b.VMOVUPS(z, b.at(rows, i))
	})
	b.ADDQ(c.groupBytes(), src)
	b.next(rows)
	b.DECQ(groups)
	b.JNZ(operand.LabelRef("group"))
	b.Store(c.verdict(check), b.ReturnIndex(0))
	c.end()
}

// check gathers what tells whether all words were valid.
type check struct {
	words   reg.VecVirtual // for E8 lanes of 64 bits of ones where the upper half is too large; for D4 the largest rank
	highest reg.VecVirtual // coordinates 0 to 6, the largest as signed bits
	last    reg.VecVirtual // coordinate 7, the largest as bits: negative ones, from the least on
}

// getWords reads the words of a group.
func (c *closest) getWords(src reg.Register) (even, odd reg.VecVirtual) {
	if c.wide {
		return c.getWordsAVX512(src)
	}
	return c.getWordsAVX2(src)
}

// getWordsAVX512 takes a word from two 64-bit values, of two vectors that
// overlap as those of putWordsAVX512 do.
func (c *closest) getWordsAVX512(src reg.Register) (even, odd reg.VecVirtual) {
	first, second := c.vec(), c.vec()
	c.VMOVUPS(c.part(src, 0), first)
	c.VMOVUPS(c.part(src, 1), second)
	words := c.vectors(2)
	mask := c.row(rowWordMask)
	for i := range words {
		row := rowUnpack + 4*i
		a, b := c.load(row), c.load(row+2)
		c.VPERMI2Q(second, first, a)
		c.VPERMI2Q(second, first, b)
		c.VPSRLVQ(c.row(row+1), a, a)
		c.VPSLLVQ(c.row(row+3), b, b)
		c.VPTERNLOGQ(operand.U8(0xa8), mask, a, b) // (a | b) & mask
		words[i] = b
	}
	return words[0], words[1]
}

// getWordsAVX2 takes a word from the eight bytes that it begins in and, where
// it is longer than they hold of it, the eight bytes from the next on.
func (c *closest) getWordsAVX2(src reg.Register) (even, odd reg.VecVirtual) {
	words := c.vectors(2)
	for parity, v := range words {
		row := rowUnpack + 4*parity
		next := c.vec()
		for i, dst := range []reg.VecVirtual{v, next} {
			upper := c.vec()
			for lane := range 4 {
				k := 2*lane + parity
				at := c.part(src, k)
				if k < 7 { // which ends where the group ends
					at.Disp = i
				}
				x := []reg.VecVirtual{dst, upper}[lane/2].AsX()
				if lane%2 == 0 {
					c.VMOVQ(at, x)
				} else {
					c.VMOVHPS(at, x, x)
				}
			}
			c.VINSERTI128(operand.U8(1), upper.AsX(), dst, dst)
		}
		c.VPSRLVQ(c.row(row), v, v)
		c.VPSLLVQ(c.row(row+1), next, next)
		c.VPOR(next, v, v)
		c.VPAND(c.row(rowWordMask), v, v)
	}
	return words[0], words[1]
}

// divide returns the remainders and quotients by n^4 of words.
func (c *closest) divide(even, odd reg.VecVirtual, check *check) (lower, upper reg.VecVirtual) {
	quoEven, quoOdd := c.divMod(even, check), c.divMod(odd, check)
	return c.joined(even, odd), c.joined(quoEven, quoOdd)
}

// joined returns the lower halves of 64-bit lanes as rows of 32 bits; those of
// even must be below 2^32.
func (c *closest) joined(even, odd reg.VecVirtual) reg.VecVirtual {
	c.VPSLLQ(operand.U8(32), odd, odd)
	if c.wide {
		c.VPORD(odd, even, even)
	} else {
		c.VPOR(odd, even, even)
	}
	return even
}

// divMod replaces words by their remainders modulo n^4 and returns the quotients.
// The quotient by a reciprocal that is a little too small is right or one too
// small; where it is n^4 or more the word is invalid and the rest does not matter.
func (c *closest) divMod(word reg.VecVirtual, check *check) reg.VecVirtual {
	quo, product, n4 := c.vec(), c.vec(), c.load(rowN4)
	if c.wide {
		c.VCVTUQQ2PD(word, quo)
		c.VMULPD(c.row(rowPerN4), quo, quo)
		c.VCVTTPD2UQQ(quo, quo)
		c.VPMULUDQ(n4, quo, product)
		c.VPSUBQ(product, word, word)
		more := c.K()
		c.VPCMPUQ(operand.U8(5), n4, word, more) // >=
		c.VPSUBQ(n4, word, more, word)
		c.VPADDQ(c.row(rowLongOne), quo, more, quo)
		c.VPMAXUQ(quo, check.words, check.words)
		return quo
	}
	// The double nearest to a 64-bit integer, from its halves as the mantissas
	// of 2^52 and 2^84.
	high := c.vec()
	c.VPSRLQ(operand.U8(32), word, high)
	c.VPOR(c.row(rowTwo84), high, high)
	c.VSUBPD(c.row(rowTwo84And52), high, high)
	c.VPBLENDD(operand.U8(0xaa), c.row(rowTwo52), word, quo)
	c.VADDPD(high, quo, quo)
	c.VMULPD(c.row(rowPerN4), quo, quo)
	c.VROUNDPD(operand.U8(3), quo, quo) // towards 0
	c.VADDPD(c.row(rowTwo52), quo, quo)
	c.VPXOR(c.row(rowTwo52), quo, quo)
	c.VPMULUDQ(n4, quo, product)
	c.VPSUBQ(product, word, word)
	more := c.vec()
	c.VPCMPGTQ(c.row(rowLastN4), word, more)
	c.VPSUBQ(more, quo, quo)
	c.VPAND(n4, more, more)
	c.VPSUBQ(more, word, word)
	c.VPCMPGTQ(c.row(rowLastN4), quo, more)
	c.VPOR(more, check.words, check.words)
	return quo
}

// halves returns the ranks of two D4 points, doubled.
func (c *closest) halves(even, odd reg.VecVirtual) (lower, upper reg.VecVirtual) {
	var parts [2][2]reg.VecVirtual
	for i, v := range []reg.VecVirtual{even, odd} {
		low, high := c.vec(), c.vec()
		c.and(v, c.load(rowHalfMask), low)
		c.VPSRLVQ(c.row(rowHalfWidth), v, high)
		parts[i] = [2]reg.VecVirtual{low, high}
	}
	return c.joined(parts[0][0], parts[1][0]), c.joined(parts[0][1], parts[1][1])
}

// digits calls each with the coordinates of the points.
func (c *closest) digits(lower, upper reg.VecVirtual, check *check, each func(i int, z reg.VecVirtual)) {
	shift := c.load(rowMinusQ)
	last := shift
	if c.dims == 8 {
		odd := c.vec()
		c.xor(lower, upper, odd)
		half := c.lowBit(odd, c.row(rowIntOne))
		last = c.pick(half, c.row(rowDigitLast), shift)
		shift = c.pick(half, c.row(rowDigitHalf), shift)
	} else {
		for _, v := range []reg.VecVirtual{lower, upper} {
			c.VPMAXUD(v, check.words, check.words)
			c.VPADDD(v, v, v)
		}
	}
	for i, v := range []reg.VecVirtual{lower, upper} {
		c.split(v, func(k int, digit reg.VecVirtual) {
			k += 4 * i
			if k == 7 {
				c.VADDPS(last, digit, digit)
				c.VPMAXUD(digit, check.last, check.last)
			} else {
				c.VADDPS(shift, digit, digit)
				if c.dims == 8 {
					c.VPMAXSD(digit, check.highest, check.highest)
				}
			}
			each(k, digit)
		})
	}
}

// split calls each with the four digits of v < n^4, as floats.
func (c *closest) split(v reg.VecVirtual, each func(k int, digit reg.VecVirtual)) {
	// By n^2 as in divMod, by n with a reciprocal that is a little too large,
	// which is exact for quotients below 2^16.
	high, product := c.vec(), c.vec()
	if c.wide {
		c.VCVTUDQ2PS(v, high)
	} else {
		c.VPSRLD(operand.U8(1), v, high)
		c.VCVTDQ2PS(high, high)
	}
	c.VMULPS(c.row(rowPerN2), high, high)
	c.VCVTTPS2DQ(high, high)
	c.VPMULLD(c.row(rowN2), high, product)
	c.VPSUBD(product, v, v)
	if c.wide {
		n2, more := c.load(rowN2), c.K()
		c.VPCMPUD(operand.U8(5), n2, v, more)
		c.VPSUBD(n2, v, more, v)
		c.VPADDD(c.row(rowIntOne), high, more, high)
	} else {
		more := c.vec()
		c.VPCMPGTD(c.row(rowLastN2), v, more)
		c.VPSUBD(more, high, high)
		c.VPAND(c.row(rowN2), more, more)
		c.VPSUBD(more, v, v)
	}
	for i, pair := range []reg.VecVirtual{v, high} {
		upper := c.vec()
		c.VCVTDQ2PS(pair, pair)
		c.VMULPS(c.row(rowPerN), pair, upper)
		if c.wide {
			c.VRNDSCALEPS(operand.U8(3), upper, upper)
			c.VFNMADD231PS(c.row(rowN), upper, pair) // exact
		} else {
			c.VROUNDPS(operand.U8(3), upper, upper)
			t := c.vec()
			c.VMULPS(c.row(rowN), upper, t)
			c.VSUBPS(t, pair, pair)
		}
		each(2*i, pair)
		each(2*i+1, upper)
	}
}

// verdict returns 0 if all words were valid.
func (c *closest) verdict(k *check) reg.Register {
	result := c.GP32()
	switch {
	case c.wide && c.dims == 8:
		words, highest, last := c.K(), c.K(), c.K()
		c.VPCMPUQ(operand.U8(6), c.row(rowLastN4), k.words, words) // >
		c.VPCMPGTD(c.row(rowQ), k.highest, highest)
		c.VPCMPUD(operand.U8(6), c.row(rowMinusQ), k.last, last)
		c.KORW(words, highest, words)
		c.KORW(words, last, words)
		c.KMOVW(words, result)
	case c.wide:
		words := c.K()
		c.VPCMPGTD(c.row(rowLastRank), k.words, words)
		c.KMOVW(words, result)
	case c.dims == 8:
		ones, bad := c.vec(), c.vec()
		c.VPMAXUD(c.row(rowMinusQ), k.last, bad)
		c.VPCMPEQD(c.row(rowMinusQ), bad, bad)
		c.VPCMPEQD(ones, ones, ones)
		c.VPXOR(ones, bad, bad)
		c.VPOR(k.words, bad, bad)
		c.VPCMPGTD(c.row(rowQ), k.highest, k.highest)
		c.VPOR(k.highest, bad, bad)
		c.VPMOVMSKB(bad, result)
	default:
		c.VPCMPGTD(c.row(rowLastRank), k.words, k.words)
		c.VPMOVMSKB(k.words, result)
	}
	return result
}
