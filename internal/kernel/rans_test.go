package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// ransFreqs returns the frequencies of n symbols about normal with the given
// deviation.
func ransFreqs(n int, deviation float64) []int {
	freqs := make([]int, n)
	left, sum := ransTotal-n, 0.0
	weight := func(i int) float64 {
		z := (float64(i) - float64(n-1)/2) / deviation
		return math.Exp(-z * z / 2)
	}
	for i := range freqs {
		sum += weight(i)
	}
	for i := range freqs {
		freqs[i] = 1 + int(float64(ransTotal-n)*weight(i)/sum)
		left -= freqs[i] - 1
	}
	freqs[n/2] += left
	return freqs
}

// ransDraw sets symbols to symbols of their probabilities, or each as often as
// the others where flat is set.
func ransDraw(r *rand.Rand, symbols []byte, freqs []int, flat bool) {
	for i := range symbols {
		if flat {
			symbols[i] = byte(r.IntN(len(freqs)))
			continue
		}
		slot := r.IntN(ransTotal)
		for s, f := range freqs {
			if slot -= f; slot < 0 {
				symbols[i] = byte(s)
				break
			}
		}
	}
}

// slowRans is the coder as its definition has it, by divisions.
type slowRans struct {
	freqs  []int
	starts []int
	slots  [ransTotal]byte // symbols
}

func newSlowRans(freqs []int) *slowRans {
	c := &slowRans{freqs: freqs, starts: make([]int, len(freqs))}
	start := 0
	for s, f := range freqs {
		c.starts[s] = start
		for range f {
			c.slots[start] = byte(s)
			start++
		}
	}
	return c
}

func (c *slowRans) encode(symbols []byte, state uint32) (uint32, []byte) {
	var words []byte // backwards
	for i := len(symbols) - 1; i >= 0; i-- {
		f, start := uint64(c.freqs[symbols[i]]), uint64(c.starts[symbols[i]])
		x := uint64(state)
		if x >= f<<20 {
			words = append(words, byte(x>>8), byte(x))
			x >>= 16
		}
		state = uint32(x/f<<12 + start + x%f)
	}
	for i, j := 0, len(words)-1; i < j; i, j = i+1, j-1 {
		words[i], words[j] = words[j], words[i]
	}
	return state, words
}

func (c *slowRans) decode(symbols []byte, state uint32, words []byte) (uint32, int) {
	taken := 0
	for i := range symbols {
		slot := int(state % ransTotal)
		s := c.slots[slot]
		symbols[i] = s
		state = uint32(c.freqs[s])*(state>>12) + uint32(slot-c.starts[s])
		if state < ransLow && 2*taken+2 <= len(words) {
			state = state<<16 | uint32(binary.LittleEndian.Uint16(words[2*taken:]))
			taken++
		}
	}
	return state, taken
}

// setSymbols and getSymbols access a lane of a batch.
func setSymbols(b *RansBatch, lane int, symbols []byte) {
	for first := 0; first < len(symbols); first += 512 {
		copy(b.Symbols(lane, first), symbols[first:])
	}
}

func getSymbols(b *RansBatch, lane int) (symbols []byte) {
	for first := 0; first < b.n; first += 512 {
		symbols = append(symbols, b.Symbols(lane, first)...)
	}
	return symbols
}

// wordsOf returns what Encode wrote of a lane.
func wordsOf(b *RansBatch, lane int) []byte {
	words, at := b.Words(lane)
	return bytes.Clone(words[at:])
}

var ransLengths = []int{1, 2, 7, 8, 64, 80, 511, 512, 513, 576, 1024, 1100}

func TestRansLanesCodeAsOneVectorAtATime(t *testing.T) {
	alphabets := [][]int{{2048, 2048}, {1, 4095}, ransFreqs(90, 5.5), ransFreqs(130, 12), ransFreqs(256, 40), ransFreqs(7, 0.5), ransFreqs(56, 5.5), ransFreqs(64, 30)}
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 1))
		for _, freqs := range alphabets {
			a, slow := NewRansAlphabet(freqs), newSlowRans(freqs)
			for _, n := range ransLengths {
				b := NewRansBatch(n, RansLanes)
				for _, lanes := range []int{1, 2, 3, 8, 9, 16, 17, 25, 32, 41, 49, RansLanes} {
					testRansLanes(t, r, b, n, lanes, a, slow)
				}
			}
		}
	})
}

