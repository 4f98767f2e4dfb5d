package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

const (
	unfolded  = 3  // streams whose table of codecs is open
	longTable = 20 // rows beyond which only the first is
)

// codecSection gives every codec on every stream.
func codecSection(f *findings) section {
	s := section{
		ID:    "codecs",
		Title: "Every codec on every stream",
		Lead:  "Rates beside distortions; ratios are paired by " + unit(f) + ".",
	}
	if len(f.Streams) == 0 {
		s.Lead = "No stream was measured."
		return s
	}
	s.Key = codecNote(f)
	var tables []grid
	for i := range f.Streams {
		t := codecTable(f, &f.Streams[i])
		t.Fold, t.Open = true, i == 0 || i < unfolded && len(t.Rows) <= longTable
		tables = append(tables, t)
	}
	if len(f.Streams) <= few {
		s.Tables = tables
		return s
	}
	tables[0].Open = false
	for _, kind := range f.kinds() {
		s.Tables = append(s.Tables, codecsOfKind(f, kind))
	}
	s.Key += " By kind, b/v and rel-MSE energy are means over the streams, largest is that of one stream, the ratio is the range of the streams' means; " +
		"less, tied and more count the streams whose 95 % interval lies below 1, holds 1 and lies above 1."
	s.Folded, s.FoldedTitle = tables, "The "+plural(len(tables), "stream")+", one by one"
	return s
}

func unit(f *findings) string {
	if f.Protocol.Blocks {
		return "block"
	}
	return "passage"
}

// codecNote states every figure with its denominator.
func codecNote(f *findings) string {
	note := "Bits count the bytes written, per-stream constants included; b/v is bits per value. " +
		"CR is the baseline's bits over the codec's. " +
		"Ratio is the squared error over the baseline's on the same vectors, mean over " + unit(f) + "s ± half of the 95 % interval. " +
		"rel-MSE energy is Σ|x − x̂|² / Σ|x|²; rel-MSE is Σ|x − x̂|² / Σ|x − mean|², the mean vector taken over the " + unit(f) + "; " +
		"NoPE and RoPE are the first over the dimensions without and with rotary position. " +
		"Cosine is the mean over vectors, a zero vector counting 0. " +
		"Pareto: no other codec with bytes has both fewer bits and less rel-MSE energy."
	if len(overflowNotices(f.Streams)) > 0 {
		note += " Vectors that overflowed did not fit their slots and were coded at a larger step; their errors are among those shown."
	}
	return note
}

func codecTable(f *findings, s *Stream) grid {
	split := slices.ContainsFunc(s.Codecs, func(c Codec) bool { return c.RelMSEEnergyNope != nil || c.RelMSEEnergyRope != nil })
	var baselines []string
	for _, b := range f.Baselines {
		if s.codec(b) != nil {
			baselines = append(baselines, b)
		}
	}
	t := grid{
		Title: streamTitle(f, s),
		Cols:  []column{{"codec", asName}, {"bits/vector", asNumber}, {"b/v", asNumber}},
	}
	against := func(bs []string) {
		for _, b := range bs {
			t.Cols = append(t.Cols, column{"CR " + name(b), asNumber}, column{"ratio to " + name(b), asNumber})
		}
	}
	first := baselines[:min(1, len(baselines))]
	rest := baselines[len(first):]
	against(first)
	t.Cols = append(t.Cols, column{"rel-MSE energy", asNumber}, column{"rel-MSE", asNumber})
	if split {
		t.Cols = append(t.Cols, column{"NoPE", asNumber}, column{"RoPE", asNumber})
	}
	t.Cols = append(t.Cols, column{"cosine", asNumber}, column{"note", asText})
	against(rest)

	for i := range s.Codecs {
		c := &s.Codecs[i]
		row := []string{name(c.Codec), bits(c.BitsPerVector), significant(c.perValue(s), 4)}
		ratios := func(bs []string) {
			for _, b := range bs {
				row = append(row, crCell(c.CR, b), interval(c.Ratios[b]))
			}
		}
		ratios(first)
		row = append(row, mse(c.RelMSEEnergy), mse(c.RelMSE))
		if split {
			row = append(row, none, none)
			if c.RelMSEEnergyNope != nil {
				row[len(row)-2] = mse(*c.RelMSEEnergyNope)
			}
			if c.RelMSEEnergyRope != nil {
				row[len(row)-1] = mse(*c.RelMSEEnergyRope)
			}
		}
		row = append(row, cosine(c.Cosine), marks(f, s, c))
		ratios(rest)
		t.Rows = append(t.Rows, row)
	}
	return t
}

