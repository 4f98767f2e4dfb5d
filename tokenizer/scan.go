package tokenizer

import (
	"math"
	"strings"
	"unicode/utf8"
)

// splitter cuts a text into what a pattern matches and the gaps between.
type splitter interface {
	// next returns the length of the first part of s, which is not empty, and
	// whether the pattern matched it. What it returns is never 0, and does not
	// depend on the text before s.
	next(s string) (n int, match bool)
}

// words is the form that most published split patterns share. It is the
// regular expression
//
//	contraction | [lead]?[letters]+ | number{1,numbers} | ' '?[signs]+[\r\n]* | \s*[\r\n]+ | \s+(?!\S) | \s+
//
// whose alternatives are tried in this order. patterns.go holds the values.
type words struct {
	classes      *classTable
	contractions contractions
	commands     bool  // first of all: an ASCII punctuation mark and the ASCII letters after it
	lead         class // what may stand before letters
	letters      class
	numbers      int   // the longest run of digits, 0 if the pattern has none
	signs        class // what remains, in runs
	lines        bool  // newlines are taken as above; if not, they are white space like any other
	slash        bool  // a slash counts as a newline after signs
	gpt2         bool  // a space, and only that, may lead letters and digits
}

type contractions int

const (
	noContractions contractions = iota
	lowerCase                   // 's|'t|'re|'ve|'m|'ll|'d
	anyCase                     // (?i:...) of these: also the long s
)

func (w *words) next(s string) (int, bool) {
	if n := w.match(s); n > 0 {
		return n, true
	}
	for i := 0; ; {
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
		if i == len(s) || w.match(s[i:]) > 0 {
			return i, false
		}
	}
}

// match returns the length of the match at the start of s, 0 for none.
func (w *words) match(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	c := w.classes.of(r)
	if r == '\'' && w.contractions != noContractions {
		if k := w.contractions.match(s); k > 0 {
			return k
		}
	}
	if w.commands && n == 1 && c&(punctuation|symbol) != 0 {
		if k := asciiLetters(s, 1); k > 1 {
			return k
		}
	}
	if c&w.letters != 0 {
		return w.run(s, n, w.letters)
	}
	var second class
	var m int
	if n < len(s) {
		var r2 rune
		r2, m = utf8.DecodeRuneInString(s[n:])
		second = w.classes.of(r2)
	}
	leads := c&w.lead != 0 || w.gpt2 && r == ' '
	if leads && second&w.letters != 0 {
		return w.run(s, n+m, w.letters)
	}
	if w.numbers > 0 {
		if c == number {
			return w.runUpTo(s, n, number, w.numbers-1)
		}
		if w.gpt2 && r == ' ' && second == number {
			return w.runUpTo(s, n+m, number, w.numbers-1)
		}
	}
	if c&w.signs != 0 || r == ' ' && second&w.signs != 0 {
		k := w.run(s, n, w.signs)
		for w.lines && k < len(s) && (s[k] == '\r' || s[k] == '\n' || w.slash && s[k] == '/') {
			k++
		}
		return k
	}
	if c&whitespace != 0 {
		return w.space(s)
	}
	return 0
}

// run returns the end of the run of characters of set that goes on at i.
func (w *words) run(s string, i int, set class) int {
	ascii := &w.classes.pages[0] // of the first 256 characters
	for i < len(s) {
		if b := s[i]; b < utf8.RuneSelf {
			if ascii[b]&set == 0 {
				break
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if w.classes.of(r)&set == 0 {
			break
		}
		i += n
	}
	return i
}

// runUpTo is run for at most limit characters.
func (w *words) runUpTo(s string, i int, set class, limit int) int {
	for ; i < len(s) && limit > 0; limit-- {
		r, n := utf8.DecodeRuneInString(s[i:])
		if w.classes.of(r)&set == 0 {
			break
		}
		i += n
	}
	return i
}

// space matches white space: \s*[\r\n]+ if lines, \s+(?!\S), \s+. The first
// takes all up to the last newline, the second leaves the last character to
// the word that follows.
func (w *words) space(s string) int {
	end, last := 0, 0 // last: the size of the last character
	line := 0         // the end of the last newline
	for end < len(s) {
		r, n := utf8.DecodeRuneInString(s[end:])
		c := w.classes.of(r)
		if c&whitespace == 0 {
			break
		}
		end, last = end+n, n
		if c == newline {
			line = end
		}
	}
	switch {
	case w.lines && line > 0:
		return line
	case end == len(s) || end == last:
		return end
	default:
		return end - last
	}
}

// match returns the length of the contraction at the start of s, which begins
// with an apostrophe, or 0.
func (k contractions) match(s string) int {
	if len(s) < 2 {
		return 0
	}
	var a, b byte
	a = s[1]
	if len(s) > 2 {
		b = s[2]
	}
	if k == anyCase {
		if strings.HasPrefix(s[1:], "ſ") { // U+017F folds to s
			return 1 + len("ſ")
		}
		a, b = asciiLower(a), asciiLower(b)
	}
	switch {
	case a == 's', a == 't', a == 'm', a == 'd':
		return 2
	case a == 'r' && b == 'e', a == 'v' && b == 'e', a == 'l' && b == 'l':
		return 3
	}
	return 0
}

func asciiLower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}

// asciiLetters returns the end of the run of ASCII letters in s from i.
func asciiLetters(s string, i int) int {
	for i < len(s) && 'a' <= s[i]|0x20 && s[i]|0x20 <= 'z' {
		i++
	}
	return i
}

// runs matches runs of the characters of a set, each at most max long.
type runs struct {
	in  func(r rune) bool
	max int
}

const unlimited = math.MaxInt

func (p runs) next(s string) (int, bool) {
	i, count := 0, 0
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !p.in(r) {
			break
		}
		i, count = i+n, count+1
		if count == p.max {
			break
		}
	}
	if i > 0 {
		return i, true
	}
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if p.in(r) {
			break
		}
		i += n
	}
	return i, false
}
