package corpus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// entry is a passage in JSON.
type entry struct {
	title, text string
}

// UnmarshalJSON accepts a string, or an object with a text.
func (e *entry) UnmarshalJSON(data []byte) error {
	*e = entry{}
	var object struct {
		Text  *string    `json:"text"`
		Title *string    `json:"title"`
		ID    identifier `json:"id"`
	}
	switch data[0] {
	case '"':
		object.Text = new(string)
		if err := json.Unmarshal(data, object.Text); err != nil {
			return err
		}
	case '{':
		if err := json.Unmarshal(data, &object); err != nil {
			return err
		}
	default:
		return errors.New(`a passage is a string or an object with "text"`)
	}
	if object.Text == nil {
		return errors.New(`the object has no "text"`)
	}
	e.text = *object.Text
	if blank(e.text) {
		return errors.New("the text is empty; take the entry out")
	}
	if object.Title != nil {
		e.title = oneLine(*object.Title)
	}
	if e.title == "" {
		e.title = object.ID.name
	}
	return nil
}

// identifier is the name that an "id" gives: a string's or a number's.
type identifier struct {
	name string
}

func (n *identifier) UnmarshalJSON(data []byte) error {
	switch c := data[0]; {
	case c == '"':
		if err := json.Unmarshal(data, &n.name); err != nil {
			return err
		}
		n.name = oneLine(n.name)
	case c == '-' || '0' <= c && c <= '9':
		n.name = string(data)
	}
	return nil // anything else names nothing
}

// oneLine makes a name fit a row of a table.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// passage names an entry that has no name of its own after its file.
func (e entry) passage(file string, number, line int) Passage {
	if e.title == "" {
		e.title = fmt.Sprintf("%s %d", stem(file), number)
	}
	return Passage{Title: e.title, Text: e.text, Source: fmt.Sprintf("%s:%d", file, line)}
}

// parseLines reads a passage from each line.
func parseLines(file string, data []byte) ([]Passage, error) {
	start, err := checkText(file, data)
	if err != nil {
		return nil, err
	}
	var list []Passage
	for line := 1; start < len(data); line++ {
		end := len(data)
		if i := bytes.IndexByte(data[start:], '\n'); i >= 0 {
			end = start + i
		}
		if content := data[start:end]; len(bytes.TrimSpace(content)) > 0 {
			var e entry
			if err := json.Unmarshal(content, &e); err != nil {
				at := start
				var syntax *json.SyntaxError
				if errors.As(err, &syntax) {
					at += max(int(syntax.Offset)-1, 0) // it counts the byte at fault
				}
				return nil, faultAt(file, data, at, "%s", reason(err))
			}
			list = append(list, e.passage(file, len(list)+1, line))
		}
		start = end + 1
	}
	if len(list) == 0 {
		return nil, &FormatError{File: file, Reason: "the file holds no passages"}
	}
	return list, nil
}

// parseArray reads an array of passages.
func parseArray(file string, data []byte) ([]Passage, error) {
	mark, err := checkText(file, data)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data[mark:]))
	// next is where the next value or bracket begins.
	next := func() int {
		at := mark + int(d.InputOffset())
		return len(data) - len(bytes.TrimLeft(data[at:], " \t\r\n,"))
	}
	fault := func(at int, err error) error { return faultAt(file, data, at, "%s", reason(err)) }

	at := next()
	switch token, err := d.Token(); {
	case err == io.EOF:
		return nil, &FormatError{File: file, Reason: "the file holds no passages"}
	case err != nil:
		return nil, fault(at, err)
	case token != json.Delim('['):
		return nil, faultAt(file, data, at, "a .json file must be an array of passages; a file with a passage on each line is called .jsonl")
	}
	var list []Passage
	line, counted := 1, 0
	for d.More() {
		at := next()
		line += bytes.Count(data[counted:at], []byte{'\n'})
		counted = at
		var e entry
		if err := d.Decode(&e); err != nil {
			return nil, fault(at, err)
		}
		list = append(list, e.passage(file, len(list)+1, line))
	}
	at = next()
	if _, err := d.Token(); err != nil {
		return nil, fault(at, err)
	}
	at = mark + int(d.InputOffset())
	if rest := bytes.TrimSpace(data[at:]); len(rest) > 0 {
		return nil, faultAt(file, data, at+bytes.Index(data[at:], rest), "something follows the array")
	}
	if len(list) == 0 {
		return nil, &FormatError{File: file, Reason: "the file holds no passages"}
	}
	return list, nil
}

// reason words an error of the JSON package as one of the file.
func reason(err error) string {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return fmt.Sprintf("%q is a JSON %s where a string belongs", kind.Field, kind.Value)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the file breaks off within the array"
	}
	return err.Error()
}
