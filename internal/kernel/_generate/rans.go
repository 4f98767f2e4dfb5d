package main

import (
	"strconv"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rans is the entropy coder, on eight vectors side by side in general
// registers, or on two. A step of one vector is a chain of some 14 cycles, and
// eight are enough to keep the machine busy in between. Gathers, a vector a lane
// of AVX-512, take as long and need 32 vectors for it.
func rans(c *build.Context) {
	for _, lanes := range []int{ransLanes, 2} {
		r := &ransCoder{Context: c, state: make([]reg.GPVirtual, lanes), at: make([]operand.Mem, lanes)}
		r.decode()
		r.encode()
	}
}

// These must be those of package kernel.
const (
	ransLanes   = 8
	ransTile    = 512 // the symbols of a lane lie this far from the next lane's
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
	r.SignatureExpr("func(tables " + tables + ", words *byte, symbols *byte, n int, states *uint32, at *int)")
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
		r.MOVQ(operand.Mem{Base: at, Disp: 8 * i}, t)
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
		r.MOVQ(t, operand.Mem{Base: at, Disp: 8 * i})
	}
	r.RET()
}

func (r *ransCoder) decode() {
	r.function("ransDecode", "*uint16", "takes n > 0 symbols of every lane, with tables of frequencies, offsets and symbols by slot.")
	const freqs, offsets, names = 0, 2 * ransSlots, 4 * ransSlots
	tables, words, symbols := r.pointer("tables"), r.pointer("words"), r.pointer("symbols")
	n, end := r.pointer("n"), r.AllocLocal(8)
	r.ADDQ(symbols, n)
	r.MOVQ(n, end)
	r.load()
	slot, t, width := r.GP64(), r.GP64(), r.GP32()
	r.MOVL(operand.U32(ransBits), width)
	r.Label("step")
	for lane, x := range r.state {
		r.BZHIL(width, x.As32(), slot.As32())
		r.SHRL(operand.U8(ransBits), x.As32())
		r.MOVWLZX(operand.Mem{Base: tables, Index: slot, Scale: 2, Disp: freqs}, t.As32())
		r.IMULL(t.As32(), x.As32())
		r.MOVWLZX(operand.Mem{Base: tables, Index: slot, Scale: 2, Disp: offsets}, t.As32())
		r.ADDL(t.As32(), x.As32())
		r.MOVBLZX(operand.Mem{Base: tables, Index: slot, Scale: 1, Disp: names}, slot.As32())
		r.MOVB(slot.As8(), operand.Mem{Base: symbols, Disp: lane * ransTile})
		// The next word is read in any case and taken by a state that is low.
		r.MOVQ(r.at[lane], slot)
		r.RORXQ(operand.U8(64-16), x, t)
		r.ORW(operand.Mem{Base: words, Index: slot, Scale: 2}, t.As16())
		r.CMPL(x.As32(), operand.U32(ransLow))
		r.CMOVLCS(t.As32(), x.As32())
		r.ADCQ(operand.U8(0), r.at[lane])
	}
	r.INCQ(symbols)
	r.CMPQ(symbols, end)
	r.JNE(operand.LabelRef("step"))
	r.store()
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
		r.MOVBLZX(operand.Mem{Base: symbols, Index: i, Scale: 1, Disp: lane*ransTile - 1}, s.As32())
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
