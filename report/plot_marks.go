package report

import (
	"html/template"
	"slices"
	"strings"
)

// kin is a group of codec families that figures draw alike: a colour (a class
// of page.css) and a shape, so that neither alone carries the meaning.
type kin struct {
	class string
	label string
	shape shape
}

type shape int

const (
	disc shape = iota
	diamond
	square
	up   // triangle
	down // triangle
	hexagon
	cross
	plus
)

// kins in the order of legends.
var kins = []kin{
	{"k-e8", "E8 lattice", disc},
	{"k-d4", "D4 lattice", diamond},
	{"k-gs", "entropy-coded lattice", down},
	{"k-int", "integers", square},
	{"k-fp8", "8-bit floats", up},
	{"k-fp4", "4-bit floats", hexagon},
	{"k-raw", "storage formats", plus},
	{"k-other", "other", cross},
}

// kinOf places a codec by the name of its family.
func kinOf(c *Codec) int {
	family := c.Family
	if family == "" {
		family, _, _ = strings.Cut(c.Codec, ":")
	}
	family = strings.TrimPrefix(family, "ref-")
	if strings.Contains(family, "-gs") {
		return slices.IndexFunc(kins, func(k kin) bool { return k.class == "k-gs" })
	}
	for i, starts := range [][]string{
		{"e8"}, {"d4"}, {}, {"int", "q8", "q6", "q5", "q4"}, {"fp8"}, {"nvfp4", "mxfp4"}, {"bf16", "fp16"},
	} {
		for _, s := range starts {
			if strings.HasPrefix(family, s) {
				return i
			}
		}
	}
	return len(kins) - 1
}

// outline is the path of a shape around a point.
func (k shape) outline(x, y, r float64) string {
	switch k {
	case diamond:
		r *= 1.25
		return polygon(x, y-r, x+r, y, x, y+r, x-r, y)
	case square:
		r *= 0.9
		return polygon(x-r, y-r, x+r, y-r, x+r, y+r, x-r, y+r)
	case up:
		r *= 1.2
		return polygon(x, y-r, x+r, y+0.75*r, x-r, y+0.75*r)
	case down:
		r *= 1.2
		return polygon(x, y+r, x+r, y-0.75*r, x-r, y-0.75*r)
	case hexagon:
		return polygon(x-r, y, x-0.5*r, y-0.87*r, x+0.5*r, y-0.87*r, x+r, y, x+0.5*r, y+0.87*r, x-0.5*r, y+0.87*r)
	case cross:
		t := 0.35 * r
		return polygon(x-r, y-r+t, x-r+t, y-r, x, y-t, x+r-t, y-r, x+r, y-r+t, x+t, y,
			x+r, y+r-t, x+r-t, y+r, x, y+t, x-r+t, y+r, x-r, y+r-t, x-t, y)
	case plus:
		t := 0.35 * r
		return polygon(x-t, y-r, x+t, y-r, x+t, y-t, x+r, y-t, x+r, y+t, x+t, y+t, x+t, y+r, x-t, y+r, x-t, y+t, x-r, y+t, x-r, y-t, x-t, y-t)
	}
	// Two arcs make the disc.
	d := coord(2 * r)
	return "M" + coord(x-r) + " " + coord(y) + "a" + coord(r) + " " + coord(r) + " 0 1 0 " + d + " 0a" +
		coord(r) + " " + coord(r) + " 0 1 0 -" + d + " 0z"
}

func polygon(xy ...float64) string {
	var b strings.Builder
	for i := 0; i+1 < len(xy); i += 2 {
		b.WriteByte("ML"[min(i, 1)])
		b.WriteString(coord(xy[i]) + " " + coord(xy[i+1]))
	}
	return b.String() + "z"
}

// mark draws a codec at a point, hollow where it is simulated, with a ring
// where it is a baseline, and a halo where it is chosen.
func (s *svg) mark(k kin, x, y float64, simulated, baseline, chosen bool, tip string) {
	class := "mark " + k.class
	if simulated {
		class += " hollow"
	}
	s.group(class)
	if tip != "" {
		s.tip(tip)
	}
	if chosen {
		s.circle("halo", x, y, 10.5)
	}
	if baseline {
		s.circle("ring", x, y, 8.5)
	}
	size := 4.6
	if simulated {
		// So that it shows around the mark of the codec that it imitates.
		size = 6
	}
	s.b.WriteString(`<path d="` + k.shape.outline(x, y, size) + `"/>`)
	s.end()
}

// sample is a drawing for a legend: a mark or a line.
func sample(draw func(*svg)) template.HTML {
	s := &svg{width: 26, height: 22}
	s.b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" class="key" aria-hidden="true" viewBox="0 0 26 22">`)
	draw(s)
	return s.html()
}

// legend is an entry of a figure's legend.
type legend struct {
	Sample template.HTML
	Text   string
}