func testRansLanes(t *testing.T, r *rand.Rand, b *RansBatch, n, lanes int, a *RansAlphabet, slow *slowRans) {
	t.Helper()
	what := fmt.Sprintf("%d symbols of %d, %d lanes", n, len(slow.freqs), lanes)
	var begin [RansLanes]uint32
	symbols := make([][]byte, lanes)
	for i := range symbols {
		symbols[i] = make([]byte, n)
		ransDraw(r, symbols[i], slow.freqs, i%3 == 2)
		begin[i] = 1<<(10+r.IntN(7)) + r.Uint32N(1<<10)
		setSymbols(b, i, symbols[i])
	}
	b.States = begin
	b.Encode(a, lanes)
	for i, s := range symbols {
		state, words := slow.encode(s, begin[i])
		if b.States[i] != state || !bytes.Equal(wordsOf(b, i), words) {
			t.Fatalf("%s: lane %d encodes to state %#x and %x, want %#x and %x", what, i, b.States[i], wordsOf(b, i), state, words)
		}
	}
	// Decoding takes what was written, and what was not: words too few, too many
	// or wrong.
	states, words := b.States, make([][]byte, lanes)
	for i := range words {
		words[i] = wordsOf(b, i)
		switch w := words[i]; {
		case i == 3:
			words[i] = append(w, 1, 2, 3)
		case i == 4 && len(w) > 0:
			words[i] = w[:r.IntN(len(w))]
		case i == 5 && len(w) > 0:
			w[r.IntN(len(w))] ^= 1 << r.IntN(8)
		}
	}
	for _, exact := range []int{0, 4, n, n + 5} {
		for i := range lanes {
			b.Take(i, words[i])
			setSymbols(b, i, make([]byte, n))
		}
		b.States = states
		b.Decode(a, lanes, exact)
		for i := range lanes {
			want := make([]byte, n)
			state, wantTaken := slow.decode(want, states[i], words[i])
			if b.Taken(i) < 0 {
				// The bulk may give up only where words ran out.
				if exact >= n || wantTaken < len(words[i])/2 {
					t.Fatalf("%s, the last %d exact: lane %d lacks words: %d of %d were taken", what, exact, i, wantTaken, len(words[i])/2)
				}
				continue
			}
			if b.Taken(i) != wantTaken || b.States[i] != state || !bytes.Equal(getSymbols(b, i), want) {
				t.Fatalf("%s, the last %d exact: lane %d decodes %d words to state %#x and %v, want %d, %#x and %v", what, exact, i,
					b.Taken(i), b.States[i], getSymbols(b, i), wantTaken, state, want)
			}
			if i < 3 && (!bytes.Equal(want, symbols[i]) || state != begin[i]) && begin[i] >= ransLow {
				t.Fatalf("%s: lane %d does not come back", what, i)
			}
		}
	}
}

func TestRansAlphabetsMustAddUp(t *testing.T) {
	for _, freqs := range [][]int{nil, {4096}, {4095, 0, 1}, {1, 2}, {4096, 1}, {-1, 4097}, make([]int, 257)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v was taken", freqs)
				}
			}()
			NewRansAlphabet(freqs)
		}()
	}
}

// FuzzRans holds lanes against one vector at a time on any words.
func FuzzRans(f *testing.F) {
	f.Add([]byte("words of some vector"), uint32(1<<20), uint8(3))
	f.Add([]byte{}, uint32(0), uint8(1))
	alphabets := [][]int{{2048, 2048}, ransFreqs(90, 5.5), ransFreqs(256, 40)}
	f.Fuzz(func(t *testing.T, words []byte, state uint32, which uint8) {
		freqs := alphabets[int(which)%len(alphabets)]
		a, slow := NewRansAlphabet(freqs), newSlowRans(freqs)
		n, lanes := 1+len(words)/3, 1+int(which)%RansLanes
		want := make([]byte, n)
		wantState, wantTaken := slow.decode(want, state, words)
		for _, l := range levels() {
			restore := Use(l)
			b := NewRansBatch(n, RansLanes)
			for i := range lanes {
				b.States[i] = state
				b.Take(i, words)
			}
			b.Decode(a, lanes, int(which)%9)
			restore()
			for i := range lanes {
				if b.Taken(i) >= 0 && (b.Taken(i) != wantTaken || b.States[i] != wantState || !bytes.Equal(getSymbols(b, i), want)) {
					t.Fatalf("%v, lane %d: %d words, state %#x; want %d, %#x", l, i, b.Taken(i), b.States[i], wantTaken, wantState)
				}
				if b.Taken(i) < 0 && wantTaken < len(words)/2 {
					t.Fatalf("%v, lane %d lacks words: %d of %d were taken", l, i, wantTaken, len(words)/2)
				}
			}
		}
	})
}

func BenchmarkRans(b *testing.B) {
	freqs := ransFreqs(56, 5.5)
	a := NewRansAlphabet(freqs)
	const n = 512
	for _, lanes := range []int{1, 8, 16, 32, RansLanes} {
		batch := NewRansBatch(n, RansLanes)
		r := rand.New(rand.NewPCG(5, 2))
		symbols := make([]byte, n)
		var begin [RansLanes]uint32
		for i := range lanes {
			begin[i] = ransLow
			ransDraw(r, symbols, freqs, false)
			setSymbols(batch, i, symbols)
		}
		b.Run(fmt.Sprintf("encode/lanes=%d", lanes), func(b *testing.B) {
			benchEachLevel(b, lanes, 4*n, func() {
				batch.States = begin
				batch.Encode(a, lanes)
			})
		})
		batch.States = begin
		batch.Encode(a, lanes)
		states := batch.States
		for i := range lanes {
			batch.Take(i, wordsOf(batch, i))
		}
		b.Run(fmt.Sprintf("decode/lanes=%d", lanes), func(b *testing.B) {
			benchEachLevel(b, lanes, 4*n, func() {
				batch.States = states
				batch.Decode(a, lanes, 0)
			})
		})
	}
}
