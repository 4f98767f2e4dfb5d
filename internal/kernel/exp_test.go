package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"kakeyalattice/internal/elementary"
)

// scores fills x with values as attention has them, or now and then hard ones.
func scores(r *rand.Rand, x []float32) {
	spread := math.Ldexp(1, r.IntN(14)-3)
	for i := range x {
		x[i] = float32(spread * r.NormFloat64())
	}
	if len(x) > 0 && r.IntN(4) == 0 {
		hard := []float32{0, float32(math.Copysign(0, -1)), math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(-1)), float32(math.Inf(1)), float32(math.NaN()), 708, -708, 709, -709, 1e-40}
		x[r.IntN(len(x))] = hard[r.IntN(len(hard))]
	}
}

func TestSoftmaxIsItsDefinition(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(8, 1))
		for _, n := range edgeLengths[1:] {
			for range 40 {
				x, e, want := make([]float32, n), make([]float64, n), make([]float32, n)
				scores(r, x)
				scale := []float64{1, 1 / math.Sqrt(96), 0.125}[r.IntN(3)]
				top := math.Inf(-1)
				for _, v := range x {
					top = max(top, float64(float64(v)*scale))
				}
				var sums [sumLanes + 1]float64
				for i, v := range x {
					e[i] = elementary.Exp(max(float64(float64(v)*scale)-top, lowest))
					if i < n&^(sumLanes-1) {
						sums[i%sumLanes] += e[i]
					}
				}
				sum := total(sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7])
				for _, v := range e[n&^(sumLanes-1):] {
					sum += v
				}
				factor := 1 / sum
				for i, v := range e {
					want[i] = float32(v * factor)
				}
				got := append([]float32(nil), x...)
				Softmax(got, scale, make([]float64, n))
				for i := range got {
					if !sameValue(got[i], want[i]) {
						t.Fatalf("%d values, scale %v: value %d is %v, want %v, of %v", n, scale, i, got[i], want[i], x)
					}
				}
			}
		}
	})
}

func TestPartsOfASoftmaxAreItsExponentials(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(8, 5))
		for _, n := range edgeLengths {
			x, e := make([]float32, n), make([]float64, n)
			for i := range x {
				x[i] = float32(20 * r.NormFloat64())
			}
			const scale = 0.125
			largest := float32(math.Inf(-1))
			for _, v := range x {
				largest = max(largest, v)
			}
			if got := Largest(x); got != largest {
				t.Fatalf("%d values: the largest is %v, want %v", n, got, largest)
			}
			top := r.NormFloat64()
			got := append([]float32(nil), x...)
			sum, want := ExpAbout(got, scale, top, e), 0.0
			for i, v := range x {
				exp := elementary.Exp(max(float64(float64(v)*scale)-top, lowest))
				if got[i] != float32(exp) {
					t.Fatalf("%d values: value %d is %v, want %v", n, i, got[i], float32(exp))
				}
				want += exp
			}
			if math.Abs(sum-want) > 1e-14*want {
				t.Fatalf("%d values: sum %v, want %v", n, sum, want)
			}
		}
	})
}

func TestSiLUIsItsDefinition(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(8, 2))
		for _, n := range edgeLengths {
			for range 40 {
				gate, up := make([]float32, n), make([]float32, n)
				scores(r, gate)
				fill(r, up)
				got := append([]float32(nil), gate...)
				SiLUTimes(got, up)
				for i, g := range gate {
					if math.IsInf(float64(g), 0) {
						continue
					}
					want := float32(float64(g)/(1+elementary.Exp(-float64(g)))) * up[i]
					if !sameValue(got[i], want) {
						t.Fatalf("%d values: silu(%v) * %v is %v, want %v", n, g, up[i], got[i], want)
					}
				}
			}
		}
	})
}

func TestSoftmaxAddsUpToOne(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		x := make([]float32, 1000)
		for i := range x {
			x[i] = float32(i) / 100
		}
		Softmax(x, 0.5, make([]float64, 1000))
		sum := 0.0
		for i, v := range x {
			sum += float64(v)
			if want := math.Exp(float64(i-999)/200) * (1 - math.Exp(-1.0/200)) / (1 - math.Exp(-5)); math.Abs(float64(v)-want) > 1e-4*want {
				t.Fatalf("value %d is %v, want %v", i, v, want)
			}
		}
		if math.Abs(sum-1) > 1e-6 {
			t.Errorf("sum %v", sum)
		}
	})
}

// FuzzSoftmax holds every level against plain Go.
func FuzzSoftmax(f *testing.F) {
	f.Add(make([]byte, 4*17), uint8(3))
	f.Add([]byte("\x00\x00\x80\x7f\xff\xff\x7f\x7f\x00\x80\xff\xff\x00\x00\x80\x3f"), uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, s uint8) {
		x := floats(b)
		if len(x) == 0 {
			return
		}
		scale := 1 / float64(1+s)
		want, wantGate := append([]float32(nil), x...), append([]float32(nil), x...)
		restore := Use(Go)
		Softmax(want, scale, make([]float64, len(x)))
		SiLUTimes(wantGate, x)
		restore()
		for _, l := range levels() {
			got, gate := append([]float32(nil), x...), append([]float32(nil), x...)
			restore := Use(l)
			Softmax(got, scale, make([]float64, len(x)))
			SiLUTimes(gate, x)
			restore()
			for i := range x {
				if !sameValue(got[i], want[i]) || !sameValue(gate[i], wantGate[i]) {
					t.Fatalf("%v: value %d of %v: softmax %v, want %v; silu %v, want %v", l, i, x, got[i], want[i], gate[i], wantGate[i])
				}
			}
		}
	})
}

func BenchmarkSoftmax(b *testing.B) {
	scoresOf, x, e := make([]float32, 512), make([]float32, 512), make([]float64, 512)
	r := rand.New(rand.NewPCG(8, 3))
	for i := range x {
		scoresOf[i] = float32(4 * r.NormFloat64())
	}
	for _, l := range levels() {
		b.Run(l.String(), func(b *testing.B) {
			defer Use(l)()
			b.ReportMetric(shortest(b, func() { copy(x, scoresOf); Softmax(x, 0.3, e) })/512, "ns/value")
		})
		b.Run("silu/"+l.String(), func(b *testing.B) {
			defer Use(l)()
			b.ReportMetric(shortest(b, func() { copy(x, scoresOf); SiLUTimes(x, scoresOf) })/512, "ns/value")
		})
	}
}
