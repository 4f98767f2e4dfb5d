package codec

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestExpNegativeIsTheExponentialFunction(t *testing.T) {
	for a := 0.0; a < 700; a += 0.37 {
		if got, want := expNegative(a), math.Exp(-a); math.Abs(got/want-1) > 1e-12 {
			t.Errorf("a = %v: %v, want %v", a, got, want)
		}
	}
}

func TestLog2FixedIsTheLogarithm(t *testing.T) {
	for n := uint32(1); n <= ransTotal; n++ {
		got, want := float64(log2Fixed(n))/(1<<16), math.Log2(float64(n))
		if got > want || got < want-2.0/(1<<16) {
			t.Errorf("%d: %v, want %v", n, got, want)
		}
	}
}

func TestApportionedFrequenciesAddUpAndFollowTheWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Float64Range(1e-12, 1), 2, 256).Draw(t, "weights")
		var whole float64
		largest := 0
		for i, w := range weights {
			whole += w
			if w > weights[largest] {
				largest = i
			}
		}
		freqs := apportion(weights, whole, ransTotal)
		sum := 0
		for i, f := range freqs {
			sum += f
			// The small ones that are raised to 1 take from the others.
			if share := weights[i] / whole * ransTotal; f < 1 || i != largest && (float64(f) > share+1 || float64(f) < share*(1-256./ransTotal)-1) {
				t.Fatalf("weight %d has the frequency %d, its share is %v", i, f, share)
			}
		}
		if sum != ransTotal {
			t.Fatalf("the frequencies add up to %d", sum)
		}
	})
}
