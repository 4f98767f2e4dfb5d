package capacity

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Table is rows of text under a head: a name, then figures.
type Table struct {
	Title string
	Head  []string
	Rows  [][]string
}

// Sizes is the table of a sequence's bytes per layout and component.
func (p *Plan) Sizes() Table {
	var t Table
	base := p.Layout(p.Base)
	if base == nil {
		return t
	}
	t.Title = "Cache of a sequence: components in MiB, total and whole pages in GiB"
	t.Head = []string{"layout", "B/vector"}
	for _, c := range base.Components {
		t.Head = append(t.Head, c.Name)
	}
	t.Head = append(t.Head, "total", "in pages", "B/token", "to "+p.Base)
	for i := range p.Layouts {
		l := &p.Layouts[i]
		row := []string{l.Name, rounded(l.BytesPerVector, 1)}
		for _, c := range base.Components {
			cell := "-"
			for _, own := range l.Components {
				if own.Name == c.Name {
					cell = decimals(float64(own.Bytes)/(1<<20), 1)
				}
			}
			row = append(row, cell)
		}
		t.Rows = append(t.Rows, append(row, gib(l.TotalBytes), gib(l.PaddedBytes), rounded(l.BytesPerToken, 0),
			change(float64(l.TotalBytes), float64(base.TotalBytes))))
	}
	return t
}

// Sequences is the table of what nodes hold per layout; without rows where there
// is no node.
func (p *Plan) Sequences() Table {
	var t Table
	base := p.Layout(p.Base)
	if base == nil || len(p.Nodes) == 0 {
		return t
	}
	t.Title = "Sequences of this length that a node holds"
	t.Head = []string{"layout"}
	for _, n := range p.Nodes {
		t.Head = append(t.Head, n.Name, "to "+p.Base)
	}
	for i := range p.Layouts {
		row := []string{p.Layouts[i].Name}
		for _, n := range p.Nodes {
			held, ok := n.sequences(p.Layouts[i].Name)
			if !ok {
				row = append(row, "-", "")
				continue
			}
			of, _ := n.sequences(p.Base)
			row = append(row, thousands(held), change(float64(held), float64(of)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// sequences is what a node holds in the layout of a name.
func (n *NodePlan) sequences(name string) (int64, bool) {
	for _, l := range n.Layouts {
		if l.Name == name {
			return l.Sequences, true
		}
	}
	return 0, false
}

// Sentence says what the plan comes to in its base and its focus.
func (p *Plan) Sentence() string {
	base, other := p.Layout(p.Base), p.Layout(p.Focus)
	if base == nil {
		return "No layout is planned."
	}
	model := p.Model
	if model == "" {
		model = p.Family
	}
	text := fmt.Sprintf("%s at %s tokens: the cache of a sequence takes %s in %s", model, thousands(int64(p.Context)), amount(base.TotalBytes), base.Name)
	if other != nil && other != base {
		text += fmt.Sprintf(" and %s in %s", amount(other.TotalBytes), other.Name)
		switch by := 100 * (1 - float64(other.TotalBytes)/float64(base.TotalBytes)); {
		case by >= 0.5:
			text += fmt.Sprintf(", %.0f %% less", by)
		case by <= -0.5:
			text += fmt.Sprintf(", %.0f %% more", -by)
		}
	}
	text += "."
	for i := range p.Nodes {
		n := &p.Nodes[i]
		held, _ := n.sequences(p.Base)
		switch also, ok := n.sequences(p.Focus); {
		case n.FreePerGPU <= 0:
			text += fmt.Sprintf(" %s cannot hold the weights.", n.Name)
		case ok && other != base:
			text += fmt.Sprintf(" %s holds %s in %s, %s in %s.", n.Name, sequences(held), base.Name, thousands(also), p.Focus)
		default:
			text += fmt.Sprintf(" %s holds %s.", n.Name, sequences(held))
		}
	}
	return text
}

// Facts says in a line for each node what its figure rests on.
func (n *NodePlan) Facts() string {
	how := map[Parallel]string{
		Data:    "a sequence lies on one GPU, routed experts are shared out",
		Tensor:  "weights and key/value heads are shared out",
		Context: "weights and every sequence are shared out",
	}[n.Parallel]
	text := fmt.Sprintf("%s, parallel=%s: %s; a GPU has %s, of which %s %% are used", n.Name, n.Parallel, how, amount(n.GPUMemory), rounded(100*n.Utilisation, 1))
	if n.Reserve > 0 {
		text += ", " + amount(n.Reserve) + " in reserve"
	}
	text += "; weights take " + amount(n.WeightsPerGPU)
	if n.FreePerGPU <= 0 {
		return text + ", " + amount(-n.FreePerGPU) + " too much"
	}
	return text + ", " + amount(n.FreePerGPU) + " are left for caches"
}

// decimals prints a figure with so many decimals, halves away from zero.
func decimals(v float64, n int) string {
	p := math.Pow10(n)
	if r := math.Round(v * p); math.Abs(r) < maxBytes {
		v = r / p
	}
	return strconv.FormatFloat(v, 'f', n, 64)
}

// rounded prints a figure with at most so many decimals.
func rounded(v float64, n int) string {
	text := decimals(v, n)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// gib prints bytes in GiB with two decimals, or four where it is a small part of
// one.
func gib(bytes int64) string {
	v := float64(bytes) / (1 << 30)
	if v < 0.1 {
		return decimals(v, 4)
	}
	return decimals(v, 2)
}

// amount prints bytes in the unit that suits them.
func amount(bytes int64) string {
	v := float64(bytes)
	for _, u := range []struct {
		name  string
		bytes float64
		n     int
	}{{"TiB", 1 << 40, 2}, {"GiB", 1 << 30, 2}, {"MiB", 1 << 20, 1}, {"KiB", 1 << 10, 1}} {
		if v >= u.bytes {
			return decimals(v/u.bytes, u.n) + " " + u.name
		}
	}
	return strconv.FormatInt(bytes, 10) + " B"
}

// change prints v relative to base as a signed percentage.
func change(v, base float64) string {
	if base == 0 {
		return ""
	}
	by := math.Round(1000*(v/base-1)) / 10
	if by == 0 {
		return "="
	}
	if math.Abs(by) >= 10 {
		by = math.Round(by)
	}
	return fmt.Sprintf("%+.3g %%", by)
}

// sequences counts them in words.
func sequences(n int64) string {
	if n == 1 {
		return "1 sequence"
	}
	return thousands(n) + " sequences"
}

// thousands prints a count with commas.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
