package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"kakeyalattice/decide"
)

// gainRow is the compression ratios of a stream, or the least of a kind's, by
// threshold; NaN where no codec is admissible.
type gainRow struct {
	label string
	cr    []float64
	codec []string
}

// gainFigure draws what each threshold buys against the first baseline.
func gainFigure(f *findings) *figure {
	rows := gainRows(f)
	if len(rows) == 0 {
		return nil
	}
	fig := &figure{
		Title: "Compression against " + name(f.base) + ", by threshold",
		Class: "wide",
		Caption: "Bits of " + name(f.base) + " over those of the smallest admissible codec, view " + f.view +
			"; bars start at 1, the baseline itself; \"none\" means that no codec is admissible.",
	}
	if len(f.judged) > few {
		fig.Caption += " A kind's bar is its least stream; a kind has a bar only if every stream of it has an admissible codec."
	}
	for i, t := range decide.Thresholds {
		class := gainClass[i]
		fig.Legend = append(fig.Legend, legend{
			sample(func(s *svg) { s.group("k-e8"); s.rect(class, 3, 6, 20, 10); s.end() }),
			fmt.Sprintf("%s: error at most %s times", t.Name, fixed(t.Multiplier, 2)),
		})
	}
	fig.Panels = []template.HTML{drawGains(f, rows)}
	return fig
}

var gainClass = []string{"bar", "bar-b", "bar-c"}

func gainRows(f *findings) []gainRow {
	var rows []gainRow
	if len(f.judged) <= few {
		for _, s := range f.judged {
			rows = append(rows, gainOf(f, name(s.Name), []*Stream{s}))
		}
		return rows
	}
	for _, kind := range f.kinds() {
		var streams []*Stream
		for _, s := range f.judged {
			if string(s.Kind) == kind {
				streams = append(streams, s)
			}
		}
		if len(streams) > 0 {
			rows = append(rows, gainOf(f, fmt.Sprintf("%s (%d)", name(kind), len(streams)), streams))
		}
	}
	return rows
}

func gainOf(f *findings, label string, streams []*Stream) gainRow {
	row := gainRow{label: label}
	for _, t := range decide.Thresholds {
		least := math.Inf(1)
		counts := map[string]int{}
		for _, s := range streams {
			d := f.decisions[decision{s.Name, f.base, t.Name, f.view}]
			if d == nil || !d.Admissible || !d.CR[f.base].Defined() {
				least = math.NaN()
				break
			}
			least = min(least, float64(d.CR[f.base]))
			counts[d.Codec]++
		}
		codec := counted(counts, 1)
		if len(streams) == 1 && len(counts) == 1 {
			codec = name(f.decisions[decision{streams[0].Name, f.base, t.Name, f.view}].Codec)
		}
		row.cr, row.codec = append(row.cr, least), append(row.codec, codec)
	}
	return row
}

func drawGains(f *findings, rows []gainRow) template.HTML {
	const width, left, right, top, barHeight, rowHeight = 900.0, 150.0, 610.0, 14.0, 14.0, 58.0
	bottom := top + rowHeight*float64(len(rows))
	x := scale{lo: 0.98, hi: 1.1, from: left, to: right}
	var words []string
	for _, r := range rows {
		for i, v := range r.cr {
			if finite(v) {
				x.lo, x.hi = min(x.lo, v-0.02), max(x.hi, v*1.01)
			}
			words = append(words, r.label+" "+r.text(i))
		}
	}
	s := newSVG(width, bottom+40, "Compression ratio against "+name(f.base)+" by threshold", strings.Join(words, "; ")+".")
	for _, v := range x.ticks(7) {
		s.line("grid", x.at(v), top, x.at(v), bottom)
		s.text("tick", x.at(v), bottom+16, middle, plainNumber(v))
	}
	for i, r := range rows {
		y := top + rowHeight*float64(i)
		s.group("k-e8")
		s.text("row-name", left-10, y+rowHeight/2+4, finish, shorten(r.label, 19))
		for j, v := range r.cr {
			at := y + (rowHeight-3*barHeight)/2 + barHeight*float64(j)
			class, end := "tick", x.at(1)
			if finite(v) {
				class, end = "value", max(x.at(v), x.at(1))
				s.rect(gainClass[j], min(x.at(v), x.at(1)), at+1, max(1.5, math.Abs(x.at(v)-x.at(1))), barHeight-2)
			}
			s.text(class, end+7, at+barHeight-3, start, r.text(j))
		}
		s.end()
	}
	s.line("one", x.at(1), top-4, x.at(1), bottom)
	s.text("axis-label", (left+right)/2, bottom+33, middle, "compression ratio against "+name(f.base))
	return s.html()
}

// text is what stands at the end of a bar; a codec is named once.
func (r gainRow) text(i int) string {
	threshold := decide.Thresholds[i].Name
	switch {
	case !finite(r.cr[i]):
		return threshold + "  none"
	case i > 0 && r.codec[i] == r.codec[i-1]:
		return threshold + "  " + significant(r.cr[i], 4)
	}
	return threshold + "  " + significant(r.cr[i], 4) + "  " + shorten(r.codec[i], 34)
}
