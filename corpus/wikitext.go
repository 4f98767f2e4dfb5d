package corpus

import (
	"fmt"
	"strings"
)

// A WikiText file, tokenized (" = Robert <unk> = ") or raw, is a run of
// articles. It is known by its first line that is not blank, which is the title
// of the first article. That title also shows how far titles stand apart: the
// published files have a blank line around them and none between paragraphs,
// other copies have doubled or tripled every line end. Sentences that a lost
// formula made look like a title (" = 1 henry and capacitance C = ") do not
// stand apart.

// line is a line of a text that is not blank.
type line struct {
	number     int // from 1
	start, end int // in the text, without the line end
	before     int // blank lines before it
}

// lines lists the lines that are not blank.
func lines(text string) []line {
	var list []line
	gap := 0
	for number, start := 1, 0; start < len(text); number++ {
		end := len(text)
		if i := strings.IndexByte(text[start:], '\n'); i >= 0 {
			end = start + i
		}
		if blank(text[start:end]) {
			gap++
		} else {
			list = append(list, line{number, start, end, gap})
			gap = 0
		}
		start = end + 1
	}
	return list
}

// articleTitle is the title in " = Title = "; sections have " = = Title = = ".
func articleTitle(line string) (string, bool) {
	rest, ok := strings.CutPrefix(line, " = ")
	if !ok || strings.HasPrefix(rest, "= ") {
		return "", false
	}
	rest, ok = strings.CutSuffix(strings.TrimRight(rest, " "), " =")
	rest = oneLine(rest)
	return rest, ok && rest != ""
}

// parseWikiText cuts a text into articles; nil if it has not the form of
// WikiText.
func parseWikiText(file, text string) []Passage {
	all := lines(text)
	if len(all) == 0 {
		return nil
	}
	if _, ok := articleTitle(text[all[0].start:all[0].end]); !ok {
		return nil
	}
	after := func(i int) int {
		if i+1 < len(all) {
			return all[i+1].before
		}
		return strings.Count(text[all[i].end:], "\n") - 1
	}
	apart := after(0)
	var list []Passage
	first := 0 // start of the article at hand
	for i, l := range all {
		title, ok := articleTitle(text[l.start:l.end])
		if !ok || i > 0 && (l.before < apart || after(i) < apart) {
			continue
		}
		if len(list) > 0 {
			list[len(list)-1].Text = text[first:all[i-1].end]
		}
		first = l.start
		list = append(list, Passage{Title: title, Source: fmt.Sprintf("%s:%d", file, l.number)})
	}
	list[len(list)-1].Text = text[first:all[len(all)-1].end]
	return list
}
