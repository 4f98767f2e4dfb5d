package report

import (
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"

	"kakeyalattice/codec"
	"kakeyalattice/eval"
	"kakeyalattice/kv"
	"kakeyalattice/stats"
)

// predictions is a result of a model with codecs in its cache.
func predictions() *Result {
	entry := func(codec string, bits, ln, kl, e float64, baseline bool, kinds ...kv.Kind) Quality {
		q := Quality{
			Codec: codec, Baseline: baseline, Mode: "in-forward", Streams: kinds,
			BitsPerVector: stats.Float(bits), BitsPerValue: stats.Float(bits / 64), Tokens: 2000,
			PPL: stats.Float(12 * math.Exp(ln)), PPLExact: 12,
			LnPPLRatio:    stats.Summarize([]float64{ln * .9, ln * 1.1, ln}),
			KL:            Divergence{stats.Summarize([]float64{kl * .9, kl * 1.1, kl}), stats.Float(kl), stats.Float(kl / 2), stats.Float(kl * 2), stats.Float(kl * 9), stats.Float(kl * 20), stats.Float(kl * 30)},
			Top1Agreement: stats.Summarize([]float64{.98, .99, .985}), RMSChange: stats.Float(math.Sqrt(kl) / 10),
			RelMSEEnergy: stats.Summarize([]float64{e, e * 1.01, e * .99}),
		}
		for _, k := range kinds {
			q.Written = append(q.Written, Written{Kind: k, Dim: 64, Vectors: 8000, BitsPerVector: q.BitsPerVector, RelMSEEnergy: q.RelMSEEnergy})
		}
		return q
	}
	r := &Result{
		Schema: Schema, Command: []string{"kakeya", "eval", "--model", "m"}, Input: kv.Input{Kind: "checkpoint", Name: "org/model"},
		Protocol: Protocol{Name: "production", Vector: "head"}, Baselines: []string{"fp8-tensor"},
		Quality: []Quality{
			entry("e8:q=38", 412, 1.2e-3, 8e-4, 1.5e-4, false, kv.Key, kv.Value),
			entry("bf16", 1024, 1e-6, 1e-7, 2.7e-6, false, kv.Key, kv.Value),
			entry("fp8-tensor", 512, -2e-4, 2.7e-3, 7e-4, true, kv.Key, kv.Value),
		},
	}
	for i, title := range []string{"one", "two", "three"} {
		r.Passages = append(r.Passages, kv.Passage{ID: i, Title: title, Tokens: 667})
	}
	return r
}

func TestPredictionsAreTheReportOfAResultWithoutStreams(t *testing.T) {
	r := predictions()
	const sentence = "With e8:q=38 in the KV cache of org/model at 412 bits per vector, perplexity goes from 12.000 to 12.014"
	var screen strings.Builder
	if err := Summary(&screen, r, 120); err != nil {
		t.Fatal(err)
	}
	golden(t, "predictions.txt", screen.String())
	md, page := render(t, r, "md"), render(t, r, "html")
	for name, text := range map[string]string{"terminal": strings.ReplaceAll(screen.String(), "\n", " "), "md": md, "html": page} {
		if !strings.Contains(text, sentence) {
			t.Errorf("%s lacks %q:\n%.600s", name, sentence, text)
		}
		if strings.Contains(text, ">NaN") || strings.Contains(text, "| NaN") || strings.Contains(text, "To quote") {
			t.Errorf("%s holds NaN, or sentences about streams", name)
		}
	}
	if n := strings.Count(page, `<div class="panel"><svg`); n != 4 {
		t.Errorf("%d drawings", n)
	}
	for d := xml.NewDecoder(strings.NewReader(page[strings.Index(page, "<svg"):])); ; {
		if _, err := d.Token(); err == io.EOF || err != nil && strings.Contains(err.Error(), "unexpected end element") {
			break
		} else if err != nil {
			t.Fatalf("a drawing is no XML: %v", err)
		}
	}
	again, err := ReadJSON(strings.NewReader(render(t, r, "json")))
	if err != nil {
		t.Fatal(err)
	}
	if render(t, again, "md") != md {
		t.Error("what was read back renders differently")
	}
}

