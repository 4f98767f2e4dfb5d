package corpus

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// wiki imitates the published files: a blank line of one space around titles,
// none between paragraphs, and the remains of a formula that look like a title.
const wiki = ` 
 = Low @-@ pass <unk> = 
 
 The first article . 
 Its second paragraph , with 
 = 1 henry and capacitance C = 
 1 <unk> . 
 
 = = Section = = 
 
 = = = Part = = = 
 
 Text with a = b = c . 
 
 
 = Du Fu ( poet ) = 
 
 The second article . 
 
 `

func TestWikiTextIsCutIntoArticles(t *testing.T) {
	var trimmed []string
	for _, l := range strings.Split(wiki, "\n") {
		if l = strings.TrimRight(l, " "); l == "" || strings.HasPrefix(l, " = ") {
			l += " " // the space that ends a title matters no more than that of a blank line
		}
		trimmed = append(trimmed, l)
	}
	for name, text := range map[string]string{
		"as published":               wiki,
		"without blank lines before": wiki[2:],
		"blank lines that are empty": strings.ReplaceAll(wiki, "\n \n", "\n\n"),
		"every line end tripled":     strings.ReplaceAll(wiki, "\n", "\n\n\n"),
		"spaces trimmed":             strings.Join(trimmed, "\n"),
		"CR LF":                      strings.ReplaceAll(wiki, "\n", "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			list, err := parse("wiki.test.tokens", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := titles(list), []string{"Low @-@ pass <unk>", "Du Fu ( poet )"}; !slices.Equal(got, want) {
				t.Fatalf("titles %q, want %q", got, want)
			}
			for i, ends := range []string{"b = c .", "second article ."} {
				text := list[i].Text
				if !strings.HasPrefix(text, " = "+list[i].Title+" =") || !strings.HasSuffix(strings.TrimRight(text, " "), ends) {
					t.Errorf("article %d is %q", i, text)
				}
			}
			if !strings.Contains(list[0].Text, "henry") {
				t.Error("the first article lost a line that looks like a title")
			}
		})
	}
	list, err := parse("wiki", []byte(wiki))
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range []int{2, 16} {
		if got, want := list[i].Source, fmt.Sprintf("wiki:%d", line); got != want {
			t.Errorf("article %d is from %s, want %s", i, got, want)
		}
	}
}

func TestTextsOfAnotherFormStayWhole(t *testing.T) {
	for name, text := range map[string]string{
		"prose first":         "Foreword\n\n = Title = \n\n text\n",
		"a section first":     " = = Section = = \n\n text\n",
		"no space before":     "= Title =\n\ntext\n",
		"a title of nothing":  " =  = \n\n text\n",
		"a title left open":   " = Title \n\n text\n",
		"nothing but a sign":  " = \n\n text\n",
		"an indented formula": "  x = 3 = y\n\n text\n",
	} {
		t.Run(name, func(t *testing.T) {
			list, err := parse("a.txt", []byte(text))
			if err != nil || len(list) != 1 || list[0].Text != text || list[0].Title != "a" {
				t.Errorf("got %+v, %v", list, err)
			}
		})
	}
}

func TestAWikiTextFileMayHoldOneTitleOnly(t *testing.T) {
	for _, text := range []string{" = Title = ", " = Title = \n", "\n = Title = \n \n"} {
		list, err := parse("a.txt", []byte(text))
		if err != nil || len(list) != 1 || list[0].Title != "Title" || list[0].Text != " = Title = " {
			t.Errorf("%q: got %+v, %v", text, list, err)
		}
	}
}
