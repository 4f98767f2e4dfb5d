package report_test

import (
	"fmt"
	"os"
	"strings"

	"kakeyalattice/kv"
	"kakeyalattice/report"
	"kakeyalattice/stats"
)

// small is one stream with one codec beside its baseline.
func small() *report.Result {
	const base = "fp8:group=64"
	codec := func(spec string, bits, ratio float64) report.Codec {
		return report.Codec{
			Codec: spec, Family: spec[:2], Baseline: spec == base, BitsPerVector: bits,
			RelMSEEnergy: stats.Summarize([]float64{6.3e-4 * ratio, 6.2e-4 * ratio}),
			Ratios:       map[string]stats.Stat{base: stats.Summarize([]float64{ratio, ratio * 1.001})},
			CR:           map[string]stats.Float{base: stats.Float(4224 / bits)},
		}
	}
	e8 := codec("e8:q=38", 3296, 0.79)
	ratio := e8.Ratios[base]
	return &report.Result{
		Schema:    report.Schema,
		Input:     kv.Input{Kind: "dump", Name: "cache.safetensors"},
		Passages:  []kv.Passage{{ID: 0, Title: "topology"}, {ID: 1, Title: "macroeconomics"}},
		Baselines: []string{base},
		Streams: []report.Stream{{
			Name: "swa.0", Kind: kv.SWA, Dim: 512, Vectors: []int{2048, 2048},
			Codecs: []report.Codec{codec(base, 4224, 1), e8},
		}},
		Thresholds: []report.Threshold{{
			Stream: "swa.0", Baseline: base, Threshold: "A", Multiplier: 1, View: "paired",
			Admissible: true, Codec: "e8:q=38", BitsPerVector: &e8.BitsPerVector, Ratio: &ratio, CR: e8.CR,
		}},
		Policies: []report.Policy{{
			Name: "uniform", Baseline: base, Threshold: "A", View: "paired", Weights: "layers",
			Choices: map[string]string{"*": "e8:q=38"}, Bits: 3296, CR: e8.CR, Ratio: &ratio,
		}},
	}
}

func ExampleSummary() {
	if err := report.Summary(os.Stdout, small(), 80); err != nil {
		fmt.Println(err)
	}
	// Output:
	// e8:q=38 stores the KV dump cache.safetensors in 3296 bits per vector against
	// 4224 for fp8:group=64, 1.28 times fewer, with less squared error on the one
	// stream (n = 2 passages).
	//
	// squared error over that of fp8:group=64, mean ± 95 % over 2 passages
	//                    e8:q=38
	// bits/vector           3296
	// CR                    1.28
	// swa.0        0.790 ± 0.005
	//
	// threshold A, error at most that of fp8:group=64: smallest codec and CR
	//        point  ci    paired
	// swa.0  none   none  e8:q=38 1.28
}

func ExampleRender() {
	var page strings.Builder
	if err := report.Render(&page, small(), "html"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(report.Formats(), strings.Count(page.String(), "<svg") > 0)
	// Output: [json md html csv] true
}

func ExampleReadJSON() {
	_, err := report.ReadJSON(strings.NewReader(`{"schema": "kakeya.result/2"}`))
	fmt.Println(err)
	// Output: schema "kakeya.result/2"; this version reads "kakeya.result/1": use the version that wrote the file
}
