package deepseek4

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// small layers of each kind over random projections of distinct tokens.
func smallLayer(layer, distinct int, switches Switches) (*KVLayer, *Projected) {
	cfg := flash()
	cfg.HiddenSize, cfg.HeadDim, cfg.IndexHeadDim, cfg.MaxPositions = 2, 128, 64, 2000
	r := rand.New(rand.NewPCG(7, uint64(layer)))
	normal := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	l := &KVLayer{cfg: cfg, layer: layer, streams: cfg.Streams(layer), switches: switches}
	p := &Projected{n: distinct, window: normal(distinct * cfg.HeadDim)}
	add := func(dim int) (*compressor, gated) {
		c := &compressor{dim: dim, ratio: cfg.Ratio(layer), overlap: cfg.Ratio(layer) == RatioCSA, norm: normal(dim)}
		c.ape = normal(c.ratio * c.width())
		return c, gated{normal(distinct * c.width()), normal(distinct * c.width())}
	}
	if l.streams&Compressed != 0 {
		l.main, p.main = add(cfg.HeadDim)
	}
	if l.streams&Indexer != 0 {
		l.index, p.index = add(cfg.IndexHeadDim)
	}
	return l, p
}

func TestEntriesDoNotDependOnHowAPassageIsCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		switches := Switches{
			Float32:     rapid.Bool().Draw(t, "float32"),
			PreQuantize: PreQuantizer(rapid.IntRange(0, 3).Draw(t, "pre-quantizer")),
		}
		l, p := smallLayer(rapid.SampledFrom([]int{0, 2, 3}).Draw(t, "layer"), 50, switches)
		tokens := rapid.SliceOfN(rapid.IntRange(0, 49), 0, 400).Draw(t, "tokens")
		whole, err := l.Entries(p, tokens)
		if err != nil {
			t.Fatal(err)
		}
		var joined Entries
		s := l.NewState(len(tokens))
		for rest := tokens; len(rest) > 0; {
			n := rapid.IntRange(0, min(len(rest), rapid.SampledFrom([]int{1, 7, 300}).Draw(t, "most"))).Draw(t, "piece")
			e, err := s.Append(p, rest[:n])
			if err != nil {
				t.Fatal(err)
			}
			joined.Window = append(joined.Window, e.Window...)
			joined.Compressed = append(joined.Compressed, e.Compressed...)
			joined.Indexer = append(joined.Indexer, e.Indexer...)
			rest = rest[n:]
		}
		if !equalEntries(whole, &joined) || s.Tokens() != len(tokens) {
			t.Errorf("%d tokens: entries differ", len(tokens))
		}
	})
}

func TestLaterTokensDoNotChangeEntries(t *testing.T) {
	for _, layer := range []int{0, 2, 3} {
		l, p := smallLayer(layer, 300, Switches{})
		whole := entries(t, l, p, upTo(300))
		for _, n := range []int{0, 1, 3, 4, 5, 127, 128, 129, 255, 256, 299} {
			e := entries(t, l, p, upTo(n))
			d := l.cfg.HeadDim
			if len(e.Window) != n*d || layer > 0 && len(e.Compressed) != n/l.cfg.Ratio(layer)*d {
				t.Errorf("layer %d, %d tokens: %d and %d values", layer, n, len(e.Window), len(e.Compressed))
			}
			cut := &Entries{whole.Window[:len(e.Window)], whole.Compressed[:len(e.Compressed)], whole.Indexer[:len(e.Indexer)]}
			if !equalEntries(e, cut) {
				t.Errorf("layer %d: the first %d tokens give other entries than in 300", layer, n)
			}
		}
	}
}

