package experiment

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"kakeyalattice/codec"
	"kakeyalattice/kv"
	"kakeyalattice/metric"
)

func mustRun(t *testing.T, plan *Plan, opt Options) *Outcome {
	t.Helper()
	o, err := Run(t.Context(), plan, opt)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func mustOpen(t *testing.T, dir string, resume bool) *Journal {
	t.Helper()
	j, err := OpenJournal(dir, testSettings, resume)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func mustClose(t *testing.T, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOutcomeIsTheSameForAnyNumberOfWorkers(t *testing.T) {
	want := render(mustRun(t, testPlan(t, nil), Options{Workers: 1}))
	for _, workers := range []int{0, 2, 5} {
		if got := render(mustRun(t, testPlan(t, nil), Options{Workers: workers})); got != want {
			t.Errorf("%d workers:\n%s\nwant\n%s", workers, got, want)
		}
	}
}

// A run is cut off after k units and resumed, for every k and with the torn
// line of a crash; a unit that is in the journal is not done again.
func TestInterruptedRunResumesWithoutDoingAUnitTwice(t *testing.T) {
	plan := testPlan(t, nil)
	want := render(mustRun(t, plan, Options{}))
	total, err := plan.Units()
	if err != nil {
		t.Fatal(err)
	}
	for k := 0; k <= total; k += 5 {
		for _, workers := range []int{1, 2, 5} {
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			j := mustOpen(t, dir, false)
			finished := 0
			_, err := Run(ctx, plan, Options{Workers: workers, Journal: j, Progress: func(done, _ int) {
				if finished = done; done >= k {
					cancel()
				}
			}})
			mustClose(t, j)
			cancel()
			if finished < total && (!errors.Is(err, ErrInterrupted) || !strings.Contains(err.Error(), fmt.Sprintf("after %d of %d units", finished, total))) {
				t.Fatalf("cancelled after %d units: %v", finished, err)
			}

			text := readJournal(t, dir)
			dir = writeJournal(t, text+`{"kind":"co`)
			j = mustOpen(t, dir, true)
			var first, last int
			got := render(mustRun(t, plan, Options{Workers: workers, Journal: j, Progress: func(done, n int) {
				if first == 0 {
					first = done + 1
				}
				if last = done; n != total {
					t.Errorf("progress of %d units, want %d", n, total)
				}
			}}))
			mustClose(t, j)
			if got != want {
				t.Fatalf("resumed after %d units:\n%s\nwant\n%s", finished, got, want)
			}
			if j.Resumed() != finished || first-1 != finished || last != total {
				t.Errorf("resumed %d units, progress from %d to %d; want %d to %d", j.Resumed(), first-1, last, finished, total)
			}
			checkEachUnitOnce(t, readJournal(t, dir), total)
		}
	}
}

func checkEachUnitOnce(t *testing.T, journal string, units int) {
	t.Helper()
	c, err := parseJournal([]byte(journal))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[key]int{}
	for _, e := range c.entries {
		seen[e.key]++
		if seen[e.key] > 1 {
			t.Errorf("%v was done twice", e.key)
		}
		if e.Kind == fitKind {
			units++
		}
	}
	if len(seen) != units {
		t.Errorf("the journal has %d lines, want %d", len(seen), units)
	}
}

func TestResumingAFinishedRunLoadsNothing(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, false)
	want := render(mustRun(t, testPlan(t, nil), Options{Journal: j}))
	mustClose(t, j)
	var loads atomic.Int64
	j = mustOpen(t, dir, true)
	got := render(mustRun(t, testPlan(t, &loads), Options{Journal: j}))
	mustClose(t, j)
	if got != want || loads.Load() != 0 {
		t.Errorf("%d loads; outcome\n%s\nwant\n%s", loads.Load(), got, want)
	}
}

func TestOverflowsOfSlotsAreCountedByPassage(t *testing.T) {
	plan := &Plan{
		Source: sourceOf(testStream(kv.Stream{Name: "x", Kind: kv.Other, Layer: -1, Dim: 64}, []int{3, 4}, nil)),
		// 45 bytes are the smallest slots: too small for vectors at the first step.
		Codecs:    specs(t, "e8-gs:slot=45 e8-gs:slot=auto e8-gs e8"),
		SkipAudit: true,
	}
	dir := t.TempDir()
	for _, resume := range []bool{false, true} {
		j := mustOpen(t, dir, resume)
		o := mustRun(t, plan, Options{Journal: j})
		mustClose(t, j)
		for i, want := range [][]int{{3, 4}, {0, 0}, nil, nil} {
			if c := o.Streams[0].Codecs[i]; !slices.Equal(c.Overflows, want) || (c.Overflows == nil) != (want == nil) {
				t.Errorf("resumed %v, %s: %v overflows, want %v", resume, c.Spec, c.Overflows, want)
			}
		}
	}
}

// What a journal says is used only where it can be the record of a unit.
func TestResumeLeavesUselessEntriesAside(t *testing.T) {
	plan := &Plan{
		Source: sourceOf(testStream(kv.Stream{Name: "x", Kind: kv.Other, Layer: -1, Dim: 8}, []int{3}, nil)),
		Codecs: specs(t, "bf16 fp8-tensor"),
		Named:  true,
	}
	want := render(mustRun(t, plan, Options{}))
	record := func(key, value string) string {
		return fmt.Sprintf(`{%s,"passage":0,%s}`+"\n", key, value)
	}
	const bf16, tensor = `"kind":"code","name":"x","codec":"bf16"`, `"kind":"code","name":"x","codec":"fp8-tensor"`
	for _, c := range []struct{ name, line string }{
		{"of a stream that is not in the plan", record(`"kind":"audit","name":"y"`, `"audit":{}`)},
		{"with too few streams", record(bf16, `"code":{"streams":[]}`)},
		{"of another number of vectors", record(bf16, `"code":{"streams":[{"bytes":1,"distortion":{"vectors":2}}]}`)},
		{"that skips a codec which is now named", record(bf16, `"code":{"streams":[{"skip":"too large"}]}`)},
		{"of a fitted codec without its constant", record(tensor, `"code":{"streams":[{"bytes":1,"distortion":{"vectors":3}}]}`)},
		{"with the constant of another codec", record(`"kind":"fit","name":"x","codec":"fp8-tensor"`, `"fitted":"bf16"`)},
		{"with a constant that is missing", record(`"kind":"fit","name":"x","codec":"fp8-tensor"`, `"fitted":"fp8-tensor"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := mustOpen(t, writeJournal(t, headerLine+c.line), true)
			defer j.Close()
			if got := render(mustRun(t, plan, Options{Journal: j})); got != want || j.Resumed() != 0 {
				t.Errorf("%d units resumed; outcome\n%s\nwant\n%s", j.Resumed(), got, want)
			}
		})
	}
	t.Run("that come a second time", func(t *testing.T) {
		first := record(bf16, `"code":{"streams":[{"bytes":7,"distortion":{"vectors":3}}]}`)
		second := strings.Replace(first, `"bytes":7`, `"bytes":8`, 1)
		j := mustOpen(t, writeJournal(t, headerLine+first+second), true)
		defer j.Close()
		o := mustRun(t, plan, Options{Journal: j})
		if b := codecOn(o, "x", "bf16").Bytes; b[0] != 7 || j.Resumed() != 1 {
			t.Errorf("%d units resumed, bytes %v; want those of the first entry", j.Resumed(), b)
		}
	})
}

func TestPassageIsLoadedOnceForAllCodecs(t *testing.T) {
	for _, workers := range []int{1, 4} {
		var loads atomic.Int64
		plan := &Plan{
			Source:           layeredSource(&loads),
			Codecs:           specs(t, "bf16 fp16 e8:q=10..38/4 ref-e8:q=10"),
			AttentionQueries: 4,
		}
		mustRun(t, plan, Options{Workers: workers})
		// Keys and values of two layers and one query stream in three passages,
		// one stream in two.
		if got := loads.Load(); got != 5*3+2 {
			t.Errorf("%d workers: %d loads, want %d", workers, got, 5*3+2)
		}
	}
}

func TestPassagesAreReleasedAndFewAtATime(t *testing.T) {
	const passages = 20
	stream := testStream(kv.Stream{Name: "x", Kind: kv.SWA, Layer: 0, Dim: 16}, make20(7), nil)
	plan := &Plan{Source: sourceOf(stream), Codecs: specs(t, "bf16 fp16 e8:q=38"), AttentionQueries: 4}
	for _, workers := range []int{1, 2, 5} {
		s, err := newSchedule(plan)
		if err != nil {
			t.Fatal(err)
		}
		r := &run{schedule: s}
		if err := r.measureAll(t.Context(), workers, nil); err != nil {
			t.Fatal(err)
		}
		for _, p := range s.groups[0].passages {
			if p.values.value != nil || p.reference.value != nil || p.attention.value != nil {
				t.Errorf("%d workers: passage %d is still held", workers, p.index)
			}
		}
		// Every buffer there ever was is back in the list.
		if n := len(r.free.free); n < 1 || n > workers+1 {
			t.Errorf("%d workers held %d of %d passages at a time, want at most %d", workers, n, passages, workers+1)
		}
	}
}

func make20(n int) []int { return slices.Repeat([]int{n}, 20) }

func TestFiguresAreThoseOfTheBytesWritten(t *testing.T) {
	stream := testStream(kv.Stream{Name: "x", Kind: kv.Other, Layer: -1, Dim: 16, RopeDims: 4}, []int{5, 2}, nil)
	o := mustRun(t, &Plan{Source: sourceOf(stream), Codecs: specs(t, "bf16 fp8-tensor ref-e8:q=10")}, Options{})
	for p := range stream.Passages() {
		x, err := stream.Read(nil, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range o.Streams[0].Codecs {
			y := make([]float32, len(x))
			bytes := int64(0)
			if got.Simulated {
				sim, err := codec.NewSimulator(got.Spec, 16)
				if err != nil {
					t.Fatal(err)
				}
				if err := sim.RoundTrip(y, x); err != nil {
					t.Fatal(err)
				}
				if got.Bytes != nil || got.Claimed != sim.ClaimedBits() || got.BitsPerVector() != float64(sim.ClaimedBits()) {
					t.Errorf("%s: %v bytes, %d bits claimed", got.Spec, got.Bytes, got.Claimed)
				}
			} else {
				spec := got.Spec
				if got.Fitted != nil {
					spec = *got.Fitted
				}
				c, err := codec.New(spec, 16)
				if err != nil {
					t.Fatal(err)
				}
				page, err := c.AppendEncode(nil, x)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.Decode(y, page); err != nil {
					t.Fatal(err)
				}
				if bytes = int64(len(page)); got.Bytes[p] != bytes {
					t.Errorf("%s: %d bytes, want %d", got.Spec, got.Bytes[p], bytes)
				}
			}
			want, err := metric.Measure(x, y, 16, 4)
			if err != nil {
				t.Fatal(err)
			}
			if got.Distortion[p] != want {
				t.Errorf("%s: %+v, want %+v", got.Spec, got.Distortion[p], want)
			}
		}
		audit, err := metric.Audit(x, 16)
		if err != nil {
			t.Fatal(err)
		}
		if o.Streams[0].Audit[p] != audit {
			t.Errorf("audit %+v, want %+v", o.Streams[0].Audit[p], audit)
		}
	}
}

func TestConstantIsFittedOncePerStreamAndCountedOnce(t *testing.T) {
	var loads atomic.Int64
	stream := testStream(kv.Stream{Name: "x", Kind: kv.Other, Layer: -1, Dim: 16}, []int{5, 2, 4}, &loads)
	o := mustRun(t, &Plan{Source: sourceOf(stream), Codecs: specs(t, "fp8-tensor")}, Options{Workers: 3})
	if n := loads.Load(); n != 3+3 {
		t.Errorf("%d loads, want one of each passage to fit and one to code", n)
	}
	c := codecOn(o, "x", "fp8-tensor")
	if c.Fitted == nil || c.Fitted.Name != "fp8-tensor" || c.Fitted.String() == c.Spec.String() {
		t.Fatalf("fitted spec is %v", c.Fitted)
	}
	fitted, err := codec.New(*c.Fitted, 16)
	if err != nil {
		t.Fatal(err)
	}
	if want := fitted.(codec.Fitter).SideBits(); c.SideBits != want || want == 0 {
		t.Errorf("%d side bits, want %d", c.SideBits, want)
	}
	bytes := c.Bytes[0] + c.Bytes[1] + c.Bytes[2]
	if got, want := c.BitsPerVector(), float64(8*bytes+int64(c.SideBits))/11; got != want {
		t.Errorf("%v bits per vector, want %v", got, want)
	}
}

func TestGivenConstantIsCountedToo(t *testing.T) {
	stream := testStream(kv.Stream{Name: "x", Kind: kv.Other, Layer: -1, Dim: 16}, []int{5}, nil)
	o := mustRun(t, &Plan{Source: sourceOf(stream), Codecs: specs(t, "fp8-tensor:scale=1")}, Options{})
	if c := o.Streams[0].Codecs[0]; c.Fitted != nil || c.SideBits != 32 {
		t.Errorf("fitted %v, %d side bits; want none and 32", c.Fitted, c.SideBits)
	}
}

// tooLarge is a stream whose values a codec with fp16 scales cannot code in
// two of its passages.
func tooLarge(name string) *kv.Stream {
	return kv.NewStream(kv.Stream{Name: name, Kind: kv.Other, Layer: -1, Dim: 64, Heads: 1, HeadDim: 64}, []int{1, 2, 1, 2},
		func(dst []float32, p int) error {
			for i := range dst {
				dst[i] = float32(i%7) - 3
			}
			if p == 1 || p == 2 {
				dst[5] = 1e30
			}
			return nil
		})
}

func TestCodecWhoseScaleDoesNotFitIsSkippedUnlessNamed(t *testing.T) {
	plan := &Plan{Source: sourceOf(tooLarge("x")), Codecs: specs(t, "bf16"), Baselines: specs(t, "fp8:group=64")}
	for _, workers := range []int{1, 2, 5} {
		o := mustRun(t, plan, Options{Workers: workers})
		if codecOn(o, "x", "bf16") == nil || codecOn(o, "x", "fp8:group=64") != nil {
			t.Errorf("%d workers: codecs are %v", workers, o.Streams[0].Codecs)
		}
		if len(o.Skipped) != 1 || o.Skipped[0].Stream != "x" || o.Skipped[0].Spec.String() != "fp8:group=64" ||
			!strings.HasPrefix(o.Skipped[0].Reason, "passage 1: fp8:group=64: vector 0 needs a scale of") {
			t.Errorf("%d workers: skipped are %v", workers, o.Skipped)
		}
	}
	plan.BaselinesNamed = true
	for _, workers := range []int{1, 2, 5} {
		_, err := Run(t.Context(), plan, Options{Workers: workers})
		var scale *codec.ScaleError
		if !errors.As(err, &scale) || !strings.HasPrefix(err.Error(), "experiment: stream x, passage 1: fp8:group=64: vector 0") {
			t.Errorf("%d workers: error is %v", workers, err)
		}
	}
}

func TestSkippedCodecIsLeftOutOfItsLayersAttention(t *testing.T) {
	k := testStream(kv.Stream{Name: "k.0", Kind: kv.Key, Layer: 0, Dim: 64}, []int{1, 2, 1, 2}, nil)
	v := tooLarge("v.0")
	v.Kind, v.Layer = kv.Value, 0
	o := mustRun(t, &Plan{Source: sourceOf(k, v), Codecs: specs(t, "bf16 fp8:group=64"), AttentionQueries: 2}, Options{})
	if codecOn(o, "k.0", "fp8:group=64") == nil {
		t.Error("the keys can be coded, but the codec was left out there too")
	}
	if len(o.Attention) != 1 || len(o.Attention[0].Codecs) != 1 || o.Attention[0].Codecs[0].Spec.String() != "bf16" {
		t.Errorf("attention is %+v", o.Attention)
	}
}

func TestRunReportsBadData(t *testing.T) {
	broken := errors.New("dump.safetensors: offset 96: unexpected end")
	for _, c := range []struct {
		name string
		load kv.Loader
		want string
	}{
		{"a NaN", func(dst []float32, p int) error {
			clear(dst)
			if p == 1 {
				dst[11] = float32(math.NaN())
			}
			return nil
		}, "x, passage 1: vector 1, coordinate 3 is NaN; only finite values can be coded"},
		{"an infinity", func(dst []float32, p int) error {
			clear(dst)
			dst[2*p] = float32(math.Inf(-1))
			return nil
		}, "x, passage 0: vector 0, coordinate 0 is -Inf; only finite values can be coded"},
		{"a file that cannot be read", func(dst []float32, p int) error { return broken },
			"stream x, passage 0: dump.safetensors: offset 96: unexpected end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stream := kv.NewStream(kv.Stream{Name: "x", Kind: kv.Other, Layer: -1, Dim: 8, Heads: 1, HeadDim: 8}, []int{2, 2, 2}, c.load)
			for _, specText := range []string{"bf16", "fp8-tensor"} {
				for _, workers := range []int{1, 2, 5} {
					plan := &Plan{Source: sourceOf(stream), Codecs: specs(t, specText)}
					if _, err := Run(t.Context(), plan, Options{Workers: workers}); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
						t.Errorf("%s, %d workers: error is %v\nwant one line with %s", specText, workers, err, c.want)
					}
				}
			}
		})
	}
}

func TestRunStopsWhenItsJournalCannotBeWritten(t *testing.T) {
	j := mustOpen(t, t.TempDir(), false)
	j.file.Close()
	_, err := Run(t.Context(), testPlan(t, nil), Options{Journal: j})
	if err == nil || errors.Is(err, ErrInterrupted) || !strings.Contains(err.Error(), "experiment: journal: ") {
		t.Errorf("error is %v", err)
	}
}

func TestCancelledRunSaysHowToGoOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Run(ctx, testPlan(t, nil), Options{})
	if !errors.Is(err, ErrInterrupted) || !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "--resume") {
		t.Errorf("without a journal: %v", err)
	}
	j := mustOpen(t, t.TempDir(), false)
	defer j.Close()
	if _, err = Run(ctx, testPlan(t, nil), Options{Journal: j}); !errors.Is(err, ErrInterrupted) || !strings.HasSuffix(err.Error(), "; continue with --resume") {
		t.Errorf("with a journal: %v", err)
	}
}
