package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// ransVectors emits the entropy coder with a vector a lane, 16 lanes a register,
// which takes AVX-512 VBMI2. A step waits for the one before it for the latency
// of a gather and a product, about 50 cycles, so that chains of 16 lanes take
// their steps by turns.
//
// The next words of a lane are in registers. A step takes or gives one word at
// most: four steps at a time, words are loaded or stored by the eight bytes.
func ransVectors(c *build.Context) {
	u := &units{&simd{c, true}, map[string]operand.Mem{}}
	for _, chains := range []int{1, 2, 4} {
		newRansVectors(u, chains).decode()
	}
	for _, chains := range []int{1, 2, 4} {
		for _, symbols := range []int{64, 128} {
			newRansVectors(u, chains).encode(symbols)
		}
	}
}

const (
	ransQuad   = 4            // steps between two times that words are loaded or stored
	ransBlock  = 4 * ransQuad // symbols of a lane that are loaded or stored at once
	chainLanes = 16
)

// vectorCoder emits the coder for chains of lanes.
type vectorCoder struct {
	*units
	x, at   []reg.VecVirtual // by chain: states, and the indices of the next words
	scratch operand.Mem      // for each chain, ransBlock symbols of each lane as four vectors
}

func newRansVectors(u *units, chains int) *vectorCoder {
	return &vectorCoder{units: u, x: make([]reg.VecVirtual, chains), at: make([]reg.VecVirtual, chains)}
}

// begin begins the function and loads states and places of words.
func (v *vectorCoder) begin(name, table, doc string) {
	v.Function(name + levelVBMI2)
	v.Attributes(0) // the scratch is too large for NOSPLIT
	v.SignatureExpr("func(table " + table + ", words, symbols *byte, blocks int, states, at *uint32)")
	v.Pragma("noescape")
	v.Doc(name + levelVBMI2 + " " + doc)
	v.scratch = v.AllocLocal(len(v.x) * 4 * v.bytes())
	states, at := v.pointer("states"), v.pointer("at")
	for c := range v.x {
		v.x[c], v.at[c] = v.vec(), v.vec()
		v.VMOVDQU32(operand.Mem{Base: states, Disp: c * v.bytes()}, v.x[c])
		v.VMOVDQU32(operand.Mem{Base: at, Disp: c * v.bytes()}, v.at[c])
	}
}

// end stores what begin loads and returns.
func (v *vectorCoder) end() {
	states, at := v.pointer("states"), v.pointer("at")
	for c := range v.x {
		v.VMOVDQU32(v.x[c], operand.Mem{Base: states, Disp: c * v.bytes()})
		v.VMOVDQU32(v.at[c], operand.Mem{Base: at, Disp: c * v.bytes()})
	}
	v.VZEROUPPER()
	v.RET()
}

// quad is where the scratch has the symbols of a chain and of four steps, a
// lane's in the order of the bytes.
func (v *vectorCoder) quad(chain, n int) operand.Mem {
	return v.scratch.Offset((4*chain + n) * v.bytes())
}

// rowOf is where the symbols of a lane of a chain lie.
func rowOf(symbols reg.Register, chain, lane int) operand.Mem {
	return operand.Mem{Base: symbols, Disp: (chainLanes*chain + lane) * ransStride}
}

// transpose turns four vectors, in each quarter by itself: dword j of vector i
// becomes dword i of vector j.
func (v *vectorCoder) transpose(r []reg.VecVirtual) []reg.VecVirtual {
	var t, out [4]reg.VecVirtual
	for i := range t {
		t[i], out[i] = v.vec(), v.vec()
	}
	v.VPUNPCKLDQ(r[1], r[0], t[0])
	v.VPUNPCKHDQ(r[1], r[0], t[1])
	v.VPUNPCKLDQ(r[3], r[2], t[2])
	v.VPUNPCKHDQ(r[3], r[2], t[3])
	v.VPUNPCKLQDQ(t[2], t[0], out[0])
	v.VPUNPCKHQDQ(t[2], t[0], out[1])
	v.VPUNPCKLQDQ(t[3], t[1], out[2])
	v.VPUNPCKHQDQ(t[3], t[1], out[3])
	return out[:]
}

