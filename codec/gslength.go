package codec

import "math"

// base returns the base of the lengths that a record's code gives: 2 bytes less
// than, rounded down, the mean length
//
//	(dim/block*B + 9+m + 38010/2^16 + 3) / 8 bytes,
//
// where 38010/2^16 is what a state holds beyond its 9+m bits of gain when these
// are all equally likely, 3 the bits of the code, and B the mean bits of a block:
// its raw bits, the coset symbol's 1, and the mean information of its symbols,
// block times that of first or, for an even lattice, block - 1 times that and half
// the sum of those of both last; for E8 half the sum of that over both cosets.
// All is in units of 2^-16 bits, and halves and the mean information are rounded
// down. The mean information of an alphabet is
//
//	(sum of w_i*(12*2^16 - log2Fixed(f_i)) + (W - sum of w_i)*(12 + escapeBits)*2^16) / W
//
// with the weights w_i of its symbols, W of all that can occur, products and sums
// in float64 and in order; the second term is only there with an escape.
func (m *gsModel) base(mantissa int) int {
	var symbols int64
	for c := range m.cosets() {
		symbols += int64(m.block) * m.alphabets[m.first[c]].mean
		if m.even {
			last := m.alphabets[m.last[c][0]].mean + m.alphabets[m.last[c][1]].mean
			symbols += last/2 - m.alphabets[m.first[c]].mean
		}
	}
	symbols /= int64(m.cosets())
	block := int64(m.rawWidth())<<16 + symbols
	if m.codesCoset() {
		block += 1 << 16
	}
	mean := int64(m.dim/m.block)*block + int64(9+mantissa+recordCodeBits)<<16 + 38010
	return max(0, int(mean>>19)-2)
}

// longestBody returns a number of bytes that is enough for the body of any
// vector, for a step that is larger by factor and m bits of mantissa. It is no
// part of the format: it bounds what a decoder need look at, and slots.
//
// A vector of length R = sqrt(dim)*(1 + 2^-(m+1))/(delta*factor) is at most
// sqrt(dim*cover) away from its closest points, and not farther from them than
// from 0: their squared length is at most
//
//	E = min(R + sqrt(dim*cover), 2*R)^2
//
// and so their symbols, for every L > 0, at most
//
//	L*E + sum over blocks of max (information - L*(squared length))
//
// bits, which is smallest near the slope of the normal distribution's
// information, L = delta^2*log2(e)/2.
//
// A rANS coder adds to that. A symbol of probability p that finds the state x, a
// multiple a >= 16 of its frequency, gives a state of at most x/p*(1 + (1-p)/a).
// From one word to the next these excesses, at 1/x - 1/x' = (1-p)/x each, add up to
// (1-p)/16 for the first symbol and min(1, P/(1-P))/16 for all others, P the largest
// probability of the model: times log2(e)*17/16 bits in all. While the state is
// below 2^16, where it begins with a short gain, no more is added than brings it
// there.
func (m *gsModel) longestBody(factor float64, mantissa int) int {
	dim := float64(m.dim)
	radius := float64(math.Sqrt(dim)*(1+math.Ldexp(1, -mantissa-1))) / float64(m.delta*factor)
	radius += min(math.Sqrt(float64(dim*m.cover)), radius)
	energy := float64(radius*radius) * (1 + 0x1p-16) // and the roundings of float32
	least := math.Inf(1)
	for slope := float64(m.delta*m.delta) / 32; slope < 16*m.delta*m.delta; slope *= 1.25 {
		if bits := float64(dim/float64(m.block)*m.worstBlock(slope)) + float64(slope*energy); bits < least {
			least = bits
		}
	}
	largest := 0
	for _, a := range m.alphabets {
		for _, f := range a.freqs {
			largest = max(largest, f)
		}
	}
	begin := float64(10 + mantissa)
	if mantissa < slotGainBits {
		begin = 17
	}
	odds := float64(largest) / float64(ransTotal-largest)
	perWord := math.Log2E * 17 / 256 * (1 + min(1, odds))
	bits := float64((least + begin) * (1 + perWord/16))
	const filler = 8 + 4 // up to a whole byte, and the code
	return (m.dim/m.block*int(m.rawWidth())+7)/8 + int(bits+filler)/8 + 1
}

// worstBlock returns the largest information of the symbols of a block less
// slope times its squared length.
func (m *gsModel) worstBlock(slope float64) float64 {
	worst := 0.0
	for c := range m.cosets() {
		first := m.alphabets[m.first[c]].worst(slope, func(v int) float64 { return m.magnitude(v, c) })
		block := float64(float64(m.block) * first)
		if m.even {
			last := first
			if m.shift == 0 {
				last = math.Inf(-1)
				for b := range 2 {
					last = max(last, m.alphabets[m.last[c][b]].worst(slope, func(j int) float64 { return m.magnitude(2*j+b, c) }))
				}
			}
			block += last - first
		}
		worst = max(worst, block)
	}
	if m.codesCoset() {
		worst++
	}
	return worst
}

// magnitude returns the smallest magnitude of the coordinates of coset c whose
// symbol is h; for shift > 0 of both cosets.
func (m *gsModel) magnitude(h, c int) float64 {
	if m.shift == 0 {
		return math.Abs(float64(h) + float64(c)/2)
	}
	least := math.Inf(1)
	for k := h << m.shift; k < (h+1)<<m.shift; k++ {
		least = min(least, math.Abs(float64(k)))
		if m.halves {
			least = min(least, math.Abs(float64(k)+0.5), math.Abs(float64(k-1<<(m.shift-1))+0.5))
		}
	}
	return least
}

// worst returns the largest information of a value less slope times its squared
// magnitude.
func (a *gsAlphabet) worst(slope float64, magnitude func(v int) float64) float64 {
	worst := math.Inf(-1)
	for v := a.lo - 1; v <= a.hi()+1; v++ {
		if v < a.min || v > a.max {
			continue
		}
		i := v - a.lo
		if i < 0 {
			i = a.values
		}
		z := magnitude(v)
		worst = max(worst, float64(a.costs[i])/(1<<16)-float64(slope*float64(z*z)))
	}
	return worst
}
