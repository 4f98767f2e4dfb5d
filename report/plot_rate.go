package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"kakeyalattice/lattice"
)

// ratePoint is a codec in the plane of rate and distortion.
type ratePoint struct {
	codec      string
	family     string
	kin        int
	rate       float64 // bits per value
	distortion float64 // rel-MSE, energy
	simulated  bool
	baseline   bool
	chosen     bool
	solved     bool
}

// ratePoints averages rate and distortion of every codec over a pane's streams.
func ratePoints(f *findings, p pane) []ratePoint {
	var points []ratePoint
	index, count := map[string]int{}, map[string]float64{}
	for _, s := range p.streams {
		chosen := f.chosen(s)
		for i := range s.Codecs {
			c := &s.Codecs[i]
			if !known(c.RelMSEEnergy) || !finite(c.BitsPerVector) {
				continue
			}
			if c.Solved && len(p.streams) > 1 {
				continue // measured on one of them only
			}
			k, ok := index[c.Codec]
			if !ok {
				k = len(points)
				index[c.Codec] = k
				points = append(points, ratePoint{codec: c.Codec, family: c.Family, kin: kinOf(c), simulated: c.Simulated, baseline: c.Baseline, solved: c.Solved})
			}
			points[k].rate += c.perValue(s)
			points[k].distortion += float64(c.RelMSEEnergy.Mean)
			points[k].chosen = points[k].chosen || c.Codec == chosen
			count[c.Codec]++
		}
	}
	for i := range points {
		n := count[points[i].codec]
		points[i].rate /= n
		points[i].distortion /= n
	}
	return points
}

// front is the points that no other beats in both figures, by ascending rate;
// simulated ones have no bytes and take no part.
func front(points []ratePoint) []ratePoint {
	real := slices.DeleteFunc(slices.Clone(points), func(p ratePoint) bool { return p.simulated })
	slices.SortStableFunc(real, func(a, b ratePoint) int {
		return cmp.Or(cmp.Compare(a.rate, b.rate), cmp.Compare(a.distortion, b.distortion))
	})
	var out []ratePoint
	least := math.Inf(1)
	for _, p := range real {
		if p.distortion < least {
			least = p.distortion
			out = append(out, p)
		}
	}
	return out
}

// gaussian is the distortion at which R bits a value can code a Gaussian of
// unit variance, D = 2^-2R (Shannon 1959).
func gaussian(rate float64) float64 { return math.Exp2(-2 * rate) }

// idealE8 is the distortion of an E8 quantiser with ideal entropy coding at
// high rate: 2 pi e G times the Gaussian bound (Gish and Pierce 1968 for the
// scalar case; Zamir and Feder 1992 for lattices).
func idealE8(rate float64) float64 {
	return 2 * math.Pi * math.E * lattice.SecondMomentE8 * gaussian(rate)
}

// ratePlane is the scales that all drawings of the figure share.
type ratePlane struct {
	x, y scale
}

// The frame of a drawing of the plane.
const (
	rateWidth, rateHeight         = 560, 420
	rateLeft, rateRight           = 52, 14
	rateTop, rateBottom           = 50, 62
	farRate, nearRate     float64 = 12, 10 // bits per value: beyond, where others stay below
)

// offScale says whether a point is listed instead of drawn: a storage format
// far to the right of everything else, or an error of zero.
func offScale(p ratePoint, crowded bool) bool {
	return !(p.distortion > 0) || crowded && p.rate > farRate
}

// rateFigure draws distortion against rate.
func rateFigure(f *findings) *figure {
	panes, left := f.panes()
	var all []ratePoint
	perPane := make([][]ratePoint, len(panes))
	for i, p := range panes {
		perPane[i] = ratePoints(f, p)
		all = append(all, perPane[i]...)
	}
	crowded := slices.ContainsFunc(all, func(p ratePoint) bool { return p.rate < nearRate })
	plane, ok := newRatePlane(all, crowded)
	if !ok {
		return nil
	}
	fig := &figure{
		Title: "Rate against distortion",
		Caption: "Every codec at its bits per value, side information included, and its rel-MSE energy (Σ|x − x̂|² / Σ|x|², logarithmic); lower left is better. " +
			"The two lines are for a Gaussian source: its rate-distortion bound D = 2^(−2R), and E8 with ideal entropy coding. " +
			"Point at a mark for its figures.",
	}
	if len(f.Streams) > maxPanels {
		fig.Caption += " Means over the streams of a kind."
	}
	if len(left) > 0 {
		fig.Caption += " Not drawn: " + strings.Join(left, "; ") + "."
	}
	used := map[int]bool{}
	hollow, ring, halo := false, false, false
	for _, p := range all {
		if !offScale(p, crowded) {
			used[p.kin] = true
			hollow, ring, halo = hollow || p.simulated, ring || p.baseline, halo || p.chosen
		}
	}
	fig.Legend = append(kinLegend(used, hollow, ring, halo),
		lineKey("bound", "Gaussian R(D)"), lineKey("ideal", "ideal E8"), lineKey("front", "Pareto front"))
	if f.base != "" {
		fig.Legend = append(fig.Legend, legend{
			sample(func(s *svg) { s.rect("better", 3, 3, 20, 16) }),
			"fewer bits and less error than " + name(f.base),
		})
	}
	for i, p := range panes {
		fig.Panels = append(fig.Panels, plane.draw(f, p, perPane[i], crowded))
	}
	return fig
}

