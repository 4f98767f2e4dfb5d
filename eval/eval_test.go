package eval

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/capture"
	"kakeyalattice/codec"
	"kakeyalattice/internal/fakemodel"
	"kakeyalattice/kv"
	"kakeyalattice/model/deepseek4"
	"kakeyalattice/model/llama"
)

// tiny opens a made-up model of a family.
func tiny(t *testing.T, v4 bool) *capture.Model {
	t.Helper()
	m := fakemodel.LlamaFamily(fakemodel.TinyQwen2(), 1)
	if v4 {
		m = fakemodel.DeepSeekV4(fakemodel.Tiny(), 1)
	}
	model, err := capture.OpenModel(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { model.Close() })
	return model
}

// texts are token sequences of given lengths.
func texts(lengths ...int) []capture.Text {
	var list []capture.Text
	for i, n := range lengths {
		text := capture.Text{Title: string(rune('a' + i))}
		for j := range n {
			text.IDs = append(text.IDs, int32((j*j+7*i+j*31)%320))
		}
		list = append(list, text)
	}
	return list
}

// arms are codecs on the model's usual streams.
func arms(t *testing.T, m *capture.Model, specs string) []Arm {
	t.Helper()
	var list []Arm
	_, usual := Kinds(m)
	for text := range strings.FieldsSeq(specs) {
		spec, err := codec.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Arm{Codec: spec, Kinds: usual})
	}
	return list
}

