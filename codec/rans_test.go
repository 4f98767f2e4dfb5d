package codec

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawFreqs draws the frequencies of an alphabet.
func drawFreqs(t *rapid.T) []int {
	weights := rapid.SliceOfN(rapid.Float64Range(1e-9, 1), 2, 256).Draw(t, "weights")
	var whole float64
	for _, w := range weights {
		whole += w
	}
	return apportion(weights, whole, ransTotal)
}

// drawItems draws n items of an alphabet whose last symbol is an escape.
func drawItems(t *rapid.T, n, symbols int, escapeBits uint) []ransItem {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	items := make([]ransItem, n)
	for i := range items {
		items[i] = ransItem(r.IntN(symbols))
		if int(items[i]) == symbols-1 {
			items[i] = ransEscape(uint32(symbols-1), uint32(r.IntN(1<<escapeBits)))
		}
	}
	return items
}

// wordsOf returns the words that a writer wrote as a decoder reads them.
func wordsOf(w *ransWriter) []byte { return slices.Clone(w.words[w.at:]) }

func newRansWriter(state uint32, items int) *ransWriter {
	return &ransWriter{state: state, words: make([]byte, ransRoom(items)), at: ransRoom(items)}
}

func TestRansDecodesWhatItEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		freqs := drawFreqs(t)
		escapeBits := uint(rapid.IntRange(1, 14).Draw(t, "escapeBits"))
		n := rapid.IntRange(0, 200).Draw(t, "n")
		items := drawItems(t, n, len(freqs), escapeBits)
		last := uint32(rapid.IntRange(1<<9, 1<<17-1).Draw(t, "last")) // small ones too
		w := newRansWriter(last, n)
		w.encode(items, ransSymbols(freqs), escapeBits)

		r := ransReader{state: w.state, words: wordsOf(w)}
		slots := ransSlots(freqs)
		for i, item := range items {
			symbol := r.symbol(slots)
			got := ransItem(symbol)
			if int(symbol) == len(freqs)-1 {
				got = ransEscape(symbol, r.value(escapeBits))
			}
			if got != item {
				t.Fatalf("item %d is %#x, want %#x", i, got, item)
			}
		}
		if r.state != last || len(r.words) != 0 {
			t.Fatalf("ends with the state %#x and %d bytes, want %#x and none", r.state, len(r.words), last)
		}
	})
}

func TestRansPairsAreTwoSingles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		freqs := drawFreqs(t)
		symbols := ransSymbols(freqs)
		const escapeBits = 7
		n := rapid.IntRange(0, 100).Draw(t, "n")
		items := [2][]ransItem{drawItems(t, n, len(freqs), escapeBits), drawItems(t, n, len(freqs), escapeBits)}
		var single, pair [2]*ransWriter
		for i := range 2 {
			first := uint32(rapid.IntRange(1<<9, 1<<17-1).Draw(t, "state"))
			single[i], pair[i] = newRansWriter(first, n), newRansWriter(first, n)
			single[i].encode(items[i], symbols, escapeBits)
		}
		encodePair(pair[0], pair[1], items[0], items[1], symbols, escapeBits)
		for i := range 2 {
			if pair[i].state != single[i].state || !slices.Equal(wordsOf(pair[i]), wordsOf(single[i])) {
				t.Fatalf("vector %d differs", i)
			}
		}
	})
}

func TestRansQuotientsAreExact(t *testing.T) {
	for f := 1; f < ransTotal; f++ {
		s := ransSymbols([]int{f, ransTotal - f})[0]
		for _, state := range []uint64{uint64(f), uint64(s.limit) - 1, uint64(s.limit) - uint64(f), uint64(s.limit) - uint64(f) - 1, uint64(s.limit) / 2} {
			if want := state/uint64(f)*ransTotal + state%uint64(f); s.push(state) != want {
				t.Fatalf("frequency %d, state %d: %d, want %d", f, state, s.push(state), want)
			}
		}
	}
}

func TestBodiesOfEverySizeKeepStateWordsAndRawBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const codeBits = 3
		words := rapid.IntRange(0, 5).Draw(t, "words")
		least := 1
		if words > 0 {
			least = ransLow
		}
		state := uint32(rapid.Uint32Range(uint32(least), 1<<32-1).Draw(t, "state") >> rapid.IntRange(0, 16).Draw(t, "shift"))
		state = max(state, uint32(least))
		raw := rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "raw")
		w := newRansWriter(state, 4)
		for range words {
			w.at -= 2
			copy(w.words[w.at:], rapid.SliceOfN(rapid.Byte(), 2, 2).Draw(t, "word"))
		}
		want := wordsOf(w)
		header, size := sealBody(w, len(raw), codeBits)
		if bits := 16*words + 32 + codeBits; 8*(size-len(raw)) > bits+7 {
			t.Fatalf("%d bytes for %d bits", size-len(raw), bits)
		}
		body := make([]byte, size)
		putBody(body, w, raw, header, 5, codeBits)
		code, r, gotRaw, err := openBody(body, len(raw), codeBits)
		if err != nil || code != 5 || r.state != state || !slices.Equal(r.words, want) || !slices.Equal(gotRaw, raw) {
			t.Fatalf("code %d, state %#x, words %x, raw %x, error %v; want 5, %#x, %x, %x", code, r.state, r.words, gotRaw, err, state, want, raw)
		}
	})
}

func TestABodyHoldsAStateBesideItsRawBits(t *testing.T) {
	for n := range 3 {
		if _, _, _, err := openBody(make([]byte, n), 2, 3); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes, 2 of them raw: error %v", n, err)
		}
	}
}