// newRatePlane fits the scales to the points that are drawn.
func newRatePlane(points []ratePoint, crowded bool) (ratePlane, bool) {
	x := scale{lo: math.Inf(1), hi: math.Inf(-1), from: rateLeft, to: rateWidth - rateRight}
	y := scale{lo: math.Inf(1), hi: math.Inf(-1), from: rateHeight - rateBottom, to: rateTop, log: true}
	for _, p := range points {
		if offScale(p, crowded) {
			continue
		}
		x.lo, x.hi = min(x.lo, p.rate), max(x.hi, p.rate)
		y.lo, y.hi = min(y.lo, p.distortion), max(y.hi, p.distortion)
	}
	if x.lo > x.hi {
		return ratePlane{}, false
	}
	x.lo, x.hi = max(0, x.lo-0.4), x.hi+0.7
	y.lo, y.hi = y.lo/2.2, y.hi*2.2
	return ratePlane{x, y}, true
}

// draw is one drawing of the plane.
func (pl ratePlane) draw(f *findings, p pane, points []ratePoint, crowded bool) template.HTML {
	title := "Rate against distortion: " + p.title
	shown := slices.DeleteFunc(slices.Clone(points), func(q ratePoint) bool { return offScale(q, crowded) })
	pareto := front(shown)
	s := newSVG(rateWidth, rateHeight, title, describeRate(shown, pareto))
	s.text("panel-title", rateLeft, 18, start, p.title)
	pl.axes(s)
	frame := box{rateLeft, rateTop, rateWidth - rateLeft - rateRight, rateHeight - rateTop - rateBottom}
	if i := slices.IndexFunc(shown, func(q ratePoint) bool { return q.codec == f.base }); i >= 0 {
		x, y := pl.x.at(shown[i].rate), pl.y.at(shown[i].distortion)
		s.rect("better", frame.x, y, x-frame.x, frame.y+frame.h-y)
	}
	pl.curve(s, "bound", gaussian)
	pl.curve(s, "ideal", idealE8)
	pl.families(s, shown)
	s.path("front", pl.stairs(pareto))

	// What has no bytes goes below what has, what is chosen above the rest.
	slices.SortStableFunc(shown, func(a, b ratePoint) int { return cmp.Compare(a.depth(), b.depth()) })
	var taken []box
	for _, q := range shown {
		x, y := pl.x.at(q.rate), pl.y.at(q.distortion)
		s.mark(kins[q.kin], x, y, q.simulated, q.baseline, q.chosen, q.tip())
		r := q.radius()
		taken = append(taken, box{x - r, y - r, 2 * r, 2 * r})
	}
	for _, l := range placeLabels(pl.labels(f, shown, pareto), taken, frame) {
		if l.far {
			s.line("leader", l.at.x, l.at.y, l.base.x, l.base.y-4)
		}
		s.text("mark-label", l.base.x, l.base.y, l.anchor, l.text)
	}
	if note := offScaleNote(points, crowded); note != "" {
		s.text("axis-note", rateLeft, rateHeight-8, start, note)
	}
	return s.html()
}

func (pl ratePlane) axes(s *svg) {
	left, right, bottom := float64(rateLeft), float64(rateWidth-rateRight), float64(rateHeight-rateBottom)
	for _, v := range pl.y.ticks(6) {
		y := pl.y.at(v)
		s.line("grid", left, y, right, y)
		s.text("tick", left-7, y+4, finish, powerOfTen(v))
	}
	for _, v := range pl.x.ticks(10) {
		x := pl.x.at(v)
		s.line("grid", x, rateTop, x, bottom)
		s.text("tick", x, bottom+17, middle, plainNumber(v))
	}
	s.line("axis", left, bottom, right, bottom)
	s.text("axis-label", left-40, 38, start, "rel-MSE energy")
	s.text("axis-label", right, bottom+34, finish, "bits per value")
}

