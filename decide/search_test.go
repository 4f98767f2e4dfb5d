package decide

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// rate is that of an entropy-coded lattice of step delta: a bit less for every
// doubling, in each of 512 coordinates.
func rate(delta float64) float64 { return 512*math.Log2(1/delta) + 1100 }

// coder measures a codec whose distortion is given as a function of its step.
func coder(distortion func(delta float64) float64, counted *int) Measure {
	return func(_ context.Context, delta float64) (Candidate, error) {
		if counted != nil {
			*counted++
		}
		return flat("lattice", rate(delta), distortion(delta)), nil
	}
}

func square(delta float64) float64 { return delta * delta / 12 }

func below(limit float64) func(Candidate) bool {
	base := flat("base", 0, limit)
	return func(c Candidate) bool {
		ok, _ := Admissible(c, base, one, Point)
		return ok
	}
}

func solve(t *testing.T, lo, hi float64, measure Measure, admissible func(Candidate) bool) Solution {
	t.Helper()
	search, err := NewSearch(lo, hi, measure)
	if err != nil {
		t.Fatal(err)
	}
	s, err := search.Solve(context.Background(), admissible)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSearchOfAMonotoneErrorEndsWithinHalfABit(t *testing.T) {
	measured := 0
	s := solve(t, 0.01, 1, coder(square, &measured), below(square(0.0873)))
	if !s.OK || s.Param > 0.0873 || s.Reason != "" {
		t.Fatalf("got %+v", s)
	}
	if excess := s.Candidate.Bits - rate(0.0873); excess > 0.5 || s.Gap > 0.5 || !(s.Gap > 0) {
		t.Errorf("%.3f bits above the best, gap %.3f", excess, s.Gap)
	}
	// Probes are 486 bits apart: 8 of them, and 10 halvings.
	if s.Measured != measured || measured != 18 {
		t.Errorf("measured %d, said %d, want 18", measured, s.Measured)
	}
}

func TestSearchFollowsAParameterThatGrowsWithTheRate(t *testing.T) {
	byScale := func(_ context.Context, q float64) (Candidate, error) {
		return flat("lattice", rate(1/q), square(1/q)), nil
	}
	s := solve(t, 1, 100, byScale, below(square(1/40.0)))
	if !s.OK || s.Param < 40 || s.Candidate.Bits-rate(1/40.0) > 0.5 {
		t.Fatalf("got %+v", s)
	}
}

func TestSearchReturnsWhatItMeasured(t *testing.T) {
	for name, distortion := range map[string]func(float64) float64{
		"an error with a bump":      func(d float64) float64 { return square(d) * (1 + 0.8*math.Sin(40*d)) },
		"an error with fast ripple": func(d float64) float64 { return square(d) * (1 + 0.1*math.Sin(1e5*d)) },
		"an error that falls again": func(d float64) float64 { return math.Abs(d-0.2) * 0.01 },
		"a step":                    func(d float64) float64 { return math.Round(d*20) / 20 * 0.01 },
	} {
		t.Run(name, func(t *testing.T) {
			admissible := below(7e-4)
			s := solve(t, 0.01, 1, coder(distortion, nil), admissible)
			if !s.OK || !admissible(s.Candidate) {
				t.Fatalf("got %+v", s)
			}
			if s.Candidate.Bits != rate(s.Param) || s.Candidate.Distortion[0] != distortion(s.Param) {
				t.Errorf("the candidate is not the one of %v: %+v", s.Param, s.Candidate)
			}
		})
	}
}

func TestSearchFindsAnIslandAtAProbe(t *testing.T) {
	// Admissible from 0.25 to 0.3 only; 0.26827 is the sixth of the probes.
	s := solve(t, 0.01, 1, coder(func(d float64) float64 { return math.Abs(d - 0.275) }, nil), below(0.025))
	if !s.OK || s.Param < 0.25 || s.Param > 0.3 || s.Candidate.Bits-rate(0.3) > 0.5 {
		t.Errorf("got %+v", s)
	}
}

func TestSearchWithoutAnAdmissibleValueSaysSo(t *testing.T) {
	s := solve(t, 0.01, 1, coder(square, nil), func(Candidate) bool { return false })
	if want := "none of 8 values from 1 (1100.0 bits) to 0.01 (4501.7 bits) is admissible"; s.OK || s.Reason != want || s.Measured != 8 {
		t.Errorf("got %+v, want %q", s, want)
	}
}

func TestSearchWhereAllIsAdmissibleReturnsTheCheapEnd(t *testing.T) {
	s := solve(t, 0.01, 1, coder(square, nil), func(Candidate) bool { return true })
	if want := "no value in the range takes fewer bits than 1: a wider range may do better"; !s.OK || s.Param != 1 || s.Reason != want || !math.IsNaN(s.Gap) {
		t.Errorf("got %+v, want %q", s, want)
	}
}

func TestSearchAcrossAJumpOfTheRateStopsAndSaysSo(t *testing.T) {
	jump := func(_ context.Context, d float64) (Candidate, error) {
		if d < 0.05 {
			return flat("lattice", 3000, 1), nil
		}
		return flat("lattice", 2000, 3), nil
	}
	s := solve(t, 0.01, 1, jump, below(2))
	if !s.OK || s.Candidate.Bits != 3000 || s.Gap != 1000 || s.Reason != "stopped 1000.0 bits above the nearest inadmissible value" {
		t.Errorf("got %+v", s)
	}
	if s.Measured > searchLimit {
		t.Errorf("measured %d values", s.Measured)
	}
}

func TestSearchOfEqualRatesPrefersTheSmallerError(t *testing.T) {
	slots := func(_ context.Context, d float64) (Candidate, error) {
		return flat("lattice", 3000, math.Abs(d-0.1)), nil
	}
	s := solve(t, 0.01, 1, slots, func(Candidate) bool { return true })
	if !s.OK || s.Param != 0.071969 { // the fourth probe
		t.Errorf("got %+v", s)
	}
}

func TestSearchesOfTheSameDataShareMeasurements(t *testing.T) {
	measured := 0
	search, err := NewSearch(0.01, 1, coder(square, &measured))
	if err != nil {
		t.Fatal(err)
	}
	first, err := search.Solve(context.Background(), below(square(0.05)))
	if err != nil {
		t.Fatal(err)
	}
	before := measured
	again, err := search.Solve(context.Background(), below(square(0.05)))
	if err != nil || again.Param != first.Param || again.Measured != first.Measured || measured != before {
		t.Errorf("again: %+v after %+v, %d measured", again, first, measured-before)
	}
	if _, err := search.Solve(context.Background(), below(square(0.2))); err != nil || measured > before+searchProbes+4 {
		t.Errorf("another condition measured %d more", measured-before)
	}
}

func TestSearchStopsAtAnError(t *testing.T) {
	broken := errors.New("stream k.0: short read")
	for _, failing := range []int{1, 12} { // among the probes, among the halvings
		n := 0
		search, err := NewSearch(0.01, 1, func(_ context.Context, d float64) (Candidate, error) {
			if n++; n == failing {
				return Candidate{}, broken
			}
			return flat("lattice", rate(d), square(d)), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := search.Solve(context.Background(), below(square(0.05))); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "decide: search at ") {
			t.Errorf("call %d: got %v", failing, err)
		}
	}
}

func TestSearchStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	search, err := NewSearch(0.01, 1, func(_ context.Context, d float64) (Candidate, error) {
		if n++; n == 3 {
			cancel()
		}
		return flat("lattice", rate(d), square(d)), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := search.Solve(ctx, below(1)); !errors.Is(err, context.Canceled) || n != 3 {
		t.Errorf("got %v after %d measurements", err, n)
	}
}

func TestSearchNeedsARate(t *testing.T) {
	search, err := NewSearch(0.01, 1, func(context.Context, float64) (Candidate, error) { return flat("lattice", nan, 1), nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := search.Solve(context.Background(), below(1)); err == nil || !strings.Contains(err.Error(), "the rate is undefined") {
		t.Errorf("got %v", err)
	}
}

func TestSearchRefusesARangeThatIsNone(t *testing.T) {
	for _, r := range [][2]float64{{0, 1}, {-1, 1}, {1, 1}, {2, 1}, {nan, 1}, {1, nan}, {1, math.Inf(1)}} {
		if _, err := NewSearch(r[0], r[1], coder(square, nil)); err == nil {
			t.Errorf("range %v was accepted", r)
		}
	}
}

func TestSearchOfANarrowRangeKeepsToIt(t *testing.T) {
	lo, hi := 0.1234561, 0.1234569
	s := solve(t, lo, hi, func(_ context.Context, d float64) (Candidate, error) {
		if d < lo || d > hi {
			t.Errorf("%v is outside", d)
		}
		return flat("lattice", rate(d), square(d)), nil
	}, below(square(0.1234565)))
	if !s.OK || s.Param != lo {
		t.Errorf("got %+v", s)
	}
}

func TestSearchNeverReturnsAnInadmissibleValueNorOneDearerThanAProbe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := math.Pow(2, rapid.Float64Range(-20, 2).Draw(t, "limit"))
		noise := rapid.Float64Range(0, 0.9).Draw(t, "noise")
		pitch := rapid.Float64Range(1, 1e6).Draw(t, "pitch")
		distortion := func(d float64) float64 { return square(d) * (1 + noise*math.Sin(pitch*d)) }
		search, err := NewSearch(0.01, 1, coder(distortion, nil))
		if err != nil {
			t.Fatal(err)
		}
		admissible := below(limit)
		s, err := search.Solve(context.Background(), admissible)
		if err != nil {
			t.Fatal(err)
		}
		if s.Measured > searchLimit {
			t.Fatalf("measured %d values", s.Measured)
		}
		for _, param := range search.probes {
			if distortion(param) <= limit && (!s.OK || s.Candidate.Bits > rate(param)) {
				t.Fatalf("%+v, but %v is admissible", s, param)
			}
		}
		if s.OK && (!admissible(s.Candidate) || s.Candidate.Bits != rate(s.Param)) {
			t.Fatalf("%+v is not admissible", s)
		}
	})
}
