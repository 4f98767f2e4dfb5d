package eval

import (
	"math"
	"testing"
)

// The divergences below are worked out by hand: p = (1/2, 1/4, 1/4) against
// q = (1/4, 1/2, 1/4) has KL = 1/2 ln 2 - 1/4 ln 2 = ln 2 / 4.
func TestScoresFollowTheirDefinitions(t *testing.T) {
	ln := func(v float64) float32 { return float32(math.Log(v)) }
	exact := []float32{ln(.5), ln(.25), ln(.25), 5 + ln(.5), 5 + ln(.25), 5 + ln(.25)}
	arm := []float32{ln(.25), ln(.5), ln(.25), ln(.5), ln(.25), ln(.25)}
	for _, workers := range []int{1, 2} {
		b := &exactBlock{vocab: 3, workers: workers}
		s := b.set(exact, []int32{0, 1})
		near := func(what string, got, want float64) {
			t.Helper()
			if math.Abs(got-want) > 1e-6 {
				t.Errorf("%s is %v, want %v", what, got, want)
			}
		}
		near("the exact loss", s.NLL, math.Log(2)+math.Log(4))
		if s.Tokens != 2 || s.Agree != 2 || s.Change != 0 {
			t.Errorf("the exact score is %+v", s)
		}
		a, kl := b.compare(arm, nil)
		near("the loss", a.NLL, 2*math.Log(4))
		near("KL", kl[0], math.Log(2)/4)
		near("KL of equal predictions", kl[1], 0)
		near("the squared change", a.Change, 1./16)
		if a.Agree != 1 || a.Tokens != 2 {
			t.Errorf("the score is %+v", a)
		}
	}
}

func TestAModelAgainstItselfDoesNotDiverge(t *testing.T) {
	logits := make([]float32, 5*100)
	for i := range logits {
		logits[i] = float32(math.Sin(float64(i*i))) * 9
	}
	b := &exactBlock{vocab: 100, workers: 2}
	exact := b.set(logits, []int32{3, 99, 0, 7})
	s, kl := b.compare(logits, nil)
	if math.Abs(s.NLL-exact.NLL) > 1e-12 || s.Agree != 4 || s.Change > 1e-24 || len(kl) != 4 {
		t.Errorf("%+v against itself: %+v", exact, s)
	}
	for _, v := range kl {
		if v < 0 || v > 1e-12 {
			t.Errorf("KL %g", v)
		}
	}
}
