package tokenizer

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A vocabulary and its merges are nearly all of a tokenizer.json: a hundred
// thousand short strings each. encoding/json checks that they are JSON and
// hands them over; the types here then take them apart in a third of the time
// that decoding into a map and slices takes.

// vocabJSON is the object of tokens and ids, in the order of the file. What is
// wrong with it waits in err: another type of model may have another form, and
// that is the better message.
type vocabJSON struct {
	list []tokenID
	err  error
}

type tokenID struct {
	token string
	id    int32
}

func (v *vocabJSON) UnmarshalJSON(data []byte) error {
	w := walker{s: string(data)}
	if !w.take('{') {
		if w.scalar() != "null" {
			v.err = fmt.Errorf("vocab is no object of tokens and ids")
		}
		return nil
	}
	v.list = make([]tokenID, 0, len(data)/16)
	for !w.take('}') {
		token := w.text()
		w.take(':')
		number := w.scalar()
		id, err := strconv.Atoi(number)
		if err != nil || id < 0 || id > maxID {
			v.err = fmt.Errorf("vocab: token %q has the id %.20s, not one of 0 to %d", token, number, maxID)
			return nil
		}
		v.list = append(v.list, tokenID{token, int32(id)})
		w.take(',')
	}
	return nil
}

// mergesJSON is the list of merges in either of its two formats, "a b" or
// ["a", "b"]; err is as in vocabJSON.
type mergesJSON struct {
	list [][2]string
	err  error
}

func (m *mergesJSON) UnmarshalJSON(data []byte) error {
	w := walker{s: string(data)}
	if !w.take('[') {
		if w.scalar() != "null" {
			m.err = fmt.Errorf("merges is no list")
		}
		return nil
	}
	m.list = make([][2]string, 0, len(data)/12)
	for i := 0; !w.take(']'); i++ {
		var a, b string
		ok := false
		switch {
		case w.at('"'):
			line := w.text()
			if i == 0 && strings.HasPrefix(line, "#version") {
				w.take(',')
				continue
			}
			a, b, ok = strings.Cut(line, " ")
			ok = ok && !strings.Contains(b, " ")
		case w.take('[') && w.at('"'):
			a = w.text()
			if ok = w.take(',') && w.at('"'); ok {
				b = w.text()
				ok = w.take(']')
			}
		}
		if !ok {
			m.err = fmt.Errorf(`merges[%d] is neither "a b" nor ["a", "b"]`, i)
			return nil
		}
		m.list = append(m.list, [2]string{a, b})
		w.take(',')
	}
	return nil
}

// walker goes through a text that is known to be JSON.
type walker struct {
	s string
	i int
}

// at reports whether b comes next, after white space.
func (w *walker) at(b byte) bool {
	for w.i < len(w.s) && (w.s[w.i] == ' ' || w.s[w.i] == '\n' || w.s[w.i] == '\r' || w.s[w.i] == '\t') {
		w.i++
	}
	return w.i < len(w.s) && w.s[w.i] == b
}

// take goes past b, if it comes next.
func (w *walker) take(b byte) bool {
	ok := w.at(b)
	if ok {
		w.i++
	}
	return ok
}

// text goes past a string and returns it.
func (w *walker) text() string {
	w.at('"')
	start := w.i + 1
	plain := true
	for w.i = start; w.s[w.i] != '"'; w.i++ {
		if w.s[w.i] == '\\' {
			plain = false
			w.i++
		}
	}
	w.i++
	s := w.s[start : w.i-1]
	if plain && utf8.ValidString(s) {
		return s
	}
	var decoded string
	// An error cannot be: the text is JSON.
	_ = json.Unmarshal([]byte(w.s[start-1:w.i]), &decoded)
	return decoded
}

// scalar goes to the next comma or bracket and returns what it passes.
func (w *walker) scalar() string {
	w.at(0)
	start := w.i
	for w.i < len(w.s) && strings.IndexByte(",]}", w.s[w.i]) < 0 {
		w.i++
	}
	return strings.TrimRight(w.s[start:w.i], " \t\r\n")
}
