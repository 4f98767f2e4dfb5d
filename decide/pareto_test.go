package decide

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func TestParetoFront(t *testing.T) {
	simulated := flat("ref", 1, 1)
	simulated.Simulated = true
	for _, c := range []struct {
		name  string
		cands []Candidate
		want  string
	}{
		{"nothing", nil, "[]"},
		{"ascending bits, descending distortion", []Candidate{flat("a", 3, 1), flat("b", 1, 3), flat("c", 2, 2)}, "[1 2 0]"},
		{"a dearer and worse one is off", []Candidate{flat("a", 1, 2), flat("b", 2, 3)}, "[0]"},
		{"a dearer and equal one is off", []Candidate{flat("a", 2, 2), flat("b", 1, 2)}, "[1]"},
		{"of equal bits only the best is on", []Candidate{flat("a", 1, 3), flat("b", 1, 2)}, "[1]"},
		{"of equal points the first is kept", []Candidate{flat("a", 1, 2), flat("b", 1, 2)}, "[0]"},
		{"simulated codecs are off", []Candidate{simulated, flat("a", 2, 2)}, "[1]"},
		{"undefined figures are off", []Candidate{flat("a", nan, 1), flat("b", 1, nan), flat("c", 2, 2)}, "[2]"},
		{"published means take part", []Candidate{{Codec: "a", Bits: 1, Published: &Figure{1, nan}}, flat("b", 2, 2)}, "[0]"},
	} {
		if got := fmt.Sprint(Pareto(c.cands)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestParetoFrontIsWhatNothingDominates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var cands []Candidate
		for range rapid.IntRange(0, 12).Draw(t, "candidates") {
			cands = append(cands, flat("c", float64(rapid.IntRange(1, 5).Draw(t, "bits")), float64(rapid.IntRange(0, 5).Draw(t, "distortion"))))
		}
		on := map[int]bool{}
		previous := 0.0
		for _, i := range Pareto(cands) {
			on[i] = true
			if cands[i].Bits <= previous {
				t.Fatalf("bits %v after %v", cands[i].Bits, previous)
			}
			previous = cands[i].Bits
		}
		for i, a := range cands {
			beaten := false
			for k, b := range cands {
				noWorse := b.Bits <= a.Bits && b.Distortion[0] <= a.Distortion[0]
				better := b.Bits < a.Bits || b.Distortion[0] < a.Distortion[0]
				beaten = beaten || noWorse && (better || k < i)
			}
			if on[i] == beaten {
				t.Fatalf("candidate %d of %v: on the front %v, beaten %v", i, cands, on[i], beaten)
			}
		}
	})
}
