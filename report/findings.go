package report

import (
	"slices"
	"strconv"

	"kakeyalattice/decide"
	"kakeyalattice/stats"
)

func itoa(n int) string { return strconv.Itoa(n) }

// findings is a result with what its renderings look up: the baseline and the
// view that carry the headline, the decisions by what they decide, and the
// outcome.
type findings struct {
	*Result
	base string // the first baseline measured on any stream; "" if none
	// view carries the headline: paired where passages give an interval,
	// else point.
	view      string
	n         int // passages
	intervals bool
	outcome   outcome
	policy    *Policy // the assignment behind the headline, where outcome is saves
	gains     []*Threshold
	judged    []*Stream // streams on which base was measured

	streams   map[string]*Stream
	decisions map[decision]*Threshold
}

// decision is what a threshold of all codecs is looked up by.
type decision struct{ stream, baseline, threshold, view string }

// outcome is what a result amounts to at threshold A against the first
// baseline.
type outcome int

const (
	noBaseline outcome = iota // nothing to compare with
	noneHolds                 // no smaller codec holds on any stream
	someHold                  // on some streams one does, or no policy covers all
	saves                     // one assignment of codecs holds on all streams
)

// noRegression is the threshold that headlines rest on.
var noRegression = decide.Thresholds[0].Name

func newFindings(r *Result) *findings {
	f := &findings{
		Result:    r,
		n:         len(r.Passages),
		view:      string(decide.Point),
		streams:   make(map[string]*Stream, len(r.Streams)),
		decisions: make(map[decision]*Threshold, len(r.Thresholds)),
	}
	for i := range r.Streams {
		f.streams[r.Streams[i].Name] = &r.Streams[i]
	}
	for i := range r.Thresholds {
		t := &r.Thresholds[i]
		f.decisions[decision{t.Stream, t.Baseline, t.Threshold, t.View}] = t
	}
	for _, b := range r.Baselines {
		for i := range r.Streams {
			if s := &r.Streams[i]; s.codec(b) != nil {
				f.judged = append(f.judged, s)
			}
		}
		if len(f.judged) > 0 {
			f.base = b
			break
		}
	}
	for i := range r.Streams {
		for _, c := range r.Streams[i].Codecs {
			if bounded(c.Ratios[f.base]) || f.base == "" && bounded(c.RelMSEEnergy) {
				f.view, f.intervals = string(decide.Paired), true
			}
		}
	}
	for i := range r.Quality {
		if len(r.Streams) == 0 && bounded(r.Quality[i].LnPPLRatio) {
			f.intervals = true
		}
	}
	f.decide()
	return f
}

// decide settles the outcome.
func (f *findings) decide() {
	if f.base == "" {
		return
	}
	f.outcome = noneHolds
	for _, s := range f.judged {
		t := f.decisions[decision{s.Name, f.base, noRegression, f.view}]
		if t != nil && t.Admissible && gain(t.CR[f.base]) {
			f.gains = append(f.gains, t)
		}
	}
	if len(f.gains) > 0 {
		f.outcome = someHold
	}
	for _, want := range []string{"per-kind", "uniform", "per-layer"} {
		if p := f.headlinePolicy(want); p != nil && f.policy == nil {
			f.policy, f.outcome = p, saves
		}
	}
	// One codec for all says the same in fewer words.
	if p := f.headlinePolicy("uniform"); p != nil && f.policy != nil && p.Bits == f.policy.Bits {
		f.policy = p
	}
}

// headlinePolicy is the policy of a name that is smaller than the baseline and
// gives every judged stream a codec measured on it; weights by layers first.
func (f *findings) headlinePolicy(name string) *Policy { return f.policyAt(name, noRegression) }

// policyAt is the same of any threshold.
func (f *findings) policyAt(name, threshold string) *Policy {
	var found *Policy
	for i := range f.Policies {
		p := &f.Policies[i]
		if p.Name != name || p.Baseline != f.base || p.Threshold != threshold || p.View != f.view ||
			!p.Bits.Defined() || !gain(p.CR[f.base]) {
			continue
		}
		covers := !slices.ContainsFunc(f.judged, func(s *Stream) bool { return s.codec(p.choice(s)) == nil })
		if covers && (found == nil || p.Weights == "layers" && found.Weights != "layers") {
			found = p
		}
	}
	return found
}

// gain says whether a compression ratio is above 1 by more than rounding.
func gain(cr stats.Float) bool { return cr.Defined() && cr > 1+1e-9 }

// codec is the stream's entry of a spec; nil if it was not measured.
func (s *Stream) codec(spec string) *Codec {
	for i := range s.Codecs {
		if s.Codecs[i].Codec == spec {
			return &s.Codecs[i]
		}
	}
	return nil
}

