package capacity

import (
	"errors"
	"fmt"
	"math"
)

// ErrWeights says that the memory of the weights is unknown: the config names no
// type, or a quantisation.
var ErrWeights = errors.New("config.json does not tell what the weights take")

// Options is what a plan is made for.
type Options struct {
	Context    int // tokens; 0 stands for the most that the model allows
	PageTokens int // tokens that a block of pages covers; 0 stands for the model's
	Nodes      []Node
	Serving    Serving
	// Base names the layout that others are compared with; empty stands for the
	// 584-byte entry of DeepSeek-V4 where it is planned, else the first. Focus
	// names the one that a summary sets beside it; empty for none.
	Base, Focus string
}

// Plan is what a cache takes in each layout, and what nodes hold.
type Plan struct {
	Context    int            `json:"context"`
	Model      string         `json:"model"`
	Family     string         `json:"family"`
	Layers     map[string]int `json:"layers"`
	PageTokens int            `json:"page_tokens"`
	StateBytes int64          `json:"state_bytes"`
	Weights    *Weights       `json:"weights"`         // null where they are unknown
	Base       string         `json:"base"`            // name of the layout that others are compared with
	Focus      string         `json:"focus,omitempty"` // and of the one that the summary sets beside it
	Layouts    []LayoutPlan   `json:"layouts"`
	Nodes      []NodePlan     `json:"nodes"`
	Notices    []string       `json:"notices"`
}

// LayoutPlan is a sequence's cache in one layout.
type LayoutPlan struct {
	Name  string `json:"name"`
	About string `json:"about,omitempty"`
	// BytesPerVector is the mean over the vectors of all components but the
	// indexer, padding left out.
	BytesPerVector float64         `json:"bytes_per_vector"`
	Components     []ComponentPlan `json:"components"`
	TotalBytes     int64           `json:"total_bytes"`
	PaddedBytes    int64           `json:"padded_bytes"`
	BytesPerToken  float64         `json:"bytes_per_token"` // TotalBytes over the context
}

// ComponentPlan is one component of a sequence's cache.
type ComponentPlan struct {
	Name           string  `json:"name"`
	Layers         int     `json:"layers"`
	Codec          string  `json:"codec"`
	BytesPerVector float64 `json:"bytes_per_vector"`
	Rate           string  `json:"rate"` // where bytes_per_vector comes from
	Entries        int64   `json:"entries"`
	PageEntries    int     `json:"page_entries"`
	Bytes          int64   `json:"bytes"`
	PaddedBytes    int64   `json:"padded_bytes"`
}

// Plan works out the layouts at a context.
func (m *Model) Plan(layouts []Layout, o Options) (*Plan, error) {
	if o.Context == 0 {
		if o.Context = m.MaxContext; o.Context == 0 {
			return nil, errors.New("config.json states no max_position_embeddings: give a context length")
		}
	}
	if o.PageTokens == 0 {
		o.PageTokens = m.PageTokens
	}
	if o.Context < 1 || o.Context > maxContext || o.PageTokens < 1 || o.PageTokens > 1<<20 {
		return nil, fmt.Errorf("a context of %d tokens in blocks of %d: want 1 to %d and 1 to %d", o.Context, o.PageTokens, maxContext, 1<<20)
	}
	serving, err := o.Serving.check(m)
	if err != nil {
		return nil, err
	}
	p := &Plan{
		Context: o.Context, Model: m.Name, Family: m.Family, Layers: map[string]int{},
		PageTokens: o.PageTokens, StateBytes: m.StateBytes,
		Layouts: []LayoutPlan{}, Nodes: []NodePlan{}, Notices: []string{},
	}
	for _, k := range m.LayerKinds {
		p.Layers[k.Name] = k.Layers
	}
	switch {
	case serving.Weights > 0:
		p.Weights = &Weights{Bytes: serving.Weights, Source: "stated"}
	case m.Weights.Bytes > 0:
		p.Weights = &m.Weights
	}
	if m.MaxContext > 0 && o.Context > m.MaxContext {
		p.Notices = append(p.Notices, fmt.Sprintf("the model states at most %d positions", m.MaxContext))
	}
	for _, l := range layouts {
		lp, err := m.layoutPlan(l, o)
		if err != nil {
			return nil, err
		}
		p.Layouts = append(p.Layouts, lp)
	}
	if p.Base, err = p.chooseBase(o.Base); err != nil {
		return nil, err
	}
	if p.Focus = o.Focus; p.Focus != "" && p.Layout(p.Focus) == nil {
		return nil, fmt.Errorf("no layout %s is planned", p.Focus)
	}
	for _, n := range o.Nodes {
		np, err := m.node(n, serving, p.Layouts)
		if err != nil {
			return nil, err
		}
		p.Nodes = append(p.Nodes, np)
	}
	return p, nil
}

func (m *Model) layoutPlan(l Layout, o Options) (LayoutPlan, error) {
	lp := LayoutPlan{Name: l.Name, About: l.About, Components: []ComponentPlan{}}
	var entries, main, total, padded float64
	for i := range m.Components {
		c := &m.Components[i]
		r, ok := l.Rates[c.Kind]
		if !ok {
			return lp, fmt.Errorf("layout %s: no rate for %s", l.Name, c.Kind)
		}
		bytes, pages := c.Bytes(o.Context, r), c.PaddedBytes(o.Context, o.PageTokens, r)
		if total, padded = total+bytes, padded+pages; !(max(total, padded, c.Entries(o.Context)) < maxBytes) {
			return lp, fmt.Errorf("layout %s: a sequence of %d tokens takes %.3g bytes: too much to plan", l.Name, o.Context, padded)
		}
		if c.Main() {
			entries, main = entries+c.Entries(o.Context), main+bytes
		}
		lp.Components = append(lp.Components, ComponentPlan{
			Name: c.Name, Layers: c.Layers, Codec: r.Codec, BytesPerVector: r.Bytes, Rate: r.How,
			Entries: int64(c.Entries(o.Context)), PageEntries: c.PageEntries(o.PageTokens),
			Bytes: int64(math.Round(bytes)), PaddedBytes: int64(math.Round(pages)),
		})
	}
	for _, c := range lp.Components {
		lp.TotalBytes += c.Bytes
		lp.PaddedBytes += c.PaddedBytes
	}
	if entries > 0 {
		lp.BytesPerVector = main / entries
	}
	lp.BytesPerToken = float64(lp.TotalBytes) / float64(o.Context)
	return lp, nil
}

// chooseBase returns the name of the layout to compare with.
func (p *Plan) chooseBase(name string) (string, error) {
	switch {
	case name != "" && p.Layout(name) == nil:
		return "", fmt.Errorf("no layout %s is planned", name)
	case name == "" && p.Layout(usualBase) != nil:
		return usualBase, nil
	case name == "" && len(p.Layouts) > 0:
		return p.Layouts[0].Name, nil
	}
	return name, nil
}

const usualBase = "fp8-v4"

// Layout returns the layout of a name, or nil.
func (p *Plan) Layout(name string) *LayoutPlan {
	for i := range p.Layouts {
		if p.Layouts[i].Name == name {
			return &p.Layouts[i]
		}
	}
	return nil
}
