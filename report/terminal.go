package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"kakeyalattice/decide"
	"kakeyalattice/stats"
)

// Summary writes what a result says to a terminal of the given width: the
// sentence, the ratios of a few codecs, and the smallest codec per stream. It
// is plain text, and a screen of it for five streams; many streams are gathered
// by kind.
func Summary(w io.Writer, r *Result, width int) error {
	f := newFindings(r)
	width = max(width, 40)
	var b strings.Builder
	sentence := ""
	if f.predictionsOnly() {
		sentence = qualitySentence(f)
	} else {
		sentence = newBlocks(f).Sentence
	}
	for _, line := range wrap(sentence, width) {
		b.WriteString(line + "\n")
	}
	if f.base != "" {
		rows := f.terminalRows()
		terminalRatios(&b, f, rows, width)
		terminalThresholds(&b, f, rows, width)
	}
	for _, n := range overflowNotices(r.Streams) {
		b.WriteString("\n")
		for _, line := range wrap(plain(n), width) {
			b.WriteString(line + "\n")
		}
	}
	if len(r.Quality) > 0 {
		terminalQuality(&b, f, width)
	}
	for i := range r.Capacity {
		b.WriteString("\n")
		for _, line := range wrap(plain(r.Capacity[i].Sentence()), width) {
			b.WriteString(line + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// terminalRow is one stream, or the streams of a kind.
type terminalRow struct {
	label   string
	streams []*Stream
}

func (f *findings) terminalRows() []terminalRow {
	var rows []terminalRow
	if len(f.judged) <= few {
		for _, s := range f.judged {
			rows = append(rows, terminalRow{shorten(name(s.Name), 20), []*Stream{s}})
		}
		return rows
	}
	for _, kind := range f.kinds() {
		row := terminalRow{}
		for _, s := range f.judged {
			if string(s.Kind) == kind {
				row.streams = append(row.streams, s)
			}
		}
		if len(row.streams) > 0 {
			row.label = fmt.Sprintf("%s (%d)", shorten(name(kind), 14), len(row.streams))
			rows = append(rows, row)
		}
	}
	return rows
}

// terminalRatios prints rows against as many codecs as fit, each with bits and
// CR above it.
func terminalRatios(b *strings.Builder, f *findings, rows []terminalRow, width int) {
	ranked := f.prominent()
	for n := len(ranked); n > 0; n-- {
		codecs := slices.Clone(ranked[:n])
		slices.SortStableFunc(codecs, func(a, b *Codec) int { return cmp.Compare(a.BitsPerVector, b.BitsPerVector) })
		lines := aligned(ratioCells(f, rows, codecs), true)
		if n > 1 && slices.ContainsFunc(lines, func(l string) bool { return columns(l) > width }) {
			continue
		}
		fmt.Fprintf(b, "\nsquared error over that of %s%s\n%s\n", name(f.base), f.terminalHead(), strings.Join(lines, "\n"))
		if slices.ContainsFunc(codecs, func(c *Codec) bool { return c.Simulated }) {
			b.WriteString("* simulated, no bytes: the rate is claimed\n")
		}
		return
	}
}

func ratioCells(f *findings, rows []terminalRow, codecs []*Codec) [][]string {
	cells := [][]string{{""}, {f.rateHead()}, {"CR"}}
	for _, c := range codecs {
		rate, cr := f.rates(c.Codec)
		label := shorten(name(c.Codec), 24)
		if c.Simulated {
			label += " *"
		}
		for i, cell := range []string{label, rate, cr} {
			cells[i] = append(cells[i], cell)
		}
	}
	for _, row := range rows {
		line := []string{row.label}
		for _, c := range codecs {
			line = append(line, row.ratio(f, c.Codec))
		}
		cells = append(cells, line)
	}
	return cells
}

func (f *findings) terminalHead() string {
	text := ""
	if f.intervals {
		text = fmt.Sprintf(", mean ± 95 %% over %d %ss", f.n, unit(f))
	}
	if len(f.judged) > few {
		text += ", largest stream of each kind"
	}
	return text
}

// prominent ranks the few codecs that thresholds choose most, then those
// closest to the baseline's error. Simulated codecs rank only among themselves.
func (f *findings) prominent() []*Codec {
	const most = 4
	votes := map[string]int{}
	var ranked []*Codec
	vote := func(c *Codec, weight int) {
		if c == nil || c.Codec == f.base || c.Simulated && !f.simulatedOnly() {
			return
		}
		if c.Solved && len(f.judged) > 1 {
			return // for one stream: a column of its own says little
		}
		if votes[c.Codec] == 0 {
			ranked = append(ranked, c)
		}
		votes[c.Codec] += weight
	}
	// A choice by a threshold outweighs being close on every stream.
	chosen := len(f.judged) + 1
	for _, s := range f.judged {
		vote(s.codec(f.chosen(s)), 2*chosen)
		for _, t := range decide.Thresholds {
			if d := f.decisions[decision{s.Name, f.base, t.Name, f.view}]; d != nil && d.Admissible {
				vote(s.codec(d.Codec), chosen)
			}
		}
		for _, c := range f.featured(s, most+1) {
			vote(c, 1)
		}
	}
	slices.SortStableFunc(ranked, func(a, b *Codec) int { return votes[b.Codec] - votes[a.Codec] })
	return ranked[:min(most, len(ranked))]
}

func (f *findings) rateHead() string {
	if lo, hi := f.dims(); lo != hi {
		return "bits/value"
	}
	return "bits/vector"
}

// rates is a codec's bits and CR over the streams, as ranges where they differ.
func (f *findings) rates(codec string) (rate, cr string) {
	lo, hi, crLo, crHi := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	dimLo, dimHi := f.dims()
	print := bits
	if dimLo != dimHi {
		print = func(v float64) string { return significant(v, 4) }
	}
	for _, s := range f.judged {
		c := s.codec(codec)
		if c == nil {
			continue
		}
		v := c.BitsPerVector
		if dimLo != dimHi {
			v = c.perValue(s)
		}
		lo, hi = min(lo, v), max(hi, v)
		if x := float64(c.CR[f.base]); finite(x) {
			crLo, crHi = min(crLo, x), max(crHi, x)
		}
	}
	return span(lo, hi, print), span(crLo, crHi, times)
}

// ratio is the codec's ratio on the row's stream, the largest of several.
func (row terminalRow) ratio(f *findings, codec string) string {
	var most stats.Stat
	for _, s := range row.streams {
		if c := s.codec(codec); c != nil {
			if r := c.Ratios[f.base]; known(r) && (!known(most) || r.Mean > most.Mean) {
				most = r
			}
		}
	}
	return interval(most)
}

// terminalThresholds prints the smallest codec per row in each view.
func terminalThresholds(b *strings.Builder, f *findings, rows []terminalRow, width int) {
	views := f.views()
	room := width
	for _, row := range rows {
		room = min(room, width-columns(row.label))
	}
	// A codec's name gives way before the table breaks.
	room = max(8, room/len(views)-len("  12.34 "))
	cells := [][]string{{""}}
	for _, v := range views {
		cells[0] = append(cells[0], string(v))
	}
	for _, row := range rows {
		line := []string{row.label}
		for _, v := range views {
			line = append(line, row.decision(f, v, min(room, 24)))
		}
		cells = append(cells, line)
	}
	fmt.Fprintf(b, "\nthreshold %s, error at most that of %s: smallest codec and CR\n%s\n",
		noRegression, name(f.base), strings.Join(aligned(cells, false), "\n"))
}

// decision is the codec chosen for a row's stream, in at most room characters,
// or how many of a kind's streams have one.
func (row terminalRow) decision(f *findings, v decide.View, room int) string {
	admissible, least := 0, math.Inf(1)
	codec := ""
	for _, s := range row.streams {
		d := f.decisions[decision{s.Name, f.base, noRegression, string(v)}]
		if d == nil || !d.Admissible {
			continue
		}
		admissible++
		if cr := float64(d.CR[f.base]); finite(cr) && cr < least {
			least, codec = cr, shorten(name(d.Codec), room)
		}
	}
	switch {
	case admissible == 0:
		return "none"
	case len(row.streams) == 1:
		return codec + " " + times(least)
	}
	return fmt.Sprintf("%d/%d, from %s", admissible, len(row.streams), times(least))
}

// aligned sets rows in columns, all but the first to the right if asked.
func aligned(rows [][]string, right bool) []string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(cell))
		}
	}
	lines := make([]string, len(rows))
	for k, row := range rows {
		line := ""
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-columns(cell))
			switch {
			case i == 0:
				line = cell + pad
			case right:
				line += "  " + pad + cell
			default:
				line += "  " + cell + pad
			}
		}
		lines[k] = strings.TrimRight(line, " ")
	}
	return lines
}
