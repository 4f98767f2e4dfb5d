package deepseek4

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/fakemodel"
	"kakeyalattice/internal/kernel"
)

// flashLayer is a layer of the size of V4-Flash: 3.6 GB.
func flashLayer(b *testing.B, layer int) *Layer {
	b.Helper()
	ck, err := checkpoint.Open(b.Context(), fakemodel.DeepSeekV4(fakemodel.Flash(), 1))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ck.Close() })
	text, err := ck.Config(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	cfg, err := ParseConfig(text)
	if err != nil {
		b.Fatal(err)
	}
	l, err := LoadLayer(b.Context(), ck, cfg, layer)
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func normalValues(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// measure reports the rate of the fastest of the runs of f, of so many multiply-adds,
// and its share of what as many cores can do.
func measure(b *testing.B, workers int, products float64, f func()) {
	peak := 0.0
	for range 100 {
		start := time.Now()
		operations := kernel.FMAProbe(20000)
		peak = max(peak, operations/float64(time.Since(start).Nanoseconds()))
	}
	ns := 1e18
	for b.Loop() {
		start := time.Now()
		f()
		ns = min(ns, float64(time.Since(start).Nanoseconds()))
	}
	b.ReportMetric(ns/1e9, "s/run")
	b.ReportMetric(2*products/ns, "GFLOP/s")
	b.ReportMetric(100*2*products/ns/peak/float64(workers), "%peak")
}

// BenchmarkLayer does the two halves of a layer of the size of V4-Flash: attention of
// 256 tokens that see as many before them as 2,304 and 2,560 tokens leave; one expert
// with the tokens that it has of 512 and of 8 x 2,048; and the hyper-connections.
func BenchmarkLayer(b *testing.B) {
	for _, layer := range []int{2, 3} {
		l := flashLayer(b, layer)
		c := l.cfg
		const n = 256
		x := normalValues(n * c.HCMult * c.HiddenSize)
		again := make([]float32, len(x))
		entries := normalValues(2304 * c.HeadDim)
		for _, workers := range []int{1, 2} {
			run := Run{Workers: workers}
			name := fmt.Sprintf("ratio=%d/workers=%d/", c.Ratio(layer), workers)
			b.Run(name+"attention", func(b *testing.B) {
				perToken := float64(c.QLoraRank*(c.HiddenSize+c.Heads*c.HeadDim) + c.HeadDim*c.HiddenSize +
					c.OLoraRank*c.Heads*c.HeadDim + c.HiddenSize*c.OGroups*c.OLoraRank)
				read := float64(c.Window)
				for _, part := range []*compressor{l.kv.main, l.kv.index} {
					if part != nil {
						perToken += float64(2 * part.width() * c.HiddenSize)
					}
				}
				if l.indexQ != nil {
					perToken += float64(c.IndexHeads*(c.IndexHeadDim*c.QLoraRank+c.HiddenSize) + c.IndexHeads*c.IndexHeadDim*2432/4)
					read += float64(c.IndexTopK)
				} else {
					read += 2432 / 128
				}
				perToken += 2 * read * float64(c.Heads*c.HeadDim)
				measure(b, workers, n*perToken, func() {
					copy(again, x)
					cache := l.NewCache(nil)
					cache.state.pos = 2304
					cache.windowAt = 2304 - c.Window + 1
					cache.window = append(cache.window, entries[:(c.Window-1)*c.HeadDim]...)
					cache.compressed = append(cache.compressed, entries[:2304/c.Ratio(layer)*c.HeadDim]...)
					for _, r := range []*rolling{cache.state.main, cache.state.index} {
						if r != nil {
							r.kept = gated{make([]float32, r.slots()*r.width()), make([]float32, r.slots()*r.width())}
						}
					}
					cache.keys = append(cache.keys, entries[:2304/4*c.IndexHeadDim]...)
					if err := l.Attention(&run, cache, again, n); err != nil {
						b.Fatal(err)
					}
				})
			})
			if layer != 2 {
				continue
			}
			for _, tokens := range []int{12, 384} {
				b.Run(fmt.Sprintf("%sexpert of %d", name, tokens), func(b *testing.B) {
					in, out := normalValues(tokens*c.HiddenSize), make([]float32, tokens*c.HiddenSize)
					e := 0
					measure(b, workers, float64(tokens*3*c.HiddenSize*c.MoEIntermediate), func() {
						e = (e + 1) % c.RoutedExperts
						if err := l.expert(&run, &l.routed[e], out, in, all(tokens)); err != nil {
							b.Fatal(err)
						}
					})
				})
			}
			b.Run(name+"hyper-connections", func(b *testing.B) {
				y := make([]float32, n*c.HiddenSize)
				products := float64(c.HCMult*c.HiddenSize) * float64(l.hcExperts.fn.Rows+1+c.HCMult+1)
				measure(b, workers, n*products, func() {
					copy(again, x)
					if err := run.read(l, &l.hcExperts, y, again, n); err != nil {
						b.Fatal(err)
					}
					run.write(l, again, y, n)
				})
			})
		}
	}
}
