package deepseek4

import (
	"math/rand/v2"
	"testing"
)

// random is a layer of true size and the projections of distinct tokens, which
// are not computed.
func randomProjected(b *testing.B, layer, distinct int) (*KVLayer, *Projected) {
	b.Helper()
	cfg := flash()
	r := rand.New(rand.NewPCG(1, uint64(layer)))
	normal := func(n int, scale float64) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(scale * r.NormFloat64())
		}
		return v
	}
	newCompressor := func(dim int) *compressor {
		c := &compressor{dim: dim, ratio: cfg.Ratio(layer), overlap: cfg.Ratio(layer) == RatioCSA, norm: normal(dim, 1)}
		c.ape = normal(c.ratio*c.width(), 0.5)
		return c
	}
	newGated := func(c *compressor) gated {
		return gated{normal(distinct*c.width(), 1), normal(distinct*c.width(), 2)}
	}
	l := &KVLayer{cfg: cfg, layer: layer, streams: cfg.Streams(layer)}
	p := &Projected{n: distinct, window: normal(distinct*cfg.HeadDim, 1)}
	roundBF16(p.window)
	if l.streams&Compressed != 0 {
		l.main = newCompressor(cfg.HeadDim)
		p.main = newGated(l.main)
	}
	if l.streams&Indexer != 0 {
		l.index = newCompressor(cfg.IndexHeadDim)
		p.index = newGated(l.index)
	}
	return l, p
}

// Entries of 2048 tokens of V4-Flash, 700 of them distinct.
func BenchmarkEntries(b *testing.B) {
	for layer, name := range []string{"swa", "", "csa", "hca"} {
		if name == "" {
			continue
		}
		b.Run(name, func(b *testing.B) {
			l, p := randomProjected(b, layer, 700)
			r := rand.New(rand.NewPCG(3, 4))
			tokens := make([]int, 2048)
			for i := range tokens {
				tokens[i] = r.IntN(p.n)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.Entries(p, tokens); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What the attention reads, for as many entries.
func BenchmarkServed(b *testing.B) {
	l, p := randomProjected(b, 2, 2048)
	e, err := l.Entries(p, upTo(2048))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l.Served(e)
	}
}

// One token of a passage at a time.
func BenchmarkAppend(b *testing.B) {
	l, p := randomProjected(b, 2, 700)
	s := l.NewState(0)
	row := []int{0}
	b.ReportAllocs()
	for b.Loop() {
		row[0] = s.Tokens() % p.n
		if _, err := s.Append(p, row); err != nil {
			b.Fatal(err)
		}
	}
}

// attn_norm of 512 tokens of 4096.
func BenchmarkNorm(b *testing.B) {
	l := &KVLayer{cfg: flash()}
	r := rand.New(rand.NewPCG(5, 6))
	x := make([]float32, 512*l.cfg.HiddenSize)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	l.attnNorm = x[:l.cfg.HiddenSize]
	for b.Loop() {
		l.Norm(x)
	}
}
