package eval

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"kakeyalattice/capture"
	"kakeyalattice/codec"
	"kakeyalattice/internal/fakemodel"
)

func TestAnInterruptedRunContinuesAtALayer(t *testing.T) {
	m := tiny(t, true)
	plan := func() *Plan {
		return &Plan{Model: m, Texts: texts(40, 33), Arms: arms(t, m, "e8:q=10 nvfp4"), Mode: InForward}
	}
	want := measure(t, plan())
	state := filepath.Join(t.TempDir(), "state")
	for stop := 1; stop < 5; stop++ {
		// Each part is cut off one layer after the last.
		ctx, cancel := context.WithCancel(t.Context())
		p, first := plan(), -1
		p.State = state
		p.Progress = func(stage string, done, _ int) {
			if first < 0 {
				first = done
			}
			if stage == "layers" && done == stop {
				cancel()
			}
		}
		if _, err := Run(ctx, p); !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped before layer %d: %v", stop, err)
		}
		if first != stop-1 {
			t.Errorf("part %d begins at layer %d", stop, first)
		}
	}
	p := plan()
	p.State = state
	if got := measure(t, p); !reflect.DeepEqual(got, want) {
		t.Error("a run in parts gives other figures than one in a piece")
	}
	p.Arms = p.Arms[:1]
	if _, err := Run(t.Context(), p); !errors.Is(err, ErrState) {
		t.Errorf("the state of another plan: %v", err)
	}
}

// small is a run of two tokens, to be continued.
func small(tb testing.TB) *v4 {
	m, err := capture.OpenModel(context.Background(), fakemodel.DeepSeekV4(fakemodel.Tiny(), 1))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.Close() })
	spec, err := codec.Parse("bf16")
	if err != nil {
		tb.Fatal(err)
	}
	_, usual := Kinds(m)
	p := &Plan{Model: m, Texts: texts(2), Mode: InForward, Arms: []Arm{{Codec: spec, Kinds: usual}}}
	cfg, err := p.v4Config(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	states, err := p.states(v4Dims(cfg), cfg.Layers, &Outcome{})
	if err != nil {
		tb.Fatal(err)
	}
	width := cfg.HCMult * cfg.HiddenSize
	e := &v4{Plan: p, cfg: cfg, width: width, exact: make([]float32, 2*width), arms: []*v4Arm{{states[0], make([]float32, 2*width)}}}
	e.texts.Add("a", p.Texts[0].IDs)
	return e
}

// FuzzState reads arbitrary bytes as the state of a run.
func FuzzState(f *testing.F) {
	e := small(f)
	e.exact[1], e.arms[0].x[3] = 2, 4
	e.State = filepath.Join(f.TempDir(), "state")
	if err := e.save(3); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(e.State)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(good[:40])
	f.Add(append(bytes.Clone(good), 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		next, err := small(t).read(bytes.NewReader(data))
		if err == nil && (next < 1 || next > 5) {
			t.Errorf("layer %d", next)
		}
		if err != nil && !errors.Is(err, ErrState) {
			t.Errorf("%v", err)
		}
	})
}
