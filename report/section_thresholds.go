package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"kakeyalattice/decide"
)

// thresholdSection gives the smallest admissible codec per stream.
func thresholdSection(f *findings) section {
	s := section{
		ID:    "thresholds",
		Title: "Smallest codec within a bound on the error",
		Lead: "For each stream the codec of fewest bits whose squared error is at most " + multipliers() +
			" times the baseline's, judged in three views.",
	}
	many := len(f.judged) > few
	if many {
		s.Tables = append(s.Tables, thresholdsByKind(f))
	}
	baselines := f.measuredBaselines()
	for i, b := range baselines {
		t := thresholdTable(f, b)
		t.Fold = many || i > 0
		if i > 0 {
			t.Note = ""
		}
		if len(t.Rows) > 0 {
			s.Tables = append(s.Tables, t)
		}
	}
	if t := familyTable(f); len(t.Rows) > 0 {
		s.Tables = append(s.Tables, t)
	}
	if len(s.Tables) == 0 {
		s.Lead = "No baseline was measured, so there is nothing to hold a codec against."
	}
	return s
}

// multipliers words the thresholds: "A 1.00, B 1.05, C 1.20".
func multipliers() string {
	var parts []string
	for _, t := range decide.Thresholds {
		parts = append(parts, t.Name+" "+fixed(t.Multiplier, 2))
	}
	return strings.Join(parts, ", ")
}

// thresholdNote states every figure of a table of decisions.
func thresholdNote(f *findings) string {
	u := unit(f)
	return "Bits per vector are counted from the bytes written. CR is the bits of the named baseline over the codec's bits. " +
		"Ratio is the codec's squared error over the baseline's on the same vectors, mean over " + u + "s ± half of the 95 % interval; its denominators cancel. " +
		"View point compares means; ci compares the mean error plus its half-width with the baseline's mean, unpaired; paired asks that the upper end of the ratio's 95 % interval be within the bound. " +
		"Held out: the choice made without a " + u + ", judged on it: mean ratio, and how many of the " + u + "s exceed the bound."
}

func thresholdTable(f *findings, baseline string) grid {
	t := grid{
		Title: "Against " + name(baseline),
		Cols:  []column{{"stream", asName}, {"bound", asText}, {"view", asText}, {"codec", asName}, {"bits/vector", asNumber}},
		Note:  thresholdNote(f),
	}
	if !f.intervals {
		t.Note += " The views ci and paired need an interval, and so at least two passages: they are left out."
	}
	baselines := f.measuredBaselines()
	for _, b := range baselines {
		t.Cols = append(t.Cols, column{"CR " + name(b), asNumber})
	}
	t.Cols = append(t.Cols, column{"ratio", asNumber}, column{"held out (above)", asNumber})
	for _, s := range f.Streams {
		for _, bound := range decide.Thresholds {
			t.Rows = append(t.Rows, mergedViews(f, s.Name, baseline, bound, baselines)...)
		}
	}
	return t
}

// mergedViews is the rows of one stream and threshold: views that choose alike
// share a row.
func mergedViews(f *findings, stream, baseline string, bound decide.Threshold, baselines []string) [][]string {
	const view = 2
	var rows [][]string
	for _, v := range f.views() {
		if d := f.decisions[decision{stream, baseline, bound.Name, string(v)}]; d != nil {
			row := []string{name(stream), bound.Name + " ≤ " + fixed(bound.Multiplier, 2), string(v)}
			rows = append(rows, append(row, decisionCells(d, baselines)...))
		}
	}
	return merged(rows, view, len(f.views()))
}

// views lists the views that have something to say: without an interval only
// the first does.
func (f *findings) views() []decide.View {
	if !f.intervals {
		return []decide.View{decide.Point}
	}
	return decide.Views
}

// merged joins rows that differ in one column only, whose cells are listed, or
// called "all" where n of them are.
func merged(rows [][]string, col, n int) [][]string {
	var out [][]string
	count := map[int]int{}
	for _, row := range rows {
		i := slices.IndexFunc(out, func(r []string) bool {
			return slices.Equal(r[:col], row[:col]) && slices.Equal(r[col+1:], row[col+1:])
		})
		if i < 0 {
			i = len(out)
			out = append(out, slices.Clone(row))
		} else {
			out[i][col] += ", " + row[col]
		}
		count[i]++
	}
	for i, k := range count {
		if k == n && n > 1 {
			out[i][col] = "all"
		}
	}
	return out
}

