package lattice

import (
	"math"
	"math/rand/v2"
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

// cheapest is the least squared distance from y of points whose coordinates
// are shift + integers in [-q, q], with an even sum of the integers, found by
// trying every value of every coordinate.
func cheapest(y []float32, q int, shift float64) float64 {
	best := [2]float64{0, math.Inf(1)} // by parity of the sum so far
	for _, v := range y {
		next := [2]float64{math.Inf(1), math.Inf(1)}
		for k := -q; k <= q; k++ {
			x := float64(k) + shift
			if math.Abs(x) > float64(q) {
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
	{"near zero and the corners", func(r *rand.Rand, q float64) float64 {
		return []float64{0, math.Copysign(0, -1), q, -q, q - 0.5, 0.5 - q}[r.IntN(6)]
	}},
	{"far outside", func(r *rand.Rand, q float64) float64 { return r.NormFloat64() * 20 * q }},
}
