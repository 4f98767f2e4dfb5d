package report

import (
	"kakeyalattice/capacity"
)

// capacitySection says what the cache of the model takes, and what nodes hold.
func capacitySection(f *findings) section {
	s := section{ID: "capacity", Title: "What the cache takes, and what a node holds"}
	for i := range f.Capacity {
		p := &f.Capacity[i]
		if i == 0 {
			s.Lead = plain(p.Sentence())
		}
		tables := []capacity.Table{p.Sizes(), p.Sequences()}
		for k, t := range tables {
			if len(t.Rows) > 0 {
				s.Tables = append(s.Tables, capacityGrid(t))
			}
			if k == 0 && i > 0 && len(t.Rows) > 0 {
				s.Tables[len(s.Tables)-1].Note = plain(p.Sentence())
			}
		}
		var remarks []string
		for _, r := range p.Remarks() {
			remarks = append(remarks, plain(r))
		}
		s.Lists = append(s.Lists, list{"What these figures rest on", remarks})
	}
	return s
}

func capacityGrid(t capacity.Table) grid {
	g := grid{Title: t.Title}
	for i, h := range t.Head {
		as := asNumber
		if i == 0 {
			as = asName
		}
		g.Cols = append(g.Cols, column{name(h), as})
	}
	for _, row := range t.Rows {
		line := make([]string, len(row))
		for i, cell := range row {
			if line[i] = plain(cell); i == 0 {
				line[i] = name(cell)
			}
		}
		g.Rows = append(g.Rows, line)
	}
	return g
}
