package capacity

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the golden files of testdata")

// flashPlan is a plan with a policy, an entropy coder and two nodes.
func flashPlan(tb testing.TB) *Plan {
	tb.Helper()
	m := model(tb, "v4-flash")
	layouts, focus, _, err := m.Layouts(Request{Policies: []string{"mixed: swa=e8:q=38 csa=e8-gs:delta=0.09 hca=fp8-v4"}})
	if err != nil {
		tb.Fatal(err)
	}
	o := Options{Context: 131072, Focus: focus}
	for _, text := range []string{"4xH200", "1xH100"} {
		n, err := ParseNode(text, 0)
		if err != nil {
			tb.Fatal(err)
		}
		o.Nodes = append(o.Nodes, n)
	}
	p, err := m.Plan(layouts, o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestThePlanOnATerminal(t *testing.T) {
	p := flashPlan(t)
	var b strings.Builder
	if err := p.WriteText(&b, 100); err != nil {
		t.Fatal(err)
	}
	const file = "testdata/v4-flash.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s\n(-update writes the file anew)", b.String(), want)
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if utf8.RuneCountInString(line) > 100 {
			t.Errorf("more than 100 columns: %s", line)
		}
	}
}

// The names of docs/capacity.md are a contract.
func TestThePlanAsJSON(t *testing.T) {
	p := flashPlan(t)
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Context int
		Layouts []struct {
			Name           string
			BytesPerVector *float64 `json:"bytes_per_vector"`
			Components     []struct {
				Name        string
				Entries     int64
				Bytes       int64
				PaddedBytes int64 `json:"padded_bytes"`
			}
			TotalBytes int64 `json:"total_bytes"`
		}
		Nodes []struct{ Layouts []struct{ Sequences *int64 } }
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Context != 131072 || len(got.Layouts) != 9 || len(got.Nodes) != 2 || got.Nodes[0].Layouts[0].Sequences == nil {
		t.Errorf("%s", text)
	}
	l := got.Layouts[1]
	if l.Name != "fp8-v4" || *l.BytesPerVector != 584 || len(l.Components) != 4 {
		t.Fatalf("%+v", l)
	}
	var total int64
	for i, name := range []string{"swa", "csa", "hca", "indexer"} {
		c := l.Components[i]
		if total += c.Bytes; c.Name != name || c.Entries < 1 || c.Bytes < 1 || c.PaddedBytes < c.Bytes {
			t.Errorf("%+v", c)
		}
	}
	if l.TotalBytes != total {
		t.Errorf("total %d of components of %d", l.TotalBytes, total)
	}
	empty, err := json.Marshal(planned(t, model(t, "v4-flash"), uniform(t, model(t, "v4-flash"), "bf16", ""), Options{}))
	if err != nil || !strings.Contains(string(empty), `"nodes":[],"notices":[]`) {
		t.Errorf("lists are never null: %s", empty)
	}
}

func TestFiguresAreRoundedAsPeopleRound(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{decimals(383.25, 1), "383.3"}, {decimals(-0.05, 1), "-0.1"}, {rounded(412, 1), "412"}, {rounded(364.64, 1), "364.6"},
		{gib(3 << 30), "3.00"}, {gib(30 << 20), "0.0293"}, {amount(500), "500 B"}, {amount(1536), "1.5 KiB"}, {amount(3 << 40), "3.00 TiB"},
		{change(76, 100), "-24 %"}, {change(1, 1), "="}, {change(1.0004, 1), "="}, {change(109.5, 100), "+9.5 %"}, {change(1, 0), ""},
		{thousands(1048576), "1,048,576"}, {thousands(999), "999"}, {thousands(-1234), "-1,234"}, {thousands(123), "123"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

func TestAPlanOfNothingSaysSo(t *testing.T) {
	var b strings.Builder
	if err := (&Plan{}).WriteText(&b, 80); err != nil || !strings.Contains(b.String(), "No layout is planned") {
		t.Errorf("%v: %s", err, b.String())
	}
}
