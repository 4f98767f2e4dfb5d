package metric

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func ExampleAttention() {
	// Four tokens, one head of two values, queries drawn from the keys.
	k := []float32{1, 0, 0, 1, 1, 1, -1, 0}
	v := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	a, err := NewAttention(k, v, k, AttentionShape{KVHeads: 1, QHeads: 1, HeadDim: 2, MaxQueries: 64})
	if err != nil {
		fmt.Println(err)
		return
	}
	half := []float32{0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4}
	e, err := a.Error(k, half)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d positions, error %.2f\n", a.Queries(), e)
	// Output: 3 positions, error 0.25
}

func TestAttentionByHand(t *testing.T) {
	one := AttentionShape{KVHeads: 1, QHeads: 1, HeadDim: 1, MaxQueries: 1}
	ln3 := float32(math.Log(3))
	for _, c := range []struct {
		name       string
		shape      AttentionShape
		k, v, q    []float32
		kHat, vHat []float32
		want       float64
	}{
		// Scores 0 and ln 3: weights 1/4 and 3/4, output 4. Decoded keys of 0:
		// weights 1/2, output 3.
		{"an error in the keys alone", one,
			[]float32{0, ln3}, []float32{1, 5}, []float32{9, 1}, []float32{0, 0}, []float32{1, 5}, 1. / 16},
		{"an error in the values alone", one,
			[]float32{0, ln3}, []float32{1, 5}, []float32{9, 1}, []float32{0, ln3}, []float32{1, 1}, 9. / 16},
		// HeadDim 4 halves the scores: 2 ln 3 becomes ln 3.
		{"scores are scaled by the root of the head dimension", AttentionShape{KVHeads: 1, QHeads: 1, HeadDim: 4, MaxQueries: 1},
			[]float32{0, 0, 0, 0, ln3, ln3, 0, 0}, []float32{1, 0, 0, 0, 5, 0, 0, 0}, []float32{0, 0, 0, 0, 1, 1, 1, 1},
			make([]float32, 8), []float32{1, 0, 0, 0, 5, 0, 0, 0}, 1. / 16},
		{"a window of one sees the token itself alone", AttentionShape{KVHeads: 1, QHeads: 1, HeadDim: 1, MaxQueries: 1, Visibility: Visibility{Window: 1}},
			[]float32{7, 2}, []float32{1, 5}, []float32{9, 1}, []float32{0, 0}, []float32{9, 4}, 1. / 25},
		{"exact outputs of zero leave the error undefined", one,
			[]float32{0, 1}, []float32{0, 0}, []float32{1, 1}, []float32{0, 1}, []float32{0, 0}, math.NaN()},
		// Tokens 3 of 4 and 7 of 8 are asked; the first sees no entry of ratio 8.
		{"a query that sees no entry is left out", AttentionShape{KVHeads: 1, QHeads: 1, HeadDim: 1, MaxQueries: 2, Visibility: Visibility{Ratio: 8}},
			[]float32{1}, []float32{2}, []float32{1, 1, 1, 1, 1, 1, 1, 1}, []float32{1}, []float32{3}, 1. / 4},
		{"no visible entry at all leaves the error undefined", AttentionShape{KVHeads: 1, QHeads: 1, HeadDim: 1, MaxQueries: 2, Visibility: Visibility{Ratio: 8}},
			[]float32{1}, []float32{2}, []float32{1, 1, 1, 1}, []float32{1}, []float32{3}, math.NaN()},
	} {
		a, err := NewAttention(c.k, c.v, c.q, c.shape)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got, err := a.Error(c.kHat, c.vHat)
		if err != nil || !near(got, c.want, 1e-6) {
			t.Errorf("%s: error %v (%v), want %v", c.name, got, err, c.want)
		}
	}
}

func TestQueryHeadsReadTheEntryHeadOfTheirGroup(t *testing.T) {
	// One token sees itself alone, so each output is its entry head's value:
	// |o|^2 is 1, 1, 1, then 16, 16, 16 for two entry heads of six query heads.
	s := AttentionShape{KVHeads: 2, QHeads: 6, HeadDim: 1, MaxQueries: 1}
	q := []float32{1, 2, 3, 4, 5, 6}
	a, err := NewAttention([]float32{1, 1}, []float32{1, 4}, q, s)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float64{1, 1, 1, 4, 4, 4}; !slices.Equal(a.outputs, want) {
		t.Errorf("outputs %v, want %v", a.outputs, want)
	}
	if got, _ := a.Error([]float32{1, 1}, []float32{0, 4}); !near(got, 3./51, 1e-15) {
		t.Errorf("error %v in head 0, want 3/51", got)
	}
	if got, _ := a.Error([]float32{1, 1}, []float32{1, 0}); !near(got, 48./51, 1e-15) {
		t.Errorf("error %v in head 1, want 48/51", got)
	}
}