func TestConcurrentPassagesShareALayer(t *testing.T) {
	l, p := smallLayer(2, 50, Switches{})
	want := entries(t, l, p, upTo(50))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if e, err := l.Entries(p, upTo(50)); err != nil || !equalEntries(e, want) {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
}

func TestBadPassagesAreRefused(t *testing.T) {
	l, p := smallLayer(2, 50, Switches{})
	for _, c := range []struct {
		name string
		rows []int
		want string
	}{
		{"a row that was not projected", []int{0, 50}, "token 1 is row 50 of 50 projected tokens"},
		{"a row below 0", []int{-1}, "token 0 is row -1"},
		{"more tokens than positions", make([]int, 2001), "2001 tokens; the model has 2000 positions"},
	} {
		if _, err := l.Entries(p, c.rows); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	s := l.NewState(0)
	if _, err := s.Append(p, upTo(3)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(p, []int{99}); err == nil || s.Tokens() != 3 {
		t.Errorf("after an error: %d tokens, %v", s.Tokens(), err)
	}
}

func TestNaNAndInfinityAreNamed(t *testing.T) {
	cfg := flash()
	cfg.HiddenSize, cfg.HeadDim = 256, 192
	good := newOfficial(cfg)
	inf := float32(math.Inf(1))
	l := load(t, good, cfg, 2, AllStreams)
	x := make([]float32, 3*256)
	x[300] = inf
	var bad *NonFiniteError
	if _, err := l.Project(x, 3, 1); !errors.As(err, &bad) || bad.Index != 1 || bad.Layer != 2 {
		t.Errorf("an infinite hidden state: %v", err)
	}
	for _, c := range []struct{ tensor, want string }{
		{"layers.2.attn.compressor.wgate.weight", "row 1, column 44"},
		{"layers.2.attn.indexer.compressor.wkv.weight", "row 1, column 44"},
		{"layers.2.attn.compressor.ape", "value 300 is +Inf"},
		{"layers.2.attn.kv_norm.weight", "value 7 is +Inf"},
	} {
		w := newOfficial(cfg)
		v := w.memory[c.tensor].values
		v[min(300, 7+len(v)/193*300)] = inf
		l, err := loadKV(t.Context(), w, cfg, 2, AllStreams)
		if err == nil {
			_, err = l.Project(make([]float32, 256), 1, 1)
		}
		if err == nil || !strings.Contains(err.Error(), c.tensor) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.tensor, err)
		}
	}
	// Scores that are finite but too large to be added to.
	l2, p := smallLayer(3, 128, Switches{})
	for i := range p.main.gate {
		p.main.gate[i] = math.MaxFloat32
	}
	for i := range l2.main.ape {
		l2.main.ape[i] = math.MaxFloat32
	}
	if _, err := l2.Entries(p, upTo(128)); !errors.As(err, &bad) || bad.What != "compressed entry" {
		t.Errorf("infinite scores: %v", err)
	}
}

func TestAMissingTensorIsNamed(t *testing.T) {
	cfg := flash()
	cfg.HiddenSize, cfg.HeadDim = 256, 192
	for _, name := range KVTensors(cfg, 2, AllStreams) {
		w := newOfficial(cfg)
		delete(w.memory, name)
		if _, err := loadKV(t.Context(), w, cfg, 2, AllStreams); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	if _, err := loadKV(t.Context(), newOfficial(cfg), cfg, 4, AllStreams); err == nil || !strings.Contains(err.Error(), "layer 4 of a model of 4") {
		t.Errorf("%v", err)
	}
}

func TestOnlyTheStreamsAskedForAreComputed(t *testing.T) {
	cfg := flash()
	cfg.HiddenSize, cfg.HeadDim = 256, 192
	x := small(1, 20*cfg.HiddenSize, 128, per(64))
	whole := load(t, newOfficial(cfg), cfg, 2, AllStreams)
	want := entries(t, whole, project(t, whole, x), upTo(20))
	for _, streams := range []Streams{Window, Compressed, Indexer} {
		w := newOfficial(cfg)
		only := memory{}
		for _, name := range KVTensors(cfg, 2, streams) {
			only[name] = w.memory[name]
		}
		l := load(t, official{only}, cfg, 2, streams)
		e := entries(t, l, project(t, l, x), upTo(20))
		part := &Entries{}
		switch streams {
		case Window:
			part.Window = want.Window
		case Compressed:
			part.Compressed = want.Compressed
		case Indexer:
			part.Indexer = want.Indexer
		}
		if !equalEntries(e, part) {
			t.Errorf("streams %b differ", streams)
		}
	}
}
