package metric

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func ExampleAudit() {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 4096*8)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
		if i%8 == 3 {
			x[i] = 10*x[i] + 5 // one loud, shifted channel
		}
	}
	g, err := Audit(x, 8)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("isotropy %.0f, after rotation %.2f, two-sided tail %.2f, %d gates\n",
		g.Isotropy, g.HadamardRatio, g.TailTwoSided, g.GatesFired())
	// Output: isotropy 99, after rotation 1.02, two-sided tail 0.01, 2 gates
}

// readFloats reads float32 values, little endian.
func readFloats(t testing.TB, name string) []float32 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, len(b)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}

// The figures are the reference implementation's, which computes in float32,
// for these inputs.
func TestAuditEqualsTheReference(t *testing.T) {
	for _, c := range []struct {
		file   string
		n, dim int
		want   NonGaussian
	}{
		{"audit.x0.f32", 256, 128, NonGaussian{33.24736785888672, 287176.96875, 1.5722733736038208, 0.6936490535736084, 0}},
		{"audit.x1.f32", 64, 512, NonGaussian{16.063304901123047, 509770.3125, 3.8770556449890137, 0.5843145847320557, 0}},
		{"audit.x2.f32", 16, 512, NonGaussian{3.8150224685668945, 85325280.0, 2.1665844917297363, 0.2473524808883667, 0}},
	} {
		x := readFloats(t, c.file)
		if len(x) != c.n*c.dim {
			t.Fatalf("%s: %d values", c.file, len(x))
		}
		got, err := Audit(x, c.dim)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []struct {
			name      string
			got, want float64
		}{
			{"excess kurtosis", got.ExcessKurtosis, c.want.ExcessKurtosis},
			{"isotropy", got.Isotropy, c.want.Isotropy},
			{"Hadamard ratio", got.HadamardRatio, c.want.HadamardRatio},
			{"one-sided tail", got.TailOneSided, c.want.TailOneSided},
		} {
			if !near(f.got, f.want, 1e-5) {
				t.Errorf("%s: %s %v, want %v", c.file, f.name, f.got, f.want)
			}
		}
		if got.GatesFired() != 4 {
			t.Errorf("%s: %d gates", c.file, got.GatesFired())
		}
	}
}

