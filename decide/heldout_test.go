package decide

import (
	"maps"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestHeldOutPassages(t *testing.T) {
	base := flat("base", 9, 10, 10, 10, 10)
	// Cheap fails only in the last passage: chosen without it, and judged on it.
	cheap := flat("cheap", 1, 9, 9, 9, 14)
	safe := flat("safe", 2, 5, 5, 5, 5)
	got := HeldOut([]Candidate{safe, cheap}, base, one, Point)
	if got == nil {
		t.Fatal("nil")
	}
	if want := []float64{0.5, 0.5, 0.5, 1.4}; !slices.Equal(got.Ratios, want) {
		t.Errorf("ratios %v, want %v", got.Ratios, want)
	}
	if got.Violations != 1 || !maps.Equal(got.Choices, map[string]int{"safe": 3, "cheap": 1}) {
		t.Errorf("%d violations, choices %v", got.Violations, got.Choices)
	}
}

func TestHeldOutWithoutAnAdmissibleCodec(t *testing.T) {
	got := HeldOut([]Candidate{flat("a", 1, 2, 2, 2)}, flat("base", 9, 1, 1, 1), one, Point)
	if got == nil || got.Violations != 0 || got.Choices[""] != 3 || !math.IsNaN(got.Ratios[0]) {
		t.Errorf("got %+v", got)
	}
}

func TestHeldOutAboveAFaultlessPassageIsAViolation(t *testing.T) {
	got := HeldOut([]Candidate{flat("a", 1, 1, 1, 1)}, flat("base", 9, 2, 2, 0), one, Point)
	if got == nil || got.Violations != 1 || !math.IsNaN(got.Ratios[2]) {
		t.Errorf("got %+v", got)
	}
}

func TestHeldOutNeedsThreePassagesWithValues(t *testing.T) {
	a := []Candidate{flat("a", 1, 1, 1)}
	if got := HeldOut(a, flat("base", 9, 2, 2), one, Point); got != nil {
		t.Errorf("two passages: %+v", got)
	}
	published := Candidate{Codec: "base", Published: &Figure{1, 0.1}}
	if got := HeldOut(a, published, one, Point); got != nil {
		t.Errorf("a published baseline: %+v", got)
	}
	means := []Candidate{{Codec: "a", Bits: 1, Published: &Figure{1, 0.1}}}
	if got := HeldOut(means, flat("base", 9, 2, 2, 2), one, Point); got == nil || got.Choices[""] != 3 {
		t.Errorf("a published candidate took part: %+v", got)
	}
}

func TestHeldOutChoosesAsChooseDoesWithoutThePassage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 6).Draw(t, "passages")
		base := flat("base", 9, drawDistortions(t, n, "baseline")...)
		cands := make([]Candidate, rapid.IntRange(1, 5).Draw(t, "candidates"))
		for i := range cands {
			cands[i] = flat(string(rune('a'+i)), float64(rapid.IntRange(1, 3).Draw(t, "bits")), drawDistortions(t, n, "candidate")...)
		}
		th := rapid.SampledFrom(Thresholds).Draw(t, "threshold")
		for _, view := range Views {
			got := chooseWithoutEach(cands, base, th, view)
			for p := range n {
				without := slices.Clone(base.Distortion)
				without[p] = nan
				want, _ := choose(cands, flat("base", 9, without...), th, view)
				if got[p] == want {
					continue
				}
				// Rounding may decide between equal means and at the threshold.
				tie := got[p] >= 0 && want >= 0 && cands[got[p]].Bits == cands[want].Bits &&
					math.Abs(naiveReach(cands[got[p]].Distortion, without, Point)-naiveReach(cands[want].Distortion, without, Point)) < 1e-9
				for _, c := range cands {
					tie = tie || math.Abs(naiveReach(c.Distortion, without, view)-th.Multiplier) < 1e-9
				}
				if !tie {
					t.Fatalf("%s without passage %d: chose %d, want %d", view, p, got[p], want)
				}
			}
		}
	})
}
