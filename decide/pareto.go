package decide

import (
	"cmp"
	"math"
	"slices"
)

// Pareto returns the indices of the candidates that no other beats in both
// bits and mean distortion, by ascending bits. Of equal ones the first is
// kept. Simulated candidates, and those without a defined rate or mean, are
// left out.
func Pareto(cands []Candidate) []int {
	type point struct {
		index      int
		bits, mean float64
	}
	var points []point
	for i, c := range cands {
		mean := summaryOf(c).Mean
		if !c.Simulated && defined(c.Bits) && defined(mean) {
			points = append(points, point{i, c.Bits, mean})
		}
	}
	slices.SortStableFunc(points, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.bits, b.bits), cmp.Compare(a.mean, b.mean))
	})
	var front []int
	lowest := math.Inf(1)
	for _, p := range points {
		if p.mean < lowest {
			front = append(front, p.index)
			lowest = p.mean
		}
	}
	return front
}
