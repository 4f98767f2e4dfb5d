package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"kakeyalattice/decide"
)

// layerMark is one stream in the figure of many.
type layerMark struct {
	stream *Stream
	codec  *Codec
}

// layerFigure draws many streams side by side: the ratio of one codec each.
func layerFigure(f *findings) *figure {
	var panels [][]layerMark
	var values []float64
	for _, kind := range f.kinds() {
		var marks []layerMark
		for _, s := range f.judged {
			if string(s.Kind) != kind {
				continue
			}
			c := s.codec(f.chosen(s))
			if c == nil || !known(c.Ratios[f.base]) {
				if near := f.featured(s, 1); len(near) == 1 {
					c = near[0]
				}
			}
			if c != nil && known(c.Ratios[f.base]) {
				marks = append(marks, layerMark{s, c})
				values = append(values, reach(c.Ratios[f.base])...)
			}
		}
		if len(marks) > 0 {
			panels = append(panels, marks)
		}
	}
	if len(panels) == 0 {
		return nil
	}
	left := ""
	if len(panels) > maxPanels {
		left = fmt.Sprintf(" %d further kinds are not drawn.", len(panels)-maxPanels)
		panels = panels[:maxPanels]
	}
	fig := &figure{
		Title: "Error against " + name(f.base) + ", stream by stream",
		Class: "wide",
		Caption: "One codec per stream, the chosen one or, where none is, the one closest to 1. The disc is the mean over " + unit(f) + "s" +
			strings.Replace(intervalCaption(f), "the bar its", "the bar the", 1) + "; faint dots are single " + unit(f) + "s. Point at a mark for its codec." + left,
	}
	used := map[int]bool{}
	for _, marks := range panels {
		for _, m := range marks {
			used[kinOf(m.codec)] = true
		}
	}
	fig.Legend = append(kinLegend(used, false, false, false), boundLegend(f)...)
	const height, top, bottom = 250.0, 40.0, 204.0
	y := ratioScale(values, bottom, top)
	for _, marks := range panels {
		fig.Panels = append(fig.Panels, drawLayers(f, marks, y, height))
	}
	return fig
}

func drawLayers(f *findings, marks []layerMark, y scale, height float64) template.HTML {
	const width, left, right = 900.0, 48.0, 890.0
	kind := name(string(marks[0].stream.Kind))
	lo, hi := math.Inf(1), math.Inf(-1)
	counts := map[string]int{}
	for _, m := range marks {
		v := float64(m.codec.Ratios[f.base].Mean)
		lo, hi = min(lo, v), max(hi, v)
		counts[m.codec.Codec]++
	}
	s := newSVG(width, height, "Ratio of the squared error to "+name(f.base)+", kind "+kind,
		fmt.Sprintf("%s; means from %s to %s; %s.", plural(len(marks), "stream"), ratio(lo), ratio(hi), counted(counts, 3)))
	s.text("panel-title", left, 20, start, kind)
	s.text("axis-label", right, 20, finish, counted(counts, 4))
	for _, v := range ratioTicks(y) {
		s.line("grid", left, y.at(v), right, y.at(v))
		s.text("tick", left-7, y.at(v)+4, finish, plainNumber(v))
	}
	for i, t := range decide.Thresholds {
		s.line([]string{"one", "bound-line"}[min(i, 1)], left, y.at(t.Multiplier), right, y.at(t.Multiplier))
	}
	step := (right - left) / float64(len(marks))
	stride := max(1, int(math.Ceil(28/step)))
	const maxDots = 2000 // drawn one by one; beyond, means and intervals suffice
	for i, m := range marks {
		x := left + step*(float64(i)+0.5)
		r := m.codec.Ratios[f.base]
		s.group(kins[kinOf(m.codec)].class)
		s.tip(fmt.Sprintf("%s: %s %s", name(m.stream.Name), name(m.codec.Codec), interval(r)))
		if len(marks)*len(r.Values) <= maxDots {
			for _, v := range r.Values {
				if v.Defined() {
					s.circle("dot", x, y.at(float64(v)), 2)
				}
			}
		}
		if bounded(r) {
			s.line("whisker", x, y.at(max(r.Lower(), y.lo)), x, y.at(r.Upper()))
		}
		s.circle("bar", x, y.at(float64(r.Mean)), 4)
		s.end()
		if i%stride == 0 {
			s.text("tick", x, y.from+17, middle, layerName(m.stream, i))
		}
	}
	s.text("axis-label", right, height-10, finish, "layer")
	return s.html()
}

// layerName is a stream's layer, or its place where it has none.
func layerName(s *Stream, i int) string {
	if s.Layer >= 0 {
		return itoa(s.Layer)
	}
	return "#" + itoa(i+1)
}
