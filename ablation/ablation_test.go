package ablation

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"kakeyalattice/capture"
	"kakeyalattice/checkpoint"
	"kakeyalattice/corpus"
	"kakeyalattice/internal/fakemodel"
	"kakeyalattice/kv"
	"kakeyalattice/protocol"
)

// tiny captures a made-up V4 of small size, and counts how often.
func tiny(t *testing.T, captures *int) Open {
	tokens, err := os.ReadFile("../capture/testdata/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*fakemodel.Model{
		"v4":                   fakemodel.DeepSeekV4(fakemodel.Tiny(), 1),
		protocol.ReferenceHost: fakemodel.LlamaFamily(fakemodel.TinyQwen2(), 2),
	}
	for _, m := range all {
		m.Add("tokenizer.json", tokens)
		m.Add("tokenizer_config.json", []byte(`{"pad_token": "<|pad|>"}`))
	}
	texts := corpus.Builtin()[:3]
	for i := range texts {
		texts[i].Text = texts[i].Text[:40]
	}
	return func(ctx context.Context, p protocol.Protocol) (*kv.Source, error) {
		*captures++
		j := &capture.Job{
			Model: "v4", Passages: texts, Tokens: 400, Protocol: p, Temp: t.TempDir(),
			Layers: "0,2",
			Files:  func(_ context.Context, name string) (checkpoint.Files, error) { return all[name], nil },
		}
		return j.Open(ctx)
	}
}

func TestEveryChoiceIsMeasuredFromBothEnds(t *testing.T) {
	captures, steps := 0, 0
	rows, err := Run(t.Context(), tiny(t, &captures), Options{Progress: func(done, total int) { steps = done }})
	if err != nil {
		t.Fatal(err)
	}
	per := 1 + len(protocol.Switches)
	if len(rows) != 2*per || steps != 2*per {
		t.Fatalf("%d rows, %d steps, want %d", len(rows), steps, 2*per)
	}
	streams := 0
	for _, s := range protocol.Switches {
		if s.Streams {
			streams++
		}
	}
	if want := 2 * (1 + streams); captures != want {
		t.Errorf("%d captures, want %d: choices that do not change the streams share one", captures, want)
	}
	find := func(set, change string) Row {
		for _, r := range rows {
			if r.Set == set && r.Change == change {
				return r
			}
		}
		t.Fatalf("no row %s %s", set, change)
		return Row{}
	}
	reference, production := find("reference", ""), find("production", "")
	if reference.Codec != "ref-e8:q=38" || reference.Base != "ref-fp8" || production.Codec != "e8:q=38" || production.Base != "fp8-v4" {
		t.Errorf("headlines %s over %s and %s over %s", reference.Codec, reference.Base, production.Codec, production.Base)
	}
	if math.Abs(reference.CR-4224.0/3296) > 1e-12 || math.Abs(production.CR-4672.0/3296) > 1e-12 {
		t.Errorf("CR %v and %v", reference.CR, production.CR)
	}
	// 400 tokens in each of three padded passages, and their blocks of four.
	if v := reference.Streams; len(v) != 2 || v[0].Vectors != 1200 || v[1].Vectors != 300 {
		t.Errorf("reference scores %+v", v)
	}
	if v := find("reference", "padding=none").Streams; v[0].Vectors >= 1200 {
		t.Errorf("without padding %d vectors are scored", v[0].Vectors)
	}
	recounted := find("reference", "layers=2+21+20")
	if recounted.Streams[0].Ratio.Mean != reference.Streams[0].Ratio.Mean || recounted.Weighted.Mean == reference.Weighted.Mean {
		t.Error("counting layers otherwise must change the average over streams alone")
	}
	if find("reference", "host=self").About == "" || reference.About != "" {
		t.Error("a choice says what the publication does; a set as it is says nothing")
	}
}

func TestAFailureNamesTheProtocol(t *testing.T) {
	broken := errors.New("broken")
	_, err := Run(t.Context(), func(_ context.Context, p protocol.Protocol) (*kv.Source, error) { return nil, broken }, Options{})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "protocol reference") {
		t.Errorf("error %v", err)
	}
}
