package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"kakeyalattice/decide"
	"kakeyalattice/stats"
)

// policySection compares the assignments of codecs to streams.
func policySection(f *findings) section {
	s := section{
		ID:    "policies",
		Title: "One codec for all, per kind, per stream",
		Lead:  "What the streams cost together when every one of them must keep within the bound.",
	}
	for _, b := range f.measuredBaselines() {
		for i, bound := range decide.Thresholds {
			t := policyTable(f, b, bound)
			if len(t.Rows) == 0 {
				continue
			}
			if t.Fold = b != f.base || i > 0; t.Fold {
				t.Note = ""
			}
			if b != f.base {
				s.Folded, s.FoldedTitle = append(s.Folded, t), "Against the other baselines"
				continue
			}
			s.Tables = append(s.Tables, t)
		}
	}
	if len(s.Tables) == 0 {
		s.Lead = "No policy was formed."
	}
	return s
}

func policyTable(f *findings, baseline string, bound decide.Threshold) grid {
	t := grid{
		Title: fmt.Sprintf("Against %s, threshold %s: at most %s times its error", name(baseline), bound.Name, fixed(bound.Multiplier, 2)),
		Cols: []column{{"policy", asText}, {"view", asText}, {"weights", asText}, {"codecs", asText},
			{"bits/vector", asNumber}},
		Note: "Bits per vector and ratio are weighted over the streams: layers counts every stream once, bytes@S by the bytes it holds at a context of S tokens. " +
			"The ratio is weighted per passage and then summarised, ± half of the 95 % interval; CR is the weighted bits of the baseline over those of the policy.",
	}
	baselines := f.measuredBaselines()
	for _, b := range baselines {
		t.Cols = append(t.Cols, column{"CR " + name(b), asNumber})
	}
	t.Cols = append(t.Cols, column{"ratio", asNumber}, column{"verdict", asText})
	var rows [][]string
	for i := range f.Policies {
		p := &f.Policies[i]
		if p.Baseline != baseline || p.Threshold != bound.Name || !slices.Contains(f.views(), decide.View(p.View)) {
			continue
		}
		row := []string{plain(p.Name), plain(p.View), plain(p.Weights), policyCodecs(f, p), bits(float64(p.Bits))}
		for _, b := range baselines {
			row = append(row, crCell(p.CR, b))
		}
		r, against := none, none
		if p.Ratio != nil {
			r, against = interval(*p.Ratio), judge(*p.Ratio).String()
		}
		rows = append(rows, append(row, r, against))
	}
	// Views that agree share a row, then weights that do: with one dimension
	// and one codec for all, weights change nothing.
	const view, weights = 1, 2
	t.Rows = merged(rows, view, len(f.views()))
	t.Rows = merged(t.Rows, weights, 2)
	t.Rows = merged(t.Rows, 0, len(decide.Policies))
	return t
}

// policyCodecs words a policy's choices, or why it has none.
func policyCodecs(f *findings, p *Policy) string {
	if len(p.Choices) == 0 {
		if p.Reason != "" {
			return "none: " + long(p.Reason)
		}
		return "none admissible"
	}
	label := func(c string) string {
		if f.simulates(c) {
			return name(c) + " (simulated)"
		}
		return name(c)
	}
	users := map[string][]string{}
	for _, k := range slices.Sorted(maps.Keys(p.Choices)) {
		users[p.Choices[k]] = append(users[p.Choices[k]], name(k))
	}
	const most = 4 // users listed by name
	var parts []string
	for _, c := range slices.Sorted(maps.Keys(users)) {
		switch who := users[c]; {
		case len(users) == 1:
			return label(c)
		case len(who) > most:
			parts = append(parts, fmt.Sprintf("%s ×%d", label(c), len(who)))
		default:
			parts = append(parts, label(c)+": "+strings.Join(who, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// crCell prints a compression ratio against one baseline.
func crCell(cr map[string]stats.Float, baseline string) string {
	v, ok := cr[baseline]
	if !ok {
		return none
	}
	return significant(float64(v), 4)
}
