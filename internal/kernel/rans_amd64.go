//go:build !noasm

package kernel

// encodeTile is Encode for a tile of the first lanes; it returns false where it
// did nothing.
func (b *RansBatch) encodeTile(a *RansAlphabet, lanes, first int) bool {
	if Active() < AVX2 {
		return false
	}
	n := min(ransTile, b.n-first)
	f := ransEncode8
	if lanes <= 2 {
		f = ransEncode2
	}
	f(&a.encoder.reciprocals[0], &b.words[0], &b.symbols[first*RansLanes], n, &b.States[0], &b.at[0])
	return true
}

// decodeTile is Decode for the n symbols of a tile of the first lanes.
func (b *RansBatch) decodeTile(a *RansAlphabet, lanes, first, n int) bool {
	if Active() < AVX2 {
		return false
	}
	f := ransDecode8
	if lanes <= 2 {
		f = ransDecode2
	}
	f(&a.decoder.freqs[0], &b.words[0], &b.symbols[first*RansLanes], n, &b.States[0], &b.at[0])
	return true
}
