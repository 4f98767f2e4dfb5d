package lattice

import (
	"math"
	"math/rand/v2"
	"testing"
)

// dist2 is the squared distance of z and y.
func dist2(z, y []float32) float64 {
	var s float64
	for i := range z {
		d := float64(y[i]) - float64(z[i])
		s += d * d
	}
	return s
}

// checkDistance allows what float32 rounding of the decision may cost.
func checkDistance(t testing.TB, z, y []float32, want float64) {
	t.Helper()
	got := dist2(z, y)
	if got > want+1e-5*(1+math.Sqrt(want)) {
		t.Fatalf("%v -> %v at squared distance %v, the closest is at %v", y, z, got, want)
	}
}

// checkBits compares bit by bit, which tells the zeros apart.
func checkBits(t testing.TB, y, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%v -> %v, want %v", y, got, want)
		}
	}
}

// textbookDn is algorithm 2 of Conway and Sloane 1982 in float64, by squared
// distances: the better of rounding and rounding with one coordinate moved.
func textbookDn(y []float64) (dist float64) {
	odd, step := false, math.Inf(1)
	for _, v := range y {
		f := math.RoundToEven(v)
		e := math.Abs(v - f)
		dist += e * e
		step = min(step, 1-2*e)
		if math.Mod(f, 2) != 0 {
			odd = !odd
		}
	}
	if odd {
		dist += step
	}
	return dist
}

// textbookE8 is the squared distance of y from E8: the better of two decoders
// of D8.
func textbookE8(y []float32) float64 {
	var a, b [8]float64
	for i, v := range y {
		a[i], b[i] = float64(v), float64(v)-0.5
	}
	return min(textbookDn(a[:]), textbookDn(b[:]))
}

// cheapest is the least squared distance from y of points whose coordinates
// are shift + integers, inside [-q, q], with an even sum of the integers, found
// by trying every value of every coordinate.
func cheapest(y []float32, q int, shift float64) float64 {
	best := [2]float64{0, math.Inf(1)} // by parity of the sum so far
	for _, v := range y {
		next := [2]float64{math.Inf(1), math.Inf(1)}
		for k := -q; k <= q; k++ {
			x := float64(k) + shift
			if x > float64(q) {
				continue
			}
			d := (float64(v) - x) * (float64(v) - x)
			for p := range best {
				next[(p+k)&1] = min(next[(p+k)&1], best[p]+d)
			}
		}
		best = next
	}
	return best[0]
}

func cheapestDn(y []float32, q int) float64 { return cheapest(y, q, 0) }

func cheapestE8(y []float32, q int) float64 {
	return min(cheapest(y, q, 0), cheapest(y, q, 0.5))
}

// sources are ways to draw a coordinate that try every branch of a decoder for
// the box [-q, q].
var sources = []struct {
	name string
	draw func(r *rand.Rand, q float64) float64
}{
	{"Gaussian inside the box", func(r *rand.Rand, q float64) float64 { return r.NormFloat64() * q / 3 }},
	{"uniform over the box", func(r *rand.Rand, q float64) float64 { return (2*r.Float64() - 1) * q }},
	{"uniform beyond the box", func(r *rand.Rand, q float64) float64 { return (2*r.Float64() - 1) * (q + 1.5) }},
	{"multiples of a half", func(r *rand.Rand, q float64) float64 { return float64(r.IntN(int(4*q)+7)-int(2*q)-3) / 2 }},
	{"multiples of a quarter", func(r *rand.Rand, q float64) float64 { return float64(r.IntN(int(8*q)+13)-int(4*q)-6) / 4 }},
	{"the border", func(r *rand.Rand, q float64) float64 {
		return math.Copysign(q, r.Float64()-0.5) + float64(r.IntN(5)-2)/4
	}},
	{"zeros and corners", func(r *rand.Rand, q float64) float64 {
		return []float64{0, math.Copysign(0, -1), q, -q, q - 0.5, 0.5 - q}[r.IntN(6)]
	}},
	{"far outside", func(r *rand.Rand, q float64) float64 { return r.NormFloat64() * 20 * q }},
}

// draw fills y from source k.
func draw(y []float32, k int, r *rand.Rand, q float64) {
	for i := range y {
		y[i] = float32(sources[k].draw(r, q))
	}
}

// minimalDn are the shortest vectors of D_n: (+-1, +-1, 0, ...).
func minimalDn(n int) [][]float32 {
	var vs [][]float32
	for i := range n {
		for j := range i {
			for s := range 4 {
				v := make([]float32, n)
				v[i], v[j] = float32(1-s&2), float32(1-s&1*2)
				vs = append(vs, v)
			}
		}
	}
	return vs
}

// minimalE8 are the shortest vectors of E8: those of D8 and (+-1/2, ...) with
// an even number of minus signs.
func minimalE8() [][]float32 {
	vs := minimalDn(8)
	for s := range 1 << 7 {
		v := make([]float32, 8)
		last := float32(0.5)
		for i := range 7 {
			v[i] = 0.5
			if s>>i&1 != 0 {
				v[i], last = -0.5, -last
			}
		}
		v[7] = last
		vs = append(vs, v)
	}
	return vs
}

// checkNeighbours checks that no step from z leads closer to y.
func checkNeighbours(t testing.TB, z, y []float32, steps [][]float32) {
	t.Helper()
	d := dist2(z, y)
	w := make([]float32, len(z))
	for _, s := range steps {
		for i := range w {
			w[i] = z[i] + s[i]
		}
		if dist2(w, y) < d-1e-5*(1+d) {
			t.Fatalf("%v -> %v, but %v is closer", y, z, w)
		}
	}
}
