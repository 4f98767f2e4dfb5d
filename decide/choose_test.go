package decide

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kakeyalattice/stats"
)

var (
	nan = math.NaN()
	one = Threshold{"A", 1}
)

func flat(codec string, bits float64, distortion ...float64) Candidate {
	return Candidate{Codec: codec, Bits: bits, Distortion: distortion}
}

func TestChoice(t *testing.T) {
	base := flat("base", 100, 10, 11, 12, 13)
	for _, c := range []struct {
		name  string
		view  View
		cands []Candidate
		want  string // "" for none
	}{
		{"fewest bits win", Point, []Candidate{flat("a", 9, 1, 1, 1, 1), flat("b", 8, 2, 2, 2, 2)}, "b"},
		{"an inadmissible codec never wins", Point, []Candidate{flat("a", 9, 1, 1, 1, 1), flat("b", 8, 20, 20, 20, 20)}, "a"},
		{"equal bits: the smaller mean wins", Point, []Candidate{flat("a", 8, 2, 2, 2, 2), flat("b", 8, 1, 1, 1, 1)}, "b"},
		{"equal bits and means: the first wins", Point, []Candidate{flat("a", 8, 1, 1, 1, 1), flat("b", 8, 1, 1, 1, 1)}, "a"},
		{"the baseline's own figures hold by their mean", Point, []Candidate{flat("a", 8, 10, 11, 12, 13)}, "a"},
		{"and not with their half-width", CISafe, []Candidate{flat("a", 8, 10, 11, 12, 13)}, ""},
		{"and hold when paired", Paired, []Candidate{flat("a", 8, 10, 11, 12, 13)}, "a"},
		{"a consistent gain holds when paired but not unpaired", CISafe, []Candidate{flat("a", 8, 9.9, 10.9, 11.9, 12.9)}, ""},
		{"a consistent gain holds when paired", Paired, []Candidate{flat("a", 8, 9.9, 10.9, 11.9, 12.9)}, "a"},
		{"an undefined rate never wins", Point, []Candidate{flat("a", nan, 1, 1, 1, 1), flat("b", 8, 1, 1, 1, 1)}, "b"},
		{"an undefined passage is left out on both sides", Point, []Candidate{flat("a", 8, 11, nan, 11, 11)}, "a"},
		{"a missing passage is left out on both sides", Point, []Candidate{flat("a", 8, 10, 11)}, "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Choose(c.cands, base, one, c.view)
			switch {
			case c.want == "" && (got.OK || got.Candidate != nil || got.Reason == ""):
				t.Errorf("got %+v, want none with a reason", got)
			case c.want != "" && (!got.OK || got.Candidate.Codec != c.want || got.Reason != ""):
				t.Errorf("got %+v, want %s", got, c.want)
			}
		})
	}
}

