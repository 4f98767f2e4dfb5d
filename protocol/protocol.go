// Package protocol names the choices that turn a model and texts into KV
// streams and figures, so that each can be set alone and its effect seen.
//
// Two sets have names: production, the honest one, and reference, which
// repeats the published experiment choice by choice.
package protocol

import (
	"fmt"
	"slices"
	"strings"

	"kakeyalattice/kv"
	"kakeyalattice/model/deepseek4"
)

// The names of the two sets.
const (
	ProductionName = "production"
	ReferenceName  = "reference"
)

// Protocol is a value for every choice.
type Protocol struct {
	// Repeated cuts every passage to its first 85 words and says them eight
	// times over.
	Repeated bool
	// Padded fills passages up to the sequence length with the pad token, and
	// scores the padding.
	Padded bool
	// Host is where hidden states come from: the model itself ([SelfHost] and its
	// like) or another model.
	Host string
	// OneStream takes a single stream of every layer: no window of a layer that
	// compresses.
	OneStream bool
	// KV is how the layers of DeepSeek-V4 compute their entries.
	KV deepseek4.Switches
	// ReferenceBaseline compares with the published baseline alone: FP8 of
	// every dimension in groups of 64 at unrounded scales.
	ReferenceBaseline bool
	// ReferenceCodec measures the published arithmetic, for which no bytes
	// exist, in place of codecs that write them.
	ReferenceCodec bool
	// ReferenceWeights counts 3 window, 20 CSA and 20 HCA layers, as the
	// publication does; the model has 2, 21 and 20.
	ReferenceWeights bool
}

// The pieces of the reference's texts.
const (
	ReferenceWords  = 85
	ReferenceRepeat = 8
	ReferenceHost   = "Qwen/Qwen2-0.5B"
)

// ReferenceLayers is the layers of each kind as the publication counts them.
func ReferenceLayers() map[kv.Kind]int {
	return map[kv.Kind]int{kv.SWA: 3, kv.CSA: 20, kv.HCA: 20}
}

// Hosts that are the model itself.
const (
	// SelfHost is the whole forward pass where every layer is captured, and else the
	// model's own embeddings: layers below that are not captured are not fetched.
	SelfHost = "self"
	// EmbeddingHost is the model's own embeddings, whatever is captured.
	EmbeddingHost = "embedding"
	// ForwardHost is the model's own forward pass, whatever is captured.
	ForwardHost = "forward"
)

// Production is the default: no padding is scored, no text repeated, entries
// are computed as engines compute them, and seen by codecs once, unrounded.
func Production() Protocol { return Protocol{Host: SelfHost} }

// Reference repeats the published experiment.
func Reference() Protocol {
	p := Production()
	for _, s := range Switches {
		s.set(&p, s.Reference)
	}
	return p
}

// Switch is one choice.
type Switch struct {
	Name       string
	Production string // its value there
	Reference  string
	About      string // what the reference does, in a line
	// Streams says that the choice changes the captured streams; else it
	// changes what is made of them.
	Streams bool

	get func(*Protocol) string
	set func(*Protocol, string) bool // false: no such value
}

