package corpus

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

func TestBuiltinPassagesAreLongEnough(t *testing.T) {
	// 2,050 words of such prose are more than 2,400 tokens in the vocabularies
	// of Qwen2 and DeepSeek-V3; docs/passages.md has the counts.
	for _, p := range Builtin() {
		if n := len(strings.Fields(p.Text)); n < 2050 {
			t.Errorf("%s has %d words", p.Title, n)
		}
	}
}

// docs/passages.md states words, bytes and tokens. The tokens were counted for
// these very bytes, so a text that changes needs its tokens counted again.
func TestDocumentedFiguresAreThoseOfTheTexts(t *testing.T) {
	doc, err := os.ReadFile("../docs/passages.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range Builtin() {
		heading, _, _ := strings.Cut(p.Text, "\n")
		row := fmt.Sprintf("| %d | %s | %s | %d | %d |", p.ID, p.Title, heading, len(strings.Fields(p.Text)), len(p.Text))
		if !strings.Contains(string(doc), row) {
			t.Errorf("the page has no row %s", row)
		}
		if p.ID != i || p.Source != "builtin" {
			t.Errorf("%s has ID %d and source %s", p.Title, p.ID, p.Source)
		}
	}
}

var word = regexp.MustCompile(`[\p{L}\p{N}]+`)

func TestBuiltinPassagesDoNotRepeatThemselvesOrEachOther(t *testing.T) {
	const run = 8
	seen := make(map[string]string)
	for _, p := range Builtin() {
		words := word.FindAllString(strings.ToLower(p.Text), -1)
		for i := range len(words) - run + 1 {
			phrase := strings.Join(words[i:i+run], " ")
			if other, ok := seen[phrase]; ok {
				t.Errorf("%q is in %s and in %s", phrase, other, p.Title)
			}
			seen[phrase] = p.Title
		}
	}
}

func TestBuiltinPassagesArePlainText(t *testing.T) {
	for _, p := range Builtin() {
		for i, r := range p.Text {
			printable := r >= ' ' && r <= '~' || r == '\n'
			if !printable && !unicode.IsLetter(r) {
				t.Errorf("%s: %q at offset %d", p.Title, r, i)
			}
		}
		paragraphs := strings.Split(strings.TrimSuffix(p.Text, "\n"), "\n\n")
		if len(paragraphs) < 10 {
			t.Errorf("%s has %d paragraphs", p.Title, len(paragraphs))
		}
		for _, paragraph := range paragraphs {
			if paragraph != strings.Join(strings.Fields(paragraph), " ") {
				t.Errorf("%s: white space within %.40q...", p.Title, paragraph)
			}
		}
	}
}

func TestBuiltinGivesEachCallerItsOwnList(t *testing.T) {
	Builtin()[0].Title = "changed"
	if got := Builtin()[0].Title; got != "topology" {
		t.Errorf("the title is %q", got)
	}
}