// choice is the codec that the policy gives a stream; "" if none.
func (p *Policy) choice(s *Stream) string {
	keys := []string{s.Name, string(s.Kind), "*"}
	switch p.Name {
	case "uniform":
		keys = keys[2:]
	case "per-kind":
		keys = keys[1:2]
	case "per-layer":
		keys = keys[:1]
	}
	for _, k := range keys {
		if c, ok := p.Choices[k]; ok {
			return c
		}
	}
	return ""
}

// verdict is what the interval of a ratio to a baseline allows to be said.
type verdict int

const (
	unmeasured verdict = iota
	single             // one passage: a figure without an interval
	less               // the interval lies below 1
	more               // the interval lies above 1
	tied               // the interval holds 1
)

func judge(s stats.Stat) verdict {
	switch {
	case !known(s):
		return unmeasured
	case !bounded(s):
		return single
	case s.Mean+s.CI95 < 1:
		return less
	case s.Mean-s.CI95 > 1:
		return more
	}
	return tied
}

// String is the verdict as a table shows it.
func (v verdict) String() string {
	return [...]string{none, "one passage", "less error", "more error", "statistically tied"}[v]
}

// tally is the verdicts on one codec per stream, and the range of the means.
type tally struct {
	count   [tied + 1]int
	lo, hi  float64
	highest stats.Stat // the stream with the largest mean
}

func (f *findings) tally(choice func(*Stream) string) tally {
	var t tally
	for _, s := range f.judged {
		c := s.codec(choice(s))
		if c == nil {
			t.count[unmeasured]++
			continue
		}
		r := c.Ratios[f.base]
		t.count[judge(r)]++
		if !known(r) {
			continue
		}
		v := float64(r.Mean)
		if !known(t.highest) || v > t.hi {
			t.hi, t.highest = v, r
		}
		if t.lo == 0 || v < t.lo {
			t.lo = v
		}
	}
	return t
}

// closest is the codec with fewer bits than the baseline whose error is the
// smallest against it; nil if none was measured.
func (f *findings) closest() (*Stream, *Codec) {
	var stream *Stream
	var codec *Codec
	for _, s := range f.judged {
		for i := range s.Codecs {
			c := &s.Codecs[i]
			if r := c.Ratios[f.base]; !c.Baseline && known(r) && gain(c.CR[f.base]) &&
				(codec == nil || r.Mean < codec.Ratios[f.base].Mean) {
				stream, codec = s, c
			}
		}
	}
	return stream, codec
}

// heldOut sums the leave-one-passage-out checks of the headline's decisions.
func (f *findings) heldOut() (violations, cases int) {
	for _, t := range f.gains {
		if t.HeldOut != nil {
			violations += t.HeldOut.Violations
			cases += t.HeldOut.cases()
		}
	}
	return violations, cases
}

// bootstrapAgrees counts the streams on which the bootstrap interval of the
// chosen codec's ratio says the same as the t interval, of those that have both.
func (f *findings) bootstrapAgrees() (same, total int) {
	for _, s := range f.judged {
		c := s.codec(f.chosen(s))
		if c == nil {
			continue
		}
		r := c.Ratios[f.base]
		if !bounded(r) || r.Boot95 == nil {
			continue
		}
		total++
		lo, hi := r.Boot95[0], r.Boot95[1]
		v := tied
		switch {
		case hi < 1:
			v = less
		case lo > 1:
			v = more
		}
		if v == judge(r) {
			same++
		}
	}
	return same, total
}

// simulatedOnly says whether every codec beside the baselines is simulated.
func (f *findings) simulatedOnly() bool {
	any := false
	for i := range f.Streams {
		for _, c := range f.Streams[i].Codecs {
			if !c.Baseline && !c.Simulated {
				return false
			}
			any = any || c.Simulated
		}
	}
	return any
}

// simulates says whether a codec is simulated on any stream.
func (f *findings) simulates(spec string) bool {
	for i := range f.Streams {
		if c := f.Streams[i].codec(spec); c != nil && c.Simulated {
			return true
		}
	}
	return false
}

// bf16 is the compression ratio of a policy against BF16, 16 bits a value:
// measured where bf16 is a baseline, else by arithmetic where all streams have
// one dimension.
func (f *findings) bf16(p *Policy) float64 {
	if cr, ok := p.CR["bf16"]; ok && cr.Defined() {
		return float64(cr)
	}
	lo, hi := f.dims()
	if lo != hi || !(p.Bits > 0) {
		return float64(stats.Undefined)
	}
	return 16 * float64(lo) / float64(p.Bits)
}

// dims is the range of the streams' dimensions.
func (f *findings) dims() (lo, hi int) {
	for i := range f.Streams {
		d := f.Streams[i].Dim
		if i == 0 || d < lo {
			lo = d
		}
		hi = max(hi, d)
	}
	return lo, hi
}

// kinds lists the kinds of streams in order of appearance.
func (f *findings) kinds() []string {
	var kinds []string
	for i := range f.Streams {
		if k := string(f.Streams[i].Kind); !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}
