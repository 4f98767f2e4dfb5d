package decide

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// twoKinds is two CSA streams and one HCA stream: "lean" fails on csa.4 and on
// hca.3, "mid" on hca.3.
func twoKinds() []Stream {
	baselines := []Candidate{flat("fp8", 12, 10, 10, 10), flat("bf16", 24, 0, 0, 0)}
	stream := func(name, kind string, lean, mid float64) Stream {
		return Stream{Name: name, Kind: kind, Baselines: baselines, Candidates: []Candidate{
			flat("lean", 4, lean, lean, lean), flat("mid", 6, mid, mid, mid), flat("safe", 8, 1, 1, 1),
		}}
	}
	return []Stream{stream("csa.2", "csa", 9, 5), stream("csa.4", "csa", 11, 5), stream("hca.3", "hca", 30, 20)}
}

func TestPolicies(t *testing.T) {
	streams := twoKinds()
	for _, c := range []struct {
		policy  Policy
		name    string
		choices string
		bits    float64
		ratio   float64 // weighted
	}{
		{Uniform, "uniform", "map[*:safe]", 8, 0.1},
		{PerKind, "per-kind", "map[csa:mid hca:safe]", 20.0 / 3, (0.5 + 0.5 + 0.1) / 3},
		{PerLayer, "per-layer", "map[csa.2:lean csa.4:mid hca.3:safe]", 6, (0.9 + 0.5 + 0.1) / 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := c.policy(streams, "fp8", one, CISafe, LayerWeights(streams))
			if !a.OK || a.Reason != "" || a.Policy != c.name || a.Weights != "layers" || a.View != CISafe || a.Baseline != "fp8" || a.Threshold != one {
				t.Fatalf("got %+v", a)
			}
			if got := fmt.Sprint(a.Choices); got != c.choices {
				t.Errorf("choices %s, want %s", got, c.choices)
			}
			near(t, "bits", a.Bits, c.bits, 1e-12)
			near(t, "CR against fp8", a.CR["fp8"], 12/c.bits, 1e-12)
			near(t, "CR against bf16", a.CR["bf16"], 24/c.bits, 1e-12)
			near(t, "ratio", float64(a.Ratio.Mean), c.ratio, 1e-12)
			near(t, "mean in quadrature", a.Quadrature.Mean, c.ratio, 1e-12)
			if a.Ratio.N != 3 || len(a.Placements) != 3 {
				t.Errorf("n = %d, %d placements", a.Ratio.N, len(a.Placements))
			}
		})
	}
}

func TestPoliciesInOrderOfReports(t *testing.T) {
	streams := twoKinds()
	var names []string
	for _, p := range Policies {
		names = append(names, p(streams, "fp8", one, Point, LayerWeights(streams)).Policy)
	}
	if fmt.Sprint(names) != "[uniform per-kind per-layer]" {
		t.Errorf("got %v", names)
	}
}

func TestWeightsDecideWhichCommonCodecIsCheapest(t *testing.T) {
	baselines := []Candidate{flat("fp8", 12, 10, 10)}
	streams := []Stream{
		{Name: "k.0", Kind: "k", Baselines: baselines, Candidates: []Candidate{flat("a", 2, 1, 1), flat("b", 4, 1, 1)}},
		{Name: "v.0", Kind: "v", Baselines: baselines, Candidates: []Candidate{flat("b", 3, 1, 1), flat("a", 6, 1, 1)}},
	}
	for _, c := range []struct {
		k, v float64
		want string
	}{{1, 1, "b"}, {3, 1, "a"}, {1, 0, "a"}, {0, 1, "b"}} {
		w := Weights{Name: "test", ByStream: map[string]float64{"k.0": c.k, "v.0": c.v}}
		if a := Uniform(streams, "fp8", one, Point, w); a.Choices["*"] != c.want {
			t.Errorf("weights %v and %v: got %q (%s), want %s", c.k, c.v, a.Choices["*"], a.Reason, c.want)
		}
	}
}

func TestAKindOfNoWeightStillGetsItsCheapestCodec(t *testing.T) {
	streams := twoKinds()
	w := EntryWeights(streams, 64) // no HCA entry yet
	a := PerKind(streams, "fp8", Threshold{"wide", 5}, Point, w)
	if !a.OK || a.Choices["hca"] != "lean" || a.Bits != 4 {
		t.Errorf("got %+v", a)
	}
	a = PerKind(streams, "fp8", one, Point, w)
	if !a.OK || a.Choices["hca"] != "safe" || a.Bits != 6 || a.Ratio.N != 3 {
		t.Errorf("got %+v", a)
	}
}

