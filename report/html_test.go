package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
)

// parsed reads a text as strict XML and counts its elements.
func parsed(t *testing.T, what, text string) map[string]int {
	t.Helper()
	count := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return count
		}
		if err != nil {
			at := int(d.InputOffset())
			t.Fatalf("%s: %v near %q", what, err, text[max(0, at-80):min(len(text), at+20)])
		}
		if e, ok := token.(xml.StartElement); ok {
			count[e.Name.Local]++
		}
	}
}

var (
	styleOrScript = regexp.MustCompile(`(?s)<(style|script)>.*?</(style|script)>`)
	drawing       = regexp.MustCompile(`(?s)<svg.*?</svg>`)
)

func TestPagesAreWellFormed(t *testing.T) {
	for name, r := range fixtures() {
		text := render(t, r, "html")
		if n := strings.Count(text, "<script"); n != 1 {
			t.Errorf("%s: %d scripts", name, n)
		}
		body := styleOrScript.ReplaceAllString(strings.TrimPrefix(text, "<!DOCTYPE html>"), "")
		count := parsed(t, name, body)
		if count["script"] != 0 || count["iframe"] != 0 || count["img"] != 0 || count["a"] != 6 {
			t.Errorf("%s: elements that the template does not write: %v", name, count)
		}
		for i, s := range drawing.FindAllString(text, -1) {
			elements := parsed(t, fmt.Sprintf("%s, drawing %d", name, i), s)
			if !strings.Contains(s, "aria-hidden") && (elements["title"] == 0 || elements["desc"] != 1 || !strings.Contains(s, `role="img"`)) {
				t.Errorf("%s, drawing %d: no name or no description", name, i)
			}
		}
	}
}

func TestPagesNeedNoNetwork(t *testing.T) {
	for name, r := range fixtures() {
		if name == "hostile" {
			continue // its names hold addresses, as text
		}
		text := strings.ReplaceAll(render(t, r, "html"), `xmlns="http://www.w3.org/2000/svg"`, "")
		for _, bad := range []string{"http://", "https://", "url(", "@import", " src=", "<link"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s: the page holds %q", name, bad)
			}
		}
	}
}

func TestFiguresAreDrawnWhereThereIsSomethingToDraw(t *testing.T) {
	for name, want := range map[string]int{"synthetic": 1 + 5 + 5 + 5, "v4": 1 + 3 + 3 + 5, "hopeless": 1 + 1 + 1 + 5, "no streams": 0, "no baseline": 1 + 5} {
		if got := strings.Count(render(t, fixtures()[name], "html"), `role="img"`); got != want {
			t.Errorf("%s: %d drawings, want %d", name, got, want)
		}
	}
}

func TestTheSentenceComesFirst(t *testing.T) {
	for name, r := range fixtures() {
		for _, format := range []string{"md", "html"} {
			text := render(t, r, format)
			last := -1
			for _, part := range []string{"To quote", "For a paper", "Questions", "Smallest codec within a bound on the error", "One codec for all, per kind, per stream",
				"Every codec on every stream", "Error of the attention output", "How far from Gaussian", "How it was measured"} {
				marker := ">" + part + "</h"
				switch {
				case format == "html":
				case part == "For a paper":
					marker = part + ":"
				default:
					marker = "\n## " + part
				}
				at := strings.Index(text, marker)
				if at <= last {
					t.Errorf("%s, %s: %q is at %d, after %d", name, format, part, at, last)
				}
				last = at
			}
			sentence := strings.Fields(newBlocks(newFindings(r)).Sentence)[0]
			if at := strings.Index(text, sentence); name != "hostile" && (at < 0 || at > strings.Index(text, "To quote")) {
				t.Errorf("%s, %s: the sentence does not come first", name, format)
			}
		}
	}
}

// wideResult is what a whole model with a sweep of codecs gives.
func wideResult() *Result {
	codecs := append([]string{}, auditCodecs...)
	for q := 2; len(codecs) < 37; q += 2 {
		if q != 38 && q != 44 {
			codecs = append(codecs, fmt.Sprintf("e8:q=%d", q))
		}
	}
	return v4(codecs)
}

func BenchmarkHTML(b *testing.B) {
	r := wideResult()
	for b.Loop() {
		var size counter
		if err := Render(&size, r, "html"); err != nil {
			b.Fatal(err)
		}
		if size > 3<<20 {
			b.Fatalf("%d bytes", size)
		}
		b.SetBytes(int64(size))
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
