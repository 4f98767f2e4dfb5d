//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

// ransBlock is the number of symbols that coders with a vector a lane take at a
// time.
const ransBlock = 16

// ransByVectors reports whether there are coders with a vector a lane.
func ransByVectors() bool { return Active() == AVX512 && cpu.X86.HasAVX512VBMI2 }

// vectorLanes is how many lanes coders take at once, 16, 32 or 64: more where
// more are left, for that takes less time each, but not more than there are from
// lane on.
func (b *RansBatch) vectorLanes(lane, left int) int {
	switch room := b.lanes - lane; {
	case left > 48 && room >= 64:
		return 64
	case left > 24 && room >= 32:
		return 32
	}
	return 16
}

// encodeTile is Encode for a tile of the first lanes; it returns false where it
// did nothing.
func (b *RansBatch) encodeTile(a *RansAlphabet, lanes, first int) bool {
	if Active() < AVX2 {
		return false
	}
	n, start := min(ransTile, b.n-first), b.tileStart(first)
	for lane := 0; lane < lanes; {
		left, at := lanes-lane, start+lane*ransStride
		width := 8
		if left > 8 && ransByVectors() && a.symbols <= ransVectorSymbols {
			width = b.vectorLanes(lane, left)
			b.encodeVectors(a, lane, width, at, n)
		} else {
			b.encodeLanes(a, lane, left, at, n)
		}
		lane += width
	}
	return true
}

// encodeLanes codes n symbols, those from start on, of lanes up to eight.
func (b *RansBatch) encodeLanes(a *RansAlphabet, lane, lanes, start, n int) {
	f := ransEncode8
	if lanes <= 2 {
		f = ransEncode2
	}
	f(&a.encoder.reciprocals[0], &b.words[0], &b.symbols[start], n, &b.States[lane], &b.at[lane])
}

// encodeVectors is encodeLanes for 16, 32 or 64 lanes.
func (b *RansBatch) encodeVectors(a *RansAlphabet, lane, lanes, start, n int) {
	blocks := n / ransBlock
	if rest := n % ransBlock; rest > 0 {
		for i := 0; i < lanes; i += 8 {
			b.encodeLanes(a, lane+i, 8, start+i*ransStride+blocks*ransBlock, rest)
		}
	}
	if blocks == 0 {
		return
	}
	small := a.symbols <= 64
	f := ransEncode16Of128VBMI2
	switch {
	case lanes == 16 && small:
		f = ransEncode16Of64VBMI2
	case lanes == 32 && small:
		f = ransEncode32Of64VBMI2
	case lanes == 32:
		f = ransEncode32Of128VBMI2
	case lanes == 64 && small:
		f = ransEncode64Of64VBMI2
	case lanes == 64:
		f = ransEncode64Of128VBMI2
	}
	f(&a.vectors.entries[0], &b.words[0], &b.symbols[start], blocks, &b.States[lane], &b.at[lane])
}

// decodeTile is Decode for the n symbols of a tile of the first lanes.
func (b *RansBatch) decodeTile(a *RansAlphabet, lanes, first, n int) bool {
	if Active() < AVX2 {
		return false
	}
	start := b.tileStart(first)
	for lane := 0; lane < lanes; {
		left, at := lanes-lane, start+lane*ransStride
		width := 8
		if left > 8 && ransByVectors() {
			width = b.vectorLanes(lane, left)
			b.decodeVectors(a, lane, width, at, n)
		} else {
			b.decodeLanes(a, lane, left, at, n)
		}
		lane += width
	}
	return true
}

// decodeLanes takes n symbols, from start on, of lanes up to eight.
func (b *RansBatch) decodeLanes(a *RansAlphabet, lane, lanes, start, n int) {
	f := ransDecode8
	if lanes <= 2 {
		f = ransDecode2
	}
	f(&a.decoder.freqs[0], &b.words[0], &b.symbols[start], n, &b.States[lane], &b.at[lane])
}

// decodeVectors is decodeLanes for 16, 32 or 64 lanes.
func (b *RansBatch) decodeVectors(a *RansAlphabet, lane, lanes, start, n int) {
	blocks := n / ransBlock
	if blocks > 0 {
		f := ransDecode16VBMI2
		switch lanes {
		case 32:
			f = ransDecode32VBMI2
		case 64:
			f = ransDecode64VBMI2
		}
		f(&a.vectors.slots[0], &b.words[0], &b.symbols[start], blocks, &b.States[lane], &b.at[lane])
	}
	if rest := n % ransBlock; rest > 0 {
		for i := 0; i < lanes; i += 8 {
			b.decodeLanes(a, lane+i, 8, start+i*ransStride+blocks*ransBlock, rest)
		}
	}
}
