package codec

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The reference's own figures at D = 512: 8 D + 16 D/64 bits, and an error of
// 6.29e-4 of the energy on Gaussian vectors (Monte Carlo of the same rule in
// Python, 8000 vectors).
func TestReferenceFP8ClaimsItsBitsAndHasItsError(t *testing.T) {
	s, err := NewSimulator(Spec{Name: "ref-fp8"}, 512)
	if err != nil {
		t.Fatal(err)
	}
	if s.ClaimedBits() != 4224 {
		t.Errorf("%d bits, want 4224", s.ClaimedBits())
	}
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 2000*512)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	y := make([]float32, len(x))
	if err := s.RoundTrip(y, x); err != nil {
		t.Fatal(err)
	}
	var e, energy float64
	for i := range x {
		d := float64(x[i]) - float64(y[i])
		e += d * d
		energy += float64(x[i]) * float64(x[i])
	}
	if got := e / energy; math.Abs(got-6.29e-4) > 0.02*6.29e-4 {
		t.Errorf("error %v of the energy, want 6.29e-4", got)
	}
}

func TestReferenceFP8KeepsWhatTheScaleDividesExactly(t *testing.T) {
	s, err := NewSimulator(Spec{Name: "ref-fp8"}, 3)
	if err != nil {
		t.Fatal(err)
	}
	// 448/448 = 1: the values are codes. 1e-5 lies below the floor of 1e-4 and
	// is 44.8 scales: the nearest code is 44.
	for _, c := range [][2][]float32{
		{{448, -3, 0.25}, {448, -3, 0.25}},
		{{0, 0, 0}, {0, 0, 0}},
		{{1e-5, 0, 0}, {44 * float32(1e-4) / 448, 0, 0}},
	} {
		y := make([]float32, 3)
		if err := s.RoundTrip(y, c[0]); err != nil {
			t.Fatal(err)
		}
		for i := range y {
			if y[i] != c[1][i] {
				t.Errorf("%v: %v, want %v", c[0], y, c[1])
				break
			}
		}
	}
}