// decisionCells is codec, bits, CR per baseline, ratio and held-out check.
func decisionCells(d *Threshold, baselines []string) []string {
	if !d.Admissible {
		why := "none admissible"
		if d.Reason != "" {
			why = long(d.Reason)
		}
		return append([]string{why}, slices.Repeat([]string{none}, len(baselines)+3)...)
	}
	rate := none
	if d.BitsPerVector != nil {
		rate = bits(*d.BitsPerVector)
	}
	codec := name(d.Codec)
	if d.Simulated {
		codec += " (simulated, no bytes)"
	}
	cells := []string{codec, rate}
	for _, b := range baselines {
		cells = append(cells, crCell(d.CR, b))
	}
	r, held := none, none
	if d.Ratio != nil {
		r = interval(*d.Ratio)
	}
	if h := d.HeldOut; h != nil {
		held = fmt.Sprintf("%s (%d/%d)", interval(h.Ratio), h.Violations, h.cases())
	}
	return append(cells, r, held)
}

// cases is how many passages a codec was chosen without.
func (h *HeldOut) cases() int {
	n := 0
	for codec, times := range h.Choices {
		if codec != "" {
			n += times
		}
	}
	return n
}

// measuredBaselines is the baselines that were measured on some stream.
func (f *findings) measuredBaselines() []string {
	var out []string
	for _, b := range f.Baselines {
		if slices.ContainsFunc(f.Streams, func(s Stream) bool { return s.codec(b) != nil }) {
			out = append(out, b)
		}
	}
	return out
}

// thresholdsByKind gathers the decisions of many streams.
func thresholdsByKind(f *findings) grid {
	t := grid{
		Title: "By kind, against " + name(f.base),
		Cols: []column{{"kind", asName}, {"bound", asText}, {"view", asText}, {"streams admissible", asNumber},
			{"bits/vector", asNumber}, {"least CR", asNumber}, {"mean CR", asNumber}, {"codecs, by streams", asText}},
		Note: "Each stream is decided for itself; CR is against " + name(f.base) +
			", its mean taken over the admissible streams. A codec's count is the streams that it is chosen for.",
	}
	for _, kind := range f.kinds() {
		for _, bound := range decide.Thresholds {
			var rows [][]string
			for _, v := range f.views() {
				if row := kindRow(f, kind, bound, v); row != nil {
					rows = append(rows, row)
				}
			}
			const view = 2
			t.Rows = append(t.Rows, merged(rows, view, len(f.views()))...)
		}
	}
	return t
}

func kindRow(f *findings, kind string, bound decide.Threshold, v decide.View) []string {
	total, admissible, least, sum := 0, 0, math.Inf(1), 0.0
	lo, hi := math.Inf(1), 0.0
	chosen := map[string]int{}
	for _, s := range f.judged {
		if string(s.Kind) != kind {
			continue
		}
		total++
		d := f.decisions[decision{s.Name, f.base, bound.Name, string(v)}]
		if d == nil || !d.Admissible {
			continue
		}
		admissible++
		chosen[d.Codec]++
		if cr := float64(d.CR[f.base]); finite(cr) {
			least, sum = min(least, cr), sum+cr
		}
		if d.BitsPerVector != nil {
			lo, hi = min(lo, *d.BitsPerVector), max(hi, *d.BitsPerVector)
		}
	}
	if total == 0 {
		return nil
	}
	row := []string{name(kind), bound.Name + " ≤ " + fixed(bound.Multiplier, 2), string(v), fmt.Sprintf("%d/%d", admissible, total)}
	if admissible == 0 {
		return append(row, none, none, none, none)
	}
	return append(row, span(lo, hi, bits), significant(least, 4), significant(sum/float64(admissible), 4), counted(chosen, 3))
}

// counted lists the most frequent keys with their counts.
func counted(counts map[string]int, most int) string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for i, k := range keys {
		if i == most {
			parts = append(parts, fmt.Sprintf("%d more", len(keys)-most))
			break
		}
		parts = append(parts, fmt.Sprintf("%s ×%d", name(k), counts[k]))
	}
	return strings.Join(parts, ", ")
}

// familyTable is the smallest admissible codec within each family: what the
// best parameter of each buys.
func familyTable(f *findings) grid {
	t := grid{
		Title: fmt.Sprintf("Within each family, threshold %s, view %s, against %s", noRegression, f.view, name(f.base)),
		Cols:  []column{{"stream", asName}, {"family", asName}, {"codec", asName}, {"bits/vector", asNumber}, {"CR " + name(f.base), asNumber}, {"ratio", asNumber}},
		Note:  "Families of which no measured parameter is admissible are left out.",
		Fold:  true,
	}
	for i := range f.FamilyThresholds {
		d := &f.FamilyThresholds[i]
		if d.Baseline != f.base || d.Threshold != noRegression || d.View != f.view || !d.Admissible {
			continue
		}
		cells := decisionCells(d, []string{f.base})
		t.Rows = append(t.Rows, append([]string{name(d.Stream), name(d.Family)}, cells[:len(cells)-1]...))
	}
	return t
}
