package corpus

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// checked parses content and checks what holds of every file: a fault names the
// file and a place within it, and passages are named texts.
func checked(t *testing.T, file string, content []byte) ([]Passage, bool) {
	t.Helper()
	list, err := parse(file, content)
	if err != nil {
		var f *FormatError
		if !errors.As(err, &f) || f.File != file || f.Reason == "" || f.Offset < 0 || f.Offset > int64(len(content)) {
			t.Fatalf("fault %#v", err)
		}
		return nil, false
	}
	if len(list) == 0 {
		t.Fatal("neither passages nor a fault")
	}
	for i, p := range list {
		if blank(p.Text) || blank(p.Title) || !utf8.ValidString(p.Text) || !utf8.ValidString(p.Title) || strings.Contains(p.Title, "\n") || !strings.HasPrefix(p.Source, file) {
			t.Fatalf("passage %d: %+v", i, p)
		}
	}
	return list, true
}

// FuzzText checks that a text is refused, or kept to the last character that is
// not white space, in one passage or in several.
func FuzzText(f *testing.F) {
	f.Add([]byte(wiki))
	f.Add([]byte("a\r\nb\n"))
	f.Add([]byte(" = A = \n = B = \n\n\n = C = "))
	f.Add([]byte("\xff\xfea"))
	f.Fuzz(func(t *testing.T, content []byte) {
		list, ok := checked(t, "a.txt", content)
		if !ok {
			return
		}
		var joined []string
		for _, p := range list {
			joined = append(joined, strings.Fields(p.Text)...)
		}
		want := strings.Join(strings.Fields(string(bytes.TrimPrefix(content, []byte(byteOrderMark)))), " ")
		if got := strings.Join(joined, " "); got != want {
			t.Fatalf("the passages hold %q, the file %q", got, want)
		}
	})
}

// FuzzJSON checks that the lines of a .jsonl file are the same passages as in
// an array.
func FuzzJSON(f *testing.F) {
	f.Add([]byte("\"a\"\n{\"text\":\"b\",\"id\":1,\"title\":\"\"}\n\n"))
	f.Add([]byte("[\"a\",\n{\"text\":\"b\",\"title\":\"t\"}]"))
	f.Add([]byte("[\"a\",null]"))
	f.Add([]byte("{\"text\":\"\\ud800\"}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		checked(t, "set.json", content)
		list, ok := checked(t, "set.jsonl", content)
		if !ok {
			return
		}
		var elements [][]byte
		for line := range bytes.Lines(bytes.TrimPrefix(content, []byte(byteOrderMark))) {
			if len(bytes.TrimSpace(line)) > 0 {
				elements = append(elements, line)
			}
		}
		array, ok := checked(t, "set.json", append(append([]byte("["), bytes.Join(elements, []byte(","))...), ']'))
		if !ok || len(array) != len(list) {
			t.Fatalf("%d passages in lines, %d in an array", len(list), len(array))
		}
		for i := range list {
			if list[i].Text != array[i].Text || list[i].Title != array[i].Title {
				t.Fatalf("passage %d: %+v in a line, %+v in an array", i, list[i], array[i])
			}
		}
	})
}
