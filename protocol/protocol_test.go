package protocol

import (
	"strings"
	"testing"

	"kakeyalattice/model/deepseek4"
)

func TestReferenceSetsEverySwitch(t *testing.T) {
	p, q := Production(), Reference()
	for _, s := range Switches {
		if got := p.Value(s); got != s.Production {
			t.Errorf("production: %s is %s, want %s", s.Name, got, s.Production)
		}
		if got := q.Value(s); got != s.Reference {
			t.Errorf("reference: %s is %s, want %s", s.Name, got, s.Reference)
		}
	}
	if q.KV != deepseek4.ReferenceSwitches() {
		t.Errorf("reference computes entries by %+v, want %+v", q.KV, deepseek4.ReferenceSwitches())
	}
}

func TestNameTellsTheNearerSetAndWhatDiffers(t *testing.T) {
	for _, c := range []struct {
		set     string
		changes []string
		want    string
	}{
		{"production", nil, "production"},
		{"reference", nil, "reference"},
		{"reference", []string{"padding=none", "host=self"}, "reference, padding=none, host=self"},
		{"production", []string{"yarn=long-only"}, "production, yarn=long-only"},
		{"", []string{"pre-quantise=e4m3"}, "production, pre-quantise=e4m3"},
	} {
		p, err := Parse(c.set, c.changes)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Name(); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.set, c.changes, got, c.want)
		}
	}
}

func TestBadChoicesAreNamed(t *testing.T) {
	for _, c := range []struct {
		set    string
		change string
		want   string
	}{
		{"honest", "", `protocol "honest"`},
		{"production", "padding", "NAME=VALUE"},
		{"production", "pad=none", `no switch is called "pad"`},
		{"production", "padding=some", "want none or scored"},
		{"production", "pre-quantise=int8", "pre-quantise=int8"},
		{"production", "host=", "host="},
	} {
		var changes []string
		if c.change != "" {
			changes = []string{c.change}
		}
		if _, err := Parse(c.set, changes); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: error %v, want one about %s", c.set, c.change, err, c.want)
		}
	}
}
