package experiment

import (
	"fmt"
	"testing"

	"kakeyalattice/kv"
)

// One passage is the hard case for the pool: its units share everything.
func BenchmarkRun(b *testing.B) {
	for _, passages := range []int{1, 4} {
		tokens := make([]int, passages)
		for p := range tokens {
			tokens[p] = 2048 / passages
		}
		stream := testStream(kv.Stream{Name: "swa.0", Kind: kv.SWA, Layer: 0, Dim: 512}, tokens, nil)
		plan := &Plan{Source: sourceOf(stream), Codecs: specs(b, "bf16 fp8:group=64 q8_0 e8:q=30..38/2"), AttentionQueries: 64}
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("passages=%d/workers=%d", passages, workers), func(b *testing.B) {
				b.SetBytes(2048 * 512 * 4 * int64(len(plan.Codecs)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Run(b.Context(), plan, Options{Workers: workers}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
