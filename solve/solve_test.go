package solve

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/decide"
	"kakeyalattice/experiment"
	"kakeyalattice/kv"
)

// gaussianSource is streams of iid N(0, 1) vectors of 64 values, four passages.
func gaussianSource(names ...string) *kv.Source {
	src := &kv.Source{Input: kv.Input{Kind: "dump", Name: "memory"}, Close: func() error { return nil }}
	tokens := []int{24, 32, 24, 32}
	for i, name := range names {
		load := func(dst []float32, passage int) error {
			r := rand.New(rand.NewPCG(uint64(i), uint64(passage)))
			for j := range dst {
				dst[j] = float32(r.NormFloat64())
			}
			return nil
		}
		src.Streams = append(src.Streams, kv.NewStream(kv.Stream{Name: name, Kind: kv.Other, Layer: -1, Dim: 64, Heads: 1, HeadDim: 64}, tokens, load))
	}
	for p, n := range tokens {
		src.Passages = append(src.Passages, kv.Passage{ID: p, Tokens: n})
	}
	return src
}

// measured runs a plan over two streams.
func measured(t *testing.T, journal *experiment.Journal) (*experiment.Plan, *experiment.Outcome) {
	t.Helper()
	plan := &experiment.Plan{
		Source:    gaussianSource("a", "b"),
		Codecs:    experiment.MustSpecs("e8-gs:delta=0.08..0.1/0.02 e8:q=38"),
		Baselines: experiment.MustSpecs("fp8:group=64"),
	}
	outcome, err := experiment.Run(t.Context(), plan, experiment.Options{Journal: journal})
	if err != nil {
		t.Fatal(err)
	}
	return plan, outcome
}

func delta(t *testing.T) Parameter {
	t.Helper()
	swept := Swept(experiment.MustSpecs("e8-gs:delta=0.08..0.1/0.02"))
	if len(swept) != 1 {
		t.Fatalf("swept %v", swept)
	}
	return swept[0]
}

func TestSolvedParametersAreWhatThresholdsChoose(t *testing.T) {
	plan, outcome := measured(t, nil)
	calls := 0
	err := Parameters(t.Context(), plan, outcome, delta(t), Options{Progress: func(done, total int) {
		if calls++; done != calls || total != 2*9 {
			t.Errorf("progress %d of %d at call %d", done, total, calls)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range outcome.Streams {
		s := &outcome.Streams[i]
		table, centred := Table(s)
		if !centred {
			t.Error("Gaussian vectors have a variance about their mean")
		}
		for _, th := range decide.Thresholds {
			for _, view := range decide.Views {
				choice := decide.Choose(table.Candidates, table.Baselines[0], th, view)
				k := slices.IndexFunc(s.Codecs, func(c experiment.CodecOutcome) bool { return choice.OK && c.Spec.String() == choice.Candidate.Codec })
				if k < 0 || !s.Codecs[k].Solved {
					t.Errorf("stream %s, %s %s: chose %+v", s.Stream.Name, th.Name, view, choice)
				}
			}
		}
		// Half a bit more and the threshold does not hold: the next solution
		// below in bits is of another threshold or view.
		var best float64 = math.Inf(1)
		for _, c := range s.Codecs {
			if c.Solved {
				best = min(best, c.BitsPerVector())
			}
		}
		if named := s.Codecs[slices.IndexFunc(s.Codecs, func(c experiment.CodecOutcome) bool { return c.Spec.Name == "e8" })]; best >= named.BitsPerVector() {
			t.Errorf("solved %v bits, e8 takes %v", best, named.BitsPerVector())
		}
	}
}

func TestResumedSearchMeasuresNothingTwice(t *testing.T) {
	dir := t.TempDir()
	var results [2]*experiment.Outcome
	var sizes [2]int
	for i := range results {
		journal, err := experiment.OpenJournal(dir, nil, i > 0)
		if err != nil {
			t.Fatal(err)
		}
		plan, outcome := measured(t, journal)
		if err := Parameters(t.Context(), plan, outcome, delta(t), Options{Journal: journal}); err != nil {
			t.Fatal(err)
		}
		if err := journal.Close(); err != nil {
			t.Fatal(err)
		}
		results[i], sizes[i] = outcome, lines(t, dir)
	}
	if sizes[0] != sizes[1] {
		t.Errorf("the resumed run added %d lines to the journal", sizes[1]-sizes[0])
	}
	for s := range results[0].Streams {
		a, b := results[0].Streams[s].Codecs, results[1].Streams[s].Codecs
		same := slices.EqualFunc(a, b, func(x, y experiment.CodecOutcome) bool {
			return x.Spec.String() == y.Spec.String() && slices.Equal(x.Bytes, y.Bytes) && slices.Equal(x.Distortion, y.Distortion)
		})
		if !same {
			t.Errorf("stream %d differs", s)
		}
	}
}

func TestCancelledSearchIsInterrupted(t *testing.T) {
	plan, outcome := measured(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Parameters(ctx, plan, outcome, delta(t), Options{})
	if !errors.Is(err, experiment.ErrInterrupted) || !strings.Contains(err.Error(), "--resume") {
		t.Errorf("got %v", err)
	}
}

func TestSweptNeedsTwoValuesOfOneParameter(t *testing.T) {
	for specs, want := range map[string]int{
		"e8:q=1..5":                                                      0,
		"e8-gs:delta=0.09":                                               0,
		"fp8-tensor:scale=1 fp8-tensor:scale=2":                          0,
		"e8-gs:delta=0.08 e8-gs:delta=0.09,slot=400":                     0,
		"e8-gs:delta=0.08..0.1/0.01":                                     1,
		"e8-gs:delta=0.08..0.1/0.01 z-gs:delta=0.08..0.1/0.01 d4-gs":     2,
		"e8-gs:delta=0.08..0.1/0.01,slot=400 e8-gs:delta=0.08..0.1/0.01": 2,
	} {
		if got := Swept(experiment.MustSpecs(specs)); len(got) != want {
			t.Errorf("%s: %v", specs, got)
		}
	}
}

// lines counts the lines of the journal in dir.
func lines(t *testing.T, dir string) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, experiment.JournalName))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(data), "\n")
}
