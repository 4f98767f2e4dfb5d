package decide_test

import (
	"context"
	"fmt"
	"math"
	"slices"

	"kakeyalattice/decide"
)

func table() []decide.Stream {
	baseline := decide.Candidate{Codec: "fp8:group=64", Bits: 4224, Distortion: []float64{1.0, 1.1, 1.2, 1.1}}
	bf16 := decide.Candidate{Codec: "bf16", Bits: 8192, Distortion: []float64{0, 0, 0, 0}}
	codecs := func(scale float64) []decide.Candidate {
		return []decide.Candidate{
			{Codec: "e8:q=38", Bits: 3296, Distortion: []float64{0.80 * scale, 0.87 * scale, 0.98 * scale, 0.88 * scale}},
			{Codec: "e8:q=44", Bits: 3360, Distortion: []float64{0.60 * scale, 0.65 * scale, 0.74 * scale, 0.66 * scale}},
		}
	}
	baselines := []decide.Candidate{baseline, bf16}
	return []decide.Stream{
		{Name: "csa.2", Kind: "csa", Layer: 2, Candidates: codecs(1), Baselines: baselines},
		{Name: "hca.3", Kind: "hca", Layer: 3, Candidates: codecs(1.3), Baselines: baselines},
	}
}

func ExampleChoose() {
	for _, s := range table() {
		c := decide.Choose(decide.Deployable(s.Candidates), s.Baselines[0], decide.Thresholds[0], decide.Paired)
		fmt.Printf("%s: %s, ratio %.3f +- %.3f\n", s.Name, c.Candidate.Codec, c.Ratio.Mean, c.Ratio.CI95)
	}
	// Output:
	// csa.2: e8:q=38, ratio 0.802 +- 0.017
	// hca.3: e8:q=44, ratio 0.782 +- 0.022
}

func ExamplePerKind() {
	streams := table()
	// The two streams stand for 21 CSA and 20 HCA layers.
	w := decide.LayerWeights(streams).Times(streams, map[string]int{"csa": 21, "hca": 20})
	a := decide.PerKind(streams, "fp8:group=64", decide.Thresholds[0], decide.Paired, w)
	fmt.Println(a.Choices)
	fmt.Printf("%.1f bits, %.3fx fp8, %.3fx bf16\n", a.Bits, a.CR["fp8:group=64"], a.CR["bf16"])
	// Output:
	// map[csa:e8:q=38 hca:e8:q=44]
	// 3327.2 bits, 1.270x fp8, 2.462x bf16
}

func ExampleHeldOut() {
	s := table()[0]
	h := decide.HeldOut(s.Candidates, s.Baselines[0], decide.Thresholds[0], decide.Point)
	fmt.Println(h.Choices, h.Violations, "violations")
	// Output: map[e8:q=38:4] 0 violations
}

func ExamplePareto() {
	s := table()[0]
	all := slices.Concat(s.Candidates, s.Baselines)
	for _, i := range decide.Pareto(all) {
		fmt.Println(all[i].Codec)
	}
	// Output:
	// e8:q=38
	// e8:q=44
	// bf16
}

func ExampleSearch() {
	// A codec whose rate falls and whose error grows with its step delta.
	measure := func(_ context.Context, delta float64) (decide.Candidate, error) {
		return decide.Candidate{
			Codec:      fmt.Sprintf("e8-gs:delta=%v", delta),
			Bits:       512*math.Log2(1/delta) + 1060,
			Distortion: []float64{delta * delta, 1.1 * delta * delta},
		}, nil
	}
	baseline := decide.Candidate{Codec: "fp8:group=64", Bits: 4224, Distortion: []float64{0.0081, 0.0089}}
	search, err := decide.NewSearch(0.01, 1, measure)
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := search.Solve(context.Background(), func(c decide.Candidate) bool {
		ok, _ := decide.Admissible(c, baseline, decide.Thresholds[0], decide.Point)
		return ok
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: %.0f bits, within half a bit: %v\n", s.Candidate.Codec, s.Candidate.Bits, s.Gap <= 0.5)
	// Output: e8-gs:delta=0.089942: 2839 bits, within half a bit: true
}