// shift sets dst, in the lanes of k if there is one, to the bits that come to its
// place when it and more, above or below it, are moved by n bits.
func (v *vectorCoder) shift(opcode string, n int, more, dst, k reg.Register) {
	i := &ir.Instruction{
		Opcode:   opcode,
		Operands: []operand.Op{operand.U8(n), more, dst, dst},
		Inputs:   []operand.Op{more, dst},
		Outputs:  []operand.Op{dst},
		ISA:      []string{isaVBMI2},
	}
	if k != nil {
		i.Operands = []operand.Op{operand.U8(n), more, dst, k, dst}
		i.Inputs = append(i.Inputs, k)
	}
	v.Instruction(i)
}

// halves returns where the lower and the upper words are in two vectors of eight
// lanes of 64 bits.
func (v *vectorCoder) halves() (low, high operand.Mem) {
	var even, odd []uint32
	for i := range uint32(chainLanes) {
		even, odd = append(even, 2*i), append(odd, 2*i+1)
	}
	return v.words("evenWords", even), v.words("oddWords", odd)
}

// fetch loads the next four words of the lanes of a chain: two to first, two to
// second.
func (v *vectorCoder) fetch(words reg.Register, at, first, second reg.VecVirtual) {
	low, high := v.halves()
	var part [2]reg.VecVirtual
	for i := range part {
		index, k := v.YMM(), v.K()
		v.VEXTRACTI64X4(operand.U8(i), at, index)
		part[i] = v.zero()
		v.KXNORB(k, k, k)
		v.VPGATHERDQ(operand.Mem{Base: words, Index: index, Scale: 2}, k, part[i])
	}
	v.VMOVDQU32(low, first)
	v.VMOVDQU32(high, second)
	v.VPERMI2D(part[1], part[0], first)
	v.VPERMI2D(part[1], part[0], second)
}

// decode emits the decoder. A slot of the table is the symbol in the lowest 8
// bits, the place in the symbol in the next 12, the frequency in the highest 12.
func (v *vectorCoder) decode() {
	v.begin(fmt.Sprintf("ransDecode%d", chainLanes*len(v.x)), "*uint32",
		fmt.Sprintf("takes %d*blocks > 0 symbols of every lane.", ransBlock))
	table, words, symbols, blocks := v.pointer("table"), v.pointer("words"), v.pointer("symbols"), v.pointer("blocks")
	mask, high, less := v.splat(ransSlots-1), v.splat(^uint32(ransLow-1)), v.splat(math.MaxUint32)
	// The words to come, the next in the highest bits.
	next, later, acc := v.simd.vectors(len(v.x)), v.simd.vectors(len(v.x)), v.simd.vectors(len(v.x))
	v.Label("block")
	for n := range ransBlock / ransQuad {
		for c := range v.x {
			v.fetch(words, v.at[c], next[c], later[c])
			v.VPROLD(operand.U8(16), next[c], next[c])
			v.VPROLD(operand.U8(16), later[c], later[c])
			acc[c] = v.vec()
		}
		for i := range ransQuad {
			for c, x := range v.x {
				slot, e, t, k := v.vec(), v.zero(), v.vec(), v.K()
				v.VPANDD(mask, x, slot)
				v.KXNORW(k, k, k)
				v.VPGATHERDD(operand.Mem{Base: table, Index: slot, Scale: 4}, k, e)
				v.VPSRLD(operand.U8(ransBits), x, x)
				v.VPSRLD(operand.U8(20), e, t)
				v.VPMULLD(t, x, x)
				v.VPSRLD(operand.U8(8), e, t)
				v.VPANDD(mask, t, t)
				v.VPADDD(t, x, x)
				if i == 0 {
					v.VPSLLD(operand.U8(24), e, acc[c])
				} else {
					v.shift("VPSHRDD", 8, e, acc[c], nil)
				}
				low := v.K()
				v.VPTESTNMD(high, x, low)
				v.shift("VPSHLDD", 16, next[c], x, low)
				if i < ransQuad-1 {
					v.shift("VPSHLDD", 16, later[c], next[c], low)
				}
				if i < ransQuad-2 {
					v.VPSLLD(operand.U8(16), later[c], low, later[c])
				}
				v.VPSUBD(less, v.at[c], low, v.at[c])
			}
		}
		for c := range v.x {
			v.VMOVDQU32(acc[c], v.quad(c, n))
		}
	}
	for c := range v.x {
		quads := v.simd.vectors(4)
		for n, q := range quads {
			v.VMOVDQU32(v.quad(c, n), q)
		}
		for j, r := range v.transpose(quads) {
			v.VMOVDQU(r.AsX(), rowOf(symbols, c, j))
			for g := 1; g < 4; g++ {
				v.VEXTRACTI32X4(operand.U8(g), r, rowOf(symbols, c, 4*g+j))
			}
		}
	}
	v.ADDQ(operand.U8(ransBlock), symbols)
	v.DECQ(blocks)
	v.JNZ(operand.LabelRef("block"))
	v.end()
}

