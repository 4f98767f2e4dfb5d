package report

import (
	"fmt"
	"math"

	"kakeyalattice/stats"
)

// gate is one measure of the audit, with the limit above which the reference
// calls a stream non-Gaussian.
type gate struct {
	Name   string
	Phrase string // in a sentence
	About  string
	Gated  bool // the reference has a limit
	Limit  float64
	Of     func(*Audit) stats.Stat
}

// gates are the measures of the audit in the order of the schema.
var gates = []gate{
	{"excess kurtosis", "kurtosis", "mean over coordinates of |kurtosis − 3|", true, 0.5,
		func(a *Audit) stats.Stat { return a.ExcessKurtosis }},
	{"variance ratio", "unequal variances", "largest over smallest variance of a coordinate", true, 1.5,
		func(a *Audit) stats.Stat { return a.Isotropy }},
	{"variance ratio, rotated", "unequal variances after rotation", "the same after the Hadamard rotation", true, 1.5,
		func(a *Audit) stats.Stat { return a.HadamardRatio }},
	{"tail, one-sided", "the one-sided tail", "RMS over coordinates of p99(|x|/σ)/2.326 − 1, rotated, not centred", true, 0.05,
		func(a *Audit) stats.Stat { return a.TailOneSided }},
	{"tail, two-sided", "the two-sided tail", "the same centred and against 2.576, the p99 of |x| of a Gaussian; no limit", false, 0,
		func(a *Audit) stats.Stat { return a.TailTwoSided }},
}

// fires says whether the mean of a measure is above its gate's limit.
func (g *gate) fires(a *Audit) bool {
	s := g.Of(a)
	return g.Gated && known(s) && float64(s.Mean) > g.Limit
}

// header names the gate with its limit.
func (g *gate) header() string {
	if g.Gated {
		return g.Name + " > " + plainNumber(g.Limit)
	}
	return g.Name
}

// auditSection says how far each stream is from Gaussian.
func auditSection(f *findings) section {
	s := section{
		ID:    "audit",
		Title: "How far from Gaussian",
		Lead:  "Four gates of the reference and a centred tail measure, before any codec.",
	}
	if len(f.Streams) == 0 {
		s.Lead = "No stream was measured."
		return s
	}
	all := auditTable(f)
	note := auditNote(f)
	if len(f.Streams) > few {
		byKind := auditByKind(f)
		byKind.Note, all.Fold = note, true
		s.Tables = []grid{byKind, all}
		return s
	}
	all.Note = note
	s.Tables = []grid{all}
	return s
}

func auditNote(f *findings) string {
	note := "▲ marks a mean above its limit; ± is half of the 95 % interval over " + unit(f) + "s. "
	for _, g := range gates {
		note += capital(g.Name) + ": " + g.About + ". "
	}
	return note + "The one-sided tail gate reads 0.107 on true Gaussian data and fires there: 2.326 is the 99 % point of x, not of |x|. The two-sided measure nears 0 there as vectors grow many; of a few hundred it reads about 0.05."
}

func auditTable(f *findings) grid {
	t := grid{Title: "", Cols: []column{{"stream", asName}}}
	if len(f.Streams) > few {
		t.Title = "Every stream"
	}
	for i := range gates {
		t.Cols = append(t.Cols, column{gates[i].header(), asNumber})
	}
	t.Cols = append(t.Cols, column{"fired", asNumber})
	for i := range f.Streams {
		s := &f.Streams[i]
		row := []string{name(s.Name)}
		for j := range gates {
			cell := gateCell(gates[j].Of(&s.Audit))
			if gates[j].fires(&s.Audit) {
				cell = "▲ " + cell
			}
			row = append(row, cell)
		}
		t.Rows = append(t.Rows, append(row, fmt.Sprintf("%d/4", s.Audit.GatesFired)))
	}
	return t
}

// gateCell prints a measure of the audit: some are near 1, some in the
// thousands.
func gateCell(s stats.Stat) string {
	if known(s) && math.Abs(float64(s.Mean)) >= 1e5 {
		return mseInterval(s)
	}
	return interval(s)
}

// auditByKind gathers the gates of many streams.
func auditByKind(f *findings) grid {
	t := grid{Title: "By kind: range of the means over streams, and how many fire", Cols: []column{{"kind", asName}, {"streams", asNumber}}}
	for i := range gates {
		t.Cols = append(t.Cols, column{gates[i].header(), asNumber})
	}
	for _, kind := range f.kinds() {
		total := 0
		row := []string{name(kind), ""}
		for j := range gates {
			lo, hi, fired, measured := math.Inf(1), math.Inf(-1), 0, 0
			total = 0
			for i := range f.Streams {
				s := &f.Streams[i]
				if string(s.Kind) != kind {
					continue
				}
				total++
				if m := gates[j].Of(&s.Audit); known(m) {
					measured++
					lo, hi = min(lo, float64(m.Mean)), max(hi, float64(m.Mean))
				}
				if gates[j].fires(&s.Audit) {
					fired++
				}
			}
			cell := none
			if measured > 0 {
				cell = span(lo, hi, ratio)
				if gates[j].Gated {
					cell += fmt.Sprintf(" (%d ▲)", fired)
				}
			}
			row = append(row, cell)
		}
		row[1] = itoa(total)
		t.Rows = append(t.Rows, row)
	}
	return t
}
