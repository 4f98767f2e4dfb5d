package capacity

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"kakeyalattice/codec"
	"kakeyalattice/kv"
)

// Layout is a rate for each kind of component.
type Layout struct {
	Name  string
	About string // where the layout is in use; empty for what a caller named
	Rates map[kv.Kind]Rate
}

// engineLayout is how an engine stores a cache.
type engineLayout struct {
	codec string
	about string
}

// v4Engines are the caches that engines store for DeepSeek-V4, and
// llamaEngines those for keys and values per head.
var (
	v4Engines = []engineLayout{
		{"bf16", "transformers, the reference code"},
		{"fp8-v4", "FlashMLA, vLLM, SGLang"},
		{"fp8-v41", "format of V4.1's window"},
		{"fp8-tensor", "TensorRT-LLM, FlashInfer"},
		{"nvfp4-v4", "NVFP4, opt-in"},
		{"mxfp4-v4", "MXFP4 or INT4, opt-in"},
	}
	llamaEngines = []engineLayout{
		{"bf16", ""},
		{"fp8-tensor", "vLLM, SGLang, TensorRT-LLM"},
		{"q8_0", "llama.cpp"},
		{"nvfp4", "TensorRT-LLM"},
		{"q4_0", "llama.cpp"},
	}
)

// DefaultCodecs are planned beside the layouts of engines where the caller names
// none.
const DefaultCodecs = "e8:q=38 e8-gs:delta=0.09,slot=auto"

// DefaultIndexer is the format of indexer vectors that engines use.
const DefaultIndexer = "fp8"

// Request names layouts as a user does.
type Request struct {
	Codecs   string   // read by [Model.ParseLayouts]; empty stands for [DefaultCodecs]
	Policies []string // read by [Model.ParsePolicy]
	// Indexer is the format of the indexer's vectors in all layouts, read by
	// [IndexerRate]; where it is empty, [DefaultIndexer], but bf16 beside entries
	// that are all in bf16.
	Indexer string
}

// Layouts returns the layouts of engines, then the codecs and the policies of a
// request, and a notice for each that is left out because it does not support the
// model's vectors. focus is the name of the first that the request names, or of
// the first default codec.
func (m *Model) Layouts(r Request) (layouts []Layout, focus string, notices []string, err error) {
	for _, e := range m.engines {
		l, err := m.uniform(e.codec, r.Indexer)
		if errors.Is(err, codec.ErrDim) {
			notices = append(notices, fmt.Sprintf("%s is left out: it does not support vectors of this model's dimension", e.codec))
			continue
		}
		if err != nil {
			return nil, "", nil, err
		}
		l.About = e.about
		layouts = append(layouts, l)
	}
	named, missing, err := m.codecs(r)
	if err != nil {
		return nil, "", nil, err
	}
	notices = append(notices, missing...)
	for _, p := range r.Policies {
		l, err := m.ParsePolicy(p, r.Indexer)
		if err != nil {
			return nil, "", nil, err
		}
		named = append(named, l)
	}
	first := 0 // of the layouts named
	if r.Codecs == "" && len(r.Policies) > 0 {
		first = len(named) - len(r.Policies)
	}
	for i, l := range named {
		if k := find(layouts, l.Name); k < 0 || !sameRates(layouts[k], l) {
			base := l.Name
			for n := 2; find(layouts, l.Name) >= 0; n++ {
				l.Name = fmt.Sprintf("%s (%d)", base, n)
			}
			layouts = append(layouts, l)
		}
		if i == first {
			focus = l.Name
		}
	}
	return layouts, focus, notices, nil
}

// codecs returns the layouts of the codecs that a request names. A default codec
// that does not support the model's vectors is left out.
func (m *Model) codecs(r Request) (layouts []Layout, notices []string, err error) {
	if r.Codecs != "" {
		layouts, err = m.ParseLayouts(r.Codecs, r.Indexer)
		return layouts, nil, err
	}
	for _, name := range fields(DefaultCodecs) {
		l, err := m.uniform(name, r.Indexer)
		switch {
		case errors.Is(err, codec.ErrDim):
			notices = append(notices, fmt.Sprintf("%s is left out: it does not support vectors of this model's dimension", name))
		case err != nil:
			return nil, nil, err
		default:
			layouts = append(layouts, l)
		}
	}
	return layouts, notices, nil
}

func find(layouts []Layout, name string) int {
	return slices.IndexFunc(layouts, func(l Layout) bool { return l.Name == name })
}

func sameRates(a, b Layout) bool {
	for kind, r := range a.Rates {
		if b.Rates[kind] != r {
			return false
		}
	}
	return true
}

// uniform returns the layout in which every component but the indexer is in one
// codec.
func (m *Model) uniform(name, indexer string) (Layout, error) {
	rates, err := m.rates(map[string]string{anyKind: name}, indexer)
	if err != nil {
		return Layout{}, err
	}
	return Layout{Name: rates[m.kinds()[0]].Codec, Rates: rates}, nil
}

// ParseLayouts reads codecs separated by white space or ";", each the codec of
// all components but the indexer. A codec may be a sweep, as in [codec.ParseList],
// or the bytes of a vector, "432B".
func (m *Model) ParseLayouts(list, indexer string) ([]Layout, error) {
	var layouts []Layout
	for _, field := range fields(list) {
		names := []string{field}
		if _, ok := statedBytes(field); !ok {
			specs, err := codec.ParseList(field)
			if err != nil {
				return nil, err
			}
			names = names[:0]
			for _, s := range specs {
				names = append(names, s.String())
			}
		}
		if len(layouts)+len(names) > maxLayouts {
			return nil, fmt.Errorf("more than %d codecs: name fewer", maxLayouts)
		}
		for _, name := range names {
			l, err := m.uniform(name, indexer)
			if err != nil {
				return nil, err
			}
			if find(layouts, l.Name) < 0 {
				layouts = append(layouts, l)
			}
		}
	}
	if len(layouts) == 0 {
		return nil, errors.New("no codec is named; see kakeya codec list")
	}
	return layouts, nil
}

// maxLayouts bounds the codecs of a plan.
const maxLayouts = 1000

// fields splits a list of specs.
func fields(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune("; \t\r\n", r) })
}
