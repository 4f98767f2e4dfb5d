package corpus

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// folder makes a folder of files, named with slashes.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func titles(list []Passage) (names []string) {
	for _, p := range list {
		names = append(names, p.Title)
	}
	return names
}

func TestOpenTakesFilesInTheOrderNamed(t *testing.T) {
	root := folder(t, map[string]string{
		"b.txt":              "two",
		"a.jsonl":            `"three"`,
		"set/2.txt":          "five",
		"set/10.txt":         "four",
		"set/.hidden.txt":    "no",
		"set/README.md":      "no",
		"set/deeper/x.txt":   "no",
		"set/UPPER.TXT":      "six",
		"globbed/[1].txt":    "one",
		"globbed/notes.text": "seven",
	})
	in := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	list, err := Open([]string{in("globbed/[1].txt"), in("b.txt"), in("*.jsonl"), in("se?"), in("globbed/n*")})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for i, p := range list {
		texts = append(texts, p.Text)
		if p.ID != i {
			t.Errorf("passage %d has ID %d", i, p.ID)
		}
	}
	if got := strings.Join(texts, " "); got != "one two three four five six seven" {
		t.Error(got)
	}
	if got, want := titles(list), []string{"[1]", "b", "a 1", "10", "2", "UPPER", "notes"}; !slices.Equal(got, want) {
		t.Errorf("titles %q, want %q", got, want)
	}
	if got, want := list[0].Source, in("globbed/[1].txt"); got != want {
		t.Errorf("source %s, want %s", got, want)
	}
}

func TestOpenRefusesWhatItCannotFind(t *testing.T) {
	root := folder(t, map[string]string{"a.txt": "a", "empty/README.md": "x"})
	in := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	for name, test := range map[string]struct {
		paths   []string
		says    string
		missing bool
	}{
		"nothing named":             {nil, "no text file is named", false},
		"a missing file":            {[]string{in("none.txt")}, "none.txt", true},
		"a pattern without a match": {[]string{in("*.jsonl")}, "no file matches", true},
		"a pattern that is none":    {[]string{in("[")}, "syntax error in pattern", false},
		"a folder without texts":    {[]string{in("empty")}, "has no file that ends in .txt", false},
		"a file named twice":        {[]string{in("a.txt"), in("*.txt")}, "a.txt is named twice", false},
		"one good, one missing":     {[]string{in("a.txt"), in("none.txt")}, "none.txt", true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(test.paths)
			if err == nil || !strings.Contains(err.Error(), test.says) || errors.Is(err, fs.ErrNotExist) != test.missing {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOpenRefusesMoreThanItsLimit(t *testing.T) {
	root := folder(t, map[string]string{"a.txt": "a", "b.txt": ""})
	b := filepath.Join(root, "b.txt")
	if err := os.Truncate(b, MaxBytes); err != nil { // a sparse file
		t.Skip(err)
	}
	_, err := Open([]string{root})
	if err == nil || !strings.Contains(err.Error(), "b.txt, 1073741824 bytes: texts of more than") {
		t.Errorf("got %v", err)
	}
}

func TestTextsAreReadAsTheyAre(t *testing.T) {
	for name, test := range map[string]struct{ content, text string }{
		"kept whole, white space and all": {"\n a\tb \n\n", "\n a\tb \n\n"},
		"no byte-order mark":              {"\ufeffa", "a"},
		"a later mark stays":              {"a\ufeff", "a\ufeff"},
		"CR LF becomes LF":                {"a\r\nb\r\n", "a\nb\n"},
		"a lone CR stays":                 {"a\rb", "a\rb"},
		"a replacement character stays":   {"a\ufffd", "a\ufffd"},
		"no normal form":                  {"e\u0301", "e\u0301"},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := parse("dir/some.name.txt", []byte(test.content))
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			if p := list[0]; p.Text != test.text || p.Title != "some.name" || p.Source != "dir/some.name.txt" {
				t.Errorf("got %+v", p)
			}
		})
	}
}

func TestContentThatIsNoTextIsRefusedWithItsPlace(t *testing.T) {
	for name, test := range map[string]struct {
		file, content string
		line          int
		offset        int64
		says          string
	}{
		"an empty file":               {"a.txt", "", 0, 0, "the text is empty"},
		"a blank file":                {"a.txt", "\ufeff \r\n\t", 0, 0, "the text is empty"},
		"bytes that are not UTF-8":    {"a.txt", "one\ntw\xf6\n", 2, 6, "byte 0xf6 is not UTF-8"},
		"a character cut short":       {"a.txt", "a\xe2\x82", 1, 1, "byte 0xe2 is not UTF-8"},
		"a mark counts in the offset": {"a.txt", "\ufeff\xff", 1, 3, "byte 0xff is not UTF-8"},
		"a binary file":               {"a", "\x7fELF\x02\x01\x01\x00", 1, 7, "binary file"},
		"UTF-16":                      {"a.txt", "\xff\xfea\x00", 1, 0, "UTF-16"},
		"UTF-16 of the other order":   {"a.txt", "\xfe\xff\x00a", 1, 0, "UTF-16"},
		"JSON that is not UTF-8":      {"a.json", "[\n\"\xff\"]", 2, 3, "byte 0xff is not UTF-8"},
		"lines that are not UTF-8":    {"a.jsonl", "\"a\"\n\"\xff\"", 2, 5, "byte 0xff is not UTF-8"},
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

func TestOpenRefusesWhatIsNoRegularFile(t *testing.T) {
	if _, err := os.Stat(os.DevNull); err != nil {
		t.Skip(err)
	}
	if _, err := Open([]string{os.DevNull}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
}
