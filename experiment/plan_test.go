package experiment

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/codec"
	"kakeyalattice/kv"
	"kakeyalattice/metric"
)

func TestUnitsAreCountedAsTheyAreRun(t *testing.T) {
	plan := testPlan(t, nil)
	units, err := plan.Units()
	if err != nil {
		t.Fatal(err)
	}
	// Four coded streams in three passages and one in two; two layers and one
	// stream with the four codecs that support them.
	if want := 4*3 + 2 + 4*(2*3+2); units != want {
		t.Errorf("%d units, want %d", units, want)
	}
	last := 0
	mustRun(t, plan, Options{Progress: func(done, total int) {
		if done < last || total != units {
			t.Errorf("progress %d of %d after %d of %d", done, total, last, units)
		}
		last = done
	}})
	if last != units {
		t.Errorf("progress ended at %d of %d", last, units)
	}
}

func TestPlanIsRefused(t *testing.T) {
	stream := func(name string, dim int) *kv.Stream {
		return testStream(kv.Stream{Name: name, Kind: kv.Other, Layer: -1, Dim: dim}, []int{2}, nil)
	}
	query := testStream(kv.Stream{Name: "q.0", Kind: kv.Query, Dim: 8}, []int{2}, nil)
	empty := testStream(kv.Stream{Name: "hca.3", Kind: kv.HCA, Layer: 3, Dim: 8}, []int{2, 0}, nil)
	bf16 := specs(t, "bf16")
	for _, c := range []struct {
		name string
		plan Plan
		want string
	}{
		{"without a source", Plan{Codecs: bf16}, "the plan has no source"},
		{"without streams", Plan{Source: sourceOf(), Codecs: bf16}, "no streams to code; check --tensors"},
		{"with query streams alone", Plan{Source: sourceOf(query), Codecs: bf16}, "no streams to code; check --tensors"},
		{"without codecs", Plan{Source: sourceOf(stream("x", 8))}, "no codecs to measure; name some with --codecs"},
		{"with a spec of no codec", Plan{Source: sourceOf(stream("x", 8)), Codecs: []codec.Spec{{Name: "e9"}}}, `codec "e9": unknown codec`},
		{"with two streams of a name", Plan{Source: sourceOf(stream("x", 8), stream("x", 8)), Codecs: bf16}, "two streams are called x"},
		{"with an empty passage", Plan{Source: sourceOf(empty), Codecs: bf16}, "stream hca.3: passage 1 is empty"},
		{"with a negative number of queries", Plan{Source: sourceOf(stream("x", 8)), Codecs: bf16, AttentionQueries: -1}, "-1 attention queries"},
		{"with a named codec that does not support a stream",
			Plan{Source: sourceOf(stream("x", 8)), Codecs: specs(t, "fp8-v4"), Named: true},
			"stream x: codec fp8-v4"},
		{"with a named baseline that does not support a stream",
			Plan{Source: sourceOf(stream("x", 8)), Codecs: specs(t, "fp8-v4"), Baselines: specs(t, "fp8-v4"), BaselinesNamed: true},
			"choose other streams with --tensors or leave the codec out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.plan.Units()
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want one line with %q", err, c.want)
			}
			if _, runErr := Run(t.Context(), &c.plan, Options{}); runErr == nil || runErr.Error() != err.Error() {
				t.Errorf("Run reports %v, Units %v", runErr, err)
			}
		})
	}
}

func TestCodecThatDoesNotSupportAStreamIsSkippedThere(t *testing.T) {
	o := mustRun(t, testPlan(t, nil), Options{})
	var streams []string
	for _, s := range o.Skipped {
		if s.Spec.String() != "fp8-v4" || s.Reason == "" {
			t.Errorf("skipped %+v", s)
		}
		streams = append(streams, s.Stream)
	}
	if want := []string{"k.0", "k.1", "v.0", "v.1", "plain"}; !slices.Equal(streams, want) {
		t.Errorf("skipped on %v, want %v", streams, want)
	}
}

func TestStreamsAndCodecsKeepTheOrderOfThePlan(t *testing.T) {
	plan := testPlan(t, nil)
	plan.Codecs = specs(t, "fp16 bf16 e8:q=38")
	o := mustRun(t, plan, Options{})
	var got []string
	for _, s := range o.Streams {
		got = append(got, s.Stream.Name)
		var codecs []string
		for _, c := range s.Codecs {
			if codecs = append(codecs, c.Spec.String()); c.Baseline != (c.Spec.Name == "bf16") {
				t.Errorf("%s: baseline is %t", c.Spec, c.Baseline)
			}
		}
		// bf16 is in both lists: once, among the baselines.
		if want := []string{"bf16", "fp16", "e8:q=38"}; !slices.Equal(codecs, want) {
			t.Errorf("%s: codecs are %v, want %v", s.Stream.Name, codecs, want)
		}
	}
	if want := []string{"k.0", "k.1", "v.0", "v.1", "plain"}; !slices.Equal(got, want) {
		t.Errorf("streams are %v, want %v", got, want)
	}
}

