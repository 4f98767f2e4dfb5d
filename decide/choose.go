package decide

import (
	"fmt"
	"math"

	"kakeyalattice/stats"
)

// Choice is the outcome of a threshold on one stream.
type Choice struct {
	OK        bool
	Candidate *Candidate // points into the candidates chosen from; nil where not OK
	// Ratio is the candidate's distortion over the baseline's, per passage.
	// Where one of the two is published it is the ratio of the means, n = 0.
	Ratio  stats.Stat
	Reason string // why no candidate is admissible; empty where OK
}

// Choose returns the admissible candidate of fewest bits; among equal bits
// that of the smaller mean distortion, then the earlier one.
//
// It considers every candidate it is given: see [Deployable].
func Choose(cands []Candidate, base Candidate, th Threshold, view View) Choice {
	best, reason := choose(cands, base, th, view)
	if best < 0 {
		return Choice{Ratio: stats.Summarize(nil), Reason: reason}
	}
	return Choice{OK: true, Candidate: &cands[best], Ratio: ratioOf(cands[best], base)}
}

// choose returns the index that Choose chooses, or -1 and the reason.
func choose(cands []Candidate, base Candidate, th Threshold, view View) (int, string) {
	best := -1
	bestMean := math.NaN()
	nearest, nearestVerdict := -1, verdict{}
	undefined := ""
	for i, c := range cands {
		if best >= 0 && c.Bits > cands[best].Bits {
			continue
		}
		v := judge(c, base, th, view)
		switch {
		case v.undefined != "":
			if undefined == "" {
				undefined = v.undefined
			}
		case !v.admissible:
			if nearest < 0 || v.reach < nearestVerdict.reach {
				nearest, nearestVerdict = i, v
			}
		default:
			mean := gather(c, base).distortion.Mean
			if best < 0 || c.Bits < cands[best].Bits || mean < bestMean {
				best, bestMean = i, mean
			}
		}
	}
	switch {
	case best >= 0:
		return best, ""
	case nearest >= 0:
		return -1, fmt.Sprintf("none holds %.2f: the nearest is %s with %s",
			th.Multiplier, nameOf(cands[nearest]), nearestVerdict.against(base))
	case undefined != "":
		return -1, undefined
	}
	return -1, "no candidates"
}

// ratioOf summarises the distortion of c over that of base per passage, or the
// ratio of the means where passages cannot be paired.
func ratioOf(c, base Candidate) stats.Stat {
	if c.Published == nil && base.Published == nil {
		return stats.Summarize(stats.Ratios(c.Distortion, base.Distortion))
	}
	s := stats.Summarize(nil)
	s.Mean = stats.Float(summaryOf(c).Mean / summaryOf(base).Mean)
	return s
}

// Deployable returns the candidates that are not simulated: a codec without
// bytes cannot be deployed. If all are simulated it returns them all, so that
// a study of simulated codecs alone has an answer.
func Deployable(cands []Candidate) []Candidate {
	var coded []Candidate
	for _, c := range cands {
		if !c.Simulated {
			coded = append(coded, c)
		}
	}
	if coded == nil {
		return cands
	}
	return coded
}

// CR is the compression ratio of a rate against every baseline: the baseline's
// bits over bits, by the baseline's spec.
func CR(bits float64, baselines []Candidate) map[string]float64 {
	cr := make(map[string]float64, len(baselines))
	for _, b := range baselines {
		cr[b.Codec] = b.Bits / bits
	}
	return cr
}