// curve draws a distortion as a function of the rate, inside the frame: a
// straight line on these scales.
func (pl ratePlane) curve(s *svg, class string, d func(float64) float64) {
	// d(R) = d(0) 2^-2R, so the rate of a distortion is known in closed form.
	rateOf := func(v float64) float64 { return math.Log2(d(0)/v) / 2 }
	from, to := max(pl.x.lo, rateOf(pl.y.hi)), min(pl.x.hi, rateOf(pl.y.lo))
	if from < to {
		s.line(class, pl.x.at(from), pl.y.at(d(from)), pl.x.at(to), pl.y.at(d(to)))
	}
}

// families joins the points of a family whose parameter was swept.
func (pl ratePlane) families(s *svg, points []ratePoint) {
	const swept = 4
	byFamily := map[string][]ratePoint{}
	var order []string
	for _, p := range points {
		if byFamily[p.family] == nil {
			order = append(order, p.family)
		}
		byFamily[p.family] = append(byFamily[p.family], p)
	}
	for _, name := range order {
		members := byFamily[name]
		if len(members) < swept {
			continue
		}
		slices.SortStableFunc(members, func(a, b ratePoint) int { return cmp.Compare(a.rate, b.rate) })
		var line []point
		for _, m := range members {
			line = append(line, point{pl.x.at(m.rate), pl.y.at(m.distortion)})
		}
		s.path("sweep "+kins[members[0].kin].class, line)
	}
}

// stairs is the border of what the front reaches.
func (pl ratePlane) stairs(front []ratePoint) []point {
	var line []point
	for i, p := range front {
		x, y := pl.x.at(p.rate), pl.y.at(p.distortion)
		if i > 0 {
			line = append(line, point{x, line[len(line)-1].y})
		}
		line = append(line, point{x, y})
	}
	return line
}

// labels names the points that matter; all of them where they are few.
func (pl ratePlane) labels(f *findings, points, pareto []ratePoint) []label {
	const some, most = 16, 8
	stride := max(1, (len(pareto)+most-1)/most)
	onFront := map[string]bool{}
	for i, p := range pareto {
		onFront[p.codec] = i%stride == 0 || i == len(pareto)-1
	}
	var out []label
	for _, p := range points {
		rank := 4
		switch {
		case p.codec == f.base:
			rank = 0
		case p.chosen:
			rank = 1
		case p.baseline:
			rank = 2
		case p.solved:
			continue
		case onFront[p.codec]:
			rank = 3
		case len(points) > some:
			continue
		}
		out = append(out, label{shorten(name(p.codec), 26), point{pl.x.at(p.rate), pl.y.at(p.distortion)}, rank})
	}
	return out
}

// radius is how far the mark reaches.
func (p ratePoint) radius() float64 {
	if p.baseline || p.chosen {
		return 9
	}
	return 6
}

// depth orders marks from the lowest to the topmost.
func (p ratePoint) depth() int {
	switch {
	case p.simulated:
		return 0
	case p.chosen:
		return 2
	}
	return 1
}

// tip is the tooltip of a point.
func (p ratePoint) tip() string {
	text := fmt.Sprintf("%s: %s bits per value, rel-MSE energy %s", name(p.codec), significant(p.rate, 4), scientific(p.distortion, 3))
	if p.simulated {
		text += ", simulated, no bytes"
	}
	if p.baseline {
		text += ", baseline"
	}
	return text
}

// offScaleNote lists what is not drawn.
func offScaleNote(points []ratePoint, crowded bool) string {
	var parts []string
	for _, p := range points {
		if offScale(p, crowded) {
			parts = append(parts, fmt.Sprintf("%s (%s b/v, %s)", name(p.codec), significant(p.rate, 3), scientific(p.distortion, 2)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return shorten("off the scale: "+strings.Join(parts, ", "), 86)
}

// describeRate is the drawing in words.
func describeRate(points, pareto []ratePoint) string {
	var parts []string
	for i, p := range pareto {
		if i == 12 {
			parts = append(parts, fmt.Sprintf("%d more", len(pareto)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %s bits, %s", name(p.codec), significant(p.rate, 3), scientific(p.distortion, 2)))
	}
	return fmt.Sprintf("%s; on the Pareto front: %s.", plural(len(points), "codec"), strings.Join(parts, "; "))
}
