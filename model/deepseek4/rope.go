package deepseek4

import (
	"math"

	"kakeyalattice/internal/elementary"
)

// rope is a rotary position: the angle of pair i at position t is t times
// freqs[i]. Angles are float32 products, as in the official code; sine and
// cosine of an angle are rounded to float32 once.
type rope struct{ freqs []float32 }

// newRope makes the rotary position of dim values at a base, extended by YaRN
// unless s is nil:
//
//	f_i = base^(-2i/dim)
//	c(n) = dim ln(original/(2 pi n)) / (2 ln base)
//	keep_i = 1 - clamp((i - floor c(beta_fast)) / (ceil c(beta_slow) - floor c(beta_fast)), 0, 1)
//	f_i <- f_i/factor (1 - keep_i) + f_i keep_i
//
// each operation on f in float32, and no factor on sine and cosine: the
// "NTK-by-parts" interpolation of Peng et al., YaRN (2023).
func newRope(dim int, base float64, s *RopeScaling) rope {
	ln := elementary.Ln(base)
	freqs := make([]float32, dim/2)
	for i := range freqs {
		power := float32(2*i) / float32(dim)
		freqs[i] = 1 / float32(elementary.Exp(float64(power)*ln))
	}
	if s == nil {
		return rope{freqs}
	}
	c := func(turns float64) float64 {
		return float64(dim) * elementary.Ln(float64(s.OriginalPosition)/(turns*2*math.Pi)) / (2 * ln)
	}
	low := max(math.Floor(c(s.BetaFast)), 0)
	high := min(math.Ceil(c(s.BetaSlow)), float64(dim-1))
	if low == high {
		high += 0.001
	}
	for i, f := range freqs {
		ramp := (float32(i) - float32(low)) / float32(high-low)
		keep := 1 - min(max(ramp, 0), 1)
		freqs[i] = float32(f/float32(s.Factor)*(1-keep)) + float32(f*keep)
	}
	return rope{freqs}
}

// at sets cos and sin to those of the angles at position t.
func (r rope) at(t int, cos, sin []float32) {
	for i, f := range r.freqs {
		s, c := elementary.SinCos(float64(float32(t) * f))
		cos[i], sin[i] = float32(c), float32(s)
	}
}

// rotate turns the adjacent pairs of x by the angles whose cosines and sines
// are given: (a, b) becomes (a cos - b sin, a sin + b cos).
func rotate(x, cos, sin []float32) {
	for i, c := range cos {
		s := sin[i]
		a, b := x[2*i], x[2*i+1]
		x[2*i] = float32(a*c) - float32(b*s)
		x[2*i+1] = float32(a*s) + float32(b*c)
	}
}
