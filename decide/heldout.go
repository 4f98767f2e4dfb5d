package decide

import (
	"cmp"
	"math"
	"slices"
)

// LeaveOneOut is what became of a choice made n times, each time without one
// passage, and judged on that passage. A parameter chosen on the passages it
// is judged on looks a little better than it is; this shows by how much.
type LeaveOneOut struct {
	// Ratios holds, per passage, the distortion over the baseline's of the
	// codec chosen without the passage; NaN where none was admissible or there
	// is no ratio.
	Ratios []float64
	// Violations counts the passages whose ratio is above the multiplier,
	// those in which only the baseline is without error included.
	Violations int
	// Choices counts how often each codec was chosen; "" where none was
	// admissible.
	Choices map[string]int
}

// HeldOut chooses as [Choose] does on all passages but one, for every passage.
// It is nil for fewer than three passages or a published baseline; candidates
// that are published take no part.
func HeldOut(cands []Candidate, base Candidate, th Threshold, view View) *LeaveOneOut {
	n := len(base.Distortion)
	if n < 3 || base.Published != nil {
		return nil
	}
	chosen := chooseWithoutEach(cands, base, th, view)
	out := &LeaveOneOut{Ratios: make([]float64, n), Choices: map[string]int{}}
	for p, i := range chosen {
		out.Ratios[p] = math.NaN()
		if i < 0 {
			out.Choices[""]++
			continue
		}
		out.Choices[cands[i].Codec]++
		one := comparePassage(cands[i].Distortion, base.Distortion, p)
		if one.ratio.N == 1 {
			out.Ratios[p] = one.ratio.Mean
		}
		if one.worse == 1 || out.Ratios[p] > th.Multiplier {
			out.Violations++
		}
	}
	return out
}

// chooseWithoutEach returns, for every passage, the index of the candidate
// chosen without it, or -1. Prefixes and suffixes of the passages are compared
// once per candidate, so the work grows with the passages, not their square.
func chooseWithoutEach(cands []Candidate, base Candidate, th Threshold, view View) []int {
	n := len(base.Distortion)
	order := make([]int, 0, len(cands))
	for i, c := range cands {
		if c.Published == nil && defined(c.Bits) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(cands[a].Bits, cands[b].Bits) })

	chosen := slices.Repeat([]int{-1}, n)
	means := make([]float64, n)
	after := make([]comparison, n+1) // after[p] is over the passages from p on
	undecided := n
	for k, i := range order {
		// Candidates of equal bits compete; dearer ones only fill gaps.
		if undecided == 0 && cands[i].Bits > cands[order[k-1]].Bits {
			break
		}
		for p := n - 1; p >= 0; p-- {
			after[p] = after[p+1].merge(comparePassage(cands[i].Distortion, base.Distortion, p))
		}
		var before comparison
		for p := range n {
			e := before.merge(after[p+1]).evidence()
			before = before.merge(comparePassage(cands[i].Distortion, base.Distortion, p))
			old := chosen[p]
			if old >= 0 && (cands[old].Bits < cands[i].Bits || means[p] <= e.distortion.Mean) {
				continue
			}
			if e.judge(th, view).admissible {
				if old < 0 {
					undecided--
				}
				chosen[p], means[p] = i, e.distortion.Mean
			}
		}
	}
	return chosen
}
