package jsonscan

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestValuesAreReadAsAskedFor(t *testing.T) {
	s := New([]byte(` {"a" : [1, -20,3] ,"b\u00e4\n":"x\"y", "other": {"deep":[null,true,false,1.5e-3,"",{}]},"e":[]} `))
	got := map[string]any{}
	err := s.Object(func(key string) (err error) {
		switch key {
		case "a", "e":
			list := []int64{}
			err = s.Array(func() error {
				n, err := s.Int()
				list = append(list, n)
				return err
			})
			got[key] = list
		case "other":
			return s.Skip()
		default:
			got[key], err = s.String()
		}
		return err
	})
	if err == nil {
		err = s.End()
	}
	want := map[string]any{"a": []int64{1, -20, 3}, "bä\n": `x"y`, "e": []int64{}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v (%v), want %v", got, err, want)
	}
}

func TestErrorsSayWhatWasFoundAndWhere(t *testing.T) {
	for _, tt := range []struct {
		text   string
		read   func(s *Scanner) error
		offset int
		want   string
	}{
		{` 3`, func(s *Scanner) error { return s.Object(nil) }, 1, "want an object, found 3"},
		{`"x"`, func(s *Scanner) error { return s.Array(nil) }, 0, `want an array, found "x"`},
		{`{}`, func(s *Scanner) error { _, err := s.String(); return err }, 0, "want a string, found an object"},
		{`null`, func(s *Scanner) error { _, err := s.Int(); return err }, 0, "want a whole number, found null"},
		{`2.5`, func(s *Scanner) error { _, err := s.Int(); return err }, 0, "2.5 is not a whole number"},
		{`9223372036854775808`, func(s *Scanner) error { _, err := s.Int(); return err }, 0, "not a whole number between"},
		{`{} {}`, func(s *Scanner) error { s.Skip(); return s.End() }, 3, "goes on after its end"},
		{strings.Repeat("[", 1000), (*Scanner).Skip, 101, "more than 100 deep"},
	} {
		err := tt.read(New([]byte(tt.text)))
		var e *Error
		if !errors.As(err, &e) || e.Offset != tt.offset || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q at byte %d", tt.text, err, tt.want, tt.offset)
		}
	}
}

// accepts says whether the text is one value and nothing else.
func accepts(text []byte) error {
	s := New(text)
	if err := s.Skip(); err != nil {
		return err
	}
	return s.End()
}

var texts = []string{
	`{}`, `[]`, `0`, `-0`, `01`, `-`, `1.`, `.5`, `1e5`, `1E+5`, `1e`, `1e-`, `-1.25e-2`, `+1`, `"a`, `"\u12"`, `"\x"`, `"\ud800"`,
	`{"a":1,}`, `[1,]`, `[1 2]`, `{"a" 1}`, `{a:1}`, `{"a":}`, `tru`, `true`, `nulll`, `"` + "\x01" + `"`, `"\\"`, `"\"`, ``, ` `, "\v1", `[[[{"a":[0.5,"é"]}]]]`,
}

func TestTheGrammarIsThatOfTheStandardLibrary(t *testing.T) {
	for _, text := range texts {
		if err := accepts([]byte(text)); (err == nil) != json.Valid([]byte(text)) {
			t.Errorf("%q: %v, but json.Valid says %v", text, err, json.Valid([]byte(text)))
		}
	}
}

func FuzzSkip(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) {
			return
		}
		err := accepts(text)
		if err != nil && strings.Contains(err.Error(), "deep") {
			return
		}
		if (err == nil) != json.Valid(text) {
			t.Fatalf("%q: %v, but json.Valid says %v", text, err, json.Valid(text))
		}
		if e := (*Error)(nil); err != nil && (!errors.As(err, &e) || e.Offset < 0 || e.Offset > len(text)) {
			t.Fatalf("%q: error %v", text, err)
		}
		var want string
		if json.Unmarshal(text, &want) == nil && strings.TrimSpace(string(text)) != "null" {
			if got, err := New(text).String(); err != nil || got != want {
				t.Fatalf("%q is %q (%v), want %q", text, got, err, want)
			}
		}
	})
}

func ExampleScanner() {
	s := New([]byte(`{"shape": [2, 3]}`))
	err := s.Object(func(key string) error {
		return s.Array(func() error {
			n, err := s.Int()
			fmt.Println(key, n)
			return err
		})
	})
	fmt.Println(err)
	// Output:
	// shape 2
	// shape 3
	// <nil>
}
