package experiment

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"kakeyalattice/codec"
	"kakeyalattice/kv"
)

// testStream returns a stream of Gaussian vectors whose values depend on its
// name and the passage alone. Each load is counted in loads, if given.
func testStream(s kv.Stream, tokens []int, loads *atomic.Int64) *kv.Stream {
	if s.HeadDim == 0 {
		s.Heads, s.HeadDim = 1, s.Dim
	}
	return kv.NewStream(s, tokens, func(dst []float32, p int) error {
		if loads != nil {
			loads.Add(1)
		}
		seed := uint64(p)
		for _, c := range s.Name {
			seed = seed*131 + uint64(c)
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		for i := range dst {
			dst[i] = float32(rng.NormFloat64()) * float32(1+i%s.Dim)
		}
		return nil
	})
}

func sourceOf(streams ...*kv.Stream) *kv.Source {
	return &kv.Source{Streams: streams, Close: func() error { return nil }}
}

// layeredSource has two layers of keys and values, keys first as in many
// dumps, the queries of one of them, and a stream that is neither.
func layeredSource(loads *atomic.Int64) *kv.Source {
	tokens := []int{9, 12, 5}
	half := func(name string, kind kv.Kind, layer, heads int) *kv.Stream {
		return testStream(kv.Stream{Name: name, Kind: kind, Layer: layer, Dim: 16, Heads: heads, HeadDim: 16, RopeDims: 4}, tokens, loads)
	}
	return sourceOf(
		half("k.0", kv.Key, 0, 2), half("k.1", kv.Key, 1, 2),
		half("v.0", kv.Value, 0, 2), half("v.1", kv.Value, 1, 2),
		half("q.1", kv.Query, 1, 4),
		testStream(kv.Stream{Name: "plain", Kind: kv.Other, Layer: -1, Dim: 8}, []int{3, 1}, loads),
	)
}

func specs(t testing.TB, text string) []codec.Spec {
	t.Helper()
	list, err := codec.ParseList(text)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// testPlan measures a storage format, a fitted codec, a lattice codec, a
// simulated one and one that supports none of the dimensions.
func testPlan(t testing.TB, loads *atomic.Int64) *Plan {
	return &Plan{
		Source:           layeredSource(loads),
		Codecs:           specs(t, "fp8-tensor e8:q=38 ref-e8:q=10"),
		Baselines:        specs(t, "bf16 fp8-v4"),
		AttentionQueries: 4,
	}
}

// render writes every figure of an outcome in full precision.
func render(o *Outcome) string {
	var b strings.Builder
	for _, s := range o.Streams {
		fmt.Fprintf(&b, "%s %v\n", s.Stream.Name, s.Audit)
		for _, c := range s.Codecs {
			fmt.Fprintf(&b, "  %s fitted=%v %t %t %d %v %v %d %v\n", c.Spec, c.Fitted, c.Baseline, c.Simulated, c.SideBits, c.Bytes, c.Overflows, c.Claimed, c.Distortion)
		}
	}
	for _, a := range o.Attention {
		fmt.Fprintf(&b, "%d %v %s %d\n", a.Layer, a.Streams, a.Queries, a.PerPassage)
		for _, c := range a.Codecs {
			fmt.Fprintf(&b, "  %s %t %v\n", c.Spec, c.Simulated, c.Error)
		}
	}
	fmt.Fprintln(&b, o.Skipped)
	fmt.Fprintln(&b, o.Notices)
	return b.String()
}

// codecOn returns a codec's outcome on a stream, nil where it was left out.
func codecOn(o *Outcome, stream, spec string) *CodecOutcome {
	for _, s := range o.Streams {
		if s.Stream.Name != stream {
			continue
		}
		for i := range s.Codecs {
			if s.Codecs[i].Spec.String() == spec {
				return &s.Codecs[i]
			}
		}
	}
	return nil
}
