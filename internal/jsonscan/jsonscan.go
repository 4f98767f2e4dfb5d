// Package jsonscan reads JSON text value by value, as a caller that knows what
// to expect asks for it: the headers and indexes of checkpoints have tens of
// thousands of entries, and encoding/json takes seconds for them and passes
// over keys that are there twice.
//
// It accepts what RFC 8259 allows and nothing else. The text must be UTF-8,
// which the caller checks.
package jsonscan

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Scanner is a place in a text.
type Scanner struct {
	text []byte
	pos  int
	last [32]string // short strings read before: keys and types recur
}

// New starts at the beginning of a text.
func New(text []byte) *Scanner { return &Scanner{text: text} }

// Error is a text that is not JSON, or not the value that was asked for.
type Error struct {
	Offset int // in bytes
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("%s (at byte %d)", e.Reason, e.Offset) }

// Offset is the place in the text, after what has been read.
func (s *Scanner) Offset() int { return s.pos }

func (s *Scanner) wrong(format string, args ...any) error {
	if s.pos >= len(s.text) {
		return &Error{len(s.text), "not valid JSON: it ends too early"}
	}
	return &Error{s.pos, fmt.Sprintf(format, args...)}
}

// peek passes over white space and returns the next byte, or 0 at the end.
func (s *Scanner) peek() byte {
	for ; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// End reports anything but white space that follows.
func (s *Scanner) End() error {
	if s.peek(); s.pos < len(s.text) {
		return s.wrong("not valid JSON: it goes on after its end")
	}
	return nil
}

// Object reads an object. For every key it calls field, which must read the
// value. Keys may repeat: field has to know.
func (s *Scanner) Object(field func(key string) error) error {
	return s.list('{', '}', "an object", func() error {
		if s.peek() != '"' {
			return s.wrong("not valid JSON: want a key in quotes")
		}
		key, err := s.String()
		if err != nil {
			return err
		}
		if s.peek() != ':' {
			return s.wrong("not valid JSON: want a colon after the key %q", key)
		}
		s.pos++
		return field(key)
	})
}

// Array reads an array. item is called for every value and must read it.
func (s *Scanner) Array(item func() error) error { return s.list('[', ']', "an array", item) }

func (s *Scanner) list(open, end byte, what string, item func() error) error {
	if s.peek() != open {
		return s.unexpected(what)
	}
	s.pos++
	if s.peek() == end {
		s.pos++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.pos++
		case end:
			s.pos++
			return nil
		default:
			return s.wrong("not valid JSON: want a comma or %q", end)
		}
	}
}

// unexpected is the error for a value of another kind.
func (s *Scanner) unexpected(want string) error {
	c := s.peek()
	switch {
	case c == '{':
		return s.wrong("want %s, found an object", want)
	case c == '[':
		return s.wrong("want %s, found an array", want)
	}
	start := s.pos
	if err := s.Skip(); err != nil {
		return err
	}
	return &Error{start, fmt.Sprintf("want %s, found %s", want, s.text[start:s.pos])}
}

// String reads a string.
func (s *Scanner) String() (string, error) {
	if s.peek() != '"' {
		return "", s.unexpected("a string")
	}
	inside, escaped, err := s.quoted()
	if err != nil || !escaped {
		return s.intern(inside), err
	}
	var text string
	if err := json.Unmarshal(s.text[s.pos-len(inside)-2:s.pos], &text); err != nil {
		return "", s.wrong("not valid JSON: %v", err)
	}
	return text, nil
}

// intern is string(b), without an allocation if a short b recurs.
func (s *Scanner) intern(b []byte) string {
	if len(b) == 0 || len(b) > 12 {
		return string(b)
	}
	// This tells the keys and types of a tensor file's header apart.
	slot := &s.last[(7*len(b)+int(b[0])+int(b[len(b)-1]))%len(s.last)]
	if *slot != string(b) {
		*slot = string(b)
	}
	return *slot
}

// quoted passes over a string and returns what is between its quotes.
func (s *Scanner) quoted() (inside []byte, escaped bool, err error) {
	start := s.pos + 1
	for i := start; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.pos = i + 1
			return s.text[start:i], escaped, nil
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			s.pos = i
			return nil, false, s.wrong("not valid JSON: a control character in a string")
		}
	}
	s.pos = len(s.text)
	return nil, false, s.wrong("")
}

// Int reads a whole number. The spellings 1.0 and 1e2 are refused.
func (s *Scanner) Int() (int64, error) {
	if c := s.peek(); c != '-' && (c < '0' || c > '9') {
		return 0, s.unexpected("a whole number")
	}
	start := s.pos
	if err := s.number(); err != nil {
		return 0, err
	}
	digits := s.text[start:s.pos]
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return 0, &Error{start, fmt.Sprintf("%s is not a whole number between -2^63 and 2^63", digits)}
	}
	return n, nil
}

// number passes over a number.
func (s *Scanner) number() error {
	digits := func() error {
		start := s.pos
		for s.pos < len(s.text) && s.text[s.pos] >= '0' && s.text[s.pos] <= '9' {
			s.pos++
		}
		if s.pos == start {
			return s.wrong("not valid JSON: want a digit")
		}
		return nil
	}
	at := func(set string) bool {
		for i := range len(set) {
			if s.pos < len(s.text) && s.text[s.pos] == set[i] {
				s.pos++
				return true
			}
		}
		return false
	}
	at("-")
	if !at("0") { // nothing but a fraction follows a zero
		if err := digits(); err != nil {
			return err
		}
	}
	if at(".") {
		if err := digits(); err != nil {
			return err
		}
	}
	if at("eE") {
		at("+-")
		return digits()
	}
	return nil
}

// maxDepth bounds how deep a value may be nested that nobody asks for.
const maxDepth = 100

// Skip passes over a value of any kind.
func (s *Scanner) Skip() error { return s.skip(0) }

func (s *Scanner) skip(depth int) error {
	if depth > maxDepth {
		return s.wrong("an unknown field is nested more than %d deep", maxDepth)
	}
	switch c := s.peek(); {
	case c == '{':
		return s.Object(func(string) error { return s.skip(depth + 1) })
	case c == '[':
		return s.Array(func() error { return s.skip(depth + 1) })
	case c == '"':
		_, err := s.String()
		return err
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if len(s.text)-s.pos >= len(word) && string(s.text[s.pos:s.pos+len(word)]) == word {
			s.pos += len(word)
			return nil
		}
	}
	return s.wrong("not valid JSON: no value begins with %q", s.text[s.pos:min(s.pos+1, len(s.text))])
}
