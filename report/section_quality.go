package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"kakeyalattice/stats"
)

// predictionsOnly says that the result holds what codecs do to a model's
// predictions, and no streams.
func (f *findings) predictionsOnly() bool { return len(f.Quality) > 0 && len(f.Streams) == 0 }

// qualityByBits is the entries in the order of their rates.
func (f *findings) qualityByBits() []*Quality {
	var list []*Quality
	for i := range f.Quality {
		list = append(list, &f.Quality[i])
	}
	slices.SortStableFunc(list, func(a, b *Quality) int {
		return cmp.Compare(float64(a.BitsPerValue), float64(b.BitsPerValue))
	})
	return list
}

// ablated says whether entries code different kinds of streams.
func (f *findings) ablated() bool {
	return slices.ContainsFunc(f.Quality, func(q Quality) bool { return !slices.Equal(q.Streams, f.Quality[0].Streams) })
}

// kinds names the streams that are coded.
func (q *Quality) kinds() string {
	var kinds []string
	for _, k := range q.Streams {
		kinds = append(kinds, name(string(k)))
	}
	return strings.Join(kinds, " + ")
}

// label names an entry where others may be of the same codec.
func (q *Quality) label(f *findings) string {
	if f.ablated() {
		return name(q.Codec) + ", " + q.kinds()
	}
	return name(q.Codec)
}

// klInterval is the mean divergence with its interval over passages, where results
// have one.
func (q *Quality) klInterval() string {
	if bounded(q.KL.Passages) {
		return mseInterval(q.KL.Passages)
	}
	return scientific(float64(q.KL.Mean), 3)
}

func (q *Quality) note() string {
	return strings.Join(nonEmpty(q.chosen(), map[bool]string{true: "baseline"}[q.Baseline], simulatedMark(q.Simulated)), "; ")
}

// chosen is recommended as a remark.
func (q *Quality) chosen() string {
	if r := q.recommended(); r != "" {
		return "chosen for " + r
	}
	return ""
}

// recommended is what the codec is the smallest for, such as "A and B per-kind".
func (q *Quality) recommended() string {
	var policies, parts []string
	thresholds := map[string][]string{}
	for _, r := range q.Recommended {
		threshold, policy, _ := strings.Cut(plain(r), " ")
		if thresholds[policy] == nil {
			policies = append(policies, policy)
		}
		thresholds[policy] = append(thresholds[policy], threshold)
	}
	for _, p := range policies {
		parts = append(parts, listing(thresholds[p])+" "+p)
	}
	return strings.Join(parts, ", ")
}

// qualitySentence says what the first codec that is no baseline does.
func qualitySentence(f *findings) string {
	q := &f.Quality[0]
	if i := slices.IndexFunc(f.Quality, func(q Quality) bool { return !q.Baseline }); i >= 0 {
		q = &f.Quality[i]
	}
	text := fmt.Sprintf("With %s in the KV cache of %s at %s bits per vector, perplexity goes from %s to %s, ln of their ratio %s; KL to the exact model is %s nats a token, and the most likely token stays the same for %s of %s.",
		name(q.Codec), inputLabel(f), bits(float64(q.BitsPerVector)), significant(float64(q.PPLExact), 5), significant(float64(q.PPL), 5),
		mseInterval(q.LnPPLRatio), q.klInterval(), percent(float64(q.Top1Agreement.Mean)), plural(q.Tokens, "token"))
	if q.Simulated {
		text += " The codec is simulated: no bytes exist."
	}
	return text + " Sample: " + newWording(f).Sample + "; " + q.modeText() + "."
}

func (q *Quality) modeText() string {
	switch q.Mode {
	case "in-forward":
		return "entries coded when they are written"
	case "snapshot":
		return "attention reads the coded entries of the exact run"
	}
	return plain(q.Mode)
}

