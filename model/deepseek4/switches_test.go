package deepseek4

import (
	"encoding/json"
	"testing"
)

// each switch, and what it changes in the entries of a layer of ratio 4.
func TestEachSwitchChangesWhatItSays(t *testing.T) {
	cfg := flash()
	cfg.HiddenSize, cfg.HeadDim = 256, 192
	w := newOfficial(cfg)
	hidden := small(1, 20*cfg.HiddenSize, 128, per(64))
	run := func(s Switches) *Entries {
		l := load(t, w, cfg, 2, AllStreams).With(s)
		return entries(t, l, project(t, l, l.Norm(hidden)), upTo(20))
	}
	base := run(Switches{})
	for _, c := range []struct {
		name     string
		switches Switches
		changes  Streams
	}{
		{"none", Switches{}, 0},
		{"YaRN beyond the original length only", Switches{YarnBeyondOriginal: true}, AllStreams},
		{"the main rotary position of windows", Switches{WindowMainRope: true}, Window},
		{"pre-quantised to E4M3", Switches{PreQuantize: PreE4M3}, Window | Compressed},
		{"pre-quantised at amax", Switches{PreQuantize: PreE4M3Amax}, Window | Compressed},
		{"pre-quantised evenly", Switches{PreQuantize: PreUniform127}, Window | Compressed},
		{"no attn_norm", Switches{NoAttnNorm: true}, AllStreams},
		{"exact wkv", Switches{ExactWKV: true}, Window},
		{"float32", Switches{Float32: true}, AllStreams},
		{"plain indexer", Switches{PlainIndexer: true}, Indexer},
	} {
		e := run(c.switches)
		var changes Streams
		if !equalEntries(&Entries{Window: e.Window}, &Entries{Window: base.Window}) {
			changes |= Window
		}
		if !equalEntries(&Entries{Compressed: e.Compressed}, &Entries{Compressed: base.Compressed}) {
			changes |= Compressed
		}
		if !equalEntries(&Entries{Indexer: e.Indexer}, &Entries{Indexer: base.Indexer}) {
			changes |= Indexer
		}
		if changes != c.changes {
			t.Errorf("%s: changes streams %03b, want %03b", c.name, changes, c.changes)
		}
	}
}

// What a codec sees, pre-quantised by the cache's own rule, is what attention
// reads.
func TestPreQuantizingToE4M3IsTheRoundingOfTheCache(t *testing.T) {
	l, p := smallLayer(2, 40, Switches{})
	served := l.Served(entries(t, l, p, upTo(40)))
	pre := l.With(Switches{PreQuantize: PreE4M3})
	e := entries(t, pre, p, upTo(40))
	if !equalEntries(&Entries{e.Window, e.Compressed, nil}, &Entries{served.Window, served.Compressed, nil}) {
		t.Error("they differ")
	}
	again := l.Served(served)
	if !equalEntries(again, served) {
		t.Error("rounding what was rounded changes it")
	}
}

func TestYarnBeyondTheOriginalLengthLooksAtTheWholePassage(t *testing.T) {
	l, _ := smallLayer(2, 1, Switches{YarnBeyondOriginal: true})
	_, short := l.ropes(65536)
	_, long := l.ropes(65537)
	_, always := l.With(Switches{}).ropes(1)
	if short.freqs[31] == long.freqs[31] || long.freqs[31] != always.freqs[31] {
		t.Errorf("%v, %v, %v", short.freqs[31], long.freqs[31], always.freqs[31])
	}
}

func TestSwitchesAreReadableInJSON(t *testing.T) {
	want := ReferenceSwitches()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	const readable = `{"yarn_beyond_original":true,"window_main_rope":true,"pre_quantize":"uniform-127","no_attn_norm":true,"exact_wkv":true,"float32":false,"plain_indexer":false}`
	if string(text) != readable {
		t.Errorf("%s", text)
	}
	var got Switches
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"pre_quantize":"int3"}`), &got); err == nil {
		t.Error("int3 was accepted")
	}
}