func TestReasonsWhyThereIsNoAssignment(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s []Stream, w *Weights) []Stream
		policy Policy
		reason string
	}{
		{"no streams", func(s []Stream, w *Weights) []Stream { return nil }, Uniform, "no streams"},
		{"a stream without weight", func(s []Stream, w *Weights) []Stream { delete(w.ByStream, "csa.4"); return s }, Uniform,
			`weights "layers" give stream csa.4 none`},
		{"a negative weight", func(s []Stream, w *Weights) []Stream { w.ByStream["csa.4"] = -1; return s }, Uniform,
			`weights "layers" give stream csa.4 none`},
		{"no weight at all", func(s []Stream, w *Weights) []Stream { clear(w.ByStream); return s[:0:0] }, Uniform, "no streams"},
		{"zero weights", func(s []Stream, w *Weights) []Stream { w.ByStream["csa.2"] = 0; return s[:1] }, Uniform,
			`weights "layers" are zero for every stream`},
		{"a stream without the baseline", func(s []Stream, w *Weights) []Stream { s[1].Baselines = s[1].Baselines[1:]; return s }, Uniform,
			"stream csa.4 has no baseline fp8"},
		{"a stream that nothing holds", func(s []Stream, w *Weights) []Stream { s[2].Candidates = s[2].Candidates[:2]; return s }, PerKind,
			"stream hca.3: none holds 1.00: the nearest is mid with 2.000 of fp8"},
		{"no shared codec", func(s []Stream, w *Weights) []Stream {
			s[0].Candidates, s[2].Candidates = s[0].Candidates[:1], s[2].Candidates[2:]
			return s
		}, Uniform, "no codec was measured on all 3 streams"},
		{"no shared codec is admissible on all", func(s []Stream, w *Weights) []Stream {
			s[0].Candidates = append(s[0].Candidates[:2:2], flat("safe", 8, 20, 20, 20))
			return s
		}, Uniform, "each of 3 streams has an admissible codec, but no codec is admissible on all of them"},
	} {
		t.Run(c.name, func(t *testing.T) {
			streams := twoKinds()
			w := LayerWeights(streams)
			streams = c.change(streams, &w)
			a := c.policy(streams, "fp8", one, Point, w)
			if a.OK || a.Reason != c.reason || !math.IsNaN(a.Bits) || a.Ratio.Mean.Defined() || a.Choices != nil {
				t.Errorf("got %v, %q\nwant %q", a.OK, a.Reason, c.reason)
			}
		})
	}
}

func TestStreamsOfDifferentPassagesHaveNoRatioPerPassage(t *testing.T) {
	streams := twoKinds()
	streams[1].Candidates[1] = flat("mid", 6, 5, 5)
	streams[1].Baselines = []Candidate{flat("fp8", 12, 10, 10)}
	a := PerKind(streams, "fp8", one, Point, LayerWeights(streams))
	if want := "no ratio per passage: stream csa.4 has 2 passages, others 3"; !a.OK || a.Reason != want {
		t.Errorf("got %v, %q, want %q", a.OK, a.Reason, want)
	}
	if a.Ratio.N != 0 || a.Ratio.CI95.Defined() {
		t.Errorf("ratio %+v", a.Ratio)
	}
	near(t, "mean ratio", float64(a.Ratio.Mean), (0.5+0.5+0.1)/3, 1e-12)
	if !math.IsNaN(a.CR["bf16"]) {
		t.Errorf("CR against a baseline that a stream lacks: %v", a.CR["bf16"])
	}
}

func TestACodecListedTwiceCountsOnce(t *testing.T) {
	streams := twoKinds()[:1]
	streams[0].Candidates = append(streams[0].Candidates, flat("lean", 1, 1, 1, 1))
	if a := Uniform(streams, "fp8", one, Point, LayerWeights(streams)); a.Bits != 4 {
		t.Errorf("bits %v, want those of the first", a.Bits)
	}
}