func TestAttentionRefusesWhatDoesNotFit(t *testing.T) {
	ok := AttentionShape{KVHeads: 2, QHeads: 4, HeadDim: 3, MaxQueries: 8}
	k, q := randomValues(5*2*3, 1), randomValues(5*4*3, 2)
	bad := slices.Clone(k)
	bad[2*6+4] = float32(math.Inf(1))
	badQ := slices.Clone(q)
	badQ[12+11] = float32(math.NaN())
	for _, c := range []struct {
		name    string
		change  func(*AttentionShape)
		k, v, q []float32
		want    string
	}{
		{"heads that are no multiple", func(s *AttentionShape) { s.QHeads = 3 }, k, k, q, "3 query heads over 2 entry heads"},
		{"no head dimension", func(s *AttentionShape) { s.HeadDim = 0 }, k, k, q, "2 entry heads of 0"},
		{"no query heads", func(s *AttentionShape) { s.QHeads = 0 }, k, k, q, "0 query heads"},
		{"no positions", func(s *AttentionShape) { s.MaxQueries = 0 }, k, k, q, "at 0 query positions"},
		{"a negative window", func(s *AttentionShape) { s.Window = -1 }, k, k, q, "window -1"},
		{"a negative ratio", func(s *AttentionShape) { s.Ratio = -4 }, k, k, q, "ratio -4"},
		{"values of another length", nil, k, k[6:], q, "30 key and 24 value elements"},
		{"part of an entry", nil, k[1:], k[1:], q, "29 key elements are no whole number"},
		{"no entries", nil, nil, nil, q, "0 key elements"},
		{"part of a token", nil, k, k, q[1:], "59 query elements are no whole number"},
		{"tokens of another passage", nil, k, k, q[12:], "5 entries for the queries of 4 tokens at compression ratio 1"},
		{"too many entries for the ratio", func(s *AttentionShape) { s.Ratio = 2 }, k, k, q, "5 entries for the queries of 5 tokens at compression ratio 2"},
		{"keys that are not finite", nil, bad, k, q, "keys: token 2, head 1 holds +Inf at coordinate 1"},
		{"values that are not finite", nil, k, bad, q, "values: token 2, head 1 holds +Inf at coordinate 1"},
		{"queries that are not finite", nil, k, k, badQ, "queries: token 1, head 3 holds NaN at coordinate 2"},
	} {
		s := ok
		if c.change != nil {
			c.change(&s)
		}
		if _, err := NewAttention(c.k, c.v, c.q, s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	a, err := NewAttention(k, k, q, ok)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		k, v []float32
		want string
	}{
		{k[6:], k, "24 decoded key and 30 decoded value elements for 5 entries of 6"},
		{k, k[:1], "30 decoded key and 1 decoded value elements"},
		{bad, k, "decoded keys: token 2"},
		{k, bad, "decoded values: token 2"},
	} {
		if _, err := a.Error(c.k, c.v); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// plainOutput is the attention output of head h of token t by definition, nil
// where the token sees nothing.
func plainOutput(k, v, q []float32, s AttentionShape, t, h int) []float64 {
	dim, entries := s.HeadDim, len(k)/(s.KVHeads*s.HeadDim)
	kv := h / (s.QHeads / s.KVHeads)
	var weights []float64
	var rows []int
	var sum float64
	for j := range entries {
		if j >= (t+1)/max(s.Ratio, 1) || s.Window > 0 && j < (t+1)/max(s.Ratio, 1)-s.Window {
			continue
		}
		var score float64
		for i := range dim {
			score += float64(q[(t*s.QHeads+h)*dim+i]) * float64(k[(j*s.KVHeads+kv)*dim+i])
		}
		w := math.Exp(score / math.Sqrt(float64(dim)))
		weights, rows, sum = append(weights, w), append(rows, j), sum+w
	}
	if len(rows) == 0 {
		return nil
	}
	o := make([]float64, dim)
	for r, j := range rows {
		for i := range o {
			o[i] += weights[r] / sum * float64(v[(j*s.KVHeads+kv)*dim+i])
		}
	}
	return o
}

func TestAttentionErrorIsTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := AttentionShape{
			KVHeads:    rapid.IntRange(1, 3).Draw(t, "entry heads"),
			HeadDim:    rapid.IntRange(1, 20).Draw(t, "head dim"),
			MaxQueries: rapid.IntRange(1, 12).Draw(t, "positions"),
			Visibility: Visibility{
				Ratio:  rapid.SampledFrom([]int{0, 1, 2, 4}).Draw(t, "ratio"),
				Window: rapid.IntRange(0, 9).Draw(t, "window"),
			},
		}
		s.QHeads = s.KVHeads * rapid.IntRange(1, 3).Draw(t, "group")
		tokens := rapid.IntRange(4, 30).Draw(t, "tokens")
		entries := tokens / max(s.Ratio, 1)
		width := s.KVHeads * s.HeadDim
		k, v := gaussian(t, entries*width), gaussian(t, entries*width)
		q := gaussian(t, tokens*s.QHeads*s.HeadDim)
		kHat, vHat := slices.Clone(k), slices.Clone(v)
		for i, noise := range gaussian(t, len(k)) {
			kHat[i] += noise / 8
			vHat[len(v)-1-i] += noise / 16
		}
		a, err := NewAttention(k, v, q, s)
		if err != nil {
			t.Fatal(err)
		}
		var distance, energy float64
		seen := 0
		for _, p := range QueryPositions(tokens, s.MaxQueries) {
			for h := range s.QHeads {
				exact, decoded := plainOutput(k, v, q, s, p, h), plainOutput(kHat, vHat, q, s, p, h)
				if exact != nil && h == 0 {
					seen++
				}
				for i := range exact {
					distance += (exact[i] - decoded[i]) * (exact[i] - decoded[i])
					energy += exact[i] * exact[i]
				}
			}
		}
		if a.Queries() != seen {
			t.Fatalf("%d positions, want %d", a.Queries(), seen)
		}
		want := math.NaN()
		if energy > 0 {
			want = distance / energy
		}
		if got, err := a.Error(kHat, vHat); err != nil || !near(got, want, 1e-9) {
			t.Fatalf("error %v (%v), want %v", got, err, want)
		}
		if got, _ := a.Error(k, v); seen > 0 && got != 0 {
			t.Fatalf("error %v of undistorted entries", got)
		}
	})
}

