package codec

import (
	"math"
	"math/bits"
)

// A gsModel is the static probability model of a gain-shape code: it depends on
// the lattice, delta and the dimension alone.
//
// A coordinate of a lattice point is taken to be normal with mean 0 and
// variance 1/delta^2 + moment, the variance of a rotated coordinate in units of
// the step and that of the quantisation error. With t twice a coordinate:
//
//	E(t) = exp(-t^2*a),  a = delta^2 / (8*(1 + moment*delta^2))
//
// computed by E(0) = 1, E(t+1) = E(t)*u(t), u(0) = e^-a by [expNegative],
// u(t+1) = u(t)*(u(0)*u(0)), where every product is rounded to float64, and
// E(-t) = E(t).
//
// The whole part k = floor(z) of a coordinate is cut in two: the lowest shift
// bits, which are about equally likely and stored as they are, and the rest h, a
// symbol,
//
//	h = (k + o) >> shift,
//
// where o is 2^(shift-1) for the coordinates 3 to 6 of E8 blocks in the half coset
// if shift > 0, else 0; for the reason see [gsModel.offset]. shift is 0 for
// delta >= 5/32 and otherwise the smallest number from 1 on with
// delta*2^shift >= 5/64: a standard deviation of h is then at least 3, so that the
// bits below it are about equally likely, and at most 13, so that an alphabet has
// fewer than 140 symbols.
//
// A shift of 0 leaves no bit that the parity of a block could replace: then the
// last coordinate of a block of an even lattice is coded by j = k>>1, with an
// alphabet for each parity of k. Nor are there bits that E8's coset could be stored
// with: then it is the first symbol of a block, of an alphabet with the frequencies
// 2048, 2048.
//
// Weights of the symbols; sums run from left to right, ascending in k, a term
// being complete before it is added:
//
//	shift > 0, E8          h: sum of (2*E(2k) + E(2k + 1) + E(2k + 1 - 2^shift)) over k>>shift = h
//	shift > 0, D4 and Z    h: sum of E(2k) over k>>shift = h
//	shift = 0, any but the last of an even block, in coset c
//	                       h: E(2h + c)
//	shift = 0, the last of an even block, in coset c and of parity b
//	                       j: E(2(2j + b) + c)
//
// An alphabet has the symbols lo .. hi and, unless these are all that can
// occur, an escape as the last, of frequency 1. The symbols that can occur are
// -reach>>shift .. reach>>shift for h and -reach>>1 .. reach>>1 for j, where
// reach is 2 more than sqrt(dim)*(1 + 2^-(m+1))/delta rounded up, m the bits of
// the mantissa of a gain in a vector of its own length ([gainBits]). From -1 .. 0
// the alphabet grows while the next symbol's share of the total weight (of the
// symbols that can occur) is at least 2^-(12 + escapeBits): beyond, an escape is
// not longer than the symbol would be. The frequencies are those of [apportion],
// of 4096 or, with an escape, 4095.
//
// After an escape the value h - (-reach>>shift), or j - (-reach>>shift), follows
// as one of 2^escapeBits equally likely ones; escapeBits is the number of bits
// of the largest such h.
type gsModel struct {
	gsLattice
	dim        int
	delta      float64
	shift      uint
	reach      int // no coordinate is larger in magnitude
	escapeBits uint
	alphabets  []gsAlphabet
	// coset, first and last are the indices of the alphabets: of the coset where
	// it is a symbol, of coordinates by coset, and of the last of an even block by
	// coset and parity.
	coset int
	first [2]int
	last  [2][2]int
}

// A gsAlphabet is one alphabet of a model. Symbol i stands for the value lo+i;
// the last may be an escape.
type gsAlphabet struct {
	lo       int
	values   int // symbols but for the escape
	min, max int // the values that can occur
	freqs    []int
	// mean is the mean information of a symbol under the model, costs that of
	// each symbol: bits * 2^16. An escape's includes the value that follows.
	mean  int64
	costs []int64
}

// hi is the largest value that is not escaped.
func (a *gsAlphabet) hi() int { return a.lo + a.values - 1 }

// whole says whether there is no escape.
func (a *gsAlphabet) whole() bool { return a.values == len(a.freqs) }

func newGSModel(l gsLattice, dim int, delta float32) *gsModel {
	m := &gsModel{gsLattice: l, dim: dim, delta: float64(delta)}
	if m.delta < 5.0/32 {
		m.shift = 1
		for m.delta*float64(int(1)<<m.shift) < 5.0/64 {
			m.shift++
		}
	}
	rounding := 1 + math.Ldexp(1, -gainBits(dim)-1)
	m.reach = 2 + int(math.Ceil(float64(math.Sqrt(float64(dim))*rounding)/m.delta))
	m.escapeBits = uint(bits.Len(uint(m.reach>>m.shift - -m.reach>>m.shift)))
	e := m.densities()

	add := func(min, max int, weight func(v int) float64) int {
		m.alphabets = append(m.alphabets, newGSAlphabet(min, max, m.escapeBits, weight))
		return len(m.alphabets) - 1
	}
	if m.shift > 0 {
		shared := add(-m.reach>>m.shift, m.reach>>m.shift, func(h int) float64 {
			var sum float64
			for k := h << m.shift; k < (h+1)<<m.shift; k++ {
				if m.halves {
					sum += 2*e.at(2*k) + e.at(2*k+1) + e.at(2*k+1-1<<m.shift)
				} else {
					sum += e.at(2 * k)
				}
			}
			return sum
		})
		m.first, m.last = [2]int{shared, shared}, [2][2]int{{shared, shared}, {shared, shared}}
		return m
	}
	if m.halves {
		m.coset = len(m.alphabets)
		m.alphabets = append(m.alphabets, newCosetAlphabet())
	}
	for c := range m.cosets() {
		m.first[c] = add(-m.reach, m.reach, func(h int) float64 { return e.at(2*h + c) })
		if !m.even {
			continue
		}
		for b := range 2 {
			m.last[c][b] = add(-m.reach>>1, m.reach>>1, func(j int) float64 { return e.at(2*(2*j+b) + c) })
		}
	}
	return m
}

