package eval

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"kakeyalattice/capture"
	"kakeyalattice/internal/fakemodel"
	"kakeyalattice/model/deepseek4"
)

// BenchmarkFlashLayer takes 8 texts of 2,048 tokens through layers of the size of
// V4-Flash, 3.6 GB of made-up weights each: one CSA layer with hash routing, one HCA
// layer with learned routing. It needs 10 GB of memory and minutes:
//
//	go test ./eval -run '^$' -bench FlashLayer -benchtime 1x -timeout 60m
func BenchmarkFlashLayer(b *testing.B) {
	m, err := capture.OpenModel(b.Context(), fakemodel.DeepSeekV4(fakemodel.Flash(), 1))
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	p := &Plan{Model: m}
	cfg, err := p.v4Config(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var texts deepseek4.Texts
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 8 {
		ids := make([]int32, 2048)
		for j := range ids {
			ids[j] = r.Int32N(int32(cfg.VocabSize))
		}
		p.Texts = append(p.Texts, capture.Text{Title: fmt.Sprint(i), IDs: ids})
		texts.Add(fmt.Sprint(i), ids)
	}
	start := make([]float32, len(texts.IDs)*cfg.HCMult*cfg.HiddenSize)
	for i := range start {
		start[i] = float32(r.NormFloat64())
	}
	for _, index := range []int{2, 3} {
		l, err := deepseek4.LoadLayer(b.Context(), m.Checkpoint, cfg, index)
		if err != nil {
			b.Fatal(err)
		}
		flop := v4LayerFLOP(cfg, index, p)
		x := make([]float32, len(start))
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("ratio=%d/workers=%d", cfg.Ratio(index), workers), func(b *testing.B) {
				runs := deepseek4.Runs(workers, len(texts.Ends))
				for b.Loop() {
					copy(x, start)
					if err := texts.Forward(b.Context(), runs, l, x, nil); err != nil {
						b.Fatal(err)
					}
				}
				seconds := b.Elapsed().Seconds() / float64(b.N)
				b.ReportMetric(seconds, "s/layer")
				b.ReportMetric(flop/seconds/1e9, "GFLOP/s")
				b.ReportMetric(float64(largestResident())/1e9, "GB-peak")
			})
		}
	}
}

// largestResident is the largest resident set of the process so far, in bytes; 0 where
// the system does not tell.
func largestResident() (n int64) {
	text, _ := os.ReadFile("/proc/self/status")
	if _, rest, ok := bytes.Cut(text, []byte("VmHWM:")); ok {
		fmt.Sscan(strings.TrimSpace(string(rest)), &n)
	}
	return n << 10
}
