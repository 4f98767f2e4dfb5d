package corpus

import (
	"errors"
	"strings"
	"testing"
)

func TestJSONPassages(t *testing.T) {
	mixed := []Passage{
		{Title: "set 1", Text: "a\nb"},
		{Title: "T", Text: "b"},
		{Title: "x-7", Text: "c"},
		{Title: "12", Text: "d"},
		{Title: "set 5", Text: " e "},
	}
	for name, test := range map[string]struct {
		file, content string
		want          []Passage
		sources       string
	}{
		"an array": {
			"set.json",
			"[\"a\\nb\", {\"title\": \" T\\n\", \"text\": \"b\", \"id\": 3},\n{\"id\":\"x-7\",\"text\":\"c\"},\n\n {\"id\":12,\"text\":\"d\",\"n\":[{}]},{\"title\":null,\"id\":{},\"text\":\" e \"}]\n",
			mixed, "set.json:1 set.json:1 set.json:2 set.json:4 set.json:4",
		},
		"lines, a mark, blank lines and CR LF": {
			"set.jsonl",
			"\ufeff\"a\\nb\"\r\n{\"title\": \" T\\n\", \"text\": \"b\", \"id\": 3}\r\n\r\n{\"id\":\"x-7\",\"text\":\"c\"}\n {\"id\":12,\"text\":\"d\",\"n\":[{}]}\n{\"title\":null,\"id\":{},\"text\":\" e \"}",
			mixed, "set.jsonl:1 set.jsonl:2 set.jsonl:4 set.jsonl:5 set.jsonl:6",
		},
		"line ends within a string stay": {
			"set.json", `["a\r\nb"]`, []Passage{{Title: "set 1", Text: "a\r\nb"}}, "set.json:1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := parse(test.file, []byte(test.content))
			if err != nil {
				t.Fatal(err)
			}
			var sources []string
			for i, p := range list {
				sources = append(sources, p.Source)
				p.Source = ""
				if i < len(test.want) && p != test.want[i] {
					t.Errorf("passage %d is %+v, want %+v", i, p, test.want[i])
				}
			}
			if got := strings.Join(sources, " "); got != test.sources {
				t.Errorf("sources %s, want %s", got, test.sources)
			}
		})
	}
}

func TestJSONThatHoldsNoPassagesIsRefusedWithItsPlace(t *testing.T) {
	for name, test := range map[string]struct {
		file, content string
		line          int
		offset        int64
		says          string
	}{
		"an empty array":           {"a.json", "[]", 0, 0, "holds no passages"},
		"an empty file":            {"a.json", " ", 0, 0, "holds no passages"},
		"no lines":                 {"a.jsonl", "\n\r\n", 0, 0, "holds no passages"},
		"no array":                 {"a.json", "\n{\"text\": \"a\"}", 2, 1, "must be an array"},
		"lines in a .json":         {"a.json", "\"a\"\n\"b\"", 1, 0, "called .jsonl"},
		"an array in a .jsonl":     {"a.jsonl", "[\"a\"]", 1, 0, "a passage is a string or an object"},
		"a number":                 {"a.json", "[\"a\",\n 7]", 2, 7, "a passage is a string or an object"},
		"null":                     {"a.jsonl", "\"a\"\nnull", 2, 4, "a passage is a string or an object"},
		"an object without a text": {"a.json", "[\n{\"title\": \"a\"}]", 2, 2, `no "text"`},
		"a text that is null":      {"a.jsonl", `{"text": null}`, 1, 0, `no "text"`},
		"a text that is a number":  {"a.json", "[\n\n{\"text\": 3}]", 3, 3, `"text" is a JSON number`},
		"a title that is a list":   {"a.jsonl", `{"text": "a", "title": []}`, 1, 0, `"title" is a JSON array`},
		"an empty text":            {"a.json", `["a", ""]`, 1, 6, "the text is empty"},
		"a blank text":             {"a.jsonl", "\"a\"\n{\"text\": \"\\n \"}", 2, 4, "the text is empty"},
		"an array that breaks off": {"a.json", "[\"a\",\n\"b", 2, 6, "breaks off"},
		"an array without its end": {"a.json", "[\"a\"\n", 2, 5, "breaks off"},
		"a line that breaks off":   {"a.jsonl", "\"a\"\n{\"text\": \"b\"\n", 2, 15, "unexpected end"},
		"two values on a line":     {"a.jsonl", "\"a\" \"b\"", 1, 4, "after top-level value"},
		"a missing comma":          {"a.json", "[\"a\"\n\"b\"]", 2, 5, "expected comma"},
		"a comma too many":         {"a.json", "[\"a\",\n]", 2, 6, "invalid character"},
		"more after the array":     {"a.json", "[\"a\"]\n,", 2, 6, "follows the array"},
		"no JSON at all":           {"a.json", "Once upon a time", 1, 0, "invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(test.file, []byte(test.content))
			var f *FormatError
			if !errors.As(err, &f) {
				t.Fatalf("got %v", err)
			}
			if f.File != test.file || f.Line != test.line || f.Offset != test.offset || !strings.Contains(f.Reason, test.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}