// drawStreams draws one to four streams of two kinds with a subset of five
// codecs each; ties are common.
func drawStreams(t *rapid.T) ([]Stream, Weights) {
	n := rapid.IntRange(2, 4).Draw(t, "passages")
	w := Weights{Name: "drawn", ByStream: map[string]float64{}}
	streams := make([]Stream, rapid.IntRange(1, 4).Draw(t, "streams"))
	for i := range streams {
		s := &streams[i]
		s.Name = fmt.Sprintf("s.%d", i)
		s.Kind = rapid.SampledFrom([]string{"csa", "hca"}).Draw(t, "kind")
		s.Baselines = []Candidate{flat("fp8", 12, drawDistortions(t, n, "baseline")...)}
		for _, codec := range rapid.Permutation([]string{"a", "b", "c", "d", "e"}).Draw(t, "order") {
			if rapid.IntRange(0, 4).Draw(t, "present") > 0 {
				bits := float64(rapid.IntRange(1, 4).Draw(t, "bits"))
				s.Candidates = append(s.Candidates, flat(codec, bits, drawDistortions(t, n, codec)...))
			}
		}
		w.ByStream[s.Name] = float64(rapid.IntRange(1, 3).Draw(t, "weight"))
	}
	return streams, w
}

// bruteForce is the fewest weighted bits of one codec for all the given
// streams, +Inf where none is admissible on all.
func bruteForce(streams []Stream, w Weights, th Threshold, view View) float64 {
	best := math.Inf(1)
	for _, codec := range []string{"a", "b", "c", "d", "e"} {
		sum := 0.0
		for _, s := range streams {
			i := find(s.Candidates, codec)
			if i < 0 || !(naiveReach(s.Candidates[i].Distortion, s.Baselines[0].Distortion, view) <= th.Multiplier) {
				sum = math.Inf(1)
				break
			}
			sum += w.ByStream[s.Name] * s.Candidates[i].Bits
		}
		best = min(best, sum)
	}
	return best
}

func anyTie(streams []Stream, th Threshold, view View) bool {
	for _, s := range streams {
		for _, c := range s.Candidates {
			if math.Abs(naiveReach(c.Distortion, s.Baselines[0].Distortion, view)-th.Multiplier) < 1e-9 {
				return true
			}
		}
	}
	return false
}

func TestPoliciesFindWhatBruteForceFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		streams, w := drawStreams(t)
		th := rapid.SampledFrom(Thresholds).Draw(t, "threshold")
		for _, view := range Views {
			if anyTie(streams, th, view) {
				continue // rounding decides
			}
			kinds, total := map[string][]Stream{}, 0.0
			for _, s := range streams {
				kinds[s.Kind] = append(kinds[s.Kind], s)
				total += w.ByStream[s.Name]
			}
			perKind, perLayer := 0.0, 0.0
			for _, s := range kinds {
				perKind += bruteForce(s, w, th, view)
			}
			for _, s := range streams {
				perLayer += bruteForce([]Stream{s}, w, th, view)
			}
			want := []float64{bruteForce(streams, w, th, view), perKind, perLayer}
			for k, policy := range Policies {
				a := policy(streams, "fp8", th, view, w)
				if a.OK == math.IsInf(want[k], 1) || a.OK && math.Abs(a.Bits-want[k]/total) > 1e-12 {
					t.Fatalf("%s %s %s: got %v bits (%s), want %v", a.Policy, th.Name, view, a.Bits, a.Reason, want[k]/total)
				}
				if !a.OK && a.Reason == "" {
					t.Fatalf("%s: none, and no reason", a.Policy)
				}
			}
		}
	})
}

func TestFreerPoliciesNeverCostBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		streams, w := drawStreams(t)
		for _, view := range Views {
			previous := math.Inf(1)
			for _, policy := range Policies {
				a := policy(streams, "fp8", one, view, w)
				if a.OK && a.Bits > previous+1e-12 || !a.OK && !math.IsInf(previous, 1) {
					t.Fatalf("%s costs %v bits, the stricter policy %v", a.Policy, a.Bits, previous)
				}
				if a.OK {
					previous = a.Bits
				}
			}
		}
	})
}

func TestOneStreamIsDecidedAsChooseDecides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		streams, w := drawStreams(t)
		s := streams[0]
		for _, view := range Views {
			want := Choose(s.Candidates, s.Baselines[0], one, view)
			got := Uniform(streams[:1], "fp8", one, view, w)
			if got.OK != want.OK || want.OK && got.Choices["*"] != want.Candidate.Codec {
				t.Fatalf("got %v (%s), want %+v", got.Choices, got.Reason, want)
			}
			if want.OK && fmt.Sprint(got.Ratio.N, got.Placements[0].Ratio.Mean) != fmt.Sprint(want.Ratio.N, float64(want.Ratio.Mean)) {
				t.Fatalf("ratio %+v, want %+v", got.Ratio, want.Ratio)
			}
		}
	})
}
