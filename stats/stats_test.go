package stats

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// hcaRatios are the per-passage distortion ratios E8 Q=38 / FP8 of the HCA
// stream in the published n = 8 audit, to three decimals.
var hcaRatios = []float64{0.966, 1.060, 1.072, 1.011, 1.123, 0.952, 1.065, 1.096}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: got %.12g, want %.12g within %g", what, got, want, tolerance)
	}
}

func TestSummaryOfPublishedRatios(t *testing.T) {
	s := Summarize(hcaRatios)
	// Published for the unrounded ratios: 1.04304, std 0.061172, half-width
	// 0.05115 (with t = 2.365).
	near(t, "mean", float64(s.Mean), 1.04304, 2e-4)
	near(t, "std", float64(s.Std), 0.061172, 2e-4)
	near(t, "half-width", float64(s.CI95), 0.05114, 2e-4)
	near(t, "upper", s.Upper(), float64(s.Mean+s.CI95), 1e-15)
	near(t, "lower", s.Lower(), float64(s.Mean-s.CI95), 1e-15)
	if s.N != 8 || len(s.Values) != 8 || s.Boot95 == nil {
		t.Errorf("n = %d, %d values, bootstrap %v", s.N, len(s.Values), s.Boot95)
	}
}

func TestSummaryOfFewValues(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name      string
		values    []float64
		n         int
		mean, std float64 // NaN: undefined
	}{
		{"no values have no mean", nil, 0, nan, nan},
		{"only undefined values have no mean", []float64{nan, math.Inf(1)}, 0, nan, nan},
		{"one value has a mean and no spread", []float64{3}, 1, 3, nan},
		{"one value among undefined ones is still one", []float64{nan, 3, math.Inf(-1)}, 1, 3, nan},
		{"two values have both", []float64{1, 3}, 2, 2, math.Sqrt2},
		{"equal values spread by exactly zero", []float64{0.1, 0.1, 0.1}, 3, 0.1, 0},
		{"a mean beyond float64 is undefined", []float64{math.MaxFloat64, -math.MaxFloat64}, 2, nan, nan},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Summarize(c.values)
			same := func(what string, got Float, want float64) {
				if got.Defined() != Float(want).Defined() || got.Defined() && math.Abs(float64(got)-want) > 1e-15 {
					t.Errorf("%s: got %v, want %v", what, got, want)
				}
			}
			same("mean", s.Mean, c.mean)
			same("std", s.Std, c.std)
			if s.N != c.n || len(s.Values) != len(c.values) {
				t.Errorf("n = %d of %d values, want %d of %d", s.N, len(s.Values), c.n, len(c.values))
			}
			if s.CI95.Defined() != Float(c.std).Defined() || math.IsNaN(s.Upper()) != math.IsNaN(c.std) || math.IsNaN(s.Lower()) != math.IsNaN(c.std) {
				t.Errorf("interval %v, [%v, %v] with std %v", s.CI95, s.Lower(), s.Upper(), s.Std)
			}
			if (s.Boot95 != nil) != (c.n >= 2) {
				t.Errorf("bootstrap %v with n = %d", s.Boot95, c.n)
			}
		})
	}
}

func TestUndefinedFiguresAreNullInJSONAndComeBack(t *testing.T) {
	b, err := json.Marshal(Summarize([]float64{2, math.NaN()}))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"mean":2,"std":null,"ci95":null,"n":1,"values":[2,null]}`
	if string(b) != want {
		t.Fatalf("got %s, want %s", b, want)
	}
	var s Stat
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	if s.Mean != 2 || s.Std.Defined() || s.CI95.Defined() || s.N != 1 || len(s.Values) != 2 || s.Values[1].Defined() {
		t.Errorf("came back as %+v", s)
	}

	b, err = json.Marshal(Summarize(nil))
	if err != nil || string(b) != `{"mean":null,"std":null,"ci95":null,"n":0,"values":[]}` {
		t.Errorf("no values: %s, %v", b, err)
	}

	full := Summarize(hcaRatios)
	b, err = json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	var back Stat
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(full, back) {
		t.Errorf("round trip of %s: %+v", b, back)
	}
}

func TestFloatRefusesWhatIsNoNumber(t *testing.T) {
	var f Float
	if err := json.Unmarshal([]byte(`"x"`), &f); err == nil {
		t.Error("a string was read as a figure")
	}
}

func drawValues(t *rapid.T, least, most int) []float64 {
	return rapid.SliceOfN(rapid.Float64Range(-10, 10), least, most).Draw(t, "values")
}

func TestSummaryFollowsShiftAndScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawValues(t, 2, 20)
		scale := rapid.Float64Range(0.01, 100).Draw(t, "scale")
		shift := rapid.Float64Range(-100, 100).Draw(t, "shift")
		y := make([]float64, len(x))
		for i := range x {
			y[i] = scale*x[i] + shift
		}
		a, b := Summarize(x), Summarize(y)
		tolerance := 1e-12 * (math.Abs(shift) + 10*scale + 1)
		check := func(what string, got, want float64) {
			if !(math.Abs(got-want) <= tolerance) {
				t.Fatalf("%s: got %v, want %v", what, got, want)
			}
		}
		check("mean", float64(b.Mean), scale*float64(a.Mean)+shift)
		check("upper", b.Upper(), scale*a.Upper()+shift)
		check("bootstrap lower", float64(b.Boot95[0]), scale*float64(a.Boot95[0])+shift)
		check("bootstrap upper", float64(b.Boot95[1]), scale*float64(a.Boot95[1])+shift)
	})
}

func TestUndefinedValuesChangeNoFigure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawValues(t, 0, 12)
		at := rapid.IntRange(0, len(x)).Draw(t, "at")
		holed := append(append(append([]float64{}, x[:at]...), math.NaN()), x[at:]...)
		a, b := Summarize(x), Summarize(holed)
		a.Values, b.Values = nil, nil
		if ja, jb := mustJSON(t, a), mustJSON(t, b); ja != jb {
			t.Fatalf("%s became %s", ja, jb)
		}
	})
}

func mustJSON(t *rapid.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestMergedMomentsAreThoseOfAllValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawValues(t, 0, 30)
		cut := rapid.IntRange(0, len(x)).Draw(t, "cut")
		got := MomentsOf(x[:cut]).Merge(MomentsOf(x[cut:]))
		want := MomentsOf(x)
		if got.N != want.N || math.Abs(got.Mean-want.Mean) > 1e-12 || math.Abs(got.SS-want.SS) > 1e-10 {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func BenchmarkSummarize(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Summarize(hcaRatios)
	}
}
