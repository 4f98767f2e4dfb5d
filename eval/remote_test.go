package eval

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/capture"
)

func TestArmsMeasuredOneByOneGiveTheSameOutcome(t *testing.T) {
	families(t, func(t *testing.T, m *capture.Model) {
		p := &Plan{Model: m, Texts: texts(140, 40), Arms: arms(t, m, "bf16 e8:q=10 fp8-tensor:scale=1e-6 fp8-v4"), Mode: InForward}
		want := measure(t, p)
		var results [][]byte
		for _, task := range slices.Backward(p.Tasks()) {
			b, err := p.MeasureArm(t.Context(), task)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Check(b); err != nil {
				t.Error(err)
			}
			results = append(results, b)
		}
		got, err := p.Merge(results)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Failed) != len(want.Failed) || got.Failed[0].Err.Error() != want.Failed[0].Err.Error() {
			t.Errorf("failed %v, want %v", got.Failed, want.Failed)
		}
		got.Failed, want.Failed = nil, nil
		if !reflect.DeepEqual(got, want) {
			t.Error("the outcomes differ")
		}
		if _, err := p.Merge(results[1:]); err == nil || !strings.Contains(err.Error(), "was not measured") {
			t.Errorf("an arm is missing: %v", err)
		}
		if _, err := p.MeasureArm(t.Context(), []byte("else")); !errors.Is(err, ErrResult) {
			t.Errorf("another arm: %v", err)
		}
		for _, bad := range []string{"", "{}", `{"Arm":"x"}`, strings.Replace(string(results[3]), `"KL":[`, `"KL":[1,`, 1), strings.Replace(string(results[3]), `"Tokens":`, `"Tokens":9`, 1)} {
			if err := p.Check([]byte(bad)); !errors.Is(err, ErrResult) {
				t.Errorf("%.80q: %v", bad, err)
			}
		}
	})
}

// FuzzArmResult gives arbitrary bytes as a result.
func FuzzArmResult(f *testing.F) {
	e := small(f)
	b, err := e.MeasureArm(f.Context(), e.Tasks()[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := e.Check(data); err != nil {
			if !errors.Is(err, ErrResult) {
				t.Errorf("%v", err)
			}
			return
		}
		e.Merge([][]byte{data}) //nolint:errcheck // it may have failed
	})
}