func TestReasonsWhyNothingIsAdmissible(t *testing.T) {
	base := flat("base", 100, 10, 10, 10)
	for _, c := range []struct {
		name   string
		cands  []Candidate
		base   Candidate
		view   View
		reason string
	}{
		{"no candidates", nil, base, Point, "no candidates"},
		{"the nearest is named", []Candidate{flat("a", 9, 13, 13, 13), flat("b", 8, 12, 12, 12)}, base, Point,
			"none holds 1.00: the nearest is b with 1.200 of base"},
		{"one passage, unpaired", []Candidate{flat("a", 9, 1)}, flat("base", 1, 2), CISafe,
			"one passage: no interval; use the point view or --passage-vectors"},
		{"one passage, paired", []Candidate{flat("a", 9, 1)}, flat("base", 1, 2), Paired,
			"one passage: no interval; use the point view or --passage-vectors"},
		{"one passage without any error, paired", []Candidate{flat("a", 9, 0)}, flat("base", 1, 0), Paired,
			"one passage: no interval; use the point view or --passage-vectors"},
		{"one ratio among passages", []Candidate{flat("a", 9, 0, 1)}, flat("base", 1, 0, 2), Paired,
			"one passage in which the baseline has an error: no interval; use the point view"},
		{"nothing in common", []Candidate{flat("a", 9, 1, nan)}, flat("base", 1, nan, 1), Point,
			"no passage in which both the codec and the baseline have a finite distortion"},
		{"an undefined rate", []Candidate{flat("a", nan, 1, 1, 1)}, base, Point, "the rate is undefined"},
		{"an unknown view", []Candidate{flat("a", 9, 1, 1, 1)}, base, "both", `unknown view "both": use point, ci or paired`},
		{"means cannot be paired", []Candidate{{Codec: "a", Bits: 9, Published: &Figure{1, 0.1}}}, base, Paired,
			"no per-passage values to pair; use the point or the ci view"},
		{"a published baseline cannot be paired", []Candidate{flat("a", 9, 1, 1)}, Candidate{Published: &Figure{1, 0.1}}, Paired,
			"no per-passage values to pair; use the point or the ci view"},
		{"a mean published without an interval", []Candidate{{Codec: "a", Bits: 9, Published: &Figure{1, nan}}}, base, CISafe,
			"published without an interval; use the point view"},
		{"an error above a faultless baseline", []Candidate{flat("a", 9, 0, 0, 1)}, flat("base", 1, 0, 0, 0), Paired,
			"none holds 1.00: the nearest is a with no multiple of base"},
		{"an unnamed codec", []Candidate{flat("", 9, 20, 20, 20)}, base, Point,
			"none holds 1.00: the nearest is (unnamed) with 2.000 of base"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Choose(c.cands, c.base, one, c.view)
			if got.OK || got.Reason != c.reason {
				t.Errorf("got %v, %q\nwant %q", got.OK, got.Reason, c.reason)
			}
		})
	}
}

func TestAFaultlessBaselineIsHeldOnlyByAFaultlessCodec(t *testing.T) {
	base := flat("bf16", 100, 0, 0, 0)
	for _, view := range Views {
		if ok, reason := Admissible(flat("a", 1, 0, 0, 0), base, one, view); !ok {
			t.Errorf("%s: no error at all is refused: %s", view, reason)
		}
		if ok, _ := Admissible(flat("a", 1, 0, 0, 1e-300), base, one, view); ok {
			t.Errorf("%s: an error is admitted", view)
		}
	}
	got := Choose([]Candidate{flat("a", 1, 0, 0, 0)}, base, one, Paired)
	if !got.OK || got.Ratio.N != 0 || got.Ratio.Mean.Defined() {
		t.Errorf("0/0 was given a ratio: %+v", got.Ratio)
	}
}

func TestPassagesWithoutErrorHaveNoSayInThePairedRatio(t *testing.T) {
	base := flat("base", 100, 0, 2, 2)
	if ok, reason := Admissible(flat("a", 1, 0, 1, 1), base, one, Paired); !ok {
		t.Error(reason)
	}
	if ok, _ := Admissible(flat("a", 1, 0.001, 1, 1), base, one, Paired); ok {
		t.Error("an error in a passage where the baseline has none is admitted")
	}
}

func TestAdmissibleSaysWhatWasReached(t *testing.T) {
	base := flat("base", 100, 10, 10)
	ok, reason := Admissible(flat("a", 1, 12, 12), base, one, Point)
	if want := "a reaches 1.200 of base, not 1.00"; ok || reason != want {
		t.Errorf("got %q, want %q", reason, want)
	}
	if _, reason := Admissible(flat("a", 1, 12), base, one, Paired); !strings.HasPrefix(reason, "one passage") {
		t.Errorf("got %q", reason)
	}
}

