package kernel

//go:generate go run -C _generate . exp

import (
	"math"

	"kakeyalattice/internal/elementary"
)

// lowest is the smallest exponent that is told from minus infinity: what it gives
// is nothing beside 1.
const lowest = -708

// Softmax sets x to e^(scale x) over the sum of all, scale positive, with e^(...) in
// e, as long as x or longer. With t_i = scale x_i in float64, and t the largest of
// them,
//
//	e_i = exp(max(t_i - t, -708)),  x_i = float32(e_i * (1 / sum e_j))
//
// with the exponential function of package elementary and the sum in the order of
// this package's sums. Where a value of x is NaN or infinite, the result is NaN
// or, for a negative infinity, 0.
func Softmax(x []float32, scale float64, e []float64) {
	top := float64(float64(largest(x)) * scale) // converted: not fused with what it is taken from
	sum := exponentials(e, x, scale, top)
	narrow(x, e, 1/sum)
}

// Largest returns the largest value of x, minus infinity for an empty x; NaN if one
// is.
func Largest(x []float32) float32 { return largest(x) }

// ExpAbout sets x to float32(e_i), with e_i = exp(max(scale x_i - top, -708)) in e, as
// long as x or longer, and returns the sum of e: parts of a [Softmax] whose values do
// not lie side by side.
func ExpAbout(x []float32, scale, top float64, e []float64) (sum float64) {
	sum = exponentials(e, x, scale, top)
	narrow(x, e, 1)
	return sum
}

func exponentials(e []float64, x []float32, scale, top float64) (sum float64) {
	e = e[:len(x)]
	sum, done := expAbout(e, x, scale, top)
	for i := done; i < len(x); i++ {
		e[i] = elementary.Exp(max(float64(float64(x[i])*scale)-top, lowest))
		sum += e[i]
	}
	return sum
}

// narrow sets x to float32(e_i * factor).
func narrow(x []float32, e []float64, factor float64) {
	for i := scaleDown(x, e, factor); i < len(x); i++ {
		x[i] = float32(e[i] * factor)
	}
}

// plainLargest is the largest of x, or NaN.
func plainLargest(x []float32) float32 {
	top := float32(math.Inf(-1))
	for _, v := range x {
		top = max(top, v)
	}
	return top
}

func plainExpAbout(e []float64, x []float32, scale, top float64) (sum float64, done int) {
	done = len(x) &^ (sumLanes - 1)
	var s [sumLanes]float64
	for i, v := range x[:done] {
		e[i] = max(float64(float64(v)*scale)-top, lowest)
	}
	elementary.ExpAll(e[:done])
	for i, v := range e[:done] {
		s[i%sumLanes] += v
	}
	return total(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), done
}

// SiLUTimes sets gate to silu(gate) * up, of one length, where silu(g) is
// g / (1 + exp(-g)) in float64 and then rounded to float32, for finite g.
func SiLUTimes(gate, up []float32) {
	up = up[:len(gate)]
	done := siluTimes(gate, up)
	plainSiLUTimes(gate[done:], up[done:])
}

func plainSiLUTimes(gate, up []float32) {
	var e [256]float64
	for len(gate) > 0 {
		e := e[:min(len(e), len(gate))]
		for i := range e {
			// Beyond these bounds the result is the same.
			e[i] = min(max(-float64(gate[i]), lowest), -lowest)
		}
		elementary.ExpAll(e)
		for i, v := range e {
			gate[i] = float32(float64(gate[i])/(1+v)) * up[i]
		}
		gate, up = gate[len(e):], up[len(e):]
	}
}