// Switches lists all choices in the order of reports.
var Switches = []Switch{
	choice("text", "once", "repeated", "passages of 85 words, said eight times", true, func(p *Protocol) *bool { return &p.Repeated }),
	choice("padding", "none", "scored", "passages are padded to the sequence length and the padding is scored", true, func(p *Protocol) *bool { return &p.Padded }),
	{
		Name: "host", Production: SelfHost, Reference: ReferenceHost, Streams: true,
		About: "hidden states are token embeddings of another model through a random matrix",
		get:   func(p *Protocol) string { return p.Host },
		set:   func(p *Protocol, v string) bool { p.Host = v; return v != "" },
	},
	choice("streams", "all", "one-a-layer", "the window of a layer that also compresses is left out", true, func(p *Protocol) *bool { return &p.OneStream }),
	choice("attn-norm", "on", "off", "the layer's input norm is left out", true, func(p *Protocol) *bool { return &p.KV.NoAttnNorm }),
	choice("wkv", "fp8", "exact", "activations of the KV projection are not rounded to FP8", true, func(p *Protocol) *bool { return &p.KV.ExactWKV }),
	choice("yarn", "always", "long-only", "YaRN only beyond 65,536 tokens", true, func(p *Protocol) *bool { return &p.KV.YarnBeyondOriginal }),
	choice("window-rope", "by-layer", "main", "window entries of every layer use the rotary base 10000", true, func(p *Protocol) *bool { return &p.KV.WindowMainRope }),
	{
		Name: "pre-quantise", Production: deepseek4.PreNone.String(), Reference: deepseek4.PreUniform127.String(), Streams: true,
		About: "entries are rounded before any codec sees them",
		get:   func(p *Protocol) string { return p.KV.PreQuantize.String() },
		set:   func(p *Protocol, v string) bool { return p.KV.PreQuantize.UnmarshalText([]byte(v)) == nil },
	},
	choice("baseline", "engines", "reference", "the baseline is one that no engine uses, its scales unrounded", false, func(p *Protocol) *bool { return &p.ReferenceBaseline }),
	choice("codec", "bytes", "reference", "rates are claimed; a clamp leaves the lattice", false, func(p *Protocol) *bool { return &p.ReferenceCodec }),
	choice("layers", "2+21+20", "3+20+20", "layers of each kind are miscounted", false, func(p *Protocol) *bool { return &p.ReferenceWeights }),
}

// choice is a switch of two values.
func choice(name, production, reference, about string, streams bool, field func(*Protocol) *bool) Switch {
	return Switch{
		Name: name, Production: production, Reference: reference, About: about, Streams: streams,
		get: func(p *Protocol) string {
			if *field(p) {
				return reference
			}
			return production
		},
		set: func(p *Protocol, v string) bool {
			*field(p) = v == reference
			return v == reference || v == production
		},
	}
}

// Parse returns a named set with some choices changed, each "name=value".
func Parse(name string, changes []string) (Protocol, error) {
	var p Protocol
	switch name {
	case ProductionName, "":
		p = Production()
	case ReferenceName:
		p = Reference()
	default:
		return Protocol{}, fmt.Errorf("protocol %q is not one of %s, %s", name, ProductionName, ReferenceName)
	}
	for _, c := range changes {
		key, value, ok := strings.Cut(c, "=")
		if !ok {
			return Protocol{}, fmt.Errorf("switch %q: want NAME=VALUE, such as %s=%s", c, Switches[0].Name, Switches[0].Production)
		}
		if err := p.Set(key, value); err != nil {
			return Protocol{}, err
		}
	}
	return p, nil
}

// Set changes one choice.
func (p *Protocol) Set(name, value string) error {
	i := slices.IndexFunc(Switches, func(s Switch) bool { return s.Name == name })
	if i < 0 {
		return fmt.Errorf("no switch is called %q; there are %s", name, strings.Join(names(), ", "))
	}
	s := Switches[i]
	changed := *p
	if !s.set(&changed, value) {
		return fmt.Errorf("switch %s=%s: want %s or %s", name, value, s.Production, s.Reference)
	}
	*p = changed
	return nil
}

func names() []string {
	list := make([]string, len(Switches))
	for i, s := range Switches {
		list[i] = s.Name
	}
	return list
}

// Value is the value of a choice.
func (p *Protocol) Value(s Switch) string { return s.get(p) }

// Name is the name of the set, or of the nearer one with what differs, such
// as "reference, padding=none".
func (p *Protocol) Name() string {
	nearer := func(name string, value func(Switch) string) string {
		parts := []string{name}
		for _, s := range Switches {
			if v := p.Value(s); v != value(s) {
				parts = append(parts, s.Name+"="+v)
			}
		}
		return strings.Join(parts, ", ")
	}
	a := nearer(ProductionName, func(s Switch) string { return s.Production })
	b := nearer(ReferenceName, func(s Switch) string { return s.Reference })
	if strings.Count(b, ",") < strings.Count(a, ",") {
		return b
	}
	return a
}
