package report

import (
	"encoding/xml"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// svg builds one drawing. Colours come from the classes of page.css, so that a
// drawing follows the reader's light or dark scheme; text is escaped.
type svg struct {
	b             strings.Builder
	width, height float64
}

// newSVG opens a drawing with its name and its description for readers who
// cannot see it.
func newSVG(width, height float64, title, desc string) *svg {
	s := &svg{width: width, height: height}
	s.b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ` + coord(width) + " " + coord(height) + `">`)
	s.b.WriteString("<title>" + escapeXML(title) + "</title><desc>" + escapeXML(desc) + "</desc>")
	return s
}

// html closes the drawing.
func (s *svg) html() template.HTML {
	return template.HTML(s.b.String() + "</svg>") //nolint:gosec // every text went through escapeXML
}

// coord prints a coordinate with at most one decimal.
func coord(v float64) string {
	if !finite(v) {
		return "0"
	}
	text := strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
	if text == "-0" {
		return "0"
	}
	return text
}

func escapeXML(text string) string {
	var b strings.Builder
	// Writing to a Builder does not fail; characters that XML cannot hold
	// become U+FFFD.
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}

// group opens a group of a class; end closes it.
func (s *svg) group(class string) { s.b.WriteString(`<g class="` + class + `">`) }
func (s *svg) end()               { s.b.WriteString("</g>") }

func (s *svg) line(class string, x1, y1, x2, y2 float64) {
	s.b.WriteString(`<line class="` + class + `" x1="` + coord(x1) + `" y1="` + coord(y1) +
		`" x2="` + coord(x2) + `" y2="` + coord(y2) + `"/>`)
}

func (s *svg) rect(class string, x, y, w, h float64) {
	s.b.WriteString(`<rect class="` + class + `" x="` + coord(x) + `" y="` + coord(y) +
		`" width="` + coord(max(0, w)) + `" height="` + coord(max(0, h)) + `"/>`)
}

func (s *svg) circle(class string, x, y, r float64) {
	s.b.WriteString(`<circle class="` + class + `" cx="` + coord(x) + `" cy="` + coord(y) + `" r="` + coord(r) + `"/>`)
}

// anchor says which point of a text its position is.
type anchor string

const (
	start  anchor = "start"
	middle anchor = "middle"
	finish anchor = "end"
)

func (s *svg) text(class string, x, y float64, at anchor, text string) {
	s.b.WriteString(`<text class="` + class + `" x="` + coord(x) + `" y="` + coord(y) + `" text-anchor="` + string(at) + `">` +
		escapeXML(text) + "</text>")
}

// tip gives the element that is open a tooltip.
func (s *svg) tip(text string) { s.b.WriteString("<title>" + escapeXML(text) + "</title>") }

// path draws straight lines through points.
func (s *svg) path(class string, points []point) {
	if len(points) < 2 {
		return
	}
	s.b.WriteString(`<path class="` + class + `" d="M`)
	for i, p := range points {
		if i > 0 {
			s.b.WriteByte('L')
		}
		s.b.WriteString(coord(p.x) + " " + coord(p.y))
	}
	s.b.WriteString(`"/>`)
}

type point struct{ x, y float64 }

// scale maps figures to coordinates, linearly or by their logarithm.
type scale struct {
	lo, hi   float64 // of the figures
	from, to float64 // of the drawing
	log      bool
}

func (s scale) at(v float64) float64 {
	lo, hi := s.lo, s.hi
	if s.log {
		lo, hi, v = math.Log10(lo), math.Log10(hi), math.Log10(v)
	}
	if hi == lo {
		return (s.from + s.to) / 2
	}
	return s.from + (v-lo)/(hi-lo)*(s.to-s.from)
}

// ticks gives round figures inside the scale, about n of them: powers of ten
// on a logarithmic scale.
func (s scale) ticks(n int) []float64 {
	var out []float64
	if s.log {
		first, last := math.Ceil(math.Log10(s.lo)-1e-9), math.Floor(math.Log10(s.hi)+1e-9)
		step := max(1, math.Ceil((last-first+1)/float64(max(1, n))))
		for e := first; e <= last; e += step {
			out = append(out, math.Pow(10, e))
		}
		return out
	}
	step := niceStep((s.hi - s.lo) / float64(max(1, n)))
	if !(step > 0) || math.IsInf(step, 0) {
		return nil
	}
	for k := math.Ceil(s.lo/step - 1e-9); k*step <= s.hi+step*1e-9 && len(out) < 100; k++ {
		out = append(out, k*step)
	}
	return out
}

// niceStep is the smallest of 1, 2, 5 times a power of ten that is at least
// the step asked for.
func niceStep(least float64) float64 {
	if !(least > 0) || math.IsInf(least, 0) {
		return 0
	}
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= least*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// powerOfTen writes 10⁻³.
func powerOfTen(v float64) string {
	return "10" + strings.Map(func(r rune) rune {
		if r == '-' {
			return '⁻'
		}
		return []rune("⁰¹²³⁴⁵⁶⁷⁸⁹")[r-'0']
	}, itoa(int(math.Round(math.Log10(v)))))
}

// textWidth estimates the width of a text in the figures' font, in units of
// its size: sans-serif glyphs average a little over half of it.
func textWidth(text string, size float64) float64 { return 0.58 * size * float64(columns(text)) }
