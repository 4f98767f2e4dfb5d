package report

import (
	"html/template"
	"slices"
)

// figure is a set of drawings with a shared legend.
type figure struct {
	Title   string
	Caption string
	Legend  []legend
	Panels  []template.HTML
	Class   string // wide: one drawing a row; small: many
}

// maxPanels is how many drawings a figure may have.
const maxPanels = 6

// pane is what one drawing shows: a stream, or the streams of a kind.
type pane struct {
	title   string
	streams []*Stream
}

// panes gives every stream its pane where there are few, else every kind; the
// second result names what found no room.
func (f *findings) panes() (panes []pane, left []string) {
	if len(f.Streams) <= maxPanels {
		for i := range f.Streams {
			s := &f.Streams[i]
			panes = append(panes, pane{name(s.Name), []*Stream{s}})
		}
		return panes, nil
	}
	for _, k := range f.kinds() {
		p := pane{title: name(k)}
		for i := range f.Streams {
			if string(f.Streams[i].Kind) == k {
				p.streams = append(p.streams, &f.Streams[i])
			}
		}
		p.title += ", mean over " + plural(len(p.streams), "stream")
		panes = append(panes, p)
	}
	for len(panes) > maxPanels {
		fewest := 0
		for i := range panes {
			if len(panes[i].streams) < len(panes[fewest].streams) {
				fewest = i
			}
		}
		left = append(left, panes[fewest].title)
		panes = slices.Delete(panes, fewest, fewest+1)
	}
	return panes, left
}

// chosen is the codec that the report singles out for a stream: the one of the
// headline's policy, else the one that threshold A names.
func (f *findings) chosen(s *Stream) string {
	if f.policy != nil {
		return f.policy.choice(s)
	}
	if t := f.decisions[decision{s.Name, f.base, noRegression, f.view}]; t != nil && t.Admissible {
		return t.Codec
	}
	return ""
}

// kinLegend explains the marks that a figure uses.
func kinLegend(used map[int]bool, hollow, ring, halo bool) []legend {
	var out []legend
	for i, k := range kins {
		if used[i] {
			out = append(out, legend{sample(func(s *svg) { s.mark(k, 13, 11, false, false, false, "") }), k.label})
		}
	}
	grey := kin{"k-key", "", disc}
	if hollow {
		out = append(out, legend{sample(func(s *svg) { s.mark(grey, 13, 11, true, false, false, "") }), "hollow: simulated, no bytes"})
	}
	if ring {
		out = append(out, legend{sample(func(s *svg) { s.mark(grey, 13, 11, false, true, false, "") }), "ring: baseline"})
	}
	if halo {
		out = append(out, legend{sample(func(s *svg) { s.mark(grey, 13, 11, false, false, true, "") }), "halo: chosen at threshold " + noRegression})
	}
	return out
}

// lineKey is a legend entry for a line.
func lineKey(class, text string) legend {
	return legend{sample(func(s *svg) { s.line(class, 1, 11, 25, 11) }), text}
}
