package codec

import "math/bits"

// Functions whose results are part of a format: they use only operations that
// IEEE 754 or integer arithmetic defines to the last bit, each rounded on its
// own, so that a decoder in any language on any machine gets the same tables.

// expNegative returns e^-a for a >= 0: a halved h times until it is at most
// 1/2, the Taylor series to the 18th power by Horner's rule,
//
//	e = 1; for i = 18 .. 1: e = 1 - (b*e)/i
//
// and the result squared h times.
func expNegative(a float64) float64 {
	halved := 0
	for ; a > 0.5; halved++ {
		a /= 2
	}
	e := 1.0
	for i := 18; i >= 1; i-- {
		e = 1 - float64(a*e)/float64(i)
	}
	for range halved {
		e = float64(e * e)
	}
	return e
}

// log2Fixed returns 2^16*log2(n), n >= 1, rounded down to a whole number up to
// the errors of 16 squarings of 32-bit fractions.
func log2Fixed(n uint32) int64 {
	whole := bits.Len32(n) - 1
	m := uint64(n) << (31 - whole) // 1 <= m/2^31 < 2
	result := int64(whole)
	for range 16 {
		m = m * m >> 31
		result = result<<1 | int64(m>>32)
		m >>= m >> 32
	}
	return result
}

// apportion returns whole frequencies, each at least 1, that add up to total
// and are about proportional to the weights. Weights whose share of total is
// below 1 get 1; the others share the rest in proportion, rounded to the
// nearest, halves up; what rounding leaves over goes to the first of the
// largest frequencies. whole is the sum of all weights, which may include some
// that are not in the list. Sums run in the order of the list.
func apportion(weights []float64, whole float64, total int) []int {
	small, bulk := 0, 0.0
	for _, w := range weights {
		if float64(w*float64(total))/whole < 1 {
			small++
		} else {
			bulk += w
		}
	}
	freqs := make([]int, len(weights))
	sum, largest := 0, 0
	for i, w := range weights {
		f := int(float64(w*float64(total-small))/bulk + 0.5)
		freqs[i] = max(1, f)
		sum += freqs[i]
		if freqs[i] > freqs[largest] {
			largest = i
		}
	}
	freqs[largest] += total - sum
	return freqs
}
