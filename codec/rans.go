package codec

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// The entropy coder of this package is rANS (Duda, "Asymmetric numeral
// systems", arXiv:1311.2540) with 32-bit states, 16-bit words and 12-bit
// frequencies: one state for one vector, so that a machine with wide registers
// codes many vectors side by side, one in a lane.
//
// The decoder of a symbol whose alphabet has the frequencies f_0 .. f_n-1,
// which add up to 4096, and F_s = f_0 + ... + f_s-1:
//
//	slot = state mod 4096
//	s    = the symbol with F_s <= slot < F_s + f_s
//	state = f_s*(state>>12) + slot - F_s
//	if state < 2^16 and words are left: state = state<<16 | next word
//
// and of a value of b <= 16 bits whose values are equally likely:
//
//	value = state mod 2^b
//	state = state>>b
//	if state < 2^16 and words are left: state = state<<16 | next word
//
// The encoder does the inverse, from the last symbol to the first, and writes
// its words from the last to the first:
//
//	if state >= f_s<<20 (a value: 2^(32-b)): write state mod 2^16, state = state>>16
//	state = (state/f_s)<<12 + F_s + state mod f_s   (a value: state<<b | value)
//
// An encoder may begin with a state below 2^16; from the first word on states
// are at least 2^16 between symbols, as the decoder needs it, and no decoder
// takes a word too many, for then none are left.
const (
	ransBits  = 12
	ransTotal = 1 << ransBits // what the frequencies of an alphabet add up to
	ransLow   = 1 << 16       // below it a state takes a word
)

// An alphabet has at most 256 symbols, an escape included, and at least two, so
// that every frequency is below 4096.

// ransSymbol is what the encoder needs of a symbol.
type ransSymbol struct {
	reciprocal uint64 // ceil(2^44/f)
	limit      uint32 // f << 20
	start      uint16 // F
	rest       uint16 // 4096 - f
}

// ransSymbols returns the encoder's view of an alphabet.
func ransSymbols(freqs []int) []ransSymbol {
	symbols := make([]ransSymbol, len(freqs))
	start := 0
	for i, f := range freqs {
		symbols[i] = ransSymbol{
			reciprocal: (1<<44 + uint64(f) - 1) / uint64(f),
			limit:      uint32(f) << (32 - ransBits),
			start:      uint16(start),
			rest:       uint16(ransTotal - f),
		}
		start += f
	}
	return symbols
}

// push returns the state after the symbol; state is below the limit. The
// product below does not overflow, and its quotient is state/f: as the
// reciprocal is too large by less than f/2^44 * 1/f, the quotient is too large
// by less than state/2^44 < f/2^24 < 1/f.
func (s *ransSymbol) push(state uint64) uint64 {
	quotient := state * s.reciprocal >> 44
	return state + uint64(s.start) + quotient*uint64(s.rest)
}

// A ransSlot is the decoder's view of a slot: the symbol's index in the highest
// 8 bits, f in the next 12, slot - F in the lowest 12.
type ransSlot uint32

// ransSlots returns the 4096 slots of an alphabet.
func ransSlots(freqs []int) *[ransTotal]ransSlot {
	slots := make([]ransSlot, 0, ransTotal)
	for i, f := range freqs {
		for k := range f {
			slots = append(slots, ransSlot(i<<24|f<<12|k))
		}
	}
	return (*[ransTotal]ransSlot)(slots)
}

func (s ransSlot) symbol() uint32 { return uint32(s >> 24) }

// pop returns the state after the symbol, before it takes a word.
func (s ransSlot) pop(state uint32) uint32 {
	return uint32(s>>12&0xfff)*(state>>ransBits) + uint32(s&0xfff)
}

// A ransItem is what an encoder codes in one step: the index of a symbol in
// the lowest 16 bits and, after an escape, its value + 1 above them.
type ransItem uint32

func ransEscape(symbol, value uint32) ransItem { return ransItem(symbol | (value+1)<<16) }

func (i ransItem) symbol() uint32 { return uint32(i & 0xffff) }
func (i ransItem) escaped() bool  { return i >= 1<<16 }
func (i ransItem) value() uint32  { return uint32(i>>16 - 1) }