func measure(t *testing.T, p *Plan) *Outcome {
	t.Helper()
	p.Temp = t.TempDir()
	out, err := Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func meanKL(a *ArmOutcome) float64 {
	sum := 0.0
	for _, v := range a.KL {
		sum += v
	}
	return sum / float64(len(a.KL))
}

// families runs a test on a tiny model of each family.
func families(t *testing.T, test func(t *testing.T, m *capture.Model)) {
	t.Run("llama", func(t *testing.T) { test(t, tiny(t, false)) })
	t.Run("deepseek4", func(t *testing.T) { test(t, tiny(t, true)) })
}

func TestFinerCodecsMoveTheModelLess(t *testing.T) {
	families(t, func(t *testing.T, m *capture.Model) {
		if testing.Short() {
			t.Skip("slow under the race detector")
		}
		for _, mode := range []Mode{InForward, Snapshot} {
			p := &Plan{Model: m, Texts: texts(140, 137), Arms: arms(t, m, "bf16 e8:q=38 e8:q=4 nvfp4"), Mode: mode}
			out := measure(t, p)
			if len(out.Arms) != 4 || out.Texts[0].Tokens != 139 || out.Texts[1].Tokens != 136 {
				t.Fatalf("%s: %d arms, texts %+v", mode, len(out.Arms), out.Texts)
			}
			bf16, fine, coarse := &out.Arms[0], &out.Arms[1], &out.Arms[2]
			if bf16.BitsPerValue() != 16 {
				t.Errorf("%s: bf16 takes %v bits a value", mode, bf16.BitsPerValue())
			}
			if !(meanKL(bf16) < meanKL(fine) && meanKL(fine) < meanKL(coarse)) || meanKL(coarse) == 0 {
				t.Errorf("%s: KL of bf16 %g, E8 %g, coarse E8 %g", mode, meanKL(bf16), meanKL(fine), meanKL(coarse))
			}
			// BF16 rounds to 9 bits: relative errors of at most 2^-9.
			if e := bf16.RelMSE(0); e > math.Exp2(-18) {
				t.Errorf("%s: bf16 has the error %g", mode, e)
			}
			for i := range out.Arms {
				a := &out.Arms[i]
				if len(a.KL) != 275 || a.Texts[0].Tokens != 139 || a.SHA256 == "" {
					t.Errorf("%s: %s: %d divergences, %+v", mode, a.Codec, len(a.KL), a.Texts)
				}
			}
		}
	})
}

func TestAttentionOutputsOfEveryLayerAreCompared(t *testing.T) {
	families(t, func(t *testing.T, m *capture.Model) {
		out := measure(t, &Plan{Model: m, Texts: texts(140, 40), Arms: arms(t, m, "bf16 e8:q=4"), Mode: InForward})
		fine, coarse := out.Arms[0].Attention, out.Arms[1].Attention
		if len(fine) < 2 || len(fine) != len(coarse) {
			t.Fatalf("%d and %d layers", len(fine), len(coarse))
		}
		for l := range fine {
			for text := range 2 {
				f, c := fine[l].Error[text]/fine[l].Energy[text], coarse[l].Error[text]/coarse[l].Energy[text]
				if fine[l].Layer != l || !(f > 0 && f < c && c < 1) || fine[l].Energy[text] != coarse[l].Energy[text] {
					t.Errorf("layer %d, text %d: bf16 %g, E8 %g; energies %g and %g", l, text, f, c, fine[l].Energy[text], coarse[l].Energy[text])
				}
			}
		}
	})
}

func TestAnArmThatFailsLeavesTheOthers(t *testing.T) {
	families(t, func(t *testing.T, m *capture.Model) {
		const tooSmall = "fp8-tensor:scale=1e-6"
		p := &Plan{Model: m, Texts: texts(140), Arms: arms(t, m, tooSmall+" bf16"), Mode: InForward}
		out := measure(t, p)
		var scale *codec.ScaleError
		if len(out.Arms) != 1 || out.Arms[0].Codec.String() != "bf16" || len(out.Failed) != 1 || !errors.As(out.Failed[0].Err, &scale) {
			t.Fatalf("arms %+v, failed %+v", out.Arms, out.Failed)
		}
		p.Arms = p.Arms[1:]
		if alone := measure(t, p); !slices.Equal(alone.Arms[0].KL, out.Arms[0].KL) {
			t.Error("the arm that failed moved the other")
		}
		p.Arms = arms(t, m, tooSmall)
		if _, err := Run(t.Context(), p); !errors.As(err, &scale) {
			t.Errorf("the only arm fails: %v", err)
		}
	})
}

func TestServedArithmeticIsForADeepSeek(t *testing.T) {
	m := tiny(t, true)
	p := &Plan{Model: m, Texts: texts(140), Arms: arms(t, m, "bf16"), Mode: InForward}
	exact := measure(t, p)
	p.Arithmetic = deepseek4.AsServed
	served := measure(t, p)
	if d := math.Abs(served.Texts[0].NLL/exact.Texts[0].NLL - 1); d == 0 || d > .1 {
		t.Errorf("NLL %v as served, %v exact", served.Texts[0].NLL, exact.Texts[0].NLL)
	}
	m = tiny(t, false)
	p = &Plan{Model: m, Texts: texts(9), Arms: arms(t, m, "bf16"), Mode: InForward, Arithmetic: deepseek4.AsServed}
	if _, err := Run(t.Context(), p); err == nil || !strings.Contains(err.Error(), "not a DeepSeek-V4") {
		t.Errorf("a llama as served: %v", err)
	}
}

func TestTheSameCodecTwiceWritesTheSameBytesOnAnyNumberOfCores(t *testing.T) {
	families(t, func(t *testing.T, m *capture.Model) {
		p := &Plan{Model: m, Texts: texts(150, 131), Arms: arms(t, m, "e8:q=10 e8:q=10 nvfp4"), Mode: InForward, Workers: 1}
		one := measure(t, p)
		if !reflect.DeepEqual(one.Arms[0], one.Arms[1]) {
			t.Error("the same codec twice gives other figures")
		}
		if one.Arms[0].SHA256 == one.Arms[2].SHA256 {
			t.Error("two codecs write the same bytes")
		}
		p.Workers = 3
		if three := measure(t, p); !reflect.DeepEqual(one, three) {
			t.Error("three cores give other figures than one")
		}
	})
}

func TestTheExactModelDoesNotDependOnItsArms(t *testing.T) {
	families(t, func(t *testing.T, m *capture.Model) {
		for _, mode := range []Mode{InForward, Snapshot} {
			a := measure(t, &Plan{Model: m, Texts: texts(40, 64), Arms: arms(t, m, "bf16"), Mode: mode})
			b := measure(t, &Plan{Model: m, Texts: texts(40, 64), Arms: arms(t, m, "e8:q=4 nvfp4"), Mode: mode})
			if !reflect.DeepEqual(a.Texts, b.Texts) {
				t.Errorf("%s: it scores %+v beside one arm, %+v beside others", mode, a.Texts, b.Texts)
			}
		}
	})
}

// The sessions of the models, run over whole texts with a hook of their own, are
// the independent source.
func TestFiguresAreThoseOfTheModelsOwnSessions(t *testing.T) {
	if testing.Short() {
		t.Skip("slow under the race detector")
	}
	const q = "e8:q=6"
	trip := func(x []float32, dim int) {
		spec, err := codec.Parse(q)
		if err != nil {
			t.Fatal(err)
		}
		y, err := codec.RoundTrip(spec, dim, x)
		if err != nil {
			t.Fatal(err)
		}
		copy(x, y.Decoded)
	}
	text := texts(300)
	loss := func(logits []float32) (sum float64) {
		vocab := len(logits) / 300
		for i, next := range text[0].IDs[1:] {
			row, total := logits[i*vocab:(i+1)*vocab], 0.0
			for _, v := range row {
				total += math.Exp(float64(v))
			}
			sum += math.Log(total) - float64(row[next])
		}
		return sum
	}
	check := func(t *testing.T, m *capture.Model, kinds []kv.Kind, exact, coded float64) {
		t.Helper()
		list := arms(t, m, q)
		list[0].Kinds = kinds
		out := measure(t, &Plan{Model: m, Texts: text, Arms: list, Mode: InForward})
		if got := out.Texts[0].NLL; math.Abs(got-exact) > 1e-9*exact {
			t.Errorf("the exact loss is %v, the session's %v", got, exact)
		}
		if got := out.Arms[0].Texts[0].NLL; math.Abs(got-coded) > 1e-9*coded {
			t.Errorf("the loss of the arm is %v, the session's %v", got, coded)
		}
	}
	t.Run("llama", func(t *testing.T) {
		m := tiny(t, false)
		model, err := llama.Load(t.Context(), m.Checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		run := func(hook llama.Hook) float64 {
			logits, err := model.NewSession(llama.Options{Hook: hook}).Forward(text[0].IDs)
			if err != nil {
				t.Fatal(err)
			}
			return loss(logits)
		}
		check(t, m, []kv.Kind{kv.Value}, run(nil), run(func(_, _ int, _, v []float32) { trip(v, model.Config.HeadDim) }))
	})
	t.Run("deepseek4", func(t *testing.T) {
		m := tiny(t, true)
		model, err := deepseek4.Load(t.Context(), m.Checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		run := func(hook deepseek4.Hook) float64 {
			logits, err := model.NewSession(deepseek4.Options{Hook: hook}).Forward(text[0].IDs)
			if err != nil {
				t.Fatal(err)
			}
			return loss(logits)
		}
		check(t, m, []kv.Kind{kv.CSA, kv.Indexer}, run(nil), run(func(w deepseek4.Write) (bool, error) {
			if w.Layer == 2 || w.Layer == 4 {
				if w.Stream != deepseek4.Window {
					trip(w.Entries, w.Dim)
				}
			}
			return true, nil
		}))
	})
}

func TestOnlyTheKindsAskedForAreCoded(t *testing.T) {
	m := tiny(t, true)
	arm := arms(t, m, "e8:q=4")[0]
	var list []Arm
	for _, k := range []kv.Kind{kv.SWA, kv.CSA, kv.HCA, kv.Indexer} {
		one := arm
		one.Kinds = []kv.Kind{k}
		list = append(list, one)
	}
	out := measure(t, &Plan{Model: m, Texts: texts(300), Arms: list, Mode: InForward})
	// Layers 0 and 1 have a window alone, 2 and 4 are CSA, 3 is HCA.
	for i, want := range []struct{ dim, vectors int }{{512, 5 * 300}, {512, 2 * 75}, {512, 2}, {128, 2 * 75}} {
		w := out.Arms[i].Written
		if len(w) != 1 || w[0].Dim != want.dim || w[0].Vectors != int64(want.vectors) || w[0].Kind != list[i].Kinds[0] {
			t.Errorf("%s: %+v", list[i].Label(), w)
		}
	}
}

func TestAKindThatACodecDoesNotSupportStaysExactAndIsNamed(t *testing.T) {
	m := tiny(t, true)
	p := &Plan{Arms: arms(t, m, "bf16 e8:q=38"), Texts: texts(9)}
	out := &Outcome{}
	// E8 takes vectors of a power of two, and the model has no HCA layer.
	states, err := p.states(map[kv.Kind]int{kv.SWA: 512, kv.CSA: 12}, 5, out)
	if err != nil {
		t.Fatal(err)
	}
	if len(states) != 2 || len(states[0].out.Kinds) != 2 || len(states[1].out.Kinds) != 1 || states[1].out.Kinds[0] != kv.SWA {
		t.Errorf("%d arms: %v %v", len(states), states[0].out.Kinds, states[1].out.Kinds)
	}
	if len(out.Skipped) != 3 || out.Skipped[1].Kind != kv.CSA || !strings.Contains(out.Skipped[1].Reason, "12") {
		t.Errorf("left out: %+v", out.Skipped)
	}
	p.Arms = p.Arms[1:]
	if _, err := p.states(map[kv.Kind]int{kv.SWA: 12}, 5, &Outcome{}); !errors.Is(err, codec.ErrDim) {
		t.Errorf("no codec fits: %v", err)
	}
}

func TestBadPlansAreRefusedBeforeTheModelRuns(t *testing.T) {
	families(t, func(t *testing.T, m *capture.Model) {
		good := arms(t, m, "bf16")
		for _, c := range []struct {
			name, want string
			plan       Plan
		}{
			{"no arm", "no codec", Plan{Texts: texts(9), Mode: InForward}},
			{"no text", "no texts", Plan{Arms: good, Mode: InForward}},
			{"one token", "a prediction needs two", Plan{Texts: texts(1), Arms: good, Mode: InForward}},
			{"mode", "snapshot", Plan{Texts: texts(9), Arms: good, Mode: "later"}},
			{"kind", `"q"`, Plan{Texts: texts(9), Arms: []Arm{{Codec: good[0].Codec, Kinds: []kv.Kind{kv.Query}}}, Mode: InForward}},
		} {
			c.plan.Model = m
			if _, err := Run(t.Context(), &c.plan); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v; want %q in it", c.name, err, c.want)
			}
		}
	})
	p := &Plan{Model: tiny(t, false), Texts: texts(131073), Arms: arms(t, tiny(t, false), "bf16"), Mode: InForward}
	if _, err := Run(t.Context(), p); !errors.Is(err, ErrTooLong) || !strings.Contains(err.Error(), "--seqlen 131072") {
		t.Errorf("too long: %v", err)
	}
}

func TestACancelledRunStops(t *testing.T) {
	families(t, func(t *testing.T, m *capture.Model) {
		ctx, cancel := context.WithCancel(t.Context())
		p := &Plan{Model: m, Texts: texts(600), Arms: arms(t, m, "bf16"), Mode: InForward}
		p.Progress = func(string, int, int) { cancel() }
		if _, err := Run(ctx, p); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}
