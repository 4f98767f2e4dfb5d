package tokenizer

import (
	"strings"
	"unicode/utf8"
)

const replacement = "\uFFFD"

// validUTF8 returns s with a U+FFFD for every longest run of bytes that begins
// a character but does not end one, or for a byte that begins none: the
// practice of Unicode 3.9, "U+FFFD substitution of maximal subparts".
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for s != "" {
		n, ok := validPrefix(s)
		b.WriteString(s[:n])
		s = s[n:]
		if !ok {
			b.WriteString(replacement)
			s = s[badLen(s):]
		}
	}
	return b.String()
}

// validPrefix returns the length of the longest valid prefix of s; ok if that
// is all of s.
func validPrefix[T string | []byte](s T) (n int, ok bool) {
	for n < len(s) {
		if s[n] < utf8.RuneSelf {
			n++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[n:min(n+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && size == 1 {
			return n, false
		}
		n += size
	}
	return n, true
}

// badLen returns how many bytes at the start of s, which is not valid there,
// one U+FFFD stands for.
func badLen[T string | []byte](s T) int {
	n := 1
	for n < len(s) && n < utf8.UTFMax && partial(s[:n+1]) {
		n++
	}
	return n
}

// partial reports whether all of s is the beginning of one character.
func partial[T string | []byte](s T) bool {
	return len(s) < utf8.UTFMax && !utf8.FullRuneInString(string(s))
}
