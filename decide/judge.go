package decide

import (
	"fmt"
	"math"
)

// Admissible applies a threshold to one candidate. Where it is not admissible,
// reason says so in one line.
func Admissible(c, base Candidate, th Threshold, view View) (ok bool, reason string) {
	v := judge(c, base, th, view)
	switch {
	case v.admissible:
		return true, ""
	case v.undefined != "":
		return false, v.undefined
	}
	return false, fmt.Sprintf("%s reaches %s, not %.2f", nameOf(c), v.against(base), th.Multiplier)
}

// verdict is a threshold applied to one candidate.
type verdict struct {
	admissible bool
	// reach is the smallest multiplier that the view would admit; infinite
	// where none.
	reach     float64
	undefined string // why the view says nothing; empty where it does
}

// against states the reach of a verdict.
func (v verdict) against(base Candidate) string {
	if math.IsInf(v.reach, 1) {
		return "no multiple of " + nameOf(base)
	}
	return fmt.Sprintf("%.3f of %s", v.reach, nameOf(base))
}

func nameOf(c Candidate) string {
	if c.Codec == "" {
		return "(unnamed)"
	}
	return c.Codec
}

func judge(c, base Candidate, th Threshold, view View) verdict {
	if !defined(c.Bits) {
		return verdict{undefined: "the rate is undefined"}
	}
	return gather(c, base).judge(th, view)
}

func (e evidence) judge(th Threshold, view View) verdict {
	switch view {
	case Point:
		return e.judgeUnpaired(e.distortion.Mean, th, view)
	case CISafe:
		return e.judgeUnpaired(e.distortion.Mean+e.distortion.CI95, th, view)
	case Paired:
		return e.judgePaired(th)
	}
	return verdict{undefined: fmt.Sprintf("unknown view %q: use point, ci or paired", view)}
}

// judgeUnpaired compares a figure of the distortion with the baseline's mean.
func (e evidence) judgeUnpaired(used float64, th Threshold, view View) verdict {
	if !defined(used) || !defined(e.baseline) {
		return verdict{undefined: e.whyUndefined(view)}
	}
	v := verdict{admissible: used <= th.Multiplier*e.baseline}
	if used != 0 { // no error reaches any multiple, that of a faultless baseline too
		v.reach = used / e.baseline
	}
	return v
}

func (e evidence) judgePaired(th Threshold) verdict {
	upper := e.ratio.Mean + e.ratio.CI95
	switch {
	case e.passages < 2:
		return verdict{undefined: e.whyUndefined(Paired)}
	case e.worse > 0:
		return verdict{reach: math.Inf(1)}
	case e.equal == e.passages:
		return verdict{admissible: true}
	case !defined(upper):
		return verdict{undefined: e.whyUndefined(Paired)}
	}
	return verdict{admissible: upper <= th.Multiplier, reach: upper}
}

// whyUndefined says why a view lacks its figure, and what to do.
func (e evidence) whyUndefined(view View) string {
	switch {
	case view == Paired && e.unpaired:
		return "no per-passage values to pair; use the point or the ci view"
	case !defined(e.distortion.Mean) || !defined(e.baseline):
		return "no passage in which both the codec and the baseline have a finite distortion"
	case e.passages == 1:
		return "one passage: no interval; use the point view or --passage-vectors"
	case e.passages == 0:
		return "published without an interval; use the point view"
	}
	return "one passage in which the baseline has an error: no interval; use the point view"
}