// densities holds E(t) for t >= 0.
type densities []float64

func (e densities) at(t int) float64 { return e[max(t, -t)] }

// densities returns E(t) for all coordinates of the symbols that can occur.
func (m *gsModel) densities() densities {
	square := float64(m.delta * m.delta)
	a := square / float64(8*(1+float64(m.moment*square)))
	u := expNegative(a)
	factor := float64(u * u)
	e := make(densities, 2*m.reach+4<<m.shift+4)
	e[0] = 1
	for t := range len(e) - 1 {
		e[t+1] = float64(e[t] * u)
		u = float64(u * factor)
	}
	return e
}

func newGSAlphabet(min, max int, escapeBits uint, weight func(v int) float64) gsAlphabet {
	var whole float64
	for v := min; v <= max; v++ {
		whole += weight(v)
	}
	likely := func(v int) bool {
		return v >= min && v <= max && weight(v)/whole >= math.Ldexp(1, -ransBits-int(escapeBits))
	}
	lo, hi := -1, 0
	for likely(lo - 1) {
		lo--
	}
	for likely(hi + 1) {
		hi++
	}
	a := gsAlphabet{lo: lo, values: hi - lo + 1, min: min, max: max}
	weights := make([]float64, a.values)
	for i := range weights {
		weights[i] = weight(lo + i)
	}
	if lo == min && hi == max {
		a.freqs = apportion(weights, whole, ransTotal)
	} else {
		a.freqs = append(apportion(weights, whole, ransTotal-1), 1)
	}
	a.weigh(weights, whole, escapeBits)
	return a
}

// weigh sets mean and costs.
func (a *gsAlphabet) weigh(weights []float64, whole float64, escapeBits uint) {
	for _, f := range a.freqs {
		a.costs = append(a.costs, ransBits<<16-log2Fixed(uint32(f)))
	}
	var sum, inside float64
	for i, w := range weights {
		sum += float64(w * float64(a.costs[i]))
		inside += w
	}
	if !a.whole() {
		a.costs[a.values] += int64(escapeBits) << 16
		sum += float64((whole - inside) * float64(a.costs[a.values]))
	}
	a.mean = int64(sum / whole)
}

// offset is what is added to the whole part of coordinate i of a block in a coset
// before it is cut.
//
// Without it the length of some vectors would not be about that of all others.
// The symbol of a bucket of coordinates, say 10 and 11, costs too much for one end
// of it and too little for the other. Rotated, a vector with few coordinates that
// are not 0 has few different magnitudes, each with both signs; in the integer
// coset the buckets of negative coordinates, here -10 and -9, have the other end at
// a magnitude. In the half coset they have the same, 10.5 and 11.5: so half of the
// coordinates use buckets that are shifted by half their width. Which half is no
// linear function of the bits of i, for that would be a sign pattern of the
// rotation.
func (m *gsModel) offset(i, coset int) int {
	if coset == 0 || m.shift == 0 || i < 3 || i > 6 {
		return 0
	}
	return 1 << (m.shift - 1)
}

// newCosetAlphabet returns the alphabet of two equally likely cosets.
func newCosetAlphabet() gsAlphabet {
	const half, bit = ransTotal / 2, 1 << 16
	return gsAlphabet{
		values: 2, max: 1, freqs: []int{half, half},
		mean: bit, costs: []int64{bit, bit},
	}
}

// lastShift is the number of raw bits of the last coordinate of an even block.
func (m *gsModel) lastShift() uint { return max(m.shift, 1) - 1 }

// rawWidth is the number of raw bits of a block: E8's coset takes the place of
// the bit that the parity replaces.
func (m *gsModel) rawWidth() uint {
	width := uint(m.block) * m.shift
	if m.even && !m.halves && m.shift > 0 {
		width--
	}
	return width
}

// codesCoset says whether a block's coset is its first symbol; else it is its
// last raw bit.
func (m *gsModel) codesCoset() bool { return m.halves && m.shift == 0 }

// inner is the number of a block's coordinates whose lowest bits are all stored.
func (m *gsModel) inner() int {
	if m.even {
		return m.block - 1
	}
	return m.block
}

// escapeLow is the value that an escape of 0 stands for.
func (m *gsModel) escapeLow() int { return -m.reach >> m.shift }
