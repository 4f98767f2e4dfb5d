package report

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestPlainTextHasNoControlCharacters(t *testing.T) {
	for in, want := range map[string]string{
		"k.0":               "k.0",
		" a\tb\r\n c ":      "a b c",
		"\x1b[31mred":       "\uFFFD[31mred",
		"a\u202egnp.exe":    "a\uFFFDgnp.exe",
		"a\xffb":            "a\uFFFDb",
		"nul\x00":           "nul\uFFFD",
		"line\u2028break":   "line break",
		"名前":                "名前",
		"\u200b zero width": "\u200b zero width",
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
	if got := name(" \n "); got != "(no name)" {
		t.Errorf("name of white space = %q", got)
	}
}

func TestShortenKeepsBothEnds(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"int6:group=64,hadamard", 22, "int6:group=64,hadamard"},
		{"int6:group=64,hadamard", 11, "int6:…amard"},
		{"長い名前の流れ", 7, "長…れ"},
		{"abc", 1, "…"},
	} {
		if got := shorten(c.in, c.n); got != c.want {
			t.Errorf("shorten(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in, n := rapid.String().Draw(t, "text"), rapid.IntRange(1, 60).Draw(t, "columns")
		got := shorten(in, n)
		if columns(got) > n || utf8.RuneCountInString(got) > n {
			t.Fatalf("shorten(%q, %d) = %q, %d columns", in, n, got, columns(got))
		}
	})
}

func TestWrapKeepsWordsAndWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-z長]{1,12}`)).Draw(t, "words")
		width := rapid.IntRange(1, 40).Draw(t, "width")
		lines := wrap(strings.Join(words, " "), width)
		if got := strings.Fields(strings.Join(lines, " ")); !slices.Equal(got, words) {
			t.Fatalf("words %q became %q", words, got)
		}
		for _, l := range lines {
			if columns(l) > width && strings.Contains(l, " ") {
				t.Fatalf("line %q is wider than %d", l, width)
			}
		}
	})
}

func TestColumnsCountWideAndCombiningCharacters(t *testing.T) {
	for in, want := range map[string]int{"": 0, "k.0": 3, "名前": 4, "e\u0301": 1, "±": 1, "压缩 1.27": 9} {
		if got := columns(in); got != want {
			t.Errorf("columns(%q) = %d, want %d", in, got, want)
		}
	}
}

func TestListing(t *testing.T) {
	for want, in := range map[string][]string{"": nil, "a": {"a"}, "a and b": {"a", "b"}, "a, b and c": {"a", "b", "c"}} {
		if got := listing(in); got != want {
			t.Errorf("listing(%q) = %q, want %q", in, got, want)
		}
	}
}
