package codec

import "testing"

func BenchmarkEntropyCoded(b *testing.B) {
	const n, dim = 64, 512
	x := gaussianVectors(n, dim, 1)
	y := make([]float32, len(x))
	for _, spec := range []string{"e8-gs", "e8-gs:slot=auto", "e8-gs:delta=0.3", "d4-gs", "z-gs", "fp8-rans"} {
		c := mustNew(b, spec, dim)
		code, err := c.AppendEncode(nil, x)
		if err != nil {
			b.Fatal(err)
		}
		run := func(name string, f func()) {
			b.Run(spec+"/"+name, func(b *testing.B) {
				b.SetBytes(4 * n * dim)
				b.ReportAllocs()
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/vector")
			})
		}
		run("encode", func() { code, _ = c.AppendEncode(code[:0], x) })
		run("decode", func() { _, _ = c.Decode(y, code) })
	}
}
