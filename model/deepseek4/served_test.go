package deepseek4

import (
	"fmt"
	"math"
	"testing"
)

// testdata/forward/served.safetensors is what the official program computes with all
// its roundings: tools/golden/deepseek4/official_forward.py. A sum that falls to the
// other side of a rounding moves what is computed from it, so layers get the streams
// of the official program, and most values must be alike.
func TestTheServedForwardPassIsThatOfTheOfficialProgram(t *testing.T) {
	m, g := loadForward(t), golden(t, "forward/served.safetensors")
	const n = 136
	tokens := forwardTokens(t)[:n]
	width := m.Config.HCMult * m.Config.HiddenSize
	x := make([]float32, n*width)
	if err := m.ends.With(AsServed).Embed(x, tokens); err != nil {
		t.Fatal(err)
	}
	var run Run
	for layer := range 3 {
		l := m.layers[layer].With(AsServed)
		if err := l.Forward(&run, l.NewCache(nil), x, tokens); err != nil {
			t.Fatal(err)
		}
		want := g[fmt.Sprintf("x.%d", layer+1)].values
		differ, worst := 0, 0.0
		for i, v := range want {
			if x[i] != v {
				differ++
				worst = max(worst, math.Abs(float64(x[i]-v)))
			}
		}
		t.Logf("layer %d: %d of %d values differ, by %.3g at most", layer, differ, len(want), worst)
		if differ > len(want)/1000 || worst > 0.05 {
			t.Errorf("layer %d: %d of %d values differ, by %g at most", layer, differ, len(want), worst)
		}
		copy(x, want)
	}
	logits := logitsOf(t, m.NewSession(Options{Mode: AsServed}), tokens)
	exact := logitsOf(t, m.NewSession(Options{}), tokens)
	moved := 0.0
	for i, v := range exact {
		moved = max(moved, math.Abs(float64(v-logits[i])))
	}
	t.Logf("roundings move logits by up to %.2g", moved)
	want := g["logits"].values
	near(t, "logits", logits[len(logits)-len(want):], want, 0.05)
}
