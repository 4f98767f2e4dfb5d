package deepseek4

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"kakeyalattice/checkpoint"
)

func TestTheHighestScoresAreChosenAndOfEqualOnesTheFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scores := rapid.SliceOfN(rapid.Map(rapid.IntRange(-3, 3), func(i int) float32 { return float32(i) / 2 }), 1, 40).Draw(t, "scores")
		k := rapid.IntRange(1, 40).Draw(t, "k")
		order := upTo(len(scores))
		slices.SortStableFunc(order, func(a, b int) int { return int(2*scores[b]) - int(2*scores[a]) })
		want := slices.Sorted(slices.Values(order[:min(k, len(order))]))
		got := highest(slices.Clone(scores), k)
		if len(scores) <= k {
			if got != nil {
				t.Errorf("%v of %d: a choice among all", scores, k)
			}
		} else if !slices.Equal(got, want) {
			t.Errorf("%d of %v: %v, want %v", k, scores, got, want)
		}
		wide := make([]float64, len(scores))
		for i, s := range scores {
			wide[i] = float64(s)
		}
		chosen := make([]int, min(k, len(scores)))
		takeHighest(chosen, wide)
		if slices.Sort(chosen); !slices.Equal(chosen, want) {
			t.Errorf("experts: %d of %v: %v, want %v", k, scores, chosen, want)
		}
	})
}

func TestTheKthHighestIsThatOfTheSorted(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for n := 1; n < 300; n++ {
		scores := make([]float32, n)
		for i := range scores {
			switch n % 4 {
			case 0:
				scores[i] = float32(i)
			case 1:
				scores[i] = float32(-i)
			case 2:
				scores[i] = float32(r.IntN(5))
			default:
				scores[i] = float32(r.NormFloat64())
			}
		}
		sorted := slices.Sorted(slices.Values(scores))
		for k := 1; k <= n; k += 1 + n/20 {
			if got, want := kthHighest(slices.Clone(scores), k), sorted[n-k]; got != want {
				t.Fatalf("%d of %d: %v, want %v", k, n, got, want)
			}
		}
	}
}

// Each pivot is the least of what is left, so that selection gains one a round.
func TestTheKthHighestEndsAgainstTheWorstOrder(t *testing.T) {
	const n = 1 << 12
	order := upTo(n) // the scores as they come to lie
	scores := make([]float32, n)
	for left := n; left > 0; left-- {
		at := left / 2
		scores[order[at]] = float32(-left)
		order[at] = order[left-1]
	}
	for _, k := range []int{1, n / 2, n} {
		if got, want := kthHighest(slices.Clone(scores), k), float32(-k); got != want {
			t.Errorf("%d of %d: %v, want %v", k, n, got, want)
		}
	}
}

// The wider the range of the values, the slower the rows converge.
func TestSinkhornMakesRowsAndColumnsSumToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 8).Draw(t, "k")
		c := rapid.SliceOfN(rapid.Float64Range(-2, 2), k*k, k*k).Draw(t, "c")
		sinkhorn(c, k, 200, 1e-6)
		for i := range k {
			row, column := 0.0, 0.0
			for j := range k {
				row, column = row+c[i*k+j], column+c[j*k+i]
			}
			if math.Abs(row-1) > 1e-4 || math.Abs(column-1) > 1e-5 {
				t.Errorf("row %d sums to %v, column %d to %v", i, row, i, column)
			}
		}
	})
}

func TestSoftplusIsGoodAtEverySize(t *testing.T) {
	for x := -700.0; x < 700; x += 0.37 {
		want := max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
		if got := softplus(x); !(math.Abs(got-want) <= 1e-9*want) {
			t.Errorf("softplus(%v) is %v, want %v", x, got, want)
		}
	}
}

func TestSomeRowsOfAMatrixAreItsRows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	m := &checkpoint.Matrix{Name: "m", Rows: 300, Cols: 200, Format: checkpoint.FP8, BlockRows: 128, BlockCols: 128}
	for range m.Rows * m.Cols {
		m.Data = append(m.Data, byte(r.IntN(120)))
	}
	for range 3 * 2 {
		m.Scale = append(m.Scale, byte(120+r.IntN(10)))
	}
	part := someRows(m, 120, 150)
	if err := part.Check(); err != nil {
		t.Fatal(err)
	}
	want, got := make([]float32, m.Cols), make([]float32, m.Cols)
	for i := range part.Rows {
		m.Row(want, 120+i)
		part.Row(got, i)
		if !sameBits(got, want) {
			t.Fatalf("row %d differs", i)
		}
	}
}
