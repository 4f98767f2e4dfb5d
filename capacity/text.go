package capacity

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"kakeyalattice/kv"
)

// WriteText writes the plan for a terminal of so many columns: the sentence, then
// the tables and what they rest on.
func (p *Plan) WriteText(w io.Writer, width int) error {
	width = max(width, 40)
	var b strings.Builder
	for _, line := range wrap(p.Sentence(), width, "") {
		b.WriteString(line + "\n")
	}
	for _, t := range []Table{p.Sizes(), p.Sequences()} {
		if len(t.Rows) > 0 {
			t.write(&b)
		}
	}
	b.WriteString("\n")
	for _, remark := range p.Remarks() {
		for _, line := range wrap(remark, width, "  ") {
			b.WriteString(line + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// write sets the table in columns under its title.
func (t Table) write(b *strings.Builder) {
	rows := append([][]string{t.Head}, t.Rows...)
	widths := make([]int, len(t.Head))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	b.WriteString("\n" + t.Title + "\n")
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line = cell + pad
				continue
			}
			line += "  " + pad + cell
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// Remarks says what the figures of a plan rest on, a paragraph each.
func (p *Plan) Remarks() []string {
	var remarks []string
	base := p.Layout(p.Base)
	if base == nil {
		return p.Notices
	}
	for i := range p.Layouts {
		l := &p.Layouts[i]
		switch {
		case l.unnamed():
			var parts []string
			for _, c := range l.Components {
				parts = append(parts, fmt.Sprintf("%s in %s, %s B (%s)", c.Name, c.Codec, rounded(c.BytesPerVector, 1), c.Rate))
			}
			remarks = append(remarks, l.Name+": "+strings.Join(parts, "; ")+".")
		case len(l.Components) > 0 && l.Components[0].Rate != HowFixed:
			remarks = append(remarks, l.Name+": "+l.Components[0].Rate+".")
		}
	}
	if text := p.inUse(); text != "" {
		remarks = append(remarks, text)
	}
	if text := p.indexers(); text != "" {
		remarks = append(remarks, text)
	}
	var pages []string
	for _, c := range base.Components {
		pages = append(pages, fmt.Sprintf("%d %s", c.PageEntries, c.Name))
	}
	remarks = append(remarks, fmt.Sprintf("In pages: blocks of %d tokens, so that a page has %s entries; the last page of a layer counts whole.", p.PageTokens, strings.Join(pages, ", ")))
	for i := range p.Nodes {
		remarks = append(remarks, p.Nodes[i].Facts()+".")
	}
	if p.StateBytes > 0 {
		remarks = append(remarks, fmt.Sprintf("A sequence also holds %s of unfinished blocks in its compressors, which nodes count and the table of bytes does not.", amount(p.StateBytes)))
	}
	if p.Weights != nil && len(p.Nodes) > 0 {
		remarks = append(remarks, fmt.Sprintf("Weights: %s in all, %s.", amount(p.Weights.Bytes), p.Weights.Source))
	}
	remarks = append(remarks, p.Notices...)
	return append(remarks, "Sizes say nothing about quality: kakeya audit measures that.")
}

// inUse says which engines store which layout.
func (p *Plan) inUse() string {
	var parts []string
	for _, l := range p.Layouts {
		if l.About != "" {
			parts = append(parts, l.Name+" ("+l.About+")")
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "In use: " + strings.Join(parts, "; ") + "."
}

// indexers says what the vectors of the indexer take, and in which layouts where
// they differ.
func (p *Plan) indexers() string {
	var formats []string
	users := map[string][]string{}
	for _, l := range p.Layouts {
		for _, c := range l.Components {
			if c.Name != string(kv.Indexer) {
				continue
			}
			format := fmt.Sprintf("%s, %s B a vector", c.Codec, rounded(c.BytesPerVector, 1))
			if users[format] == nil {
				formats = append(formats, format)
			}
			users[format] = append(users[format], l.Name)
		}
	}
	most := ""
	for _, f := range formats {
		if len(users[f]) > len(users[most]) {
			most = f
		}
	}
	if most == "" {
		return ""
	}
	text := "Indexer: " + most
	for _, f := range formats {
		if f != most {
			text += "; " + f + " in " + strings.Join(users[f], ", ")
		}
	}
	return text + "."
}

// unnamed says whether the layout's name does not tell the codec of its keys and
// values.
func (l *LayoutPlan) unnamed() bool {
	for _, c := range l.Components {
		if c.Name != string(kv.Indexer) && c.Codec != l.Name {
			return true
		}
	}
	return false
}

// wrap breaks a text at its spaces into lines of at most width characters, all
// but the first indented.
func wrap(text string, width int, indent string) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines = append(lines, line)
			line = indent + word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
