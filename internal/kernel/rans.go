package kernel

//go:generate go run -C _generate . rans

import (
	"encoding/binary"
	"fmt"
)

// A RansAlphabet is the tables of one alphabet of the entropy coder that
// package codec describes: rANS with 32-bit states, 16-bit words and 12-bit
// frequencies.
type RansAlphabet struct {
	symbols int
	decoder ransDecoder
	encoder ransEncoder
	vectors ransVectors
}

const (
	ransBits    = 12
	ransTotal   = 1 << ransBits
	ransLow     = 1 << 16 // below it a state takes a word
	ransSymbols = 256
)

// ransDecoder is by slot, the lowest 12 bits of a state.
type ransDecoder struct {
	freqs   [ransTotal]uint16 // of its symbol
	offsets [ransTotal]uint16 // its place among the slots of the symbol
	symbols [ransTotal]uint8
}

// ransEncoder is by symbol.
type ransEncoder struct {
	reciprocals [ransSymbols]uint64 // ceil(2^44/frequency)
	limits      [ransSymbols]uint32 // frequency << 20: a state from there on gives a word
	rests       [ransSymbols]uint32 // 4096 - frequency
	starts      [ransSymbols]uint32 // the first slot
}

// ransVectors is what coders with a vector a lane look up.
type ransVectors struct {
	// slots are by slot: its symbol in the lowest 8 bits, its place among the
	// slots of the symbol in the next 12, the frequency of the symbol above.
	slots [ransTotal]uint32
	// entries are by symbol: the first slot in the lowest 20 bits, the frequency
	// above.
	entries [ransVectorSymbols]uint32
	// reciprocals are those of the frequencies of the first symbols, too small by
	// 2^-22 of them.
	reciprocals [ransVectorSymbols / 2]float32
}

// ransVectorSymbols is the number of symbols of the largest alphabet that is
// encoded with a vector a lane.
const ransVectorSymbols = 128

// NewRansAlphabet returns the alphabet of the given frequencies, 2 to 256, each
// at least 1, that add up to 4096.
func NewRansAlphabet(freqs []int) *RansAlphabet {
	a := &RansAlphabet{symbols: len(freqs)}
	start := 0
	for s, f := range freqs {
		if len(freqs) < 2 || len(freqs) > ransSymbols || f < 1 || f > ransTotal-start {
			panic(fmt.Sprintf("kernel: symbol %d of %d has a frequency of %d after %d", s, len(freqs), f, start))
		}
		for k := range f {
			a.decoder.freqs[start+k] = uint16(f)
			a.decoder.offsets[start+k] = uint16(k)
			a.decoder.symbols[start+k] = uint8(s)
			a.vectors.slots[start+k] = uint32(f<<20 | k<<8 | s)
		}
		e := &a.encoder
		e.reciprocals[s] = (1<<44 + uint64(f) - 1) / uint64(f)
		e.limits[s] = uint32(f) << (32 - ransBits)
		e.rests[s] = uint32(ransTotal - f)
		e.starts[s] = uint32(start)
		if s < ransVectorSymbols {
			a.vectors.entries[s] = uint32(f<<20 | start)
		}
		if s < len(a.vectors.reciprocals) {
			a.vectors.reciprocals[s] = float32((1 - 0x1p-22) / float64(f))
		}
		start += f
	}
	if start != ransTotal {
		panic(fmt.Sprintf("kernel: frequencies add up to %d", start))
	}
	return a
}

// RansLanes is the largest number of vectors that are coded side by side.
const RansLanes = 64

// ransTile is the number of symbols of a lane that lie in a row, ransStride the
// distance of two lanes' rows: not a power of two, for a cache has few places
// for what lies such distances apart.
const (
	ransTile   = 512
	ransStride = ransTile + 64
)

// Words before and behind those of a lane that a coder may touch.
const (
	ransBefore = 2 // one is the caller's
	ransBehind = 4
)

// A RansBatch is vectors of symbols that are coded side by side, one a lane.
type RansBatch struct {
	States [RansLanes]uint32
	n      int
	lanes  int
	row    int // words of a lane
	// symbols are in tiles of ransTile symbols of every lane.
	symbols []byte
	words   []byte            // little endian
	at      [RansLanes]uint32 // the next word's index
	given   [RansLanes]int    // words to decode from
	taken   [RansLanes]int    // of these
}

// NewRansBatch returns a batch of vectors of n symbols, up to so many lanes, which
// is at most RansLanes.
func NewRansBatch(n, lanes int) *RansBatch {
	lanes = (lanes + 15) / 16 * 16                                        // a coder may touch as many
	b := &RansBatch{n: n, lanes: lanes, row: ransBefore + n + ransBehind} // a symbol is one word at most
	b.symbols = make([]byte, (n+ransTile-1)/ransTile*ransStride*lanes)
	b.words = make([]byte, 2*b.row*lanes)
	return b
}

// Symbols returns symbols of a lane, those from first on, a multiple of 512: 512
// of them, or as many as there are.
func (b *RansBatch) Symbols(lane, first int) []byte { return b.tile(lane, first) }

// tile is the symbols of a lane from the first of a tile on.
func (b *RansBatch) tile(lane, first int) []byte {
	start := b.tileStart(first) + lane*ransStride
	return b.symbols[start : start+min(ransTile, b.n-first)]
}

// tileStart is where the symbols of a tile begin.
func (b *RansBatch) tileStart(first int) int { return first / ransTile * ransStride * b.lanes }

