package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files of testdata")

// golden compares a text with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; make it with -update", err)
	}
	want := strings.Split(string(data), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(want) || line != want[i] {
			t.Fatalf("%s, line %d: got\n%s\nwant\n%s\n(-update writes the file anew)", file, i+1, line, append(want, "", "nothing")[min(i, len(want))])
		}
	}
	if n := strings.Count(got, "\n") + 1; n != len(want) {
		t.Fatalf("%s: %d lines, want %d", file, n, len(want))
	}
}

func TestMarkdownGolden(t *testing.T) { golden(t, "synthetic.md", render(t, synthetic(), "md")) }

func TestTerminalGolden(t *testing.T) {
	for name, width := range map[string]int{"synthetic": 100, "one passage": 80, "v4": 100, "hopeless": 80} {
		var b strings.Builder
		if err := Summary(&b, fixtures()[name], width); err != nil {
			t.Fatal(err)
		}
		golden(t, strings.ReplaceAll(name, " ", "-")+".txt", b.String())
	}
}

// render is a result in one format.
func render(t *testing.T, r *Result, format string) string {
	t.Helper()
	var b strings.Builder
	if err := Render(&b, r, format); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
