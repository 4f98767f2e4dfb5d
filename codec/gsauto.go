package codec

import (
	"math"
	"math/rand/v2"

	"kakeyalattice/internal/kernel"
)

// usualSlot returns the bytes of a slot that fewer than one Gaussian vector in
// 100,000 overflows: the mean and 4.6 standard deviations of the length of
// vectors of a fixed sample, or its longest, whichever is more, each vector with
// the gain that makes it longest. It is a figure of the model's alone and the
// same on every machine, though not part of the format: a spec holds the number.
func (s *gsShape) usualSlot() int {
	const values, deviations = 1 << 18, 4.6
	n := max(64, min(8192, values/s.dim))
	costs := make([]int64, 0, len(s.symbols))
	for _, a := range s.alphabets {
		costs = append(costs, a.costs...)
	}
	l := &gsEncoding{gsWork: s.newWork(), raw: make([]byte, s.rawBytes)}
	source := rand.NewPCG(0, 0)
	x := make([]float32, s.dim)
	var sum, squares, longest float64
	for range n {
		for i := range x {
			x[i] = sumOfFour(source.Uint64())
		}
		l.scaled = x
		// The gain may be too small by half a unit of its last place.
		l.length = kernel.Norm(x) / (1 + 1.0/(2<<slotGainBits))
		s.quantise(l, 0)
		s.cut(l)
		var cost int64
		for _, item := range l.items {
			cost += costs[item&0xffff]
		}
		bits := float64(cost) / (1 << 16)
		sum += bits
		squares += float64(bits * bits)
		longest = max(longest, bits)
	}
	mean := sum / float64(n)
	deviation := math.Sqrt(max(0, squares/float64(n)-float64(mean*mean)))
	// A state of at most 17 bits with the gain, the class, and half a bit for
	// the coder's roundings.
	const side = 17 + slotClassBits + 0.5
	usual := s.rawBytes + int(math.Ceil((max(longest, mean+float64(deviations*deviation))+side)/8))
	return max(s.leastSlot(), min(usual, s.longestBody(1, slotGainBits)))
}

// sumOfFour returns the sum of four independent uniform numbers, never 0: any
// distribution will do that is symmetric and has no long tails, for rotated it
// is all but normal.
func sumOfFour(bits uint64) float32 {
	sum := int32(-4*math.MaxUint16 + 1)
	for range 4 {
		sum += 2 * int32(bits&math.MaxUint16)
		bits >>= 16
	}
	return float32(sum)
}
