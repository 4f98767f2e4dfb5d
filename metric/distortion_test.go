package metric

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func ExampleReference_Measure() {
	// Two vectors of four values, the last two of them rotary; the codec is
	// measured as the vectors it gives back.
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	r, err := NewReference(x, 4, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := r.Measure([]float32{1, 2, 3, 3, 5, 6, 8, 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("squared error", d.Error, "of energy", d.Energy, "and variance", d.Variance)
	fmt.Println(d.RelMSE(), d.RelMSEEnergyNope())
	// Output:
	// squared error 2 of energy 204 and variance 32
	// 0.0625 0
}

func TestDistortionByHand(t *testing.T) {
	nan := math.NaN()
	type figures struct{ relMSE, energy, nope, rope, cosine float64 }
	for _, c := range []struct {
		name      string
		dim, rope int
		x, y      []float32
		want      figures
	}{
		{"an exact copy has no error", 2, 0,
			[]float32{1, 2, 3, 4}, []float32{1, 2, 3, 4}, figures{0, 0, nan, nan, 1}},
		// Mean (2, 3): variance 4, energy 30, error 1+4.
		{"both denominators", 2, 1,
			[]float32{1, 2, 3, 4}, []float32{0, 2, 3, 2}, figures{5. / 4, 5. / 30, 1. / 10, 4. / 20,
				(4/math.Sqrt(5*4) + 17/math.Sqrt(25*13)) / 2}},
		{"one vector has no variance", 2, 0,
			[]float32{3, 4}, []float32{3, 3}, figures{nan, 1. / 25, nan, nan, 21 / (5 * math.Sqrt(18))}},
		{"equal vectors have no variance", 1, 0,
			[]float32{0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, []float32{0, 0, 0, 0, 0, 0, 0}, figures{nan, 1, nan, nan, 0}},
		{"zero vectors define nothing and count cosine 0", 2, 1,
			[]float32{0, 0, 0, 0}, []float32{0, 0, 0, 0}, figures{nan, nan, nan, nan, 0}},
		{"a vector lost counts cosine 0", 1, 0,
			[]float32{1, -1}, []float32{1, 0}, figures{0.5, 0.5, nan, nan, 0.5}},
		{"an invented vector counts cosine 0", 1, 0,
			[]float32{2, 0}, []float32{2, 1}, figures{0.5, 0.25, nan, nan, 0.5}},
		{"all dimensions may be rotary", 1, 1,
			[]float32{2, 0}, []float32{2, 1}, figures{0.5, 0.25, nan, 0.25, 0.5}},
		{"a zero rotary part is undefined", 2, 1,
			[]float32{2, 0}, []float32{1, 0}, figures{nan, 0.25, 0.25, nan, 1}},
		{"an opposite vector has cosine -1", 2, 0,
			[]float32{1, 3, 3, 1}, []float32{-1, -3, 3, 1}, figures{40. / 4, 40. / 20, nan, nan, 0}},
		{"the largest values do not overflow", 1, 0,
			[]float32{math.MaxFloat32, -math.MaxFloat32}, []float32{-math.MaxFloat32, -math.MaxFloat32}, figures{2, 2, nan, nan, 0}},
		{"the smallest values do not vanish", 1, 0,
			[]float32{math.SmallestNonzeroFloat32, 0}, []float32{2 * math.SmallestNonzeroFloat32, 0}, figures{2, 1, nan, nan, 0.5}},
		// In float64, but not in float32, 2^24 + 1 and the mean of the two exist.
		{"a mean far above the spread cancels nothing", 1, 0,
			[]float32{1 << 24, 1<<24 + 2}, []float32{1 << 24, 1 << 24}, figures{2, 4 / (0x1p48 + 0x1.000002p24*0x1.000002p24), nan, nan, 1}},
	} {
		d, err := Measure(c.x, c.y, c.dim, c.rope)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, f := range []struct {
			name      string
			got, want float64
		}{
			{"RelMSE", d.RelMSE(), c.want.relMSE},
			{"RelMSEEnergy", d.RelMSEEnergy(), c.want.energy},
			{"RelMSEEnergyNope", d.RelMSEEnergyNope(), c.want.nope},
			{"RelMSEEnergyRope", d.RelMSEEnergyRope(), c.want.rope},
			{"MeanCosine", d.MeanCosine(), c.want.cosine},
		} {
			if !near(f.got, f.want, 1e-12) {
				t.Errorf("%s: %s %v, want %v", c.name, f.name, f.got, f.want)
			}
		}
	}
}

func TestNoVectorsHaveNoFigures(t *testing.T) {
	var d Distortion
	for _, f := range []float64{d.RelMSE(), d.RelMSEEnergy(), d.RelMSEEnergyNope(), d.RelMSEEnergyRope(), d.MeanCosine()} {
		if !math.IsNaN(f) {
			t.Errorf("%v", f)
		}
	}
}

func TestMeasureRefusesWhatItCannotMeasure(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		x, y      []float32
		dim, rope int
		want      string
	}{
		{[]float32{1}, []float32{1}, -1, 0, "dimension -1"},
		{nil, nil, 4, 0, "no vectors"},
		{[]float32{1, 2, 3}, []float32{1, 2, 3}, 2, 0, "3 values are no whole number of vectors of 2"},
		{[]float32{1, 2}, []float32{1, 2}, 2, 3, "3 RoPE dimensions in vectors of 2"},
		{[]float32{1, 2}, []float32{1, 2}, 2, -1, "-1 RoPE dimensions"},
		{[]float32{1, 2, nan, 4}, []float32{1, 2, 3, 4}, 2, 0, "vector 1 holds NaN at coordinate 0"},
		{[]float32{1, 2}, []float32{1}, 2, 0, "1 decoded values for a passage of 2"},
		{[]float32{1, 2, 3, 4}, []float32{1, 2, 3, nan}, 2, 0, "decoded vector 1 holds NaN at coordinate 1"},
		{[]float32{1, 2, 3, 4}, []float32{1, 2, 3, float32(math.Inf(1))}, 2, 1, "decoded vector 1 holds +Inf at coordinate 1"},
	} {
		if _, err := Measure(c.x, c.y, c.dim, c.rope); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// plainMeasure is the definitions, one sum at a time.
func plainMeasure(x, y []float32, dim, rope int) Distortion {
	n := len(x) / dim
	d := Distortion{Vectors: n, HasRope: rope > 0}
	mean := make([]float64, dim)
	for i, v := range x {
		mean[i%dim] += float64(v) / float64(n)
	}
	for i := range n {
		var xx, xy, yy float64
		for j := range dim {
			a, b := float64(x[i*dim+j]), float64(y[i*dim+j])
			xx, xy, yy = xx+a*a, xy+a*b, yy+b*b
			d.Error += (a - b) * (a - b)
			d.Variance += (a - mean[j]) * (a - mean[j])
			if j >= dim-rope && d.HasRope {
				d.RopeError += (a - b) * (a - b)
				d.RopeEnergy += a * a
			}
		}
		d.Energy += xx
		if xx > 0 && yy > 0 {
			d.Cosine += xy / (math.Sqrt(xx) * math.Sqrt(yy))
		}
	}
	return d
}

func TestMeasureIsTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dim := rapid.IntRange(1, 40).Draw(t, "dim")
		rope := rapid.IntRange(0, dim).Draw(t, "rope")
		n := rapid.IntRange(1, 20).Draw(t, "n")
		x, y := gaussian(t, n*dim), gaussian(t, n*dim)
		if rapid.Bool().Draw(t, "close") {
			for i := range y {
				y[i] = x[i] + y[i]/1000
			}
		}
		clear(x[:rapid.IntRange(0, dim).Draw(t, "zeros")])
		got, err := Measure(x, y, dim, rope)
		if err != nil {
			t.Fatal(err)
		}
		want := plainMeasure(x, y, dim, rope)
		if n == 1 {
			want.Variance = 0
		}
		if !sameDistortion(got, want, 1e-12) {
			t.Fatalf("%+v, want %+v", got, want)
		}
	})
}

func sameDistortion(a, b Distortion, tolerance float64) bool {
	return a.Vectors == b.Vectors && a.HasRope == b.HasRope &&
		near(a.Error, b.Error, tolerance) && near(a.Energy, b.Energy, tolerance) &&
		near(a.Variance, b.Variance, tolerance) && math.Abs(a.Cosine-b.Cosine) <= 1e3*tolerance &&
		near(a.RopeError, b.RopeError, tolerance) && near(a.RopeEnergy, b.RopeEnergy, tolerance)
}

func TestMeasureLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const dim = 16
		n := rapid.IntRange(2, 20).Draw(t, "n")
		x, y := gaussian(t, n*dim), gaussian(t, n*dim)
		for i := range y {
			y[i] = x[i] + y[i]/10
		}
		want, err := Measure(x, y, dim, 4)
		if err != nil {
			t.Fatal(err)
		}
		// A rotation of all vectors keeps every figure that does not split them.
		rx, ry := newRotation(x, dim), newRotation(y, dim)
		var qx, qy []float32
		for i := 0; i < len(x); i += dim {
			qx = append(qx, rx.row(x[i:i+dim])...)
			qy = append(qy, ry.row(y[i:i+dim])...)
		}
		got, _ := Measure(qx, qy, dim, 0)
		if !near(got.RelMSEEnergy(), want.RelMSEEnergy(), 1e-4) || !near(got.RelMSE(), want.RelMSE(), 1e-4) ||
			!near(got.MeanCosine(), want.MeanCosine(), 1e-4) {
			t.Fatalf("rotated %+v, want %+v", got, want)
		}
		// The order of vectors does not matter.
		var sx, sy []float32
		for _, i := range permutation(t, n) {
			sx = append(sx, x[i*dim:(i+1)*dim]...)
			sy = append(sy, y[i*dim:(i+1)*dim]...)
		}
		if got, _ = Measure(sx, sy, dim, 4); !sameDistortion(got, want, 1e-12) {
			t.Fatalf("shuffled %+v, want %+v", got, want)
		}
		// Nor does the scale; a power of two is exact.
		scale := float32(math.Ldexp(1, rapid.IntRange(-60, 100).Draw(t, "exponent")))
		for i := range x {
			x[i], y[i] = x[i]*scale, y[i]*scale
		}
		if got, _ = Measure(x, y, dim, 4); got.RelMSE() != want.RelMSE() || got.RelMSEEnergyNope() != want.RelMSEEnergyNope() ||
			!near(got.MeanCosine(), want.MeanCosine(), 1e-15) {
			t.Fatalf("scaled by %v %+v, want %+v", scale, got, want)
		}
	})
}

func BenchmarkNewReference(b *testing.B) {
	x := randomValues(2048*512, 1)
	b.SetBytes(int64(4 * len(x)))
	for b.Loop() {
		if _, err := NewReference(x, 512, 64); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMeasure(b *testing.B) {
	x, y := randomValues(64*512, 1), randomValues(64*512, 2)
	r, err := NewReference(x, 512, 64)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(4 * len(x)))
	for b.Loop() {
		if _, err := r.Measure(y); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/vector")
}
