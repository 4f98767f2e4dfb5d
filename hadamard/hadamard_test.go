package hadamard

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func ExampleTransform() {
	x := []float32{1, 0, 0, 0}
	Transform(x)
	fmt.Println(x)
	Transform(x)
	fmt.Println(x)
	// Output:
	// [0.5 0.5 0.5 0.5]
	// [1 0 0 0]
}

// lengths are all lengths that Transform takes.
func lengths() []int {
	var ns []int
	for n := 1; n <= MaxLen; n *= 2 {
		ns = append(ns, n)
	}
	return ns
}

func gaussian(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func energy(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return s
}

// checkClose allows the float32 rounding of log2(n) + 1 steps, relative to the
// length of the vector.
func checkClose(t *testing.T, got, want []float32) {
	t.Helper()
	diff := slices.Clone(got)
	for i := range diff {
		diff[i] -= want[i]
	}
	if e := math.Sqrt(energy(diff)); e > 1e-6*math.Sqrt(energy(want)) {
		t.Fatalf("the difference has length %v, the vector %v", e, math.Sqrt(energy(want)))
	}
}

func TestTransformIsTheSylvesterMatrix(t *testing.T) {
	for _, n := range lengths() {
		x := gaussian(rand.New(rand.NewPCG(uint64(n), 1)), n)
		want := make([]float32, n)
		for i := range want {
			var s float64
			for j, v := range x {
				if bits.OnesCount(uint(i&j))&1 != 0 {
					v = -v
				}
				s += float64(v)
			}
			want[i] = float32(s / math.Sqrt(float64(n)))
		}
		Transform(x)
		checkClose(t, x, want)
	}
}

// byStages is the documented order of operations, one stage at a time.
func byStages(x []float32) {
	n := len(x)
	for h := 1; h < n; h *= 2 {
		for i := range n {
			if i&h == 0 {
				x[i], x[i+h] = x[i]+x[i+h], x[i]-x[i+h]
			}
		}
	}
	s := float32(1 / math.Sqrt(float64(n)))
	for i := range x {
		x[i] *= s
	}
}

func TestTransformRoundsAsStageByStage(t *testing.T) {
	for _, n := range lengths() {
		r := rand.New(rand.NewPCG(uint64(n), 2))
		for range 20 {
			x := gaussian(r, n)
			want := slices.Clone(x)
			byStages(want)
			Transform(x)
			for i := range x {
				if math.Float32bits(x[i]) != math.Float32bits(want[i]) {
					t.Fatalf("n=%d: value %d is %v, stage by stage it is %v", n, i, x[i], want[i])
				}
			}
		}
	}
}

func TestTransformIsItsOwnInverse(t *testing.T) {
	for _, n := range lengths() {
		x := gaussian(rand.New(rand.NewPCG(uint64(n), 3)), n)
		y := slices.Clone(x)
		Transform(y)
		Transform(y)
		checkClose(t, y, x)
	}
}

func TestTransformKeepsEnergy(t *testing.T) {
	for _, n := range lengths() {
		x := gaussian(rand.New(rand.NewPCG(uint64(n), 4)), n)
		want := energy(x)
		Transform(x)
		if got := energy(x); math.Abs(got-want) > 1e-6*want {
			t.Errorf("n=%d: energy %v becomes %v", n, want, got)
		}
	}
}

func TestTransformIsLinear(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := 1 << rapid.IntRange(0, 12).Draw(rt, "log2 n")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 5))
		a := float32(rapid.Float64Range(-8, 8).Draw(rt, "a"))
		x, y, sum := gaussian(r, n), gaussian(r, n), make([]float32, n)
		for i := range sum {
			sum[i] = x[i] + float32(a*y[i])
		}
		Transform(x)
		Transform(y)
		Transform(sum)
		// Relative to the terms, not to the sum, which may cancel.
		limit := 2e-6 * (math.Sqrt(energy(x)) + math.Abs(float64(a))*math.Sqrt(energy(y)))
		for i := range sum {
			sum[i] -= x[i] + float32(a*y[i])
		}
		if e := math.Sqrt(energy(sum)); e > limit {
			rt.Fatalf("n=%d: H(x + %v y) differs from H x + %v H y by %v", n, a, a, e)
		}
	})
}

func TestUnitVectorsAreSpreadExactly(t *testing.T) {
	for _, n := range lengths() {
		x := make([]float32, n)
		x[n-1] = 1
		Transform(x)
		s := float32(1 / math.Sqrt(float64(n)))
		for i, v := range x {
			want := s
			if bits.OnesCount(uint(i&(n-1)))&1 != 0 {
				want = -s
			}
			if v != want {
				t.Fatalf("n=%d: value %d is %v, want %v", n, i, v, want)
			}
		}
	}
}

func TestOtherLengthsPanic(t *testing.T) {
	for _, n := range []int{0, 3, 5, 6, 7, 12, 511, 513, 4095, 8192} {
		if Valid(n) {
			t.Errorf("Valid(%d)", n)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Transform took %d values", n)
				}
			}()
			Transform(make([]float32, n))
		}()
	}
}

// FuzzTransform holds the transform of any bits, as many values as there are, to
// its stages.
func FuzzTransform(f *testing.F) {
	for _, n := range []int{1, 2, 8, 32, 128, 512} {
		x := gaussian(rand.New(rand.NewPCG(uint64(n), 3)), n)
		b := make([]byte, 4*n)
		for i, v := range x {
			binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 4 {
			return
		}
		n := 1 << (bits.Len(uint(min(len(b)/4, MaxLen))) - 1)
		x := make([]float32, n)
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
		want := slices.Clone(x)
		byStages(want)
		Transform(x)
		for i, v := range x {
			// A NaN has no rules for its bits.
			if math.Float32bits(v) != math.Float32bits(want[i]) && (v == v || want[i] == want[i]) {
				t.Fatalf("n=%d: value %d is %v, stage by stage it is %v", n, i, v, want[i])
			}
		}
	})
}