// encode emits the encoder for alphabets of so many symbols at most. An entry of
// the table, by symbol, is its first slot in the lowest 20 bits and its frequency
// above them. Behind the entries of 128 symbols are the reciprocals of 64
// frequencies, see divide; for more symbols it takes less time to compute them.
func (v *vectorCoder) encode(symbolCount int) {
	v.begin(fmt.Sprintf("ransEncode%dOf%d", chainLanes*len(v.x), symbolCount), "*uint32",
		fmt.Sprintf("codes %d*blocks > 0 symbols of every lane, the last first. What is behind the first word that it writes may be overwritten, up to four words from that on.", ransBlock))
	table, words, symbols, blocks := v.pointer("table"), v.pointer("words"), v.pointer("symbols"), v.pointer("blocks")
	entries := v.lookupTable(operand.Mem{Base: table}, symbolCount)
	var reciprocals []operand.Op
	if symbolCount == 64 {
		reciprocals = v.lookupTable(operand.Mem{Base: table, Disp: 4 * 128}, symbolCount)
	}
	mask, top, less, whole := v.splatOnce(ransSlots-1), v.splatOnce(^uint32(1<<20-1)), v.splatOnce(math.MaxUint32), v.splatOnce(ransSlots)
	// The last words that were written: the last two, and the two before.
	last, before := v.simd.vectors(len(v.x)), v.simd.vectors(len(v.x))
	for c := range v.x {
		v.fetch(words, v.at[c], last[c], before[c])
	}
	t := v.GP64()
	v.IMUL3Q(operand.U8(ransBlock), blocks, t)
	v.ADDQ(t, symbols)

	v.Label("block")
	v.SUBQ(operand.U8(ransBlock), symbols)
	for c := range v.x {
		rows := v.simd.vectors(4)
		for j, r := range rows {
			v.VBROADCASTI32X4(rowOf(symbols, c, j), r)
			for g := 1; g < 4; g++ {
				v.VINSERTI32X4(operand.U8(g), rowOf(symbols, c, 4*g+j), r, r)
			}
		}
		for n, q := range v.transpose(rows) {
			v.VMOVDQU32(q, v.quad(c, n))
		}
	}
	for n := ransBlock/ransQuad - 1; n >= 0; n-- {
		for i := ransQuad - 1; i >= 0; i-- {
			for c, x := range v.x {
				s := v.vec()
				if i > 0 {
					v.VPSRLD(operand.U8(8*i), v.quad(c, n), s)
				} else {
					v.VMOVDQU32(v.quad(c, n), s)
				}
				e := v.lookup(s, entries)
				f, start, limit := v.vec(), v.vec(), v.vec()
				v.VPSRLD(operand.U8(20), e, f)
				v.VPANDD_BCST(mask, e, start)
				v.VPANDD_BCST(top, e, limit)
				full, word := v.K(), v.vec()
				v.VPCMPUD(operand.U8(5), limit, x, full) // x >= limit
				v.VPSLLD(operand.U8(16), x, word)
				v.shift("VPSHLDD", 16, last[c], before[c], full)
				v.shift("VPSHLDD", 16, word, last[c], full)
				v.VPADDD_BCST(less, v.at[c], full, v.at[c])
				v.VPSRLD(operand.U8(16), x, full, x)
				var r reg.VecVirtual
				if reciprocals != nil {
					r = v.lookup(s, reciprocals)
				} else {
					r = v.reciprocal(f)
				}
				v.divide(x, f, start, r, whole)
			}
		}
		for c := range v.x {
			v.put(words, v.at[c], last[c], before[c])
		}
	}
	v.DECQ(blocks)
	v.JNZ(operand.LabelRef("block"))
	v.end()
}