// qualitySection gives the predictions of a model with codecs in its cache.
func qualitySection(f *findings) section {
	s := section{
		ID:    "quality",
		Title: "Predictions with the codec in the cache",
		Lead:  "The model is run exactly and with each codec over the same tokens: " + f.Quality[0].modeText() + ". Codecs by bits; every figure is measured.",
		Key: "ln ppl ratio: ln of perplexity over that of the exact model, mean over " + unit(f) + "s ± half of the 95 % interval, paired. " +
			"KL: of the exact predictions from those with the codec, nats per token, mean over " + unit(f) + "s ± half of the interval; percentiles over all tokens. top-1: the most likely token is the same. " +
			"RMS Δp: of the change of the true token's probability. rel-MSE: Σ|x − x̂|² / Σ|x|² of what was written.",
		Tables: []grid{qualityTable(f), relationTable(f)},
	}
	if t := writtenTable(f); len(t.Rows) > len(f.Quality) {
		s.Tables = append(s.Tables, t)
	}
	if t := layersTable(f); len(t.Rows) > 0 {
		s.Tables = append(s.Tables, t)
	}
	return s
}

func qualityTable(f *findings) grid {
	t := grid{Cols: []column{{"codec", asName}}}
	if f.ablated() {
		t.Cols = append(t.Cols, column{"streams", asText})
	}
	for _, c := range []string{"bits per vector", "bits per value", "ppl", "ln ppl ratio", "KL mean", "p50", "p90", "p99", "p99.9", "max", "top-1", "RMS Δp", "rel-MSE"} {
		t.Cols = append(t.Cols, column{c, asNumber})
	}
	t.Cols = append(t.Cols, column{"note", asText})
	for _, q := range f.qualityByBits() {
		row := []string{name(q.Codec)}
		if f.ablated() {
			row = append(row, q.kinds())
		}
		row = append(row, bits(float64(q.BitsPerVector)), significant(float64(q.BitsPerValue), 4), significant(float64(q.PPL), 5), mseInterval(q.LnPPLRatio))
		row = append(row, q.klInterval())
		for _, v := range q.KL.percentiles() {
			row = append(row, scientific(v, 3))
		}
		t.Rows = append(t.Rows, append(row, interval(q.Top1Agreement), scientific(float64(q.RMSChange), 3), mseInterval(q.RelMSEEnergy), q.note()))
	}
	t.Note = fmt.Sprintf("The exact model has the perplexity %s over %s.", significant(float64(f.Quality[0].PPLExact), 5), plural(f.Quality[0].Tokens, "predicted token"))
	return t
}

func (d Divergence) percentiles() []float64 {
	return []float64{float64(d.P50), float64(d.P90), float64(d.P99), float64(d.P999), float64(d.Max)}
}

// relationTable sets what predictions lose beside the error of what was written.
func relationTable(f *findings) grid {
	t := grid{
		Title: "From rel-MSE to predictions, as measured",
		Cols: []column{{"codec", asName}, {"rel-MSE", asNumber}, {"ln ppl ratio", asNumber}, {"KL mean", asNumber},
			{"ln ppl ratio / rel-MSE", asNumber}, {"KL / rel-MSE", asNumber}},
		Note: "Were predictions a function of rel-MSE alone, the last columns would be alike for codecs of like error.",
		Fold: true,
	}
	list := f.qualityByBits()
	slices.SortStableFunc(list, func(a, b *Quality) int {
		return cmp.Compare(float64(a.RelMSEEnergy.Mean), float64(b.RelMSEEnergy.Mean))
	})
	for _, q := range list {
		e := float64(q.RelMSEEnergy.Mean)
		t.Rows = append(t.Rows, []string{q.label(f), scientific(e, 3), mseInterval(q.LnPPLRatio), q.klInterval(),
			significant(float64(q.LnPPLRatio.Mean)/e, 3), significant(float64(q.KL.Mean)/e, 3)})
	}
	return t
}

