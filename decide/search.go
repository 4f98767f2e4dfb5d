package decide

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// The search of a continuous parameter: probes spread over the range, then a
// bisection that stops once the two sides differ by less than the tolerance.
const (
	searchProbes    = 8
	searchTolerance = 0.5 // bits per vector
	// searchLimit bounds the measurements of one search. Two bisections of a
	// gap of 2^12 bits between neighbouring probes take 26 beside the probes.
	searchLimit = 48
	// searchDigits is the precision of probed values, so that a spec can state
	// them: at D = 512, a step changes by 512 log2(1 + 1e-5) < 0.01 bits.
	searchDigits = 5
)

// Measure returns the rate and distortion of a codec at one value of its
// parameter. The data must be the same every time.
type Measure func(ctx context.Context, param float64) (Candidate, error)

// Search looks for the value of a continuous codec parameter that stores the
// fewest bits under a condition.
//
// It takes for granted that the rate changes steadily with the parameter, in
// either direction. The distortion need not be monotone: what is returned was
// itself measured and found admissible. An admissible region that lies between
// two inadmissible probes may be missed.
//
// Measurements are remembered, so that several conditions on the same data
// share their probes. A Search is not safe for concurrent use.
type Search struct {
	measure Measure
	probes  []float64
	known   map[float64]Candidate
}

// Solution is the outcome of a search.
type Solution struct {
	OK bool
	// Param is the admissible value of fewest bits and Candidate what was
	// measured there.
	Param     float64
	Candidate Candidate
	// Gap is how many bits fewer the nearest inadmissible value takes, at most
	// 0.5 unless the search reached its limit or the precision of a parameter;
	// NaN where no neighbouring probe takes fewer bits.
	Gap float64
	// Measured is the number of values looked at.
	Measured int
	// Reason says why there is none, or what the reader of one must know;
	// empty if there is nothing to say.
	Reason string
}

// NewSearch returns a search of the range [lo, hi], 0 < lo < hi.
func NewSearch(lo, hi float64, measure Measure) (*Search, error) {
	if !(lo > 0) || !(lo < hi) || !defined(hi) {
		return nil, fmt.Errorf("decide: search range %v to %v: give 0 < lo < hi", lo, hi)
	}
	s := &Search{measure: measure, probes: []float64{lo}, known: map[float64]Candidate{}}
	for i := 1; i < searchProbes-1; i++ {
		if param, ok := inside(lo, hi, float64(i)/(searchProbes-1)); ok {
			s.probes = append(s.probes, param)
		}
	}
	s.probes = append(s.probes, hi)
	return s, nil
}

// inside returns the value that lies the given part of the way from a to b in
// the logarithm, rounded to the precision of a parameter; not ok where that
// rounds it out of the open interval.
func inside(a, b, part float64) (x float64, ok bool) {
	x = math.Pow(a, 1-part) * math.Pow(b, part)
	x, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', searchDigits, 64), 64)
	return x, err == nil && min(a, b) < x && x < max(a, b)
}

// sample is one measured value of the parameter.
type sample struct {
	param      float64
	cand       Candidate
	admissible bool
}

// run is one search in progress.
type run struct {
	*Search
	admissible func(Candidate) bool
	looked     map[float64]bool
	best       *sample
}

// Solve returns the admissible value of fewest bits (of equal bits the smaller
// mean distortion): the best of eight log-spaced probes, bettered by bisecting
// towards the neighbouring probe that takes fewer bits, and is therefore
// inadmissible, until the two sides are within 0.5 bit. An error is one of
// measure or of ctx.
func (s *Search) Solve(ctx context.Context, admissible func(Candidate) bool) (Solution, error) {
	r := &run{Search: s, admissible: admissible, looked: map[float64]bool{}}
	probes := make([]sample, 0, searchProbes)
	for _, param := range s.probes {
		p, err := r.look(ctx, param)
		if err != nil {
			return Solution{}, err
		}
		probes = append(probes, p)
	}
	if r.best == nil {
		cheap := slices.MinFunc(probes, func(a, b sample) int { return cmp.Compare(a.cand.Bits, b.cand.Bits) })
		dear := slices.MaxFunc(probes, func(a, b sample) int { return cmp.Compare(a.cand.Bits, b.cand.Bits) })
		return Solution{Gap: math.NaN(), Measured: len(r.looked), Reason: fmt.Sprintf(
			"none of %d values from %v (%.1f bits) to %v (%.1f bits) is admissible",
			len(probes), cheap.param, cheap.cand.Bits, dear.param, dear.cand.Bits)}, nil
	}
	return r.refine(ctx, probes)
}

// refine bisects wherever a probe of the fewest admissible bits has a cheaper
// neighbour: in one place, unless the rate is the same at several probes.
func (r *run) refine(ctx context.Context, probes []sample) (Solution, error) {
	gap := math.NaN()
	fewest := r.best.cand.Bits
	for i := range len(probes) - 1 {
		in, out := probes[i], probes[i+1]
		if out.cand.Bits > in.cand.Bits {
			in, out = out, in
		}
		if !in.admissible || in.cand.Bits != fewest || out.cand.Bits == fewest {
			continue
		}
		in, out, err := r.bisect(ctx, in, out)
		if err != nil {
			return Solution{}, err
		}
		if in.cand.Bits == r.best.cand.Bits {
			gap = in.cand.Bits - out.cand.Bits
		}
	}
	s := Solution{OK: true, Param: r.best.param, Candidate: r.best.cand, Gap: gap, Measured: len(r.looked)}
	switch {
	case !slices.ContainsFunc(probes, func(p sample) bool { return p.cand.Bits < s.Candidate.Bits }):
		s.Reason = fmt.Sprintf("no value in the range takes fewer bits than %v: a wider range may do better", s.Param)
	case gap > searchTolerance:
		s.Reason = fmt.Sprintf("stopped %.1f bits above the nearest inadmissible value", gap)
	}
	return s, nil
}

// bisect narrows an admissible and an inadmissible value to within the
// tolerance, halving their distance in the logarithm.
func (r *run) bisect(ctx context.Context, in, out sample) (sample, sample, error) {
	for math.Abs(in.cand.Bits-out.cand.Bits) > searchTolerance && len(r.looked) < searchLimit {
		param, ok := inside(in.param, out.param, 0.5)
		if !ok {
			break
		}
		mid, err := r.look(ctx, param)
		if err != nil {
			return in, out, err
		}
		if mid.admissible {
			in = mid
		} else {
			out = mid
		}
	}
	return in, out, nil
}

// look measures one value and keeps it if it is the best admissible one so far.
func (r *run) look(ctx context.Context, param float64) (sample, error) {
	cand, ok := r.known[param]
	if !ok {
		if err := ctx.Err(); err != nil {
			return sample{}, err
		}
		var err error
		if cand, err = r.measure(ctx, param); err != nil {
			return sample{}, fmt.Errorf("decide: search at %v: %w", param, err)
		}
		if !defined(cand.Bits) {
			return sample{}, fmt.Errorf("decide: search at %v: the rate is undefined; a codec that is searched must state its bits", param)
		}
		r.known[param] = cand
	}
	s := sample{param, cand, r.admissible(cand)}
	r.looked[param] = true
	if s.admissible && (r.best == nil || cheaper(cand, r.best.cand)) {
		r.best = &s
	}
	return s, nil
}

func cheaper(a, b Candidate) bool {
	return a.Bits < b.Bits || a.Bits == b.Bits && summaryOf(a).Mean < summaryOf(b).Mean
}