// Encode codes the symbols of the first lanes from States to States, the last
// symbol first. Words and states of the other lanes are undefined after it.
func (b *RansBatch) Encode(a *RansAlphabet, lanes int) {
	for i := range b.touched(lanes) {
		b.at[i] = uint32((i+1)*b.row - ransBehind)
	}
	for first := (b.n - 1) / ransTile * ransTile; first >= 0; first -= ransTile {
		if b.encodeTile(a, lanes, first) {
			continue
		}
		for i := 0; i < lanes; i += 2 {
			b.encodePair(a, i, first)
		}
	}
}

// Words returns the memory of a lane's words. What Encode wrote is words[at:],
// words of two bytes, little endian, in the order in which a decoder takes them;
// there is room for one before.
func (b *RansBatch) Words(lane int) (words []byte, at int) {
	start := lane * b.row
	return b.words[2*start : 2*(start+b.row-ransBehind)], 2 * (int(b.at[lane]) - start)
}

// encodePair codes a tile of lanes i and i+1: a step waits for the one before
// it, but not for that of the other lane. Whether a word is kept is no branch,
// for that could not be predicted.
func (b *RansBatch) encodePair(a *RansAlphabet, i, first int) {
	e, words := &a.encoder, b.words
	symbols, others := b.tile(i, first), b.tile(i+1, first)
	others = others[:len(symbols)]
	x, y, at, to := uint64(b.States[i]), uint64(b.States[i+1]), b.at[i], b.at[i+1]
	for n := len(symbols) - 1; n >= 0; n-- {
		s := symbols[n]
		binary.LittleEndian.PutUint16(words[2*at-2:], uint16(x))
		full := (uint64(e.limits[s]) - 1 - x) >> 63 // 1 where the state reaches the limit
		at -= uint32(full)
		x >>= full * 16 & 63
		x += uint64(e.starts[s]) + (x*e.reciprocals[s]>>44)*uint64(e.rests[s])

		s = others[n]
		binary.LittleEndian.PutUint16(words[2*to-2:], uint16(y))
		full = (uint64(e.limits[s]) - 1 - y) >> 63
		to -= uint32(full)
		y >>= full * 16 & 63
		y += uint64(e.starts[s]) + (y*e.reciprocals[s]>>44)*uint64(e.rests[s])
	}
	b.States[i], b.States[i+1], b.at[i], b.at[i+1] = uint32(x), uint32(y), at, to
}

// touched is the number of lanes that coders of so many may touch.
func (b *RansBatch) touched(lanes int) int { return min(b.lanes, lanes+16) }

// Take gives a lane the words to decode from, as Words has them.
func (b *RansBatch) Take(lane int, words []byte) {
	n := min(len(words)/2, b.n) // a symbol takes one at most
	copy(b.words[2*lane*b.row:], words[:2*n])
	b.given[lane] = n
}

// Decode takes the symbols of the first lanes with their States and the words
// that Take gave them. Taken tells how many of these, where words that were wanted
// before the last exact symbols were all there.
func (b *RansBatch) Decode(a *RansAlphabet, lanes, exact int) {
	for i := range b.touched(lanes) {
		b.at[i] = uint32(i * b.row)
	}
	bulk := max(0, b.n-exact)
	for first := 0; first < bulk; first += ransTile {
		n := min(ransTile, bulk-first)
		if b.decodeTile(a, lanes, first, n) {
			continue
		}
		for i := 0; i < lanes; i += 2 {
			b.decodePair(a, i, first, n)
		}
	}
	for i := range lanes {
		b.taken[i] = b.decodeExact(a, i, bulk)
	}
}

// Taken returns the number of words that a lane took in Decode, or -1: then its
// symbols and state are undefined, for a word was wanted that was not there.
func (b *RansBatch) Taken(lane int) int { return b.taken[lane] }

// decodePair takes n symbols of lanes i and i+1 in a tile, see encodePair.
func (b *RansBatch) decodePair(a *RansAlphabet, i, first, n int) {
	d, words := &a.decoder, b.words
	symbols, others := b.tile(i, first)[:n], b.tile(i+1, first)[:n]
	x, y, at, from := b.States[i], b.States[i+1], b.at[i], b.at[i+1]
	for n := range symbols {
		slot := x % ransTotal
		symbols[n] = d.symbols[slot]
		x = uint32(d.freqs[slot])*(x>>ransBits) + uint32(d.offsets[slot])
		low := uint32((uint64(x) - ransLow) >> 63) // 1 where the state is low
		x = x<<(low*16&31) | uint32(binary.LittleEndian.Uint16(words[2*at:]))&-low
		at += low

		slot = y % ransTotal
		others[n] = d.symbols[slot]
		y = uint32(d.freqs[slot])*(y>>ransBits) + uint32(d.offsets[slot])
		low = uint32((uint64(y) - ransLow) >> 63)
		y = y<<(low*16&31) | uint32(binary.LittleEndian.Uint16(words[2*from:]))&-low
		from += low
	}
	b.States[i], b.States[i+1], b.at[i], b.at[i+1] = x, y, at, from
}

// decodeExact takes the symbols of a lane from first on, with words as long as
// there are some, and returns how many it took in all, or -1 if there were fewer
// than that when it began.
func (b *RansBatch) decodeExact(a *RansAlphabet, lane, first int) int {
	d, x := &a.decoder, b.States[lane]
	at, end := int(b.at[lane]), lane*b.row+b.given[lane]
	if at > end {
		return -1
	}
	for i := first; i < b.n; i++ {
		slot := x % ransTotal
		b.tile(lane, i/ransTile*ransTile)[i%ransTile] = d.symbols[slot]
		x = uint32(d.freqs[slot])*(x>>ransBits) + uint32(d.offsets[slot])
		if x < ransLow && at < end {
			x = x<<16 | uint32(binary.LittleEndian.Uint16(b.words[2*at:]))
			at++
		}
	}
	b.States[lane] = x
	return at - lane*b.row
}