// perValue is the rate in bits per value.
func (c *Codec) perValue(s *Stream) float64 { return c.BitsPerVector / float64(max(1, s.Dim)) }

// marks says what a codec is on a stream.
func marks(f *findings, s *Stream, c *Codec) string {
	var m []string
	if c.Baseline {
		m = append(m, "baseline")
	}
	if c.Simulated {
		m = append(m, "simulated, no bytes")
	}
	if c.Overflows != nil && *c.Overflows > 0 {
		m = append(m, plural(*c.Overflows, "vector")+" overflowed")
	}
	if slices.Contains(s.Pareto, c.Codec) {
		m = append(m, "Pareto")
	}
	if t := f.decisions[decision{s.Name, f.base, noRegression, f.view}]; t != nil && t.Admissible && t.Codec == c.Codec {
		m = append(m, "chosen at "+noRegression)
	}
	return strings.Join(m, "; ")
}

// streamTitle names a stream with its shape.
func streamTitle(f *findings, s *Stream) string {
	where := ""
	if s.Kind != "" && string(s.Kind) != s.Name {
		where = ", kind " + name(string(s.Kind))
	}
	if s.Layer >= 0 {
		where += fmt.Sprintf(", layer %d", s.Layer)
	}
	return fmt.Sprintf("%s%s: D = %d, %s in %s", name(s.Name), where, s.Dim, plural(s.vectors(), "vector"), plural(len(s.Vectors), unit(f)))
}

// codecsOfKind gathers the codecs of many streams: rates and errors averaged
// over the streams of a kind, verdicts counted.
func codecsOfKind(f *findings, kind string) grid {
	var streams []*Stream
	for i := range f.Streams {
		if string(f.Streams[i].Kind) == kind {
			streams = append(streams, &f.Streams[i])
		}
	}
	t := grid{
		Title: fmt.Sprintf("Kind %s, %s", name(kind), plural(len(streams), "stream")),
		Cols:  []column{{"codec", asName}, {"b/v", asNumber}, {"rel-MSE energy", asNumber}, {"largest", asNumber}},
	}
	if f.base != "" {
		t.Cols = append(t.Cols, column{"ratio to " + name(f.base), asNumber}, column{"less", asNumber}, column{"tied", asNumber}, column{"more", asNumber})
	}
	t.Cols = append(t.Cols, column{"note", asText})
	for _, p := range ratePoints(f, pane{streams: streams}) {
		most, lo, hi := 0.0, math.Inf(1), math.Inf(-1)
		var count [tied + 1]int
		for _, s := range streams {
			c := s.codec(p.codec)
			if c == nil {
				continue
			}
			if known(c.RelMSEEnergy) {
				most = max(most, float64(c.RelMSEEnergy.Mean))
			}
			r := c.Ratios[f.base]
			count[judge(r)]++
			if known(r) {
				lo, hi = min(lo, float64(r.Mean)), max(hi, float64(r.Mean))
			}
		}
		row := []string{name(p.codec), significant(p.rate, 4), scientific(p.distortion, 3), scientific(most, 3)}
		if f.base != "" {
			row = append(row, span(lo, hi, ratio), itoa(count[less]), itoa(count[tied]), itoa(count[more]))
		}
		mark := simulatedMark(p.simulated)
		if p.baseline {
			mark = "baseline"
		}
		t.Rows = append(t.Rows, append(row, mark))
	}
	return t
}