func TestGroupsAndTheirQueries(t *testing.T) {
	stream := func(name string, kind kv.Kind, heads int, tokens ...int) *kv.Stream {
		return testStream(kv.Stream{Name: name, Kind: kind, Layer: 0, Dim: 8, Heads: heads, HeadDim: 8}, tokens, nil)
	}
	for _, c := range []struct {
		name    string
		streams []*kv.Stream
		want    string // streams, queries and positions of each attention, then notices
	}{
		{"keys and values of a layer belong together, whichever comes first",
			[]*kv.Stream{stream("v.0", kv.Value, 2, 9, 5), stream("k.0", kv.Key, 2, 9, 5)}, "k.0+v.0 keys 4;"},
		{"queries of the layer serve",
			[]*kv.Stream{stream("k.0", kv.Key, 2, 9, 5), stream("v.0", kv.Value, 2, 9, 5), stream("q.0", kv.Query, 6, 9, 5)}, "k.0+v.0 q.0 4;"},
		{"queries of other heads do not",
			[]*kv.Stream{stream("k.0", kv.Key, 2, 9), stream("v.0", kv.Value, 2, 9), stream("q.0", kv.Query, 3, 9)},
			"k.0+v.0 keys 4; k.0+v.0: the shape of q.0 does not fit: queries for the attention-output error are drawn from the keys"},
		{"queries of other tokens do not",
			[]*kv.Stream{stream("swa.0", kv.SWA, 1, 9), stream("q.0", kv.Query, 4, 8)},
			"swa.0 keys 4; swa.0: the shape of q.0 does not fit: queries for the attention-output error are drawn from the keys"},
		{"compressed entries have queries of their tokens, the last may lack its entry",
			[]*kv.Stream{stream("csa.0", kv.CSA, 1, 3, 4), stream("q.0", kv.Query, 4, 12, 17)}, "csa.0 q.0 4;"},
		{"compressed entries can be their own queries",
			[]*kv.Stream{stream("hca.0", kv.HCA, 1, 3)}, "hca.0 keys 2;"},
		{"keys without values have no attention",
			[]*kv.Stream{stream("k.0", kv.Key, 1, 3)},
			"; k.0: the source lacks the other half of its layer's keys and values: no attention-output error"},
		{"values without keys have no attention",
			[]*kv.Stream{stream("v.0", kv.Value, 1, 3)},
			"; v.0: the source lacks the other half of its layer's keys and values: no attention-output error"},
		{"keys and values of different shapes have no attention",
			[]*kv.Stream{stream("k.0", kv.Key, 1, 4), stream("v.0", kv.Value, 2, 2)},
			"; k.0: k.0 and v.0 differ in shape: no attention-output error; v.0: k.0 and v.0 differ in shape: no attention-output error"},
		{"two key streams of a layer have no attention",
			[]*kv.Stream{stream("k.0", kv.Key, 1, 4), stream("a/k.0", kv.Key, 1, 4)},
			"; k.0: layer 0 has 2 key and 0 value streams: no attention-output error; a/k.0: layer 0 has 2 key and 0 value streams: no attention-output error"},
		{"an indexer has no attention",
			[]*kv.Stream{stream("indexer.0", kv.Indexer, 1, 3)}, ";"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := &Plan{Source: sourceOf(c.streams...), Codecs: specs(t, "bf16"), AttentionQueries: 4}
			o := mustRun(t, plan, Options{})
			var got strings.Builder
			for _, a := range o.Attention {
				fmt.Fprintf(&got, "%s %s %d", strings.Join(a.Streams, "+"), a.Queries, a.PerPassage)
			}
			fmt.Fprint(&got, "; ", strings.Join(o.Notices, "; "))
			if strings.TrimSpace(got.String()) != c.want {
				t.Errorf("got  %s\nwant %s", got.String(), c.want)
			}
			plan.AttentionQueries = 0
			if o := mustRun(t, plan, Options{}); len(o.Attention) != 0 || len(o.Notices) != 0 {
				t.Errorf("without queries: %+v %v", o.Attention, o.Notices)
			}
		})
	}
}

func TestAttentionErrorIsThatOfTheDecodedGroup(t *testing.T) {
	src := layeredSource(nil)
	o := mustRun(t, &Plan{Source: src, Codecs: specs(t, "bf16"), AttentionQueries: 4}, Options{})
	if len(o.Attention) != 2 || o.Attention[1].Queries != "q.1" || o.Attention[1].Layer != 1 {
		t.Fatalf("attention is %+v", o.Attention)
	}
	k, v, q := src.Streams[1], src.Streams[3], src.Streams[4]
	for p := range k.Passages() {
		read := func(s *kv.Stream) []float32 {
			x, err := s.Read(nil, p)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		shape := metric.AttentionShape{KVHeads: 2, QHeads: 4, HeadDim: 16, MaxQueries: 4}
		exact, err := metric.NewAttention(read(k), read(v), read(q), shape)
		if err != nil {
			t.Fatal(err)
		}
		decoded := func(s *kv.Stream) []float32 {
			c, err := newCoder(specs(t, "bf16")[0], s)
			if err != nil {
				t.Fatal(err)
			}
			x := read(s)
			if _, err := c.roundTrip(&worker{}, x, slices.Clone(x)); err != nil {
				t.Fatal(err)
			}
			return x
		}
		want, err := exact.Error(decoded(k), decoded(v))
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Attention[1].Codecs[0].Error[p]; got != want || !(want > 0) {
			t.Errorf("passage %d: %v, want %v", p, got, want)
		}
	}
}

func TestUndefinedAttentionErrorIsNaN(t *testing.T) {
	zero := kv.NewStream(kv.Stream{Name: "swa.0", Kind: kv.SWA, Dim: 8, Heads: 1, HeadDim: 8}, []int{3}, func(dst []float32, _ int) error {
		clear(dst)
		return nil
	})
	plan := &Plan{Source: sourceOf(zero), Codecs: specs(t, "bf16"), AttentionQueries: 4}
	dir := t.TempDir()
	for _, resume := range []bool{false, true} {
		j := mustOpen(t, dir, resume)
		o := mustRun(t, plan, Options{Journal: j})
		mustClose(t, j)
		if e := o.Attention[0].Codecs[0].Error; len(e) != 1 || !math.IsNaN(e[0]) {
			t.Errorf("resumed %t: error is %v", resume, e)
		}
	}
}
