package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// qualityAxis is one side of a drawing of the quality entries.
type qualityAxis struct {
	label string
	log   bool
	of    func(q *Quality) (value, half float64) // half of the interval; 0: none
}

var (
	axisRate = qualityAxis{"bits per value", false, func(q *Quality) (float64, float64) { return float64(q.BitsPerValue), 0 }}
	axisKL   = qualityAxis{"mean KL, nats per token", true, func(q *Quality) (float64, float64) { return float64(q.KL.Mean), 0 }}
	axisPPL  = qualityAxis{"ln ppl ratio", false, func(q *Quality) (float64, float64) {
		if bounded(q.LnPPLRatio) {
			return float64(q.LnPPLRatio.Mean), float64(q.LnPPLRatio.CI95)
		}
		return float64(q.LnPPLRatio.Mean), 0
	}}
	axisError = qualityAxis{"rel-MSE energy of what was written", true, func(q *Quality) (float64, float64) { return float64(q.RelMSEEnergy.Mean), 0 }}
)

// shows says whether the axis has a place for an entry.
func (a qualityAxis) shows(q *Quality) bool {
	v, half := a.of(q)
	return finite(v) && finite(half) && (!a.log || v > 0)
}

// fit returns the scale that holds the entries.
func (a qualityAxis) fit(list []*Quality, from, to float64) scale {
	s := scale{lo: math.Inf(1), hi: math.Inf(-1), from: from, to: to, log: a.log}
	for _, q := range list {
		v, half := a.of(q)
		s.lo, s.hi = min(s.lo, v-half), max(s.hi, v+half)
	}
	if a.log {
		s.lo, s.hi = s.lo/2.2, s.hi*2.2
		return s
	}
	room := (s.hi - s.lo) * 0.08
	if room == 0 {
		room = max(1e-6, math.Abs(s.hi)*0.1)
	}
	s.lo, s.hi = s.lo-room, s.hi+room
	return s
}

// qualityFigure draws what predictions lose against the rate, and against the
// error of what was written.
func qualityFigure(f *findings) *figure {
	if len(f.Quality) == 0 {
		return nil
	}
	fig := &figure{
		Title: "What predictions lose",
		Caption: "Above against the bits per value that were written, lower left is better; below against the error of what was written, the measured relation in place of a projected one. " +
			"Bars are 95 % intervals over " + unit(f) + "s, and rates and errors are means over all streams that are coded. Point at a mark for its figures.",
	}
	list := f.qualityByBits()
	for _, p := range []struct{ x, y qualityAxis }{{axisRate, axisKL}, {axisRate, axisPPL}, {axisError, axisKL}, {axisError, axisPPL}} {
		var shown []*Quality
		for _, q := range list {
			if p.x.shows(q) && p.y.shows(q) {
				shown = append(shown, q)
			}
		}
		if len(shown) > 0 {
			fig.Panels = append(fig.Panels, drawQuality(f, p.x, p.y, shown))
		}
	}
	if len(fig.Panels) == 0 {
		return nil
	}
	used := map[int]bool{}
	hollow, ring := false, false
	for _, q := range list {
		used[q.kin()] = true
		hollow, ring = hollow || q.Simulated, ring || q.Baseline
	}
	fig.Legend = kinLegend(used, hollow, ring, false)
	return fig
}

func (q *Quality) kin() int { return kinOf(&Codec{Codec: q.Codec}) }

func drawQuality(f *findings, xa, ya qualityAxis, list []*Quality) template.HTML {
	const left, right, top, bottom = rateLeft + 14, rateWidth - rateRight, rateTop, rateHeight - rateBottom
	x, y := xa.fit(list, left, right), ya.fit(list, bottom, top)
	title := ya.label + " against " + xa.label
	var words []string
	for _, q := range list {
		words = append(words, q.tip(f))
	}
	s := newSVG(rateWidth, rateHeight, title, strings.Join(words, "; ")+".")
	for _, v := range y.ticks(6) {
		s.line("grid", left, y.at(v), right, y.at(v))
		s.text("tick", left-7, y.at(v)+4, finish, tickText(v, y.log))
	}
	for _, v := range x.ticks(8) {
		s.line("grid", x.at(v), top, x.at(v), bottom)
		s.text("tick", x.at(v), bottom+17, middle, tickText(v, x.log))
	}
	s.line("axis", left, bottom, right, bottom)
	if !y.log && y.lo < 0 && y.hi > 0 {
		s.line("axis", left, y.at(0), right, y.at(0)) // the exact model
	}
	s.text("axis-label", 12, 38, start, ya.label)
	s.text("axis-label", right, bottom+34, finish, xa.label)
	var labels []label
	var taken []box
	for _, q := range list {
		px, _ := xa.of(q)
		py, half := ya.of(q)
		at := point{x.at(px), y.at(py)}
		if half > 0 {
			s.line("leader", at.x, y.at(py-half), at.x, y.at(py+half))
		}
		s.mark(kins[q.kin()], at.x, at.y, q.Simulated, q.Baseline, false, q.tip(f))
		taken = append(taken, box{at.x - 6, at.y - 6, 12, 12})
		labels = append(labels, label{shorten(q.label(f), 26), at, 1})
	}
	for _, l := range placeLabels(labels, taken, box{left, top, right - left, bottom - top}) {
		if l.far {
			s.line("leader", l.at.x, l.at.y, l.base.x, l.base.y-4)
		}
		s.text("mark-label", l.base.x, l.base.y, l.anchor, l.text)
	}
	return s.html()
}

func tickText(v float64, log bool) string {
	if log {
		return powerOfTen(v)
	}
	return plainNumber(v)
}

// tip is the tooltip of an entry.
func (q *Quality) tip(f *findings) string {
	text := fmt.Sprintf("%s: %s bits per value, KL %s, ln ppl ratio %s, rel-MSE %s", q.label(f), significant(float64(q.BitsPerValue), 4),
		scientific(float64(q.KL.Mean), 3), mseInterval(q.LnPPLRatio), mse(q.RelMSEEnergy))
	if note := q.note(); note != "" {
		text += ", " + note
	}
	return text
}
