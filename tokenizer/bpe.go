package tokenizer

import "unicode/utf8"

// bpe is the model: it makes tokens of a piece by joining, again and again,
// the pair of neighbours that comes first in the list of merges.
type bpe struct {
	pairs pairTable

	// In a byte-level model the symbols to begin with are bytes, else
	// characters.
	byteLevel bool
	bytes     [256]symbols
	chars     map[rune]symbols

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

// symbols is what a character begins as: one id, nearly always, or the ids of
// its bytes.
type symbols struct {
	id    int32 // noSymbol, manySymbols or an id
	bytes []int32
}

const (
	noSymbol    = -1
	manySymbols = -2
)

// append appends the ids of piece to dst.
func (m *bpe) append(dst []int32, piece string, w *merger) []int32 {
	if m.whole != nil && len(piece) <= m.longestWhole {
		if id, ok := m.whole[piece]; ok {
			return append(dst, id)
		}
	}
	if m.byteLevel && len(piece) == 1 {
		if id := m.bytes[piece[0]].id; id >= 0 {
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
	add := func(s symbols) {
		switch {
		case s.id >= 0:
			flush()
			w.add(s.id)
		case s.id == manySymbols:
			// Unknown characters before are written after these bytes. So the
			// reference does; a file with all 256 bytes never gets here with
			// characters pending.
			for _, id := range s.bytes {
				w.add(id)
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
			if id := m.bytes[piece[i]].id; id >= 0 && pending == 0 {
				w.add(id)
			} else {
				add(m.bytes[piece[i]])
			}
		}
	} else {
		for _, r := range piece {
			add(m.char(r))
		}
	}
	flush()
	return w.merge(dst, &m.pairs)
}

// char returns what r begins as in a model of characters.
func (m *bpe) char(r rune) symbols {
	if s, ok := m.chars[r]; ok {
		return s
	}
	return m.spell(string(r))
}

// spell returns the bytes of an unknown character, where the model has them.
func (m *bpe) spell(char string) symbols {
	if !m.fallback {
		return symbols{id: noSymbol}
	}
	ids := make([]int32, len(char))
	for i := range ids {
		if ids[i] = m.bytesOf[char[i]]; ids[i] < 0 {
			return symbols{id: noSymbol}
		}
	}
	return symbols{id: manySymbols, bytes: ids}
}

// uncut returns the length of the start of s that must be merged as a whole.
func (m *bpe) uncut(s string) int {
	a, i := utf8.DecodeRuneInString(s)
	for i < len(s) {
		b, n := utf8.DecodeRuneInString(s[i:])
		if _, joint := m.joints.find(int32(a), int32(b)); !joint {
			// Runs of unknown characters may become one token; they end
			// before a known one.
			if c, ok := m.chars[b]; ok && c.id >= 0 {
				return i
			}
		}
		a, i = b, i+n
	}
	return i
}
