package tokenizer

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalizer is the sequence of steps that a text goes through before it is
// cut.
type normalizer []normalizerStep

type normalizerStep interface {
	normalize(s string) string
}

func (n normalizer) normalize(s string) string {
	for _, step := range n {
		s = step.normalize(s)
	}
	return s
}

// prepend puts text in front of what is not empty.
type prepend string

func (p prepend) normalize(s string) string {
	if s == "" {
		return s
	}
	return string(p) + s
}

// replace replaces every occurrence of a string.
type replace struct{ old, new string }

func (r replace) normalize(s string) string { return strings.ReplaceAll(s, r.old, r.new) }

// unicodeForm is a normalisation form of Unicode, Standard Annex 15.
type unicodeForm norm.Form

func (f unicodeForm) normalize(s string) string {
	form := norm.Form(f)
	out := form.String(s)
	// The library also makes its text "stream-safe": it inserts a combining
	// grapheme joiner where more than 30 marks follow each other. Reference
	// tokenizers do not.
	const joiner = "\u034F"
	if out == s || strings.Count(out, joiner) == strings.Count(s, joiner) {
		return out
	}
	return normalizeUnbounded(form, s)
}

// normalizeUnbounded normalises s, whatever the number of marks in a row, by
// the algorithm as the annex states it: decompose, sort marks by their
// combining class, compose.
func normalizeUnbounded(form norm.Form, s string) string {
	decompose := norm.NFD
	if form == norm.NFKC || form == norm.NFKD {
		decompose = norm.NFKD
	}
	type char struct {
		r     rune
		class uint8
	}
	class := func(r rune) uint8 {
		var b [utf8.UTFMax]byte
		return decompose.Properties(utf8.AppendRune(b[:0], r)).CCC()
	}
	var chars []char
	for _, r := range s {
		for _, d := range decompose.String(string(r)) {
			chars = append(chars, char{d, class(d)})
		}
	}
	for i := 0; i < len(chars); {
		j := i + 1
		if chars[i].class != 0 {
			for j < len(chars) && chars[j].class != 0 {
				j++
			}
			slices.SortStableFunc(chars[i:j], func(a, b char) int { return int(a.class) - int(b.class) })
		}
		i = j
	}
	if form == norm.NFC || form == norm.NFKC {
		composed := chars[:0]
		starter := -1    // index of the last starter
		last := uint8(0) // class of what stands between it and the next character, 0 for nothing
		for _, c := range chars {
			if starter >= 0 && (last == 0 || last < c.class) {
				if r, ok := compose(composed[starter].r, c.r); ok {
					composed[starter].r = r
					continue
				}
			}
			last = c.class
			if c.class == 0 {
				starter = len(composed)
			}
			composed = append(composed, c)
		}
		chars = composed
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, c := range chars {
		b.WriteRune(c.r)
	}
	return b.String()
}

// compose returns the character that a and b make.
func compose(a, b rune) (rune, bool) {
	s := norm.NFC.String(string([]rune{a, b}))
	r, n := utf8.DecodeRuneInString(s)
	return r, n == len(s)
}
