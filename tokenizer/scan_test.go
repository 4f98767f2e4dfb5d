package tokenizer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
	"pgregory.net/rapid"
)

// testTexts returns the texts of testdata/texts.json.
func testTexts(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "texts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil {
		t.Fatal(err)
	}
	return texts
}

// oracles are the patterns in an engine with look-ahead. It folds case one
// character at a time and so does not know that ſ is an s.
func oracles() map[string]*regexp2.Regexp {
	fold := strings.NewReplacer(`(?i:'s|`, `(?:'[sSſ]|(?i:`, `'ll|'d)`, `'ll|'d))`)
	m := make(map[string]*regexp2.Regexp)
	for p := range patterns {
		m[p] = regexp2.MustCompile(fold.Replace(p))
	}
	return m
}

// reporter is what testing.T and rapid.T have in common.
type reporter interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// part is a match of a pattern or a gap between two.
type part struct {
	text  string
	match bool
}

func (p part) String() string { return fmt.Sprintf("%q:%v", p.text, p.match) }

func scan(s splitter, text string) (parts []part) {
	for text != "" {
		n, match := s.next(text)
		parts = append(parts, part{text[:n], match})
		text = text[n:]
	}
	return parts
}

func oracle(t reporter, re *regexp2.Regexp, text string) (parts []part) {
	runes := []rune(text)
	matches, err := re.FindAllRunesIndex(runes, -1)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, m := range matches {
		if at < m[0] {
			parts = append(parts, part{string(runes[at:m[0]]), false})
		}
		parts = append(parts, part{string(runes[m[0]:m[1]]), true})
		at = m[1]
	}
	if at < len(runes) {
		parts = append(parts, part{string(runes[at:]), false})
	}
	return parts
}

// checkScanners compares all scanners with the engine, which knows the
// characters of Go's own Unicode tables.
func checkScanners(t reporter, engines map[string]*regexp2.Regexp, text string) {
	for _, r := range text {
		if isUnicode16(r) {
			return
		}
	}
	for p, re := range engines {
		if got, want := scan(patterns[p](), text), oracle(t, re, text); !slices.Equal(got, want) {
			t.Fatalf("%s\non %q\n got %v\nwant %v", p, text, got, want)
		}
	}
}

func isUnicode16(r rune) bool {
	return slices.ContainsFunc(unicode16, func(c classRange) bool { return c.lo <= r && r <= c.hi })
}

func TestScannersCutLikeARegularExpression(t *testing.T) {
	engines := oracles()
	for _, text := range testTexts(t) {
		checkScanners(t, engines, text)
	}
	// Some characters of every class, those that patterns name more often.
	runes := []rune("  \t\n\r\u00a0\u3000\u2028\u0085''''sStTrReEvVmMlLdDſK019٣½Ⅷabz'AZñÑßǅʰªⓐ中龥龦ひ゛ー゠・\u0301\u0323\u200d!\"#/\\.,_-—«。$+<=>`^~|€🚀\x00\x7f\u00ad\ue000\u0378\ufffd\U0010ffff")
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOfN(rapid.SampledFrom(runes), 0, 30).Draw(t, "text"))
		checkScanners(t, engines, text)
	})
}

func FuzzScanners(f *testing.F) {
	engines := oracles()
	for _, text := range testTexts(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 { // the engine backtracks
			return
		}
		checkScanners(t, engines, validUTF8(text))
	})
}

func TestEveryCharacterHasTheClassOfUnicode(t *testing.T) {
	table := classes()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if isUnicode16(r) {
			continue
		}
		want := other
		for _, c := range []struct {
			in    bool
			class class
		}{
			{unicode.In(r, unicode.Lu, unicode.Lt), upper}, {unicode.Is(unicode.Ll, r), lower}, {unicode.In(r, unicode.Lm, unicode.Lo), caseless},
			{unicode.IsMark(r), mark}, {unicode.IsNumber(r), number}, {unicode.IsPunct(r), punctuation}, {unicode.IsSymbol(r), symbol},
			{unicode.IsSpace(r), blank}, {r == '\r' || r == '\n', newline},
		} {
			if c.in {
				want = c.class
			}
		}
		if got := table.of(r); got != want {
			t.Fatalf("%U has class %#x, want %#x", r, got, want)
		}
	}
	if n := len(table.pages); n > 256 {
		t.Errorf("%d pages do not fit the index", n)
	}
}

func TestCharactersOfUnicode16HaveTheirClass(t *testing.T) {
	// UnicodeData.txt 16.0.0.
	for r, want := range map[rune]class{
		0x1C89: upper, 0x1C8A: lower, 0x2EBF0: caseless, 0x0897: mark, 0x10D40: number, 0x1E5FF: punctuation, 0x1FAE9: symbol, 0x2EE5E: other,
	} {
		if got := classes().of(r); got != want {
			t.Errorf("%U has class %#x, want %#x", r, got, want)
		}
	}
}

func TestLiteralSeparatorsGoWhereTheBehaviorSays(t *testing.T) {
	for _, tt := range []struct {
		name     string
		behavior behavior
		text     string
		want     []string
	}{
		{"isolated", isolated, "a--b-", []string{"a", "-", "-", "b", "-"}},
		{"merged with previous", mergedWithPrevious, "a--b-", []string{"a-", "-", "b-"}},
		{"merged with previous at the start", mergedWithPrevious, "--a", []string{"-", "-", "a"}},
		{"merged with next", mergedWithNext, "a--b-", []string{"a", "-", "-b", "-"}},
		{"contiguous", contiguous, "a--b-", []string{"a", "--", "b", "-"}},
		{"none", isolated, "ab", []string{"ab"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range scan(literal{"-", tt.behavior}, tt.text) {
				got = append(got, p.text)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLongWhiteSpaceIsCutBeforeItsLastCharacter(t *testing.T) {
	text := strings.Repeat("\u3000", 1000) + "x"
	parts := scan(patterns[patternQwen2](), text)
	if len(parts) != 2 || utf8.RuneCountInString(parts[0].text) != 999 || parts[1].text != "\u3000x" {
		t.Errorf("got %d parts", len(parts))
	}
}

// benchText is the source of this package: English, code and numbers.
func benchText(b *testing.B) string {
	b.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		b.Fatal(err)
	}
	var text strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		text.Write(data)
	}
	return text.String()
}

func BenchmarkSplit(b *testing.B) {
	text := benchText(b)
	for _, p := range []struct{ name, pattern string }{{"qwen2", patternQwen2}, {"deepseek-words", patternDeepSeekWords}, {"o200k", patternO200k}} {
		s := patterns[p.pattern]()
		b.Run(p.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				for rest := text; rest != ""; {
					n, _ := s.next(rest)
					rest = rest[n:]
				}
			}
		})
	}
}
