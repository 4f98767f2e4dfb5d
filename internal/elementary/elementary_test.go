package elementary

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestLnAgreesWithTheStandardLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100000 {
		x := math.Exp(20 * r.NormFloat64())
		if got, want := Ln(x), math.Log(x); math.Abs(got-want) > 1e-15*math.Abs(want) {
			t.Fatalf("Ln(%v) = %v, want %v", x, got, want)
		}
	}
	if Ln(1) != 0 {
		t.Errorf("Ln(1) = %v", Ln(1))
	}
	if got := Ln(0x1p-53); math.Abs(got+53*math.Ln2) > 1e-13 {
		t.Errorf("Ln(2^-53) = %v", got)
	}
}

func TestExpAgreesWithTheStandardLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 300000 {
		x := 708 * (2*r.Float64() - 1)
		if i%2 == 0 {
			x = 5 * r.NormFloat64()
		}
		if got, want := Exp(x), math.Exp(x); math.Abs(got-want) > 1e-15*want {
			t.Fatalf("Exp(%v) = %v, want %v", x, got, want)
		}
	}
}

func TestExpAtTheEdgesOfItsRange(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct{ x, want float64 }{
		{0, 1}, {math.Copysign(0, -1), 1}, {inf, inf}, {710, inf}, {1e300, inf}, {-inf, 0}, {-746, 0}, {-1e300, 0},
		{1, math.E}, {709.5, math.Exp(709.5)}, {-708.5, math.Exp(-708.5)},
	} {
		if got := Exp(c.x); math.Abs(got-c.want) > 1e-12*c.want && got != c.want {
			t.Errorf("Exp(%v) = %v, want %v", c.x, got, c.want)
		}
	}
	if got := Exp(nan); got == got {
		t.Errorf("Exp(NaN) = %v", got)
	}
	if got, want := Exp(-740), math.Exp(-740); math.Abs(got-want) > 0x1p-1073 {
		t.Errorf("Exp(-740) = %v, want %v", got, want)
	}
}

// 2^(j/64) is the sixth square root of 2^j.
func TestTheTableOfExpIsRoundedToNearest(t *testing.T) {
	for j, bits := range exp2 {
		v := new(big.Float).SetMantExp(big.NewFloat(1).SetPrec(200), j)
		for range 6 {
			v.Sqrt(v)
		}
		if want, _ := v.Float64(); math.Float64bits(want) != bits {
			t.Errorf("2^(%d/64) is %v, want %v", j, math.Float64frombits(bits), want)
		}
	}
}

func TestSinCosAgreesWithTheStandardLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 300000 {
		x := math.Ldexp(2*r.Float64()-1, r.IntN(21))
		if i%3 == 0 { // near the multiples of pi/4
			x = float64(r.IntN(1<<20)) * (math.Pi / 4)
		}
		s, c := SinCos(x)
		ws, wc := math.Sincos(x)
		if math.Abs(s-ws) > 0x1p-52 || math.Abs(c-wc) > 0x1p-52 {
			t.Fatalf("SinCos(%v) = %v, %v, want %v, %v", x, s, c, ws, wc)
		}
	}
	if s, c := SinCos(0); s != 0 || c != 1 {
		t.Errorf("SinCos(0) = %v, %v", s, c)
	}
}

// The bits that every machine must give: sums over many arguments, so that one
// different rounding shows. From a run on amd64; arm64 fuses products with sums
// where the source allows it.
func TestResultsHaveTheSameBitsOnEveryMachine(t *testing.T) {
	var h uint64
	mix := func(v float64) { h = (h ^ math.Float64bits(v)) * 0x100000001b3 }
	for i := 1; i < 20000; i++ {
		x := float64(i) * 0.0371
		s, c := SinCos(x * 50)
		mix(s)
		mix(c)
		mix(Ln(x))
		mix(Exp(x - 371))
	}
	if want := uint64(0x440b5f823fff036); h != want {
		t.Errorf("hash %#x, want %#x", h, want)
	}
}

func BenchmarkExpAll(b *testing.B) {
	src, x := make([]float64, 512), make([]float64, 512)
	r := rand.New(rand.NewPCG(7, 8))
	for i := range src {
		src[i] = 3 * r.NormFloat64()
	}
	for b.Loop() {
		copy(x, src)
		ExpAll(x)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/512, "ns/value")
}

func BenchmarkSinCos(b *testing.B) {
	x, sum := 0.0, 0.0
	for b.Loop() {
		s, c := SinCos(x)
		sum += s + c
		x += 0.7
	}
	_ = sum
}
