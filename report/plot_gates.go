package report

import (
	"html/template"
	"math"
	"strings"
)

// gateRow is a stream's measure, or the range of a kind's.
type gateRow struct {
	label   string
	mean    float64
	lo, hi  float64
	fired   bool
	present bool
}

// gateFigure draws the audit's measures beside their limits.
func gateFigure(f *findings) *figure {
	fig := &figure{
		Title: "Audit gates", Class: "small",
		Caption: "Bars are means; a bar beyond the dashed limit fires its gate. Scales are linear where figures are alike and logarithmic where they are not, as the axis says.",
		Legend: []legend{
			{sample(func(s *svg) { s.rect("fired", 3, 6, 20, 10) }), "fires"},
			{sample(func(s *svg) { s.rect("calm", 3, 6, 20, 10) }), "does not fire, or has no limit"},
			lineKey("limit", "limit"),
		},
	}
	if len(f.Streams) > few {
		fig.Caption += " Bars are the largest mean among the streams of a kind, the number in brackets the smallest."
	}
	for i := range gates {
		rows := gateRows(f, &gates[i])
		if len(rows) > 0 {
			fig.Panels = append(fig.Panels, drawGate(&gates[i], rows))
		}
	}
	if len(fig.Panels) == 0 {
		return nil
	}
	return fig
}

// gateRows lists streams, or kinds where streams are many; none where the
// measure is undefined everywhere.
func gateRows(f *findings, g *gate) []gateRow {
	var rows []gateRow
	byKind := len(f.Streams) > few
	index := map[string]int{}
	any := false
	for i := range f.Streams {
		s := &f.Streams[i]
		label := name(s.Name)
		if byKind {
			label = name(string(s.Kind))
		}
		k, ok := index[label]
		if !ok || !byKind {
			k = len(rows)
			index[label] = k
			rows = append(rows, gateRow{label: label, lo: math.Inf(1), hi: math.Inf(-1)})
		}
		if m := g.Of(&s.Audit); known(m) {
			v := float64(m.Mean)
			any = true
			r := &rows[k]
			r.present, r.lo, r.hi = true, min(r.lo, v), max(r.hi, v)
			r.mean = r.hi
			r.fired = r.fired || g.fires(&s.Audit)
		}
	}
	if !any {
		return nil
	}
	return rows
}

// gateScale starts at zero, or where the measures spread, at a tenth of the
// limit on a logarithmic scale; a ratio of variances starts at 1, its least
// value.
func gateScale(g *gate, rows []gateRow, from, to float64) scale {
	const spread = 20
	limit := g.Limit
	if !g.Gated {
		limit = 0.05
	}
	hi := limit * 1.3
	for _, r := range rows {
		if r.present {
			hi = max(hi, r.hi)
		}
	}
	s := scale{from: from, to: to, hi: hi * 1.04}
	if strings.HasPrefix(g.Name, "variance") {
		s.lo = 1
	}
	if hi > spread*limit {
		s.log = true
		if s.lo == 0 {
			s.lo = limit / 10
		}
	}
	return s
}

func drawGate(g *gate, rows []gateRow) template.HTML {
	const width, left, right, top, rowHeight = 400.0, 128.0, 322.0, 50.0, 22.0
	bottom := top + rowHeight*float64(len(rows))
	x := gateScale(g, rows, left, right)
	var words []string
	for _, r := range rows {
		words = append(words, r.label+" "+r.value())
	}
	s := newSVG(width, bottom+24, capital(g.Name), capital(g.About)+". "+strings.Join(words, "; ")+".")
	s.text("panel-title", 10, 19, start, capital(g.Name))
	note := "no limit"
	if g.Gated {
		note = "limit " + plainNumber(g.Limit)
	}
	if x.log {
		note += ", logarithmic"
	}
	s.text("axis-label", 10, 36, start, note)
	for _, v := range x.ticks(4) {
		s.line("grid", x.at(v), top, x.at(v), bottom)
		label := plainNumber(v)
		if x.log && v >= 1e4 {
			label = powerOfTen(v)
		}
		s.text("tick", x.at(v), bottom+15, middle, label)
	}
	for i, r := range rows {
		y := top + rowHeight*(float64(i)+0.5)
		s.group("row")
		s.tip(r.label + ": " + r.value())
		s.text("row-name", left-8, y+4, finish, shorten(r.label, 16))
		if r.present {
			class := "calm"
			if r.fired {
				class = "fired"
			}
			from, to := x.at(x.lo), x.at(max(x.lo, r.mean))
			s.rect(class, from, y-6, max(1.5, to-from), 12)
		}
		s.text("value", width-6, y+4, finish, r.value())
		s.end()
	}
	if g.Gated && g.Limit >= x.lo {
		s.line("limit", x.at(g.Limit), top-4, x.at(g.Limit), bottom)
	}
	return s.html()
}

// value prints the row's figure, with the least of its kind where they differ.
func (r gateRow) value() string {
	if !r.present {
		return none
	}
	text := significant(r.mean, 3)
	if least := significant(r.lo, 2); r.lo < r.hi && least != text {
		text += " (" + least + ")"
	}
	return text
}