// lookupTable returns n words for lookup: what can stay in memory, for there are
// not enough registers, does.
func (v *vectorCoder) lookupTable(m operand.Mem, n int) []operand.Op {
	t := make([]operand.Op, n/chainLanes)
	for i := range t {
		t[i] = m.Offset(i * v.bytes())
		if i%2 == 0 {
			r := v.vec()
			v.VMOVDQU32(t[i], r)
			t[i] = r
		}
	}
	return t
}

// lookup returns the entries of symbols, of which only the lowest bits count.
func (v *vectorCoder) lookup(s reg.VecVirtual, entries []operand.Op) reg.VecVirtual {
	if len(entries) == 2 {
		e := v.vec()
		v.VMOVDQA32(s, e)
		v.VPERMI2D(entries[1], entries[0], e)
		return e
	}
	half := len(entries) / 2
	low, upper, k := v.lookup(s, entries[:half]), v.lookup(s, entries[half:]), v.K()
	bit := v.splatOnce(uint32(half * chainLanes))
	v.VPTESTMD_BCST(bit, s, k)
	v.VMOVDQA32(upper, k, low)
	return low
}

// splatOnce is a word in memory to be broadcast.
func (v *vectorCoder) splatOnce(word uint32) operand.Mem {
	return v.words(fmt.Sprintf("word%x", word), []uint32{word, word})
}

// reciprocal returns (1 - 2^-22)/f, give or take 2^-24 and 2^-28 of it, for f
// below 2^24.
func (v *vectorCoder) reciprocal(f reg.VecVirtual) reg.VecVirtual {
	float, r := v.vec(), v.vec()
	v.VCVTDQ2PS(f, float)
	v.VRCP14PS(float, r)
	almostOne := v.splatOnce(math.Float32bits(1 - 0x1p-22))
	v.VFNMADD213PS_BCST(almostOne, r, float) // almostOne - f*r
	v.VFMADD213PS(r, r, float)               // r + r*(almostOne - f*r)
	return float
}

// divide makes of the states x those after the symbols of frequency f and first
// slot start: (x/f)*4096 + x mod f + start. r is the reciprocal of f, but too
// small by 2^-22 of it, give or take 2^-24 and 2^-28: so the quotient in floats is
// right or less by one, for x/f is below 2^20, the conversion of x and the product
// are rounded by 2^-24 each, and 7*2^-24*2^20 is less than 1.
func (v *vectorCoder) divide(x, f, start, r reg.VecVirtual, whole operand.Mem) {
	rest, q, k := v.vec(), v.vec(), v.K()
	v.VCVTUDQ2PS(x, q)
	v.VMULPS(r, q, q)
	v.VCVTTPS2UDQ(q, q)
	v.VPMULLD(f, q, rest)
	v.VPSUBD(rest, x, rest)
	v.VPCMPUD(operand.U8(5), f, rest, k) // rest >= f
	v.VPSLLD(operand.U8(ransBits), q, q)
	v.VPADDD(rest, start, x)
	v.VPADDD(q, x, x)
	v.VPSUBD(f, x, k, x)
	v.VPADDD_BCST(whole, x, k, x)
}

// put stores the last four words of the lanes of a chain where they belong.
func (v *vectorCoder) put(words reg.Register, at, last, before reg.VecVirtual) {
	// Unpacked, the words of lanes 0, 1, 4, 5 ... are in one vector.
	index := v.vec()
	v.VMOVDQU32(v.words("unpackedLanes", []uint32{0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15}), index)
	v.VPERMD(at, index, index)
	for i, unpack := range []instruction{v.VPUNPCKLDQ, v.VPUNPCKHDQ} {
		four, to, k := v.vec(), v.YMM(), v.K()
		unpack(before, last, four)
		v.VEXTRACTI64X4(operand.U8(i), index, to)
		v.KXNORB(k, k, k)
		v.VPSCATTERDQ(four, k, operand.Mem{Base: words, Index: to, Scale: 2})
	}
}
