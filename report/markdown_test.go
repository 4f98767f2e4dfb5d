package report

import (
	"regexp"
	"strings"
	"testing"
)

func TestMarkdownIsEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"sliding_window_kv":   "sliding_window_kv",
		"_emphasis_":          `\_emphasis\_`,
		"a*b":                 `a\*b`,
		"a|b":                 "a&#124;b",
		"<script>&":           "&lt;script&gt;&amp;",
		"[x](http://e.com)":   `\[x\](http&#58;//e.com)`,
		"# heading":           `\# heading`,
		"- item":              `\- item`,
		"e8:q=38":             "e8:q=38",
		"`code`":              "\\`code\\`",
		`back\slash`:          `back\\slash`,
		"two\nlines":          "two lines",
		"0.790 ± 0.005":       "0.790 ± 0.005",
		"$x$ and ~~deleted~~": `\$x\$ and \~\~deleted\~\~`,
	} {
		if got := escapeMarkdown(in); got != want {
			t.Errorf("escapeMarkdown(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMarkdownNamesAreCodeUnlessTheyHoldWhatCodeCannot(t *testing.T) {
	for in, want := range map[string]string{
		"q8_0": "`q8_0`", "–": "–", "a|b": "a&#124;b", "a`b": "a\\`b", "a<b": "a&lt;b", "none: why": "none: why",
	} {
		if got := markdownCell(asName, in, false); got != want {
			t.Errorf("markdownCell(%q) = %q, want %q", in, got, want)
		}
	}
}

// Whatever the names, a table has as many cells in every row, and HTML is what
// the renderer wrote.
func TestMarkdownTablesKeepTheirShape(t *testing.T) {
	tag := regexp.MustCompile(`<[^>]*>`)
	for name, r := range fixtures() {
		cells := 0
		inCode := false
		for i, line := range strings.Split(render(t, r, "md"), "\n") {
			if strings.HasPrefix(line, "```") {
				inCode = !inCode
			}
			if inCode {
				continue
			}
			for _, m := range tag.FindAllString(line, -1) {
				switch m {
				case "<details>", "<summary>", "</summary>", "</details>":
				default:
					t.Errorf("%s, line %d: HTML %q", name, i+1, m)
				}
			}
			if !strings.HasPrefix(line, "|") {
				cells = 0
				continue
			}
			n := strings.Count(line, "|")
			if cells != 0 && n != cells {
				t.Errorf("%s, line %d: %d cells, want %d: %s", name, i+1, n-1, cells-1, line)
			}
			cells = n
		}
	}
}

func TestNoRenderingPrintsANonFiniteNumber(t *testing.T) {
	bad := regexp.MustCompile(`\b(NaN|[-+]?Inf)\b|%!`)
	for name, r := range fixtures() {
		for _, format := range []string{"md", "html", "csv"} {
			text := render(t, r, format)
			if format == "html" {
				// The script compares with isNaN.
				text, _, _ = strings.Cut(text, "<script>")
			}
			if m := bad.FindStringIndex(text); m != nil {
				t.Errorf("%s, %s: %q", name, format, text[max(0, m[0]-60):min(len(text), m[1]+60)])
			}
		}
	}
}

func TestTheFenceOfACommandIsLongerThanItsBackticks(t *testing.T) {
	r := synthetic()
	r.Command = []string{"kakeya", "audit", "````"}
	if text := render(t, r, "md"); !strings.Contains(text, "\n`````sh\nkakeya audit '````'\n`````\n") {
		t.Error("the command is not fenced")
	}
}

func TestCommandsAreQuotedForAShell(t *testing.T) {
	for want, args := range map[string][]string{
		"kakeya audit --kv a.safetensors":      {"kakeya", "audit", "--kv", "a.safetensors"},
		"kakeya --codecs 'e8:q=38 q8_0'":       {"kakeya", "--codecs", "e8:q=38 q8_0"},
		`kakeya 'it'\''s' '' '$HOME' '*.json'`: {"kakeya", "it's", "", "$HOME", "*.json"},
		"kakeya '\uFFFD[31m'":                  {"kakeya", "\x1b[31m"},
	} {
		if got := commandLine(args); got != want {
			t.Errorf("commandLine(%q) = %s, want %s", args, got, want)
		}
	}
}