func TestDeployableLeavesSimulatedCodecsOutUnlessAllAre(t *testing.T) {
	coded, simulated := flat("e8", 1, 1), flat("ref-e8", 1, 1)
	simulated.Simulated = true
	for _, c := range []struct {
		name string
		in   []Candidate
		want []string
	}{
		{"some", []Candidate{simulated, coded, simulated}, []string{"e8"}},
		{"all", []Candidate{simulated, simulated}, []string{"ref-e8", "ref-e8"}},
		{"none", []Candidate{coded}, []string{"e8"}},
		{"no candidates", nil, nil},
	} {
		var got []string
		for _, d := range Deployable(c.in) {
			got = append(got, d.Codec)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// naiveReach is the figure that a view compares with the multiplier, from the
// definitions: NaN where undefined, +Inf where no multiplier will do.
func naiveReach(cand, base []float64, view View) float64 {
	var c, b, r []float64
	worse := false
	for p := range min(len(cand), len(base)) {
		if math.IsNaN(cand[p]) || math.IsNaN(base[p]) {
			continue
		}
		c, b = append(c, cand[p]), append(b, base[p])
		switch {
		case base[p] > 0:
			r = append(r, cand[p]/base[p])
		case cand[p] > 0:
			worse = true
		}
	}
	mean := func(x []float64) float64 {
		sum := 0.0
		for _, v := range x {
			sum += v
		}
		return sum / float64(len(x))
	}
	upper := func(x []float64) float64 {
		ss := 0.0
		for _, v := range x {
			ss += (v - mean(x)) * (v - mean(x))
		}
		n := float64(len(x))
		return mean(x) + stats.StudentT975(len(x)-1)*math.Sqrt(ss/(n-1)/n)
	}
	over := func(x float64) float64 {
		if x == 0 {
			return 0
		}
		return x / mean(b)
	}
	switch {
	case len(c) == 0 || view != Point && len(c) < 2:
		return nan
	case view == Point:
		return over(mean(c))
	case view == CISafe:
		return over(upper(c))
	case worse:
		return math.Inf(1)
	case len(r) == 0:
		return 0
	case len(r) == 1:
		return nan
	}
	return upper(r)
}

// drawDistortions draws small whole numbers, now and then undefined, so that
// ties and zeros are common.
func drawDistortions(t *rapid.T, n int, what string) []float64 {
	x := make([]float64, n)
	for p := range x {
		x[p] = float64(rapid.IntRange(-1, 8).Draw(t, what))
		if x[p] < 0 {
			x[p] = nan
		}
	}
	return x
}

func TestAdmissibilityIsTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 6).Draw(t, "passages")
		cand := flat("a", 1, drawDistortions(t, n, "candidate")...)
		base := flat("b", 1, drawDistortions(t, n, "baseline")...)
		for _, view := range Views {
			for _, th := range Thresholds {
				reach := naiveReach(cand.Distortion, base.Distortion, view)
				if math.Abs(reach-th.Multiplier) < 1e-9 {
					continue
				}
				if got, reason := Admissible(cand, base, th, view); got != (reach <= th.Multiplier) {
					t.Fatalf("%s %s: got %v (%s), reach %v", view, th.Name, got, reason, reach)
				}
			}
		}
	})
}

func TestAWiderThresholdNeverCostsBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 6).Draw(t, "passages")
		base := flat("b", 1, drawDistortions(t, n, "baseline")...)
		var cands []Candidate
		for range rapid.IntRange(1, 6).Draw(t, "candidates") {
			cands = append(cands, flat("c", float64(rapid.IntRange(1, 4).Draw(t, "bits")), drawDistortions(t, n, "candidate")...))
		}
		for _, view := range Views {
			previous := math.Inf(1)
			for _, th := range Thresholds {
				got := Choose(cands, base, th, view)
				switch {
				case got.OK && got.Candidate.Bits > previous:
					t.Fatalf("%s: %s costs %v bits, the one before %v", view, th.Name, got.Candidate.Bits, previous)
				case got.OK:
					previous = got.Candidate.Bits
				case !math.IsInf(previous, 1):
					t.Fatalf("%s: %s has none, the one before had", view, th.Name)
				}
			}
		}
	})
}
