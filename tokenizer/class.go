package tokenizer

import (
	"sync"
	"unicode"
)

// class is what the split patterns know of a character. Every character has
// exactly one; a set of classes is their union.
type class uint16

const (
	upper       class = 1 << iota // \p{Lu} and \p{Lt}
	lower                         // \p{Ll}
	caseless                      // \p{Lm} and \p{Lo}
	mark                          // \p{M}
	number                        // \p{N}
	punctuation                   // \p{P}
	symbol                        // \p{S}
	blank                         // \s without \r and \n
	newline                       // \r and \n
	other                         // everything else: controls, private use, not assigned

	letter     = upper | lower | caseless
	whitespace = blank | newline
)

// classTable maps a character to its class in two steps: most blocks of 256
// characters are alike, so the whole of Unicode takes little memory.
type classTable struct {
	index [(unicode.MaxRune + 1) / 256]uint8
	pages [][256]class
}

func (t *classTable) of(r rune) class { return t.pages[t.index[r>>8]][r&0xff] }

// classes is built when a tokenizer first needs it.
var classes = sync.OnceValue(func() *classTable {
	flat := make([]class, unicode.MaxRune+1)
	for i := range flat {
		flat[i] = other
	}
	set := func(t *unicode.RangeTable, c class) {
		for _, r := range t.R16 {
			for i := rune(r.Lo); i <= rune(r.Hi); i += rune(r.Stride) {
				flat[i] = c
			}
		}
		for _, r := range t.R32 {
			for i := rune(r.Lo); i <= rune(r.Hi); i += rune(r.Stride) {
				flat[i] = c
			}
		}
	}
	for _, r := range unicode16 {
		for i := r.lo; i <= r.hi; i++ {
			flat[i] = r.class
		}
	}
	for _, c := range []struct {
		table *unicode.RangeTable
		class class
	}{
		{unicode.Lu, upper}, {unicode.Lt, upper}, {unicode.Ll, lower}, {unicode.Lm, caseless}, {unicode.Lo, caseless},
		{unicode.M, mark}, {unicode.N, number}, {unicode.P, punctuation}, {unicode.S, symbol},
		{unicode.White_Space, blank},
	} {
		set(c.table, c.class)
	}
	flat['\r'], flat['\n'] = newline, newline

	t := new(classTable)
	seen := make(map[[256]class]uint8)
	for i := range t.index {
		page := [256]class(flat[i*256:])
		k, ok := seen[page]
		if !ok {
			k = uint8(len(t.pages)) // fewer than 256 differ: a test counts them
			seen[page] = k
			t.pages = append(t.pages, page)
		}
		t.index[i] = k
	}
	return t
})