func TestAuditByHand(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name string
		dim  int
		x    []float32
		want NonGaussian
	}{
		{"one vector defines nothing", 2, []float32{1, 2},
			NonGaussian{nan, nan, nan, nan, nan}},
		// Coordinate 0 is -1, 1 (m2 1, m4 1), coordinate 1 is -2, 2 (m2 4, m4 16):
		// kurtosis 1 in both, so |1-3|. Rotated: (-3, 3)/sqrt 2 and (1, -1)/sqrt 2,
		// variances 4.5 and 0.5; |x| = std everywhere.
		{"two opposite vectors", 2, []float32{-1, -2, 1, 2},
			NonGaussian{2, 4, 9, 1 - 1/2.326, 1 - 1/2.5758293035489004}},
		// Dimension 1 is not rotated. Mean 2, deviations -2, 0, 2: m2 8/3,
		// m4 32/3, kurtosis 1.5. p99 of |0, 2, 4| lies 0.98 of the way from 2 to
		// 4, p99 of |deviation| at 2.
		{"three values of one coordinate", 1, []float32{0, 2, 4},
			NonGaussian{1.5, 1, 1, 3.96/math.Sqrt(8./3)/2.326 - 1, 1 - 2/math.Sqrt(8./3)/2.5758293035489004}},
		// Rotated: (6, -8)/sqrt 2 and (8, -6)/sqrt 2, variance 0.5 in both; p99 of
		// |6, 8| lies 0.99 of the way, |deviation| = std.
		{"a constant coordinate counts kurtosis 0 and leaves its ratio undefined", 2, []float32{-1, 7, 1, 7},
			NonGaussian{2.5, nan, 1, 7.98/2.326 - 1, 1 - 1/2.5758293035489004}},
		{"equal vectors have no spread and no tail", 2, []float32{3, 0.1, 3, 0.1, 3, 0.1},
			NonGaussian{3, nan, nan, nan, nan}},
		{"zero vectors have no spread and no tail", 4, make([]float32, 12),
			NonGaussian{3, nan, nan, nan, nan}},
	} {
		got, err := Audit(c.x, c.dim)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !sameAudit(got, c.want, 1e-6) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestAuditRefusesWhatItCannotMeasure(t *testing.T) {
	inf := float32(math.Inf(-1))
	for _, c := range []struct {
		x    []float32
		dim  int
		want string
	}{
		{[]float32{1}, 0, "dimension 0"},
		{nil, 4, "no vectors"},
		{make([]float32, 6), 4, "6 values are no whole number of vectors of 4"},
		{[]float32{1, 2, 3, inf}, 2, "vector 1 holds -Inf at coordinate 1"},
	} {
		if _, err := Audit(c.x, c.dim); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func TestGatesFireAboveTheirLimitOnly(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		g    NonGaussian
		want int
	}{
		{NonGaussian{0.5, 1.5, 1.5, 0.05, 9}, 0},
		{NonGaussian{0.51, 1.51, 1.51, 0.051, 0}, 4},
		{NonGaussian{nan, nan, 2, nan, nan}, 1},
	} {
		if got := c.g.GatesFired(); got != c.want {
			t.Errorf("%+v fires %d gates, want %d", c.g, got, c.want)
		}
	}
}

func TestGaussianDataIsGaussianWhereTheMeasureIsSound(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	x := make([]float32, 20000*16)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	g, err := Audit(x, 16)
	if err != nil {
		t.Fatal(err)
	}
	// 2.5758/2.326 - 1 = 0.1074: the one-sided tail fires on Gaussian data.
	if g.ExcessKurtosis > 0.1 || g.Isotropy > 1.1 || g.HadamardRatio > 1.1 ||
		math.Abs(g.TailOneSided-0.1074) > 0.01 || g.TailTwoSided > 0.02 || g.GatesFired() != 1 {
		t.Errorf("%+v", g)
	}
}

func TestAMeanVectorMovesOnlyTheOneSidedTail(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	x, y := make([]float32, 1000*8), make([]float32, 1000*8)
	for i := range x {
		x[i] = float32(rng.IntN(1024))
		y[i] = x[i] + 4096*float32(i%8)
	}
	a, err := Audit(x, 8)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Audit(y, 8)
	if err != nil {
		t.Fatal(err)
	}
	if a.TailOneSided == b.TailOneSided {
		t.Errorf("one-sided tail %v with and without a mean", a.TailOneSided)
	}
	b.TailOneSided = a.TailOneSided
	if !sameAudit(a, b, 1e-5) {
		t.Errorf("%+v with mean 0, %+v with another", a, b)
	}
}

func TestAuditLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dim := rapid.SampledFrom([]int{1, 2, 3, 8, 12, 16, 80}).Draw(t, "dim")
		n := rapid.IntRange(2, 300).Draw(t, "n")
		x := gaussian(t, n*dim)
		want, err := Audit(x, dim)
		if err != nil {
			t.Fatal(err)
		}
		// The order of vectors does not matter.
		shuffled := make([]float32, 0, len(x))
		for _, i := range permutation(t, n) {
			shuffled = append(shuffled, x[i*dim:(i+1)*dim]...)
		}
		if got, _ := Audit(shuffled, dim); !sameAudit(got, want, 1e-9) {
			t.Fatalf("shuffled %+v, want %+v", got, want)
		}
		// Nor does the scale, down to where the kurtosis bound applies. A power
		// of two is exact, so the rest is equal at both ends of float32.
		for _, exp := range []int{-90, -20, 20, 110} {
			scaled := make([]float32, len(x))
			for i, v := range x {
				scaled[i] = float32(math.Ldexp(float64(v), exp))
			}
			got, _ := Audit(scaled, dim)
			if exp < -10 {
				got.ExcessKurtosis = want.ExcessKurtosis
			}
			if !sameAudit(got, want, 1e-9) {
				t.Fatalf("scaled by 2^%d %+v, want %+v", exp, got, want)
			}
		}
	})
}

func TestAuditIsDefinedForTheLargestAndTheSmallestValues(t *testing.T) {
	for _, v := range []float32{math.MaxFloat32, math.SmallestNonzeroFloat32} {
		x := make([]float32, 64*32)
		for i := range x {
			x[i] = v * float32(1-2*(i/3%2))
		}
		g, err := Audit(x, 64)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []float64{g.ExcessKurtosis, g.Isotropy} {
			if !finite(f) {
				t.Errorf("%g: %+v", v, g)
			}
		}
	}
}

func sameAudit(a, b NonGaussian, tolerance float64) bool {
	return near(a.ExcessKurtosis, b.ExcessKurtosis, tolerance) && near(a.Isotropy, b.Isotropy, tolerance) &&
		near(a.HadamardRatio, b.HadamardRatio, tolerance) && near(a.TailOneSided, b.TailOneSided, tolerance) &&
		near(a.TailTwoSided, b.TailTwoSided, tolerance)
}

func BenchmarkAudit(b *testing.B) {
	x := randomValues(2048*512, 1)
	b.SetBytes(int64(4 * len(x)))
	for b.Loop() {
		if _, err := Audit(x, 512); err != nil {
			b.Fatal(err)
		}
	}
}
