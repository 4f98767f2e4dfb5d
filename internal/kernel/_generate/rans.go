package main

import (
	"math/bits"
	"strconv"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rans is the entropy coder, on eight vectors side by side in general
// registers, or on two. A step of one vector is a chain of some 14 cycles, and
// eight are enough to keep the machine busy in between. With AVX-512 there is a
// coder for more of them, see ransVectors.
func rans(c *build.Context) {
	for _, lanes := range []int{ransLanes, 2} {
		r := &ransCoder{Context: c, state: make([]reg.GPVirtual, lanes), at: make([]operand.Mem, lanes)}
		r.decode()
		r.encode()
	}
	ransVectors(c)
}

// These must be those of package kernel.
const (
	ransLanes   = 8
	ransStride  = 512 + 64 // the symbols of a lane lie this far from the next lane's
	ransBits    = 12
	ransSlots   = 1 << ransBits
	ransLow     = 1 << 16
	ransSymbols = 256
)

// ransCoder emits the coder.
type ransCoder struct {
	*build.Context
	state []reg.GPVirtual // by lane
	at    []operand.Mem   // in memory, for there are no more registers
}

func (r *ransCoder) function(name, tables, doc string) {
	name += strconv.Itoa(len(r.state))
	r.Function(name)
	r.Attributes(attr.NOSPLIT)
	r.SignatureExpr("func(tables " + tables + ", words *byte, symbols *byte, n int, states, at *uint32)")
	r.Pragma("noescape")
	r.Doc(name + " " + doc)
}

func (r *ransCoder) pointer(name string) reg.GPVirtual {
	return r.Load(r.Param(name), r.GP64()).(reg.GPVirtual)
}

// load copies states and places of words from the caller's memory.
func (r *ransCoder) load() {
	states, at, t := r.pointer("states"), r.pointer("at"), r.GP64()
	local := r.AllocLocal(8 * len(r.at))
	for i := range r.at {
		r.at[i] = local.Offset(8 * i)
		r.MOVL(operand.Mem{Base: at, Disp: 4 * i}, t.As32())
		r.MOVQ(t, r.at[i])
	}
	for i := range r.state {
		r.state[i] = r.GP64()
		r.MOVL(operand.Mem{Base: states, Disp: 4 * i}, r.state[i].As32())
	}
}

// store is the inverse of load, and ends the function.
func (r *ransCoder) store() {
	states, t := r.pointer("states"), r.GP64()
	for i, x := range r.state {
		r.MOVL(x.As32(), operand.Mem{Base: states, Disp: 4 * i})
	}
	at := r.pointer("at")
	for i, m := range r.at {
		r.MOVQ(m, t)
		r.MOVL(t.As32(), operand.Mem{Base: at, Disp: 4 * i})
	}
	r.RET()
}

// decodeBlock is the number of symbols of a lane that are stored at once.
const decodeBlock = 8

func (r *ransCoder) decode() {
	r.function("ransDecode", "*uint16", "takes n > 0 symbols of every lane, with tables of frequencies, offsets and symbols by slot.")
	tables, words, n := r.pointer("tables"), r.pointer("words"), r.pointer("n")
	blocks, rest, to := r.AllocLocal(8), r.AllocLocal(8), r.AllocLocal(8)
	t := r.pointer("symbols")
	r.MOVQ(t, to)
	r.MOVQ(n, t)
	r.ANDQ(operand.I8(decodeBlock-1), t)
	r.MOVQ(t, rest)
	r.SHRQ(operand.U8(bits.TrailingZeros(decodeBlock)), n)
	r.MOVQ(n, blocks)
	r.load()
	step := &ransDecoder{r, tables, words, r.GP64(), t}

	r.CMPQ(blocks, operand.U8(0))
	r.JE(operand.LabelRef("rest"))
	r.Label("block")
	symbols := make([]reg.VecVirtual, len(r.state))
	for lane := range symbols {
		symbols[lane] = r.XMM()
	}
	for i := range decodeBlock {
		for lane := range r.state {
			step.take(lane, func(symbol operand.Mem) {
				r.VPINSRB(operand.U8(i), symbol, symbols[lane], symbols[lane])
			})
		}
	}
	r.MOVQ(to, t)
	for lane, v := range symbols {
		r.VMOVQ(v, operand.Mem{Base: t, Disp: lane * ransStride})
	}
	r.ADDQ(operand.I8(decodeBlock), to)
	r.DECQ(blocks)
	r.JNZ(operand.LabelRef("block"))

	r.Label("rest")
	r.CMPQ(rest, operand.U8(0))
	r.JE(operand.LabelRef("end"))
	for lane := range r.state {
		step.take(lane, func(symbol operand.Mem) {
			r.MOVQ(to, t)
			r.MOVBLZX(symbol, step.slot.As32())
			r.MOVB(step.slot.As8(), operand.Mem{Base: t, Disp: lane * ransStride})
		})
	}
	r.INCQ(to)
	r.DECQ(rest)
	r.JMP(operand.LabelRef("rest"))
	r.Label("end")
	r.store()
}

// ransDecoder emits the steps of the decoder.
type ransDecoder struct {
	*ransCoder
	tables, words, slot, t reg.GPVirtual
}

// take takes a symbol of a lane; name gets its place in the table and may
// destroy slot and t. What reads well in fewer instructions is slower here: the
// bit field instructions have half as many ports as MOV and AND, and a byte
// stored by itself, one to a lane, costs more than eight of them together.
func (d *ransDecoder) take(lane int, name func(symbol operand.Mem)) {
	const freqs, offsets, names = 0, 2 * ransSlots, 4 * ransSlots
	x, at := d.state[lane], d.at[lane]
	d.MOVL(x.As32(), d.slot.As32())
	d.ANDL(operand.U32(ransSlots-1), d.slot.As32())
	d.SHRL(operand.U8(ransBits), x.As32())
	d.MOVWLZX(operand.Mem{Base: d.tables, Index: d.slot, Scale: 2, Disp: freqs}, d.t.As32())
	d.IMULL(d.t.As32(), x.As32())
	d.MOVWLZX(operand.Mem{Base: d.tables, Index: d.slot, Scale: 2, Disp: offsets}, d.t.As32())
	d.ADDL(d.t.As32(), x.As32())
	name(operand.Mem{Base: d.tables, Index: d.slot, Scale: 1, Disp: names})
	// The next word is read in any case and taken by a state that is low.
	d.MOVQ(at, d.slot)
	d.RORXQ(operand.U8(64-16), x, d.t)
	d.ORW(operand.Mem{Base: d.words, Index: d.slot, Scale: 2}, d.t.As16())
	d.CMPL(x.As32(), operand.U32(ransLow))
	d.CMOVLCS(d.t.As32(), x.As32())
	d.ADCQ(operand.U8(0), at)
}

func (r *ransCoder) encode() {
	r.function("ransEncode", "*uint64", "codes n > 0 symbols of every lane, the last first, with tables of reciprocals, limits, rests and starts by symbol.")
	const reciprocals, limits, rests, starts = 0, 8 * ransSymbols, 12 * ransSymbols, 16 * ransSymbols
	tables, words, symbols := r.pointer("tables"), r.pointer("words"), r.pointer("symbols")
	i := r.pointer("n")
	r.load()
	s, t := r.GP64(), r.GP64()
	r.Label("step")
	for lane, x := range r.state {
		table := func(size, disp int) operand.Mem {
			return operand.Mem{Base: tables, Index: s, Scale: uint8(size), Disp: disp}
		}
		r.MOVBLZX(operand.Mem{Base: symbols, Index: i, Scale: 1, Disp: lane*ransStride - 1}, s.As32())
		// A word is written in any case and kept if the state reaches the limit.
		r.MOVQ(r.at[lane], t)
		r.MOVW(x.As16(), operand.Mem{Base: words, Index: t, Scale: 2, Disp: -2})
		r.MOVL(x.As32(), t.As32())
		r.SHRL(operand.U8(16), t.As32())
		r.CMPL(x.As32(), table(4, limits))
		r.CMOVLCC(t.As32(), x.As32())
		r.ADCQ(operand.I8(-1), r.at[lane])
		// The quotient is by the reciprocal, 2^44 over the frequency, rounded up.
		r.MOVQ(x, t)
		r.IMULQ(table(8, reciprocals), t)
		r.SHRQ(operand.U8(44), t)
		r.IMULL(table(4, rests), t.As32())
		r.ADDL(table(4, starts), x.As32())
		r.ADDL(t.As32(), x.As32())
	}
	r.DECQ(i)
	r.JNZ(operand.LabelRef("step"))
	r.store()
}
