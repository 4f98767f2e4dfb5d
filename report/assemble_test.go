package report

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/decide"
	"kakeyalattice/experiment"
	"kakeyalattice/kv"
)

// memorySource is a source of Gaussian streams with two heads of 8, in
// passages of the given numbers of tokens.
func memorySource(tokens []int, names ...string) *kv.Source {
	src := &kv.Source{Input: kv.Input{Kind: "dump", Name: "memory"}, Close: func() error { return nil }}
	for i, name := range names {
		load := func(dst []float32, passage int) error {
			r := rand.New(rand.NewPCG(uint64(i), uint64(passage)))
			for j := range dst {
				dst[j] = float32(r.NormFloat64())
			}
			return nil
		}
		kind := kv.Kind(strings.Split(name, ".")[0])
		src.Streams = append(src.Streams, kv.NewStream(kv.Stream{Name: name, Kind: kind, Dim: 8, Heads: 2, HeadDim: 8, RopeDims: 4}, tokens, load))
	}
	for p, n := range tokens {
		src.Passages = append(src.Passages, kv.Passage{ID: p, Title: "text", Tokens: n})
	}
	return src
}

// assembled measures a source with the given specs.
func assembled(t *testing.T, src *kv.Source, codecs, baselines string) *Result {
	t.Helper()
	plan := &experiment.Plan{
		Source:           src,
		Codecs:           experiment.MustSpecs(codecs),
		Baselines:        experiment.MustSpecs(baselines),
		AttentionQueries: 4,
	}
	outcome, err := experiment.Run(t.Context(), plan, experiment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return Assemble(outcome, src, Options{Context: 1000})
}

func codecOf(t *testing.T, r *Result, stream int, spec string) Codec {
	t.Helper()
	i := slices.IndexFunc(r.Streams[stream].Codecs, func(c Codec) bool { return c.Codec == spec })
	if i < 0 {
		t.Fatalf("stream %s lacks %s", r.Streams[stream].Name, spec)
	}
	return r.Streams[stream].Codecs[i]
}

func TestAssembledRatiosArePairedPerPassage(t *testing.T) {
	r := assembled(t, memorySource([]int{8, 16, 24}, "k.0", "v.0"), "e8:q=4 e8:q=9 ref-e8:q=9", "fp8 fp8-v4")
	c, base := codecOf(t, r, 0, "e8:q=9"), codecOf(t, r, 0, "fp8:group=64")
	ratio := c.Ratios["fp8:group=64"]
	if ratio.N != 3 {
		t.Fatalf("%+v", ratio)
	}
	for p := range 3 {
		want := float64(c.RelMSEEnergy.Values[p]) / float64(base.RelMSEEnergy.Values[p])
		if got := float64(ratio.Values[p]); math.Abs(got/want-1) > 1e-12 {
			t.Errorf("passage %d: ratio %v, want %v", p, got, want)
		}
	}
	if want := base.BitsPerVector / c.BitsPerVector; float64(c.CR["fp8:group=64"]) != want {
		t.Errorf("CR %v, want %v", c.CR, want)
	}
	if c.RelMSEEnergyNope == nil || c.RelMSEEnergyRope == nil {
		t.Error("the RoPE split is missing")
	}
	// fp8-v4 needs more than 64 dimensions: left out, and said so.
	if slices.Contains(r.Baselines, "fp8-v4") || len(r.Skipped) != 2 || !strings.Contains(r.Skipped[0].Reason, "64") {
		t.Errorf("baselines %v, skipped %+v", r.Baselines, r.Skipped)
	}
	if len(r.Attention) != 1 || r.Attention[0].Queries != experiment.QueriesFromKeys {
		t.Errorf("attention %+v", r.Attention)
	}
}

func TestAssembledThresholdsLeaveSimulatedCodecsOut(t *testing.T) {
	r := assembled(t, memorySource([]int{8, 16, 24}, "k.0"), "e8:q=40 e8:q=60 ref-e8:q=50 ref-e8:q=60", "fp8")
	for _, d := range r.Thresholds {
		if strings.HasPrefix(d.Codec, "ref-") {
			t.Errorf("%s %s: chose %s", d.Threshold, d.View, d.Codec)
		}
		if d.Admissible != (d.Codec != "") || d.Admissible != (d.BitsPerVector != nil) || d.Admissible != (d.Reason == "") {
			t.Errorf("inconsistent: %+v", d)
		}
	}
	families := map[string]bool{}
	for _, d := range r.FamilyThresholds {
		families[d.Family] = true
	}
	if !families["e8"] || !families["ref-e8"] || len(families) != 2 {
		t.Errorf("families %v", families)
	}
	// 1 stream x 1 baseline x 3 thresholds x 3 views.
	if len(r.Thresholds) != 9 || len(r.FamilyThresholds) != 18 {
		t.Errorf("%d thresholds, %d of families", len(r.Thresholds), len(r.FamilyThresholds))
	}
	// 3 policies x 2 weightings beside them.
	if len(r.Policies) != 9*6 {
		t.Errorf("%d policies", len(r.Policies))
	}
}

func TestABaselineThatIsAlsoACodecIsACandidate(t *testing.T) {
	r := assembled(t, memorySource([]int{8, 16}, "k.0"), "bf16", "fp8 bf16")
	if len(r.Streams[0].Codecs) != 2 || !codecOf(t, r, 0, "bf16").Baseline {
		t.Fatalf("%+v", r.Streams[0].Codecs)
	}
	for _, d := range r.Thresholds {
		// No codec is CI-safe against its own mean.
		if d.Codec != "bf16" && !(d.Baseline == "bf16" && d.View == "ci") {
			t.Errorf("against %s: %+v", d.Baseline, d)
		}
	}
}

func TestByteWeightsCountEveryHead(t *testing.T) {
	outcome := &experiment.Outcome{}
	var streams []decide.Stream
	for _, c := range []struct {
		kind kv.Kind
		dim  int
	}{{kv.Key, 8}, {kv.SWA, 16}} {
		s := kv.NewStream(kv.Stream{Name: string(c.kind), Kind: c.kind, Dim: c.dim, Heads: 2, HeadDim: 8}, []int{1}, nil)
		outcome.Streams = append(outcome.Streams, experiment.StreamOutcome{Stream: s})
		streams = append(streams, decide.Stream{Name: s.Name, Kind: string(s.Kind)})
	}
	w := byteWeights(streams, 1000, outcome)
	// A token of k has two vectors of one head; swa keeps a window of 128.
	if w.ByStream["k"] != 2000 || w.ByStream["swa"] != 128 {
		t.Errorf("%v", w.ByStream)
	}
}

func TestOneVectorHasNoVarianceAndSaysSo(t *testing.T) {
	src := &kv.Source{Close: func() error { return nil }, Passages: []kv.Passage{{}}}
	load := func(dst []float32, _ int) error {
		for i := range dst {
			dst[i] = float32(i + 1)
		}
		return nil
	}
	src.Streams = []*kv.Stream{kv.NewStream(kv.Stream{Name: "x", Kind: kv.Other, Layer: -1, Dim: 8, Heads: 1, HeadDim: 8}, []int{1}, load)}
	r := assembled(t, src, "e8:q=4000", "fp8")
	if len(r.Notices) != 1 || !strings.Contains(r.Notices[0], "rel_mse_energy") {
		t.Errorf("notices %v", r.Notices)
	}
	for _, d := range r.Thresholds {
		if d.Admissible != (d.View == "point") {
			t.Errorf("%s: %+v", d.View, d)
		}
	}
}

func TestOverflowsAreSeenEverywhere(t *testing.T) {
	src := memorySource([]int{3, 4}, "k.0")
	src.Streams = []*kv.Stream{kv.NewStream(kv.Stream{Name: "x", Kind: kv.Other, Layer: -1, Dim: 64, Heads: 1, HeadDim: 64}, []int{3, 4}, func(dst []float32, p int) error {
		r := rand.New(rand.NewPCG(uint64(p), 3))
		for i := range dst {
			dst[i] = float32(r.NormFloat64())
		}
		return nil
	})}
	// 45 bytes are the smallest slots: too small for vectors at the first step.
	const tight, ample = "e8-gs:delta=0.09,slot=45", "e8-gs:delta=0.09,slot=auto"
	r := assembled(t, src, tight+" "+ample+" e8-gs", "fp8")
	for spec, want := range map[string]int{tight: 7, ample: 0} {
		if c := codecOf(t, r, 0, spec); c.Overflows == nil || *c.Overflows != want {
			t.Errorf("%s: overflows %v, want %d", spec, c.Overflows, want)
		}
	}
	if c := codecOf(t, r, 0, "e8-gs:delta=0.09"); c.Overflows != nil {
		t.Errorf("%d overflows without slots", *c.Overflows)
	}
	const notice = tight + ": 7 of 7 vectors on stream x did not fit their slots and were coded at a larger step"
	if !slices.Contains(r.Notices, notice) {
		t.Errorf("notices %q", r.Notices)
	}
	var terminal strings.Builder
	if err := Summary(&terminal, r, 200); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ text, want string }{
		"the terminal": {terminal.String(), notice},
		"JSON":         {render(t, r, "json"), `"overflows": 7`},
		"CSV":          {render(t, r, "csv"), ",7,"},
		"HTML":         {render(t, r, "html"), "7 vectors overflowed"},
		"Markdown":     {render(t, r, "md"), "7 vectors overflowed"},
	} {
		if !strings.Contains(c.text, c.want) {
			t.Errorf("%s lacks %q", what, c.want)
		}
	}
}
