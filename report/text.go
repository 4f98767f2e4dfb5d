package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds a name in a rendering, in columns of a terminal; CSV and JSON give names
// in full.
const maxName = 80

// plain makes a text from a file safe to show on one line: control characters,
// marks that reorder the text around them and bytes that are not UTF-8 become
// U+FFFD, runs of white space one space.
func plain(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r),
			r == 0xFFFE, r == 0xFFFF, r == 0x2028, r == 0x2029:
			return utf8.RuneError
		}
		return r
	}, text)), " ")
}

// name is a name from a file as renderings show it: plain, never empty, with
// its middle left out if it is long.
func name(text string) string {
	text = shorten(plain(text), maxName)
	if text == "" {
		return "(no name)"
	}
	return text
}

// shorten leaves out the middle of a text of more than n columns, counting a
// mark without a width as one: names that belong together often differ only at
// the end.
func shorten(text string, n int) string {
	cost := func(r rune) int { return max(1, runeColumns(r)) }
	total := 0
	for _, r := range text {
		total += cost(r)
	}
	if total <= n {
		return text
	}
	runes := []rune(text)
	from, to := 0, len(runes)
	head, tail := (n-1)/2, n-1-(n-1)/2
	for from < to && cost(runes[from]) <= head {
		head -= cost(runes[from])
		from++
	}
	for to > from && cost(runes[to-1]) <= tail {
		tail -= cost(runes[to-1])
		to--
	}
	return string(runes[:from]) + "…" + string(runes[to:])
}

// wide are the characters that take two columns of a terminal: the main blocks
// of Unicode Standard Annex 11.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115F, Stride: 1}, {Lo: 0x2E80, Hi: 0xA4CF, Stride: 1},
		{Lo: 0xAC00, Hi: 0xD7A3, Stride: 1}, {Lo: 0xF900, Hi: 0xFAFF, Stride: 1},
		{Lo: 0xFE30, Hi: 0xFE6F, Stride: 1}, {Lo: 0xFF00, Hi: 0xFF60, Stride: 1},
		{Lo: 0xFFE0, Hi: 0xFFE6, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x1F300, Hi: 0x1FAFF, Stride: 1}, {Lo: 0x20000, Hi: 0x3FFFD, Stride: 1}},
}

// columns is the width of a text on a terminal.
func columns(text string) int {
	width := 0
	for _, r := range text {
		width += runeColumns(r)
	}
	return width
}

func runeColumns(r rune) int {
	switch {
	case r < utf8.RuneSelf:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// wrap breaks a text into lines of at most width columns at its spaces.
func wrap(text string, width int) []string {
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(text) {
		w := columns(word)
		if line != "" && used+1+w > width {
			lines = append(lines, line)
			line, used = "", 0
		}
		if line != "" {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+w
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// listing joins words as "a, b and c".
func listing(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// plural is "1 stream" or "5 streams".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return itoa(n) + " " + noun + "s"
}
