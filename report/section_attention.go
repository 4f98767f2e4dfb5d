package report

import (
	"fmt"
	"slices"
	"strings"

	"kakeyalattice/stats"
)

// attentionSection gives the error of the attention output.
func attentionSection(f *findings) section {
	s := section{
		ID:    "attention",
		Title: "Error of the attention output",
		Lead:  "What is left of a codec's error after softmax(q Kᵀ / √d) V, with K and V both decoded.",
	}
	if len(f.Attention) == 0 {
		s.Lead = "Not measured: no stream pairs keys with values, or --attention-queries is 0."
		return s
	}
	note := "Σ|o − ô|² / Σ|o|² over the queries of a " + unit(f) + ", o the exact output; mean over " + unit(f) + "s ± half of the 95 % interval. " + queryNote(f)
	if len(f.Attention) <= 4 {
		t := attentionMatrix(f)
		t.Note = note
		s.Tables = []grid{t}
		return s
	}
	byKind, all := attentionByKind(f), attentionList(f)
	byKind.Note, all.Fold = note, true
	s.Tables = []grid{byKind, all}
	return s
}

// queryNote says where the queries came from.
func queryNote(f *findings) string {
	per, fromKeys := 0, 0
	for _, a := range f.Attention {
		per = max(per, a.PerPassage)
		if a.Queries == "keys" {
			fromKeys++
		}
	}
	note := fmt.Sprintf("At most %s per %s.", queries(per), unit(f))
	switch {
	case fromKeys == len(f.Attention):
		note += " The queries are drawn from the keys: the input has none of its own, so the errors are those of keys attending to keys."
	case fromKeys > 0:
		note += fmt.Sprintf(" In %d of %d groups the queries are drawn from the keys for want of real ones.", fromKeys, len(f.Attention))
	}
	return note
}

func queries(n int) string {
	if n == 1 {
		return "1 query"
	}
	return itoa(n) + " queries"
}

// label names a group of streams whose entries attend together.
func (a *Attention) label() string {
	var names []string
	for _, s := range a.Streams {
		names = append(names, name(s))
	}
	return strings.Join(names, " + ")
}

// kinds names the kinds of a group's streams.
func (a *Attention) kinds(f *findings) string {
	var kinds []string
	for _, n := range a.Streams {
		k := "other"
		if s := f.streams[n]; s != nil {
			k = name(string(s.Kind))
		}
		kinds = append(kinds, k)
	}
	return strings.Join(kinds, " + ")
}

// attentionCodecs lists the codecs of all groups in order of appearance.
func attentionCodecs(f *findings) []AttentionCodec {
	var all []AttentionCodec
	seen := map[string]bool{}
	for _, a := range f.Attention {
		for _, c := range a.Codecs {
			if !seen[c.Codec] {
				seen[c.Codec] = true
				all = append(all, c)
			}
		}
	}
	return all
}

func (a *Attention) of(codec string) stats.Stat {
	i := slices.IndexFunc(a.Codecs, func(c AttentionCodec) bool { return c.Codec == codec })
	if i < 0 {
		return stats.Stat{}
	}
	return a.Codecs[i].Error
}

// attentionMatrix is codecs by groups.
func attentionMatrix(f *findings) grid {
	t := grid{Cols: []column{{"codec", asName}}}
	for i := range f.Attention {
		t.Cols = append(t.Cols, column{f.Attention[i].label(), asNumber})
	}
	t.Cols = append(t.Cols, column{"note", asText})
	for _, c := range attentionCodecs(f) {
		row := []string{name(c.Codec)}
		for i := range f.Attention {
			row = append(row, mseInterval(f.Attention[i].of(c.Codec)))
		}
		t.Rows = append(t.Rows, append(row, simulatedMark(c.Simulated)))
	}
	return t
}

// attentionByKind is codecs by kinds, averaged over layers.
func attentionByKind(f *findings) grid {
	var kinds []string
	for i := range f.Attention {
		if k := f.Attention[i].kinds(f); !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	t := grid{Title: "By kind: mean over layers, and the largest", Cols: []column{{"codec", asName}}}
	for _, k := range kinds {
		t.Cols = append(t.Cols, column{k, asNumber}, column{k + ", largest", asNumber})
	}
	t.Cols = append(t.Cols, column{"note", asText})
	for _, c := range attentionCodecs(f) {
		row := []string{name(c.Codec)}
		for _, k := range kinds {
			sum, n, most := 0.0, 0, 0.0
			for i := range f.Attention {
				if a := &f.Attention[i]; a.kinds(f) == k && known(a.of(c.Codec)) {
					v := float64(a.of(c.Codec).Mean)
					sum, n, most = sum+v, n+1, max(most, v)
				}
			}
			if n == 0 {
				row = append(row, none, none)
				continue
			}
			row = append(row, scientific(sum/float64(n), 3), scientific(most, 3))
		}
		t.Rows = append(t.Rows, append(row, simulatedMark(c.Simulated)))
	}
	return t
}

// attentionList is one row per group and codec.
func attentionList(f *findings) grid {
	t := grid{
		Title: "Every layer",
		Cols:  []column{{"streams", asName}, {"queries", asText}, {"codec", asName}, {"error", asNumber}, {"note", asText}},
	}
	for i := range f.Attention {
		a := &f.Attention[i]
		for _, c := range a.Codecs {
			t.Rows = append(t.Rows, []string{a.label(), name(a.Queries), name(c.Codec), mseInterval(c.Error), simulatedMark(c.Simulated)})
		}
	}
	return t
}

func simulatedMark(simulated bool) string {
	if simulated {
		return "simulated, no bytes"
	}
	return ""
}
