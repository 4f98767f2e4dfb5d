package stats

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// The bootstrap is a cross-check beside thousands of t intervals, so its work
// is bounded: 2000 resamples up to n = 32, then 64,000 draws in all, but never
// fewer than 400 resamples. Every count is a multiple of 40, so that 2.5 % of
// it is a whole number.
const (
	mostResamples  = 2000
	leastResamples = 400
	bootstrapDraws = 64000

	// Every summary draws from the same seed: equal values give equal intervals.
	bootstrapSeed1, bootstrapSeed2 = 0x6b616b657961, 0x626f6f74
)

func resamples(n int) int {
	return min(max(bootstrapDraws/n/40*40, leastResamples), mostResamples)
}

// bootstrapMean returns the percentile bootstrap interval of the mean of
// values, all defined: of B means of n values drawn with replacement, the
// (B/40)-th smallest and the (B/40)-th largest. It is not ok where n < 2.
func bootstrapMean(values []float64) (lo, hi float64, ok bool) {
	n := len(values)
	if n < 2 {
		return 0, 0, false
	}
	// As in MomentsOf, sums about the first value are exact for equal values.
	shifted := make([]float64, n)
	for i, v := range values {
		shifted[i] = v - values[0]
	}
	var source rand.PCG
	source.Seed(bootstrapSeed1, bootstrapSeed2)
	perWord := drawsPerWord(n)
	b := resamples(n)
	smallest, largest := newTail(b/40), newTail(b/40)
	for range b {
		var sum float64
		for left := n; left > 0; {
			k := min(left, perWord)
			left -= k
			sum += sumOfDraws(shifted, source.Uint64(), k)
		}
		smallest.offer(sum)
		largest.offer(-sum)
	}
	mean := func(sum float64) float64 { return values[0] + sum/float64(n) }
	return mean(smallest.edge()), mean(-largest.edge()), true
}

// drawsPerWord is how many indices below n one random word yields with a bias
// below 2^-24: the word is read as a fraction whose leading digits in base n
// are the indices.
func drawsPerWord(n int) int {
	return max(1, 40/bits.Len(uint(n-1)))
}

// sumOfDraws adds the k values that the leading base-n digits of word select.
func sumOfDraws(values []float64, word uint64, k int) float64 {
	var sum float64
	var index uint64
	for range k {
		index, word = bits.Mul64(word, uint64(len(values)))
		sum += values[index]
	}
	return sum
}

// tail holds the smallest values offered, as many as it was made for, in a
// heap whose root is the largest of them.
type tail []float64

func newTail(size int) tail {
	t := make(tail, size)
	for i := range t {
		t[i] = math.Inf(1)
	}
	return t
}

// edge is the largest value held.
func (t tail) edge() float64 { return t[0] }

func (t tail) offer(x float64) {
	if !(x < t[0]) {
		return
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(t) {
			break
		}
		if child+1 < len(t) && t[child+1] > t[child] {
			child++
		}
		if t[child] <= x {
			break
		}
		t[i] = t[child]
		i = child
	}
	t[i] = x
}
