package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// doubles widens x.
func doubles(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// inOrder is the documented order of a sum of terms.
func inOrder(terms []float64) float64 {
	var s [sumLanes]float64
	n := len(terms) &^ (sumLanes - 1)
	for i, v := range terms[:n] {
		s[i%sumLanes] += v
	}
	sum := ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
	for _, v := range terms[n:] {
		sum += v
	}
	return sum
}

func sameFloat(t *testing.T, what string, n int, got, want float64) {
	t.Helper()
	if math.Float64bits(got) != math.Float64bits(want) {
		t.Fatalf("%s of %d values: %v, want %v", what, n, got, want)
	}
}

func TestSumsAreInTheDocumentedOrder(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 1))
		for _, n := range edgeLengths {
			x, y := make([]float32, n), make([]float32, n)
			for range 10 {
				fill(r, x)
				fill(r, y)
				mean := doubles(y)
				for i := range mean {
					mean[i] *= 1 + r.Float64()/1000
				}
				terms := func(f func(a, b, m float64) float64) []float64 {
					list := make([]float64, n)
					for i := range list {
						list[i] = f(float64(x[i]), float64(y[i]), mean[i])
					}
					return list
				}
				pair := ComparePair(x, y)
				for _, c := range []struct {
					what string
					got  float64
					term func(a, b, m float64) float64
				}{
					{"squares", SumSquares(x), func(a, _, _ float64) float64 { return a * a }},
					{"squares about", SumSquaresAbout(x, mean), func(a, _, m float64) float64 { d := a - m; return float64(d * d) }},
					{"error", pair.Err, func(a, b, _ float64) float64 { d := a - b; return float64(d * d) }},
					{"dot", pair.Dot, func(a, b, _ float64) float64 { return a * b }},
					{"yy", pair.YY, func(_, b, _ float64) float64 { return b * b }},
					{"product", Dot(mean, x), func(a, _, m float64) float64 { return float64(m * a) }},
				} {
					sameFloat(t, c.what, n, c.got, inOrder(terms(c.term)))
				}
			}
		}
	})
}

func TestAddColumnsAddsEveryColumn(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 2))
		for _, n := range edgeLengths {
			x, sum := make([]float32, n), make([]float64, n+sumLanes)
			fill(r, x)
			for i := range sum {
				sum[i] = r.NormFloat64()
			}
			want := slices.Clone(sum)
			for i, v := range x {
				want[i] += float64(v)
			}
			AddColumns(sum, x)
			if !slices.Equal(sum, want) {
				t.Fatalf("%d columns: %v, want %v", n, sum, want)
			}
		}
	})
}

func TestAddRowsAddsFourRowsAtATime(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 3))
		for _, n := range []int{0, 1, 7, 8, 9, 16, 23, 64, 65} {
			for _, rows := range []int{0, 1, 3, 4, 5, 8, 11} {
				for _, stride := range []int{n, n + 3} {
					v := make([]float32, max(0, (rows-1)*stride+n))
					fill(r, v)
					w, sum := make([]float64, rows), make([]float64, n)
					for i := range w {
						w[i] = r.NormFloat64()
					}
					want := slices.Clone(sum)
					for i := range want {
						p := func(j int) float64 { return float64(w[j] * float64(v[j*stride+i])) }
						j := 0
						for ; j+4 <= rows; j += 4 {
							want[i] += (p(j) + p(j+1)) + (p(j+2) + p(j+3))
						}
						for ; j < rows; j++ {
							want[i] += p(j)
						}
					}
					AddRows(sum, w, v, stride)
					if !slices.Equal(sum, want) {
						t.Fatalf("%d rows of %d, a row every %d: %v, want %v", rows, n, stride, sum, want)
					}
				}
			}
		}
	})
}

func TestSumsAreNearTheExactOnes(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	x := make([]float32, 1000)
	fill(r, x)
	exact := new(big.Float).SetPrec(400)
	for _, v := range x {
		b := big.NewFloat(float64(v))
		exact.Add(exact, new(big.Float).SetPrec(400).Mul(b, b))
	}
	want, _ := exact.Float64()
	if got := SumSquares(x); math.Abs(got-want) > 1e-13*want {
		t.Errorf("%v, want %v", got, want)
	}
}

// FuzzSums holds every level against plain Go.
func FuzzSums(f *testing.F) {
	f.Add(make([]byte, 8*17))
	f.Add([]byte("\xff\xff\x7f\x7f\xff\xff\x7f\xff\x01\x00\x00\x00\x00\x00\x80\x3f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		x := floats(b)
		x, y := x[:len(x)/2], x[len(x)/2:]
		y = y[:len(x)]
		all := func() []float64 {
			mean, columns := doubles(y), doubles(y)
			pair := ComparePair(x, y)
			AddColumns(columns, x)
			AddRows(columns[:len(x)/5], mean[:min(5, len(x))], x, len(x)/5)
			return append(columns, SumSquares(x), SumSquaresAbout(x, mean), pair.Err, pair.Dot, pair.YY, Dot(mean, x))
		}
		defer Use(Go)()
		want := all()
		for _, l := range levels() {
			restore := Use(l)
			got := all()
			restore()
			for i := range want {
				sameFloat(t, l.String(), i, got[i], want[i])
			}
		}
	})
}

func BenchmarkSums(b *testing.B) {
	const dim, rows = 512, 64
	r := rand.New(rand.NewPCG(4, 5))
	x, y, m := make([]float32, dim), make([]float32, dim), make([]float32, rows*dim)
	for _, v := range [][]float32{x, y, m} {
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
	}
	q, w := doubles(x), doubles(y[:rows])
	b.Run("SumSquares", func(b *testing.B) { benchEachLevel(b, 1, 4*dim, func() { SumSquares(x) }) })
	b.Run("SumSquaresAbout", func(b *testing.B) { benchEachLevel(b, 1, 4*dim, func() { SumSquaresAbout(x, q) }) })
	b.Run("ComparePair", func(b *testing.B) { benchEachLevel(b, 1, 8*dim, func() { ComparePair(x, y) }) })
	b.Run("Dot", func(b *testing.B) { benchEachLevel(b, 1, 4*dim, func() { Dot(q, x) }) })
	b.Run("AddColumns", func(b *testing.B) { benchEachLevel(b, 1, 4*dim, func() { AddColumns(q, x) }) })
	b.Run("AddRows", func(b *testing.B) { benchEachLevel(b, rows, 4*dim, func() { AddRows(q, w, m, dim) }) })
}