func TestAttentionIsDefinedForTheLargestValues(t *testing.T) {
	s := AttentionShape{KVHeads: 1, QHeads: 1, HeadDim: 8, MaxQueries: 4}
	k := make([]float32, 8*8)
	for i := range k {
		k[i] = math.MaxFloat32 * float32(1-2*(i/5%2))
	}
	a, err := NewAttention(k, k, k, s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.Error(make([]float32, len(k)), k); err != nil || !finite(got) {
		t.Errorf("error %v (%v)", got, err)
	}
}

func BenchmarkAttentionError(b *testing.B) {
	for _, c := range []struct {
		name   string
		tokens int
		s      AttentionShape
	}{
		{"entries of 512, causal", 2048, AttentionShape{KVHeads: 1, QHeads: 1, HeadDim: 512, MaxQueries: 64}},
		{"entries of 512, window", 2048, AttentionShape{KVHeads: 1, QHeads: 1, HeadDim: 512, MaxQueries: 64, Visibility: Visibility{Window: 128}}},
		{"4 groups of 4 heads of 64", 1024, AttentionShape{KVHeads: 4, QHeads: 16, HeadDim: 64, MaxQueries: 64}},
		{"4 groups of 2 heads of 8", 512, AttentionShape{KVHeads: 4, QHeads: 8, HeadDim: 8, MaxQueries: 64}},
	} {
		b.Run(c.name, func(b *testing.B) {
			k := randomValues(c.tokens*c.s.KVHeads*c.s.HeadDim, 1)
			v := randomValues(len(k), 2)
			a, err := NewAttention(k, v, randomValues(c.tokens*c.s.QHeads*c.s.HeadDim, 3), c.s)
			if err != nil {
				b.Fatal(err)
			}
			entries := 0
			for _, s := range a.spans {
				entries += s.hi - s.lo
			}
			// Keys and values of each visible entry, once per query head.
			b.SetBytes(int64(2 * 4 * entries * c.s.QHeads * c.s.HeadDim))
			for b.Loop() {
				if _, err := a.Error(k, v); err != nil {
					b.Fatal(err)
				}
			}
			flops := 4 * float64(entries*c.s.QHeads*c.s.HeadDim)
			b.ReportMetric(flops*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}
