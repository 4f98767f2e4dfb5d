package tokenizer

import "unicode/utf8"

// cased is the form of the patterns that also cut where lower case turns to
// upper case. It is
//
//	[lead]?U*L+contraction? | [lead]?U+L*contraction?
//
// before the numbers, signs and white space of words; U is upper case, L is
// lower case, and letters without case and marks are in both.
type cased struct {
	words        // without letters of its own
	contractions contractions
}

const (
	capitals = upper | caseless | mark
	smalls   = lower | caseless | mark
)

func (p *cased) next(s string) (int, bool) {
	if n := p.match(s); n > 0 {
		return n, true
	}
	// The patterns of this form leave no gaps.
	_, n := utf8.DecodeRuneInString(s)
	return n, false
}

func (p *cased) match(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	lead := 0
	if p.classes.of(r)&(letter|number|newline) == 0 {
		lead = n
	}
	for _, alternative := range [...]func(string, int) int{p.small, p.capital} {
		end := alternative(s, lead)
		if end == 0 && lead > 0 { // a mark may lead, or be the word
			end = alternative(s, 0)
		}
		if end > 0 {
			if p.contractions != noContractions && end < len(s) && s[end] == '\'' {
				end += p.contractions.match(s[end:])
			}
			return end
		}
	}
	return p.words.match(s)
}

// small returns the end of U*L+ that begins at i, or 0. U* takes what it can
// and gives back as little as L+ needs: the last of the characters in both.
func (p *cased) small(s string, i int) int {
	both := 0
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		c := p.classes.of(r)
		if c&capitals == 0 {
			if c == lower {
				return p.run(s, i, smalls)
			}
			break
		}
		i += n
		if c&smalls != 0 {
			both = i
		}
	}
	return both
}

// capital returns the end of U+L* that begins at i, or 0, where small found
// nothing: L* is then empty.
func (p *cased) capital(s string, i int) int {
	if end := p.run(s, i, capitals); end > i {
		return end
	}
	return 0
}
