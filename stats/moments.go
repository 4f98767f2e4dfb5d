package stats

import "math"

// Moments is the number, mean and sum of squared deviations of some values:
// all that a t interval needs, and two of them merge without the values.
// The zero value stands for no values.
type Moments struct {
	N    int
	Mean float64 // 0 where N is 0
	SS   float64 // sum of (x - Mean)^2
}

// MomentsOf returns the moments of the defined values, in two passes.
func MomentsOf(values []float64) Moments {
	var m Moments
	var first, sum float64
	for _, v := range values {
		if !Float(v).Defined() {
			continue
		}
		if m.N == 0 {
			first = v
		}
		// Sums about the first value make the mean of equal values that value
		// and their spread zero, exactly.
		sum += v - first
		m.N++
	}
	if m.N == 0 {
		return m
	}
	m.Mean = first + sum/float64(m.N)
	for _, v := range values {
		if Float(v).Defined() {
			d := v - m.Mean
			m.SS += float64(d * d)
		}
	}
	return m
}

// Merge returns the moments of both sets of values together (Chan, Golub &
// LeVeque 1983, "Algorithms for computing the sample variance", eq. 2.1).
func (m Moments) Merge(o Moments) Moments {
	switch {
	case m.N == 0:
		return o
	case o.N == 0:
		return m
	}
	n := float64(m.N + o.N)
	share := float64(o.N) / n
	d := o.Mean - m.Mean
	return Moments{
		N:    m.N + o.N,
		Mean: m.Mean + float64(d*share),
		SS:   m.SS + o.SS + float64(float64(d*d)*float64(float64(m.N)*share)),
	}
}

// Std is the standard deviation with n-1, NaN where n < 2.
func (m Moments) Std() float64 {
	if m.N < 2 {
		return math.NaN()
	}
	return math.Sqrt(m.SS / float64(m.N-1))
}

// CI95 is the half-width of the two-sided 95 % Student-t interval of the mean,
// t(0.975, n-1) s / sqrt(n); NaN where n < 2.
func (m Moments) CI95() float64 {
	if m.N < 2 {
		return math.NaN()
	}
	return StudentT975(m.N-1) * m.Std() / math.Sqrt(float64(m.N))
}
