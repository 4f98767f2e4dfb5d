package tokenizer

import "unicode/utf8"

// bpe is the model: it makes tokens of a piece by joining, again and again,
// the pair of neighbours that comes first in the list of merges.
type bpe struct {
	pairs pairTable

	// In a byte-level model the symbols to begin with are bytes, else
	// characters.
	byteLevel bool
	bytes     [256]int32
	chars     map[rune]int32

	unk     int32 // -1: what has no symbol leaves no trace
	fuseUnk bool  // a run of unknown characters is one unknown token

	fallback bool // unknown characters become the tokens of their bytes
	bytesOf  [256]int32

	whole        map[string]int32 // not nil (ignore_merges): a piece that is a token is that token
	longestWhole int

	// cuts says that joints is complete: two characters that stand in no token
	// side by side are never joined, so a piece may be cut between them. That
	// makes words of texts that no pre-tokenizer cuts.
	cuts   bool
	joints pairTable
}

// What a character begins as, if it is no id.
const (
	noSymbol    = -1 // it is unknown
	manySymbols = -2 // the ids of its bytes
)

// append appends the ids of piece to dst.
func (m *bpe) append(dst []int32, piece string, w *merger) []int32 {
	if m.whole != nil && len(piece) <= m.longestWhole {
		if id, ok := m.whole[piece]; ok {
			return append(dst, id)
		}
	}
	if m.byteLevel && len(piece) == 1 {
		if id := m.bytes[piece[0]]; id >= 0 {
			return append(dst, id)
		}
	}
	w.begin()
	pending := 0 // unknown characters not yet written
	flush := func() {
		for ; pending > 0; pending-- {
			w.add(m.unk)
		}
	}
	add := func(id int32, char string) {
		switch {
		case id >= 0:
			flush()
			w.add(id)
		case id == manySymbols:
			// Unknown characters before are written after these bytes. So the
			// reference does; a file with all 256 bytes never gets here with
			// characters pending.
			for i := range len(char) {
				w.add(m.bytesOf[char[i]])
			}
		case m.unk < 0:
		case m.fuseUnk:
			pending = 1
		default:
			flush()
			pending = 1
		}
	}
	if m.byteLevel {
		for i := range len(piece) {
			b := piece[i]
			if id := m.bytes[b]; id >= 0 && pending == 0 {
				w.add(id)
			} else {
				add(id, string(byteChars[b]))
			}
		}
	} else {
		for i, r := range piece {
			char := piece[i : i+utf8.RuneLen(r)]
			id, ok := m.chars[r]
			if !ok {
				id = m.spell(char)
			}
			add(id, char)
		}
	}
	flush()
	return w.merge(dst, &m.pairs)
}

// spell returns what an unknown character begins as: its bytes, where the
// model has them all.
func (m *bpe) spell(char string) int32 {
	if !m.fallback {
		return noSymbol
	}
	for i := range len(char) {
		if m.bytesOf[char[i]] < 0 {
			return noSymbol
		}
	}
	return manySymbols
}

// uncut returns the length of the start of s that must be merged as a whole.
func (m *bpe) uncut(s string) int {
	a, i := utf8.DecodeRuneInString(s)
	for i < len(s) {
		b, n := utf8.DecodeRuneInString(s[i:])
		if _, joint := m.joints.find(int32(a), int32(b)); !joint {
			// Runs of unknown characters may become one token; they end
			// before a known one.
			if _, ok := m.chars[b]; ok {
				return i
			}
		}
		a, i = b, i+n
	}
	return i
}
