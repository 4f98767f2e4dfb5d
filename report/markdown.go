package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// writeMarkdown renders a result as GitHub-flavoured Markdown. Everything that
// came from a file is escaped: no name can end a table cell, open a link or
// bring in HTML.
func writeMarkdown(w io.Writer, r *Result) error {
	_, d := newDocument(r)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n", escapeMarkdown(d.Title), escapeMarkdown(d.Blocks.Sentence))
	for _, p := range d.Facts {
		fmt.Fprintf(&b, "- %s: %s\n", p.Term, escapeMarkdown(p.Text))
	}
	if d.Blocks.Headline != "" {
		markdownBlocks(&b, &d.Blocks)
	}
	for _, s := range d.Sections {
		markdownSection(&b, &s)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownBlocks(b *strings.Builder, k *blocks) {
	b.WriteString("\n## To quote\n\n")
	fmt.Fprintf(b, "**%s**\n\n", escapeMarkdown(k.Headline))
	fmt.Fprintf(b, "> %s\n\n> %s\n", escapeMarkdown(k.OneLiner), escapeMarkdown(k.OneLinerZH))
	b.WriteString("\nFor a paper:\n\n")
	fmt.Fprintf(b, "> %s\n", escapeMarkdown(k.Paper))
	b.WriteString("\n## Questions\n")
	for _, q := range k.FAQ {
		fmt.Fprintf(b, "\n### %s\n\n%s\n", escapeMarkdown(q.Question), escapeMarkdown(q.Answer))
	}
}

func markdownSection(b *strings.Builder, s *section) {
	fmt.Fprintf(b, "\n## %s\n", s.Title)
	if s.Lead != "" {
		fmt.Fprintf(b, "\n%s\n", escapeMarkdown(s.Lead))
	}
	if len(s.Facts) > 0 {
		b.WriteString("\n")
	}
	for _, p := range s.Facts {
		fmt.Fprintf(b, "- %s: %s\n", p.Term, escapeMarkdown(p.Text))
	}
	if s.Command != "" {
		fence := strings.Repeat("`", max(3, longestRun(s.Command, '`')+1))
		fmt.Fprintf(b, "\n%ssh\n%s\n%s\n", fence, s.Command, fence)
	}
	if s.Key != "" {
		fmt.Fprintf(b, "\n%s\n", escapeMarkdown(s.Key))
	}
	for i := range s.Tables {
		markdownTable(b, &s.Tables[i])
	}
	if len(s.Folded) > 0 {
		fmt.Fprintf(b, "\n<details><summary>%s</summary>\n", escapeMarkdown(s.FoldedTitle))
		for i := range s.Folded {
			markdownTable(b, &s.Folded[i])
		}
		b.WriteString("\n</details>\n")
	}
	for _, l := range s.Lists {
		fmt.Fprintf(b, "\n### %s\n\n", l.Title)
		for _, item := range l.Items {
			fmt.Fprintf(b, "- %s\n", escapeMarkdown(item))
		}
	}
}

func markdownTable(b *strings.Builder, t *grid) {
	folded := t.Fold && !t.Open
	switch {
	case folded:
		fmt.Fprintf(b, "\n<details><summary>%s</summary>\n", escapeMarkdown(t.Title))
	case t.Title != "":
		fmt.Fprintf(b, "\n### %s\n", escapeMarkdown(t.Title))
	}
	b.WriteString("\n|")
	for _, c := range t.Cols {
		b.WriteString(" " + markdownCell(c.As, c.Name, true) + " |")
	}
	b.WriteString("\n|")
	for _, c := range t.Cols {
		if c.As == asNumber {
			b.WriteString("---:|")
		} else {
			b.WriteString("---|")
		}
	}
	b.WriteString("\n")
	for _, row := range t.Rows {
		b.WriteString("|")
		for i, cell := range row {
			b.WriteString(" " + markdownCell(t.Cols[i].As, cell, false) + " |")
		}
		b.WriteString("\n")
	}
	if t.Note != "" {
		fmt.Fprintf(b, "\n%s\n", escapeMarkdown(t.Note))
	}
	if folded {
		b.WriteString("\n</details>\n")
	}
}

// markdownCell prints a cell: names in a code span, where they hold nothing
// that a span inside a table cannot hold.
func markdownCell(as columnKind, text string, header bool) string {
	if as == asName && !header && text != none && text != "" && !strings.ContainsAny(text, "`|\\<>& ") {
		return "`" + text + "`"
	}
	return escapeMarkdown(text)
}

// escapeMarkdown makes plain text read as itself, inside a table or out.
func escapeMarkdown(text string) string {
	var b strings.Builder
	runes := []rune(text)
	word := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
	}
	for i, r := range runes {
		switch r {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '|':
			b.WriteString("&#124;")
		case '\n', '\r':
			b.WriteByte(' ')
		case '\\', '`', '*', '[', ']', '~', '$':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '_':
			// Inside a word an underscore is no emphasis, and reads better bare.
			if !word(i-1) || !word(i+1) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		case '#', '+', '-', '=':
			// These mean something at the start of a line only.
			if i == 0 {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		case ':':
			// A bare URL would become a link.
			if i+2 < len(runes) && runes[i+1] == '/' && runes[i+2] == '/' {
				b.WriteString("&#58;")
				continue
			}
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// longestRun is the length of the longest run of a byte.
func longestRun(text string, of byte) int {
	longest, run := 0, 0
	for i := range len(text) {
		if text[i] != of {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
