package report

import (
	"strings"
	"testing"
	"unicode"
)

func summary(t *testing.T, r *Result, width int) string {
	t.Helper()
	var b strings.Builder
	if err := Summary(&b, r, width); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFiveStreamsFitOneScreen(t *testing.T) {
	for _, width := range []int{80, 100, 120, 200} {
		text := summary(t, synthetic(), width)
		if n := strings.Count(text, "\n"); n > 24 {
			t.Errorf("%d lines at width %d", n, width)
		}
		for _, line := range strings.Split(text, "\n") {
			if columns(line) > width {
				t.Errorf("%d columns at width %d: %s", columns(line), width, line)
			}
		}
	}
}

func TestManyStreamsAreGatheredByKind(t *testing.T) {
	text := summary(t, fixtures()["v4"], 100)
	if n := strings.Count(text, "\n"); n > 24 || !strings.Contains(text, "csa (21)") || !strings.Contains(text, "largest stream of each kind") {
		t.Errorf("%d lines:\n%s", n, text)
	}
}

func TestATerminalGetsNoControlCharacters(t *testing.T) {
	for name, r := range fixtures() {
		for _, c := range summary(t, r, 80) {
			if c != '\n' && unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
				t.Errorf("%s: control character %U", name, c)
			}
		}
	}
}

func TestSimulatedCodecsAreMarkedOnTheTerminal(t *testing.T) {
	if text := summary(t, fixtures()["simulated only"], 120); !strings.Contains(text, "e8:q=38 *") || !strings.Contains(text, "* simulated, no bytes") {
		t.Error(text)
	}
	if text := summary(t, synthetic(), 120); strings.Contains(text, "ref-e8") {
		t.Errorf("a simulated codec stands where real ones have no room:\n%s", text)
	}
}
