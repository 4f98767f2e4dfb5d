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
	decoder ransDecoder
	encoder ransEncoder
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

// NewRansAlphabet returns the alphabet of the given frequencies, 2 to 256, each
// at least 1, that add up to 4096.
func NewRansAlphabet(freqs []int) *RansAlphabet {
	a := &RansAlphabet{}
	start := 0
	for s, f := range freqs {
		if len(freqs) < 2 || len(freqs) > ransSymbols || f < 1 || f > ransTotal-start {
			panic(fmt.Sprintf("kernel: symbol %d of %d has a frequency of %d after %d", s, len(freqs), f, start))
		}
		for k := range f {
			a.decoder.freqs[start+k] = uint16(f)
			a.decoder.offsets[start+k] = uint16(k)
			a.decoder.symbols[start+k] = uint8(s)
		}
		e := &a.encoder
		e.reciprocals[s] = (1<<44 + uint64(f) - 1) / uint64(f)
		e.limits[s] = uint32(f) << (32 - ransBits)
		e.rests[s] = uint32(ransTotal - f)
		e.starts[s] = uint32(start)
		start += f
	}
	if start != ransTotal {
		panic(fmt.Sprintf("kernel: frequencies add up to %d", start))
	}
	return a
}

// RansLanes is the number of vectors that are coded side by side.
const RansLanes = 8

// ransTile is the number of symbols of a lane that lie in a row.
const ransTile = 512

// A RansBatch is vectors of symbols that are coded side by side, one a lane.
type RansBatch struct {
	States [RansLanes]uint32
	n      int
	row    int // words of a lane
	// symbols are in tiles of ransTile symbols of every lane.
	symbols []byte
	words   []byte         // little endian
	at      [RansLanes]int // the next word's index
	given   [RansLanes]int // words to decode from
}

// NewRansBatch returns a batch of vectors of n symbols.
func NewRansBatch(n int) *RansBatch {
	// A symbol is one word at most; a word more may be wanted by the caller, and
	// one is touched but not used.
	b := &RansBatch{n: n, row: n + 2}
	b.symbols = make([]byte, (n+ransTile-1)/ransTile*ransTile*RansLanes)
	b.words = make([]byte, 2*b.row*RansLanes)
	return b
}

// Symbols returns symbols of a lane, those from first on, a multiple of 512: 512
// of them, or as many as there are.
func (b *RansBatch) Symbols(lane, first int) []byte { return b.tile(lane, first) }

// tile is the symbols of a lane from the first of a tile on.
func (b *RansBatch) tile(lane, first int) []byte {
	start := first*RansLanes + lane*ransTile
	return b.symbols[start : start+min(ransTile, b.n-first)]
}

// Encode codes the symbols of the first lanes from States to States, the last
// symbol first. Words and states of the other lanes are undefined after it.
func (b *RansBatch) Encode(a *RansAlphabet, lanes int) {
	for i := range b.at {
		b.at[i] = (i + 1) * b.row
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
	return b.words[2*start : 2*(start+b.row)], 2 * (b.at[lane] - start)
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
		at -= int(full)
		x >>= full * 16 & 63
		x += uint64(e.starts[s]) + (x*e.reciprocals[s]>>44)*uint64(e.rests[s])

		s = others[n]
		binary.LittleEndian.PutUint16(words[2*to-2:], uint16(y))
		full = (uint64(e.limits[s]) - 1 - y) >> 63
		to -= int(full)
		y >>= full * 16 & 63
		y += uint64(e.starts[s]) + (y*e.reciprocals[s]>>44)*uint64(e.rests[s])
	}
	b.States[i], b.States[i+1], b.at[i], b.at[i+1] = uint32(x), uint32(y), at, to
}

// Take gives a lane the words to decode from, as Words has them.
func (b *RansBatch) Take(lane int, words []byte) {
	n := min(len(words)/2, b.n) // a symbol takes one at most
	copy(b.words[2*lane*b.row:], words[:2*n])
	b.given[lane] = n
}

// Decode takes the symbols of the first lanes with their States and the words
// that Take gave them. taken is the number of words that each lane took; it is
// -1, and the lane's symbols and state undefined, where one was wanted that was
// not there before the last exact symbols.
func (b *RansBatch) Decode(a *RansAlphabet, lanes, exact int) (taken [RansLanes]int) {
	for i := range b.at {
		b.at[i] = i * b.row
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
		taken[i] = b.decodeExact(a, i, bulk)
	}
	return taken
}

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
		at += int(low)

		slot = y % ransTotal
		others[n] = d.symbols[slot]
		y = uint32(d.freqs[slot])*(y>>ransBits) + uint32(d.offsets[slot])
		low = uint32((uint64(y) - ransLow) >> 63)
		y = y<<(low*16&31) | uint32(binary.LittleEndian.Uint16(words[2*from:]))&-low
		from += int(low)
	}
	b.States[i], b.States[i+1], b.at[i], b.at[i+1] = x, y, at, from
}

// decodeExact takes the symbols of a lane from first on, with words as long as
// there are some, and returns how many it took in all, or -1 if there were fewer
// than that when it began.
func (b *RansBatch) decodeExact(a *RansAlphabet, lane, first int) int {
	d, x := &a.decoder, b.States[lane]
	at, end := b.at[lane], lane*b.row+b.given[lane]
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
