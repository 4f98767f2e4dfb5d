package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"kakeyalattice/decide"
	"kakeyalattice/stats"
)

// featured is the codecs that a stream's figure shows: those that thresholds
// choose, then those whose error is closest to the baseline's, up to most, by
// ascending bits.
func (f *findings) featured(s *Stream, most int) []*Codec {
	var out []*Codec
	add := func(c *Codec) {
		if c != nil && len(out) < most && c.Codec != f.base && known(c.Ratios[f.base]) && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	if f.policy != nil {
		add(s.codec(f.policy.choice(s)))
	}
	for _, bound := range decide.Thresholds {
		if t := f.decisions[decision{s.Name, f.base, bound.Name, f.view}]; t != nil && t.Admissible {
			add(s.codec(t.Codec))
		}
	}
	near := make([]*Codec, 0, len(s.Codecs))
	for i := range s.Codecs {
		if c := &s.Codecs[i]; !c.Baseline && !c.Solved && c.Ratios[f.base].Mean > 0 {
			near = append(near, c)
		}
	}
	distance := func(c *Codec) float64 { return math.Abs(math.Log(float64(c.Ratios[f.base].Mean))) }
	slices.SortStableFunc(near, func(a, b *Codec) int { return cmp.Compare(distance(a), distance(b)) })
	for _, c := range near {
		add(c)
	}
	slices.SortStableFunc(out, func(a, b *Codec) int { return cmp.Compare(a.BitsPerVector, b.BitsPerVector) })
	return out
}

// ratioFigure draws the ratio to the first baseline passage by passage.
func ratioFigure(f *findings) *figure {
	if f.base == "" {
		return nil
	}
	if len(f.judged) > maxPanels {
		return layerFigure(f)
	}
	const most = 5
	rows := make([][]*Codec, len(f.judged))
	var values []float64
	for i, s := range f.judged {
		rows[i] = f.featured(s, most)
		for _, c := range rows[i] {
			values = append(values, reach(c.Ratios[f.base])...)
		}
	}
	if len(values) == 0 {
		return nil
	}
	fig := &figure{
		Title: "Error against " + name(f.base) + ", " + unit(f) + " by " + unit(f),
		Caption: "Each dot is one " + unit(f) + ": the codec's squared error over that of " + name(f.base) + " on the same vectors. " +
			"The upright stroke is the mean" + intervalCaption(f) + ". Shown are the codecs that thresholds choose and those closest to 1.",
		Legend: append(boundLegend(f),
			legend{sample(func(s *svg) { s.group("k-key"); s.circle("dot", 13, 11, 4); s.end() }), "one " + unit(f)},
			legend{sample(func(s *svg) {
				s.group("k-key")
				s.line("whisker", 3, 11, 23, 11)
				s.line("mean", 13, 5, 13, 17)
				s.end()
			}), "mean, 95 % interval"}),
	}
	x := ratioScale(values, 176, 446)
	for i, s := range f.judged {
		if len(rows[i]) > 0 {
			fig.Panels = append(fig.Panels, drawRatios(f, s, rows[i], x))
		}
	}
	return fig
}

func intervalCaption(f *findings) string {
	switch {
	case !f.intervals:
		return "; there is no interval"
	case f.Protocol.Blocks:
		return ", the bar its 95 % interval over blocks of one text, which are not independent"
	}
	return ", the bar its 95 % interval"
}

// boundLegend explains the lines at the thresholds.
func boundLegend(f *findings) []legend {
	return []legend{lineKey("one", "1: the error of "+name(f.base)), lineKey("bound-line", "1.05 and 1.20: thresholds B and C")}
}

// reach is the figures of a summary that a drawing must hold.
func reach(s stats.Stat) []float64 {
	if !known(s) {
		return nil
	}
	out := []float64{float64(s.Mean)}
	if bounded(s) {
		out = append(out, s.Lower(), s.Upper())
	}
	for _, v := range s.Values {
		if v.Defined() {
			out = append(out, float64(v))
		}
	}
	return out
}

// ratioScale fits ratios and the thresholds; logarithmic where they spread.
func ratioScale(values []float64, from, to float64) scale {
	const spread = 6
	lo, hi := 0.95, 1.25
	positive := true
	for _, v := range values {
		lo, hi = min(lo, v), max(hi, v)
		positive = positive && v > 0
	}
	s := scale{from: from, to: to}
	if s.log = positive && hi > spread*lo; s.log {
		s.lo, s.hi = lo/1.1, hi*1.1
		return s
	}
	pad := 0.04 * (hi - lo)
	s.lo, s.hi = max(lo-pad, min(lo, 0)), hi+pad
	return s
}

// drawRatios draws the codecs of one stream, a row each.
func drawRatios(f *findings, st *Stream, codecs []*Codec, x scale) template.HTML {
	const width, top, rowHeight = 560, 40, 34
	bottom := float64(top + rowHeight*len(codecs))
	var words []string
	for _, c := range codecs {
		words = append(words, name(c.Codec)+" "+interval(c.Ratios[f.base]))
	}
	s := newSVG(width, bottom+38, "Ratio of the squared error to "+name(f.base)+": "+name(st.Name), strings.Join(words, "; ")+".")
	s.text("panel-title", 12, 20, start, name(st.Name))
	s.text("axis-label", width-8, 20, finish, ratioHead(f))
	for _, v := range ratioTicks(x) {
		s.line("grid", x.at(v), top, x.at(v), bottom)
		s.text("tick", x.at(v), bottom+16, middle, plainNumber(v))
	}
	for i, t := range decide.Thresholds {
		if t.Multiplier <= x.hi {
			s.line([]string{"one", "bound-line"}[min(i, 1)], x.at(t.Multiplier), top, x.at(t.Multiplier), bottom)
		}
	}
	for i, c := range codecs {
		drawRatioRow(s, f, c, x, top+rowHeight*(float64(i)+0.5))
	}
	s.text("axis-label", (x.from+x.to)/2, bottom+33, middle, "squared error over that of "+shorten(name(f.base), 24))
	return s.html()
}

func ratioHead(f *findings) string {
	if f.intervals {
		return "mean ± 95 %"
	}
	return "ratio"
}

func drawRatioRow(s *svg, f *findings, c *Codec, x scale, y float64) {
	r := c.Ratios[f.base]
	k := kins[kinOf(c)]
	label := name(c.Codec)
	s.group(k.class)
	s.tip(fmt.Sprintf("%s: %s, %s bits per vector", label, interval(r), bits(c.BitsPerVector)))
	note := bits(c.BitsPerVector) + " bits"
	if c.Simulated {
		note += ", simulated"
	}
	s.text("row-name", 166, y, finish, shorten(label, 23))
	s.text("tick", 166, y+13, finish, note)
	for _, v := range r.Values {
		if v.Defined() {
			s.circle("dot", x.at(float64(v)), y+3, 3.6)
		}
	}
	if bounded(r) {
		s.line("whisker", x.at(max(r.Lower(), x.lo)), y+3, x.at(r.Upper()), y+3)
	}
	s.line("mean", x.at(float64(r.Mean)), y-5, x.at(float64(r.Mean)), y+11)
	s.end()
	s.text("value", 552, y+7, finish, interval(r))
}

// ratioTicks marks round ratios; on a logarithmic scale powers of ten leave too
// few.
func ratioTicks(x scale) []float64 {
	if !x.log {
		return x.ticks(8)
	}
	var out []float64
	for _, power := range (scale{lo: x.lo / 10, hi: x.hi, log: true}).ticks(12) {
		for _, m := range []float64{1, 2, 5} {
			if v := m * power; v >= x.lo && v <= x.hi {
				out = append(out, v)
			}
		}
	}
	for len(out) > 7 {
		// Every other one.
		for i := 1; i < len(out); i++ {
			out = slices.Delete(out, i, i+1)
		}
	}
	return out
}
