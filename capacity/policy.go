package capacity

import (
	"fmt"
	"slices"
	"strings"

	"kakeyalattice/kv"
)

// anyKind stands in a policy for the kinds that it does not name.
const anyKind = "*"

// ParsePolicy reads a codec per kind, "[NAME:] KIND=CODEC ...", separated by
// white space or ";":
//
//	swa=e8:q=38 csa=e8-gs:delta=0.09,slot=auto hca=fp8-v4
//	careful: *=e8:q=38 hca=e8:q=44 indexer=fp4
//
// "*" stands for the kinds not named, the indexer apart, which is in the format
// of indexer unless it is named. A codec is what [ParseRate] reads, the
// indexer's what [IndexerRate] reads.
func (m *Model) ParsePolicy(text, indexer string) (Layout, error) {
	l := Layout{Name: "policy"}
	parts := fields(text)
	if len(parts) > 0 && strings.HasSuffix(parts[0], ":") && !strings.Contains(parts[0], "=") {
		l.Name = strings.TrimSuffix(parts[0], ":")
		parts = parts[1:]
		if l.Name == "" {
			return Layout{}, fmt.Errorf("policy %q: the name before the colon is empty", text)
		}
	}
	choices := map[string]string{}
	for _, part := range parts {
		kind, name, ok := strings.Cut(part, "=")
		if !ok || kind == "" || name == "" {
			return Layout{}, fmt.Errorf("policy %q: %q is not KIND=CODEC, such as %s=e8:q=38", text, part, m.kinds()[0])
		}
		if _, twice := choices[kind]; twice {
			return Layout{}, fmt.Errorf("policy %q: %s is given twice", text, kind)
		}
		choices[kind] = name
	}
	rates, err := m.rates(choices, indexer)
	if err != nil {
		return Layout{}, fmt.Errorf("policy %q: %w", text, err)
	}
	l.Rates = rates
	return l, nil
}

// rates gives every kind of the model its choice.
func (m *Model) rates(choices map[string]string, indexer string) (map[kv.Kind]Rate, error) {
	kinds := m.kinds()
	for kind := range choices {
		if kind != anyKind && !slices.Contains(kinds, kv.Kind(kind)) {
			return nil, fmt.Errorf("this model has no %s; it has %s", kind, m.kindList())
		}
	}
	if indexer == "" {
		if indexer = DefaultIndexer; len(choices) == 1 && choices[anyKind] == "bf16" {
			indexer = "bf16"
		}
	}
	rates := map[kv.Kind]Rate{}
	for _, kind := range kinds {
		name, named := choices[string(kind)]
		read := ParseRate
		switch {
		case kind == kv.Indexer:
			if read = IndexerRate; !named {
				name = indexer
			}
		case !named:
			if name, named = choices[anyKind]; !named {
				return nil, fmt.Errorf("no codec for %s; this model has %s: name each, or add *=CODEC", kind, m.kindList())
			}
		}
		r, err := read(name, m.component(kind).Dim)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		rates[kind] = r
	}
	return rates, nil
}

func (m *Model) kindList() string {
	var names []string
	for _, k := range m.kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// Layout returns the layout of rates that were measured elsewhere. Where there
// is none for the indexer, it is in [DefaultIndexer].
func (m *Model) Layout(name string, rates map[kv.Kind]Rate) (Layout, error) {
	l := Layout{Name: name, Rates: map[kv.Kind]Rate{}}
	for _, kind := range m.kinds() {
		r, ok := rates[kind]
		if !ok && kind == kv.Indexer {
			var err error
			if r, err = IndexerRate(DefaultIndexer, m.component(kind).Dim); err != nil {
				return Layout{}, err
			}
			ok = true
		}
		if !ok || !(r.Bytes > 0 && r.Bytes <= maxVectorBytes) {
			return Layout{}, fmt.Errorf("layout %s: no rate for %s; this model has %s", name, kind, m.kindList())
		}
		l.Rates[kind] = r
	}
	return l, nil
}