// layersTable is the error of what attention gives, layer by layer.
func layersTable(f *findings) grid {
	t := grid{
		Title: "Error of attention outputs, by layer",
		Cols:  []column{{"layer", asNumber}},
		Note:  "Σ|o − ô|² / Σ|o|² of what a layer's attention adds, o in the exact run, ô in the one with the codec, whose layers below are fed by it too.",
		Fold:  true,
	}
	var layers []int
	errors := map[int]map[int]stats.Stat{} // by layer and entry
	list := f.qualityByBits()
	for i, q := range list {
		t.Cols = append(t.Cols, column{q.label(f), asNumber})
		for _, l := range q.Attention {
			if errors[l.Layer] == nil {
				errors[l.Layer] = map[int]stats.Stat{}
				layers = append(layers, l.Layer)
			}
			errors[l.Layer][i] = l.Error
		}
	}
	slices.Sort(layers)
	for _, l := range layers {
		row := []string{itoa(l)}
		for i := range list {
			row = append(row, mseInterval(errors[l][i]))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// writtenTable is what was written, by kind.
func writtenTable(f *findings) grid {
	t := grid{
		Title: "What was written, by kind of stream",
		Cols: []column{{"codec", asName}, {"kind", asName}, {"D", asNumber}, {"vectors", asNumber},
			{"bits per vector", asNumber}, {"rel-MSE", asNumber}},
		Fold: true,
	}
	for _, q := range f.qualityByBits() {
		for _, w := range q.Written {
			t.Rows = append(t.Rows, []string{name(q.Codec), name(string(w.Kind)), itoa(w.Dim), fmt.Sprint(w.Vectors),
				bits(float64(w.BitsPerVector)), mseInterval(w.RelMSEEnergy)})
		}
	}
	return t
}

// terminalLabel is the codec, and what it is chosen for; codecs of a policy that has
// several are in the legend.
func (q *Quality) terminalLabel(f *findings) string {
	chosen := q.recommended()
	if len(q.PerKind) > 0 && chosen != "" {
		return chosen
	}
	label := shorten(q.label(f), 34)
	if q.Simulated {
		label += " *"
	}
	if chosen != "" {
		label += " (" + chosen + ")"
	}
	return label
}

// terminalLegend gives the codecs of the policies that the table names.
func terminalLegend(f *findings, width int) (lines []string) {
	for _, q := range f.qualityByBits() {
		if len(q.PerKind) > 0 && len(q.Recommended) > 0 {
			lines = append(lines, wrap(q.recommended()+": "+name(q.Codec), width)...)
		}
	}
	return lines
}

// terminalQuality prints the table that a terminal has room for.
func terminalQuality(b *strings.Builder, f *findings, width int) {
	head := []string{"", "bits/vector", "ppl", "ln ppl ratio", "KL mean", "KL p99", "top-1", "rel-MSE"}
	cells := [][]string{head, {"exact", none, significant(float64(f.Quality[0].PPLExact), 5), "0", "0", "0", "1", "0"}}
	for _, q := range f.qualityByBits() {
		cells = append(cells, []string{q.terminalLabel(f), bits(float64(q.BitsPerVector)), significant(float64(q.PPL), 5), mseInterval(q.LnPPLRatio),
			q.klInterval(), scientific(float64(q.KL.P99), 3), fixed(float64(q.Top1Agreement.Mean), 4), scientific(float64(q.RelMSEEnergy.Mean), 3)})
	}
	lines := aligned(cells, true)
	// The last columns give way on a narrow terminal.
	for n := len(head) - 1; n > 3 && slices.ContainsFunc(lines, func(l string) bool { return columns(l) > width }); n-- {
		for i := range cells {
			cells[i] = cells[i][:n]
		}
		lines = aligned(cells, true)
	}
	fmt.Fprintf(b, "\npredictions of %s with the codec in the cache: %s\n%s\n", plural(f.Quality[0].Tokens, "token"), f.Quality[0].modeText(), strings.Join(append(lines, terminalLegend(f, width)...), "\n"))
	if slices.ContainsFunc(f.Quality, func(q Quality) bool { return q.Simulated }) {
		b.WriteString("* simulated, no bytes: the rate is claimed\n")
	}
}
