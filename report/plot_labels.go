package report

import (
	"cmp"
	"slices"
)

// box is a rectangle of a drawing.
type box struct{ x, y, w, h float64 }

func (a box) overlaps(b box) bool {
	return a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h
}

func (a box) inside(b box) bool {
	return a.x >= b.x && a.y >= b.y && a.x+a.w <= b.x+b.w && a.y+a.h <= b.y+b.h
}

// label is a text that wants to stand beside a mark.
type label struct {
	text string
	at   point
	rank int // lower ranks choose their place first
}

// placed is a label with its place.
type placed struct {
	label
	base   point // of the text
	anchor anchor
	far    bool // far enough from its mark to need a line to it
}

const (
	labelSize = 11.5 // of the font
	labelGap  = 10   // from the middle of a mark
)

// placeLabels puts each label where it hides no mark and no label, trying
// right, left, above, below and the corners, near and then far; one that finds
// no place is left out, since its mark has a tooltip.
func placeLabels(labels []label, taken []box, frame box) []placed {
	labels = slices.Clone(labels)
	slices.SortStableFunc(labels, func(a, b label) int { return cmp.Compare(a.rank, b.rank) })
	taken = slices.Clone(taken)
	var out []placed
	for _, l := range labels {
		w := textWidth(l.text, labelSize)
		for _, try := range places(l, w) {
			area := try.area(w)
			if !area.inside(frame) || slices.ContainsFunc(taken, area.overlaps) {
				continue
			}
			taken = append(taken, area)
			out = append(out, try)
			break
		}
	}
	return out
}

// places lists where a label of width w may stand, best first.
func places(l label, w float64) []placed {
	var out []placed
	for _, step := range []float64{1, 1.7, 2.6} {
		gap := step * labelGap
		for _, p := range []struct {
			dx, dy float64
			anchor anchor
		}{
			{gap, 4, start}, {-gap, 4, finish},
			{0, -gap, middle}, {0, gap + 8, middle},
			{gap * 0.7, -gap * 0.7, start}, {gap * 0.7, gap*0.7 + 7, start},
			{-gap * 0.7, -gap * 0.7, finish}, {-gap * 0.7, gap*0.7 + 7, finish},
		} {
			out = append(out, placed{l, point{l.at.x + p.dx, l.at.y + p.dy}, p.anchor, step > 1})
		}
	}
	return out
}

// area is what a placed label of width w covers.
func (p placed) area(w float64) box {
	x := p.base.x
	switch p.anchor {
	case middle:
		x -= w / 2
	case finish:
		x -= w
	}
	return box{x, p.base.y - labelSize + 1.5, w, labelSize + 1}
}
