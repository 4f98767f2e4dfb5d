package capacity

import (
	"strings"
	"testing"

	"kakeyalattice/kv"
)

func TestAPolicyGivesEachKindItsCodec(t *testing.T) {
	m := model(t, "v4-flash")
	for text, want := range map[string]map[kv.Kind]float64{
		"swa=e8:q=38 csa=e8-gs:delta=0.09,slot=400 hca=fp8-v4":  {kv.SWA: 412, kv.CSA: 400, kv.HCA: 584, kv.Indexer: 132},
		"*=e8:q=38; hca=e8:q=44;indexer=fp4":                    {kv.SWA: 412, kv.CSA: 412, kv.HCA: 420, kv.Indexer: 68},
		"careful:\n*=432B indexer=bf16":                         {kv.SWA: 432, kv.CSA: 432, kv.HCA: 432, kv.Indexer: 256},
		"swa=fp8-v4 csa=fp8-v4 hca=fp8-v4 indexer=fp8:group=64": {kv.SWA: 584, kv.CSA: 584, kv.HCA: 584, kv.Indexer: 132},
	} {
		l, err := m.ParsePolicy(text, "")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for kind, bytes := range want {
			if l.Rates[kind].Bytes != bytes {
				t.Errorf("%s: %s takes %v bytes, want %v", text, kind, l.Rates[kind].Bytes, bytes)
			}
		}
	}
	if l, err := m.ParsePolicy("careful: *=e8:q=38", "fp4"); err != nil || l.Name != "careful" || l.Rates[kv.Indexer].Bytes != 68 {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestPoliciesThatCannotBeAreRefusedWithTheNextStep(t *testing.T) {
	m := model(t, "v4-flash")
	for text, want := range map[string]string{
		"":                          "no codec for swa",
		"swa=e8:q=38":               "no codec for csa; this model has swa, csa, hca, indexer: name each, or add *=CODEC",
		"*=e8 k=e8":                 "this model has no k; it has swa",
		"*=e8 *=fp8-v4":             "* is given twice",
		"e8:q=38":                   "this model has no e8:q; it has swa",
		"swa":                       "not KIND=CODEC",
		"swa=":                      "not KIND=CODEC",
		"=e8":                       "not KIND=CODEC",
		": *=e8":                    "empty",
		"*=e9":                      "unknown codec",
		"*=e8 indexer=int3":         "name the formats of engines",
		"*=e8-gs:delta=0.09,slot=1": "slot",
	} {
		_, err := m.ParsePolicy(text, "")
		if err == nil {
			t.Errorf("%q is accepted", text)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestEngineLayoutsComeFirstAndNothingTwice(t *testing.T) {
	m := model(t, "v4-flash")
	layouts, focus, notices, err := m.Layouts(Request{
		Codecs:   "fp8-v4 e8:q=38..40/2 432B",
		Policies: []string{"*=e8:q=38 indexer=fp4", "*=e8:q=40 indexer=fp4", "fp8-v4: *=fp8-v4"},
	})
	if err != nil || len(notices) > 0 {
		t.Fatal(err, notices)
	}
	var names []string
	for _, l := range layouts {
		names = append(names, l.Name)
	}
	if got, want := strings.Join(names, " | "), "bf16 | fp8-v4 | fp8-v41 | fp8-tensor | nvfp4-v4 | mxfp4-v4 | e8:q=38 | e8:q=40 | 432B | policy | policy (2)"; got != want {
		t.Errorf("layouts %s, want %s", got, want)
	}
	if focus != "fp8-v4" {
		t.Errorf("focus on %s", focus)
	}
	if layouts[0].Rates[kv.Indexer].Codec != "bf16" || layouts[1].Rates[kv.Indexer].Codec != "fp8" {
		t.Error("the indexer beside bf16 entries is bf16, beside others fp8")
	}
	layouts, focus, _, err = m.Layouts(Request{Policies: []string{"mine: *=e8:q=44"}, Indexer: "fp4"})
	if err != nil || focus != "mine" || len(layouts) != len(v4Engines)+3 || layouts[0].Rates[kv.Indexer].Codec != "fp4" {
		t.Errorf("%v: focus %s of %d layouts", err, focus, len(layouts))
	}
}

func TestCodecsThatDoNotFitTheModelAreLeftOutUnlessNamed(t *testing.T) {
	m := llamaModel(t, map[string]any{"head_dim": 20}) // no multiple of 8
	layouts, focus, notices, err := m.Layouts(Request{})
	if err != nil || len(notices) != 2 || focus != "" {
		t.Fatalf("%v, notices %q, focus %q", err, notices, focus)
	}
	for _, l := range layouts {
		if strings.HasPrefix(l.Name, "e8") {
			t.Errorf("%s at 20 values", l.Name)
		}
	}
	if _, _, _, err := m.Layouts(Request{Codecs: "e8:q=38"}); err == nil {
		t.Error("a codec that is named and does not fit is accepted")
	}
}

func TestMeasuredRatesMakeALayout(t *testing.T) {
	m := model(t, "v4-flash")
	rates := map[kv.Kind]Rate{kv.SWA: MeasuredRate("a", 8000, "x"), kv.CSA: MeasuredRate("b", 2854, "x"), kv.HCA: MeasuredRate("c", 4672, "x")}
	l, err := m.Layout("mine", rates)
	if err != nil || l.Rates[kv.CSA].Bytes != 356.75 || l.Rates[kv.Indexer].Bytes != 132 {
		t.Errorf("%+v, %v", l, err)
	}
	delete(rates, kv.CSA)
	if _, err := m.Layout("mine", rates); err == nil || !strings.Contains(err.Error(), "csa") {
		t.Errorf("a layout without csa: %v", err)
	}
}

func FuzzParsePolicy(f *testing.F) {
	for _, text := range []string{"swa=e8:q=38 csa=e8-gs:delta=0.09,slot=400 hca=fp8-v4", "a: *=432B indexer=fp4", "*=e8:q=38;;*", ": =", "swa=1.B"} {
		f.Add(text)
	}
	m := model(f, "v4-flash")
	f.Fuzz(func(t *testing.T, text string) {
		// Making an entropy coder's tables takes time that fuzzing has no use for.
		if strings.Contains(text, "gs") || strings.Contains(text, "rans") {
			t.Skip()
		}
		l, err := m.ParsePolicy(text, "")
		if err != nil {
			return
		}
		p, err := m.Plan([]Layout{l}, Options{})
		if err != nil || p.Layouts[0].TotalBytes < 1 {
			t.Fatalf("%q: %v", text, err)
		}
		if err := p.WriteText(discard{}, 80); err != nil {
			t.Fatal(err)
		}
	})
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
