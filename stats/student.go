package stats

import (
	"math"
	"sync/atomic"

	"gonum.org/v1/gonum/stat/distuv"
)

// quantiles remembers StudentT975 by degrees of freedom, as float64 bits with
// 0 for not yet known: one evaluation takes some 10 us, and a sweep asks for
// the same few hundreds of thousands of times.
var quantiles [1024]atomic.Uint64

// StudentT975 is the 97.5 % quantile of Student's t distribution with df
// degrees of freedom, the factor of a two-sided 95 % interval; NaN where
// df < 1.
func StudentT975(df int) float64 {
	if df < 1 {
		return math.NaN()
	}
	if df < len(quantiles) {
		if b := quantiles[df].Load(); b != 0 {
			return math.Float64frombits(b)
		}
	}
	q := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(df)}.Quantile(0.975)
	if df < len(quantiles) {
		quantiles[df].Store(math.Float64bits(q))
	}
	return q
}
