package report

import (
	"fmt"
	"slices"
)

// effectsSection shows what each choice of the protocol does to the headline;
// it is empty where that was not measured.
func effectsSection(f *findings) section {
	s := section{
		ID:    "effects",
		Title: "What each choice does to the headline",
		Lead: "The squared error of E8 at Q = 38 over that of the FP8 baseline: under the published protocol, under it with one choice made honest at a time, " +
			"under the production protocol, and under it with one published choice at a time.",
	}
	for _, set := range []string{"reference", "production"} {
		if t := effectsTable(f, set); len(t.Rows) > 0 {
			s.Tables = append(s.Tables, t)
		}
	}
	return s
}

func effectsTable(f *findings, set string) grid {
	t := grid{
		Title: "Starting from " + set,
		Cols:  []column{{"choice", asText}, {"codec", asName}, {"baseline", asName}, {"CR", asNumber}},
		Note: "Ratios are mean ± half of the 95 % interval over passages; all streams: weighted by the layers that they stand for. " +
			"Vectors are those scored, padding included where the protocol scores it.",
	}
	streams := effectStreams(f, set)
	for _, name := range streams {
		t.Cols = append(t.Cols, column{plain(name), asNumber})
	}
	t.Cols = append(t.Cols, column{"all streams", asNumber}, column{"vectors", asNumber}, column{"what the publication does", asText})
	for _, e := range f.Effects {
		if e.Set != set {
			continue
		}
		change := plain(e.Change)
		if change == "" {
			change = "as it is"
		}
		row := []string{change, name(e.Codec), name(e.Baseline), significant(float64(e.CR), 4)}
		vectors := 0
		for _, stream := range streams {
			cell := none
			for _, s := range e.Streams {
				if s.Stream == stream {
					cell = interval(s.Ratio)
					vectors += s.Vectors
				}
			}
			row = append(row, cell)
		}
		t.Rows = append(t.Rows, append(row, interval(e.Weighted), fmt.Sprint(vectors), plain(e.About)))
	}
	return t
}

// effectStreams lists the streams of a set's rows, in order.
func effectStreams(f *findings, set string) []string {
	var names []string
	for _, e := range f.Effects {
		if e.Set != set {
			continue
		}
		for _, s := range e.Streams {
			if !slices.Contains(names, s.Stream) {
				names = append(names, s.Stream)
			}
		}
	}
	return names
}