// A ransWriter holds the state and the words of one coder, little endian. Words
// are written from the end of words to its beginning; those that were are
// words[at:].
type ransWriter struct {
	state uint32
	words []byte
	at    int
}

// ransRoom returns the bytes that the words of n items need, two an item, and
// one more of a header.
func ransRoom(n int) int { return 2 * (2*n + 1) }

// word writes the lowest 16 bits of the state.
func (w *ransWriter) word() {
	w.at -= 2
	binary.LittleEndian.PutUint16(w.words[w.at:], uint16(w.state))
	w.state >>= 16
}

// item codes one item before what w holds, so that a decoder gets it first.
// escapeBits is the width of the value after an escape.
func (w *ransWriter) item(item ransItem, symbols []ransSymbol, escapeBits uint) {
	if item.escaped() {
		if bits.Len32(w.state) > 32-int(escapeBits) {
			w.word()
		}
		w.state = w.state<<escapeBits | item.value()
	}
	s := &symbols[item.symbol()]
	if w.state >= s.limit {
		w.word()
	}
	w.state = uint32(s.push(uint64(w.state)))
}

// encode codes items in their order.
func (w *ransWriter) encode(items []ransItem, symbols []ransSymbol, escapeBits uint) {
	for i := len(items) - 1; i >= 0; i-- {
		w.item(items[i], symbols, escapeBits)
	}
}

// encodePair does what encode does for two writers and as many items each, in
// about the time of one: a step waits for the one before it, but not for those
// of the other writer.
func encodePair(w, v *ransWriter, items, others []ransItem, symbols []ransSymbol, escapeBits uint) {
	others = others[:len(items)]
	for n := len(items); n > 0; n-- {
		n = encodePlain(w, v, items[:n], others, symbols)
		if n > 0 {
			w.item(items[n-1], symbols, escapeBits)
			v.item(others[n-1], symbols, escapeBits)
		}
	}
}

// encodePlain codes items from the end up to the last pair with an escape and
// returns how many are left, that pair included. A word is written in any case
// and then kept or not, for a branch on that cannot be predicted.
func encodePlain(w, v *ransWriter, items, others []ransItem, symbols []ransSymbol) int {
	words, at, state := w.words, w.at, uint64(w.state)
	words2, at2, state2 := v.words, v.at, uint64(v.state)
	others = others[:len(items)]
	n := len(items)
	for ; n > 0; n-- {
		item, other := items[n-1], others[n-1]
		if (item | other).escaped() {
			break
		}
		s := &symbols[item]
		binary.LittleEndian.PutUint16(words[at-2:], uint16(state))
		full := (uint64(s.limit) - 1 - state) >> 63 // 1 where the state reaches the limit
		at -= int(full * 2)
		state = s.push(state >> (full * 16 & 63))

		s = &symbols[other]
		binary.LittleEndian.PutUint16(words2[at2-2:], uint16(state2))
		full = (uint64(s.limit) - 1 - state2) >> 63
		at2 -= int(full * 2)
		state2 = s.push(state2 >> (full * 16 & 63))
	}
	w.at, w.state = at, uint32(state)
	v.at, v.state = at2, uint32(state2)
	return n
}

// A ransReader holds the state and the words of one decoder.
type ransReader struct {
	state uint32
	words []byte // that are left
}

// refill lets a state below 2^16 take a word, if there is one.
func (r *ransReader) refill() {
	if r.state < ransLow && len(r.words) >= 2 {
		r.state = r.state<<16 | uint32(binary.LittleEndian.Uint16(r.words))
		r.words = r.words[2:]
	}
}

// value takes one of 2^width equally likely values.
func (r *ransReader) value(width uint) uint32 {
	v := r.state & (1<<width - 1)
	r.state >>= width
	r.refill()
	return v
}

// errState reports a last state that no encoder begins with.
func errState(state uint32) error {
	return fmt.Errorf("%w: the last state is %#x", ErrCorrupt, state)
}

// symbol takes a symbol of an alphabet and returns its index.
func (r *ransReader) symbol(slots *[ransTotal]ransSlot) uint32 {
	slot := slots[r.state%ransTotal]
	r.state = slot.pop(r.state)
	r.refill()
	return slot.symbol()
}