func TestKindsAreNamedWhereEntriesCodeDifferentOnes(t *testing.T) {
	r := predictions()
	r.Quality[0].Streams = []kv.Kind{kv.Key}
	if md := render(t, r, "md"); !strings.Contains(md, "| streams |") || !strings.Contains(md, "| k + v |") {
		t.Errorf("the streams are not named:\n%s", md)
	}
}

func TestAnEmptyOrUndefinedQualityRenders(t *testing.T) {
	r := predictions()
	r.Quality = []Quality{{}, {Codec: "<x>|y", KL: newDivergence(nil, nil), PPL: stats.Undefined, BitsPerValue: stats.Undefined}}
	for _, format := range Formats() {
		if text := render(t, r, format); strings.Contains(text, ">NaN") || strings.Contains(text, "| NaN") || format != "json" && strings.Contains(text, "<x>") {
			t.Errorf("%s: %s", format, text)
		}
	}
	r.Quality[0].LnPPLRatio = stats.Stat{N: 3}
	if _, err := ReadJSON(strings.NewReader(render(t, r, "json"))); err == nil || !strings.Contains(err.Error(), "quality[0]") {
		t.Errorf("a summary of 3 values without values: %v", err)
	}
}

// The expected figures are worked out by hand from the definitions in
// docs/protocols.md.
func TestQualityFollowsItsDefinitions(t *testing.T) {
	spec, err := codec.Parse("bf16")
	if err != nil {
		t.Fatal(err)
	}
	kl := make([]float64, 1000)
	for i := range kl {
		kl[i] = float64(1000 - i) // 1 to 1000
	}
	a := &eval.ArmOutcome{
		Arm: eval.Arm{Codec: spec, Kinds: []kv.Kind{kv.SWA, kv.CSA}}, KL: kl,
		Texts: []eval.Scored{{Tokens: 100, NLL: 120, Agree: 90, Change: 4}, {Tokens: 300, NLL: 600, Agree: 300, Change: 12}},
		Written: []eval.Written{
			{Kind: kv.SWA, Dim: 512, Vectors: 8, Bytes: 800, SideBits: 32, Error: []float64{1, 2}, Energy: []float64{10, 10}},
			{Kind: kv.CSA, Dim: 512, Vectors: 2, Bytes: 100, Error: []float64{1, 0}, Energy: []float64{30, 10}},
		},
	}
	q := newQuality(a, []eval.Scored{{Tokens: 100, NLL: 100}, {Tokens: 300, NLL: 540}}, "snapshot")
	for _, c := range []struct {
		what      string
		got       stats.Float
		want      float64
		tolerance float64
	}{
		{"ppl", q.PPL, math.Exp(720. / 400), 1e-12},
		{"exact ppl", q.PPLExact, math.Exp(640. / 400), 1e-12},
		{"ln ratio of passage 0", q.LnPPLRatio.Values[0], .2, 1e-12},
		{"ln ratio of passage 1", q.LnPPLRatio.Values[1], .2, 1e-12},
		{"agreement", q.Top1Agreement.Mean, .95, 1e-12},
		{"RMS change", q.RMSChange, .2, 1e-12},
		{"bits", q.BitsPerVector, (7200. + 32) / 10, 1e-12},
		{"bits per value", q.BitsPerValue, (7200. + 32) / 5120, 1e-12},
		{"rel-MSE of passage 0", q.RelMSEEnergy.Values[0], 2. / 40, 1e-12},
		{"rel-MSE of CSA", q.Written[1].RelMSEEnergy.Values[0], 1. / 30, 1e-12},
		{"mean KL", q.KL.Mean, 500.5, 1e-9},
		{"KL of passage 0", q.KL.Passages.Values[0], 950.5, 1e-9}, {"KL of passage 1", q.KL.Passages.Values[1], 750.5, 1e-9},
		{"median", q.KL.P50, 500, 0}, {"p90", q.KL.P90, 900, 0}, {"p99", q.KL.P99, 990, 0}, {"p99.9", q.KL.P999, 999, 0}, {"max", q.KL.Max, 1000, 0},
	} {
		if math.Abs(float64(c.got)-c.want) > c.tolerance {
			t.Errorf("%s is %v, want %v", c.what, c.got, c.want)
		}
	}
}
