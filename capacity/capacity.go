// Package capacity computes what a model's KV cache takes, from its config.json
// alone: bytes of a sequence at a context length for each layout of the cache,
// and how many sequences a node of GPUs holds.
//
// A [Model] is made from a config.json ([ParseModel]), a [Layout] gives each
// component of its cache a rate in bytes per vector, and [Model.Plan] multiplies
// the two out.
//
// Rates are those of codecs that write bytes: their fixed size, or a mean
// measured on stated vectors; see [Rate]. Sizes say nothing about quality.
package capacity

import (
	"fmt"
	"math"

	"kakeyalattice/kv"
)

// Model is what of a model decides the size of its cache.
type Model struct {
	Name       string
	Family     string         // the model_type
	LayerKinds []LayerKind    // in the order of reports
	Components []Component    // in the order of reports
	MaxContext int            // positions that the config allows; 0 where it does not say
	Weights    Weights        // zero Bytes where the config does not tell
	KVHeads    int            // that tensor parallelism can split a cache by; 1 for a latent one
	StateBytes int64          // of a sequence beside its entries: what compressors hold of unfinished blocks
	PageTokens int            // tokens that a block of pages covers, where the caller states none
	latent     bool           // one vector is key and value of all heads
	engines    []engineLayout // layouts that engines store
}

// LayerKind counts the layers that attend alike.
type LayerKind struct {
	Name   string // swa, csa, hca, full, window
	Layers int
}

// Layers is the number of layers.
func (m *Model) Layers() int {
	n := 0
	for _, k := range m.LayerKinds {
		n += k.Layers
	}
	return n
}

// Component is a part of the cache whose entries are alike in all its layers.
type Component struct {
	Name    string
	Kind    kv.Kind
	Layers  int
	Vectors int // of an entry: the key/value heads, or one
	Dim     int // values in a vector
	Ratio   int // tokens of an entry
	Window  int // tokens that are kept; 0 for all
	Page    int // entries of a page; 0: as many as a block of tokens makes
}

// Main says whether the component holds keys or values, and not the vectors by
// which an indexer selects them.
func (c *Component) Main() bool { return c.Kind != kv.Indexer }

// perLayer is the number of entries of one layer at a context.
func (c *Component) perLayer(context int) int {
	if c.Window > 0 {
		context = min(context, c.Window)
	}
	return context / c.Ratio
}

// Entries is the number of vectors that all layers hold at a context of so many
// tokens: a whole number.
func (c *Component) Entries(context int) float64 {
	return float64(c.Layers) * float64(c.Vectors) * float64(c.perLayer(context))
}

// Bytes is what these vectors take, without padding.
func (c *Component) Bytes(context int, r Rate) float64 { return c.Entries(context) * r.Bytes }

// PageEntries is the number of entries on a page of a layer where a block
// covers so many tokens.
func (c *Component) PageEntries(blockTokens int) int {
	if c.Page > 0 {
		return c.Page
	}
	return max(1, blockTokens/c.Ratio)
}

// PaddedBytes is what whole pages take: the last page of a layer is reserved in
// full, and a page is as long as the rate's alignment makes it.
func (c *Component) PaddedBytes(context, blockTokens int, r Rate) float64 {
	entries := c.PageEntries(blockTokens)
	pages := (c.perLayer(context) + entries - 1) / entries
	align := float64(max(1, r.Align))
	page := math.Ceil(float64(entries)*float64(c.Vectors)*r.Bytes/align) * align
	return float64(c.Layers) * float64(pages) * page
}

// component returns the component of a kind that decides its dimension.
func (m *Model) component(kind kv.Kind) *Component {
	for i := range m.Components {
		if m.Components[i].Kind == kind {
			return &m.Components[i]
		}
	}
	return nil
}

// kinds lists the kinds of the components, each once.
func (m *Model) kinds() []kv.Kind {
	var kinds []kv.Kind
	for _, c := range m.Components {
		if len(kinds) == 0 || kinds[len(kinds)-1] != c.Kind {
			kinds = append(kinds, c.Kind)
		}
	}
	return kinds
}

// Weights is the memory that the weights of a model take as the checkpoint
// stores them.
type Weights struct {
	Bytes   int64  `json:"bytes"`
	Experts int64  `json:"expert_bytes"` // of Bytes, routed experts, which GPUs can share out
	Source  string `json:"source"`
}

// The bounds on what a config.json may ask for. Within them every figure is an
// integer that a float64 holds, which is checked where it is formed.
const (
	maxLayers  = 1 << 14
	maxContext = 1 << 30
	maxCount   = 1 << 24 // heads, dimensions, experts, rows of a vocabulary
	maxBytes   = 1 << 53
)

// bounded checks a number of a config.json.
func bounded(name string, value, low, high int) error {
	if value < low || value > high {
		return fmt.Errorf("config.json: %s is %d: want %d to %d", name, value, low, high)
	}
	return nil
}

// Dim is the number of values in a vector of a kind; 0 where the model has none.
func (m *Model) Dim(kind kv.Kind) int {
	if c := m.component(kind); c != nil {
		return c.Dim
	}
	return 0
}
