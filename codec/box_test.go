package codec

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"kakeyalattice/lattice"
)

func mustNew(t testing.TB, spec string, dim int) Codec {
	t.Helper()
	s, err := Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(s, dim)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// gaussianVectors returns n vectors of iid N(0, 1) values.
func gaussianVectors(n, dim int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n*dim)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// relativeError is the energy-normalised squared error over all of x.
func relativeError(x, y []float32) float64 {
	var e, s float64
	for i := range x {
		d := float64(x[i]) - float64(y[i])
		e += d * d
		s += float64(x[i]) * float64(x[i])
	}
	return e / s
}

// hardVectors are finite vectors that break careless codecs.
func hardVectors(dim int) map[string][]float32 {
	fill := func(f func(i int) float32) []float32 {
		x := make([]float32, dim)
		for i := range x {
			x[i] = f(i)
		}
		return x
	}
	const tiny, huge = math.SmallestNonzeroFloat32, math.MaxFloat32
	sign := func(i int) float32 { return float32(1 - 2*(i&1)) }
	return map[string][]float32{
		"zero":              fill(func(int) float32 { return 0 }),
		"negative zero":     fill(func(int) float32 { return float32(math.Copysign(0, -1)) }),
		"smallest one-hot":  fill(func(i int) float32 { return tiny * float32(max(0, 1-i)) }),
		"largest one-hot":   fill(func(i int) float32 { return huge * float32(max(0, 1-i)) }),
		"smallest constant": fill(func(int) float32 { return tiny }),
		"largest constant":  fill(func(int) float32 { return huge }),
		"largest alternating": fill(func(i int) float32 {
			return huge * sign(i)
		}),
		"subnormal ramp":  fill(func(i int) float32 { return tiny * float32(i) }),
		"constant":        fill(func(int) float32 { return 1 }),
		"alternating":     fill(sign),
		"two-hot":         fill(func(i int) float32 { return float32(max(0, 1-i)) + float32(max(0, 1-(dim-1-i))) }),
		"huge among tiny": fill(func(i int) float32 { return map[bool]float32{true: huge, false: tiny}[i%7 == 3] }),
		"norm above fp16": fill(func(i int) float32 { return 70000 * sign(i/3) }),
		"powers of two":   fill(func(i int) float32 { return float32(math.Ldexp(1, i%250-124)) }),
	}
}

func TestBoxCodeSizesAreTheStatedOnes(t *testing.T) {
	// Bits at D = 512 from the reference's rate formula; bytes are what is written.
	for _, c := range []struct {
		spec string
		dim  int
		bits int
	}{
		{"e8:q=38", 512, 3296}, {"e8:q=44", 512, 3360}, {"e8:q=10", 512, 2336}, {"e8:q=34", 512, 3168}, {"e8:q=37", 512, 3232},
		{"e8:q=152", 512, 4320}, {"d4:q=10", 512, 2208}, {"d4:q=38", 512, 3232}, {"e8:q=76", 512, 3808}, {"d4:q=76", 512, 3744},
		{"e8:q=1", 512, 864}, {"d4:q=1", 512, 800},
		{"e8:q=3", 32, 128}, // 124 and padding
		{"d4:q=38", 4, 64},  // 57 and padding
		{"e8:q=38", 80, 32 + 10*51 + 2}, {"e8:q=38", 96, 648}, {"e8:q=38", 448, 2888}, {"e8:q=38", 576, 32 + 72*51},
	} {
		codec := mustNew(t, c.spec, c.dim)
		b, err := codec.AppendEncode(nil, gaussianVectors(3, c.dim, 1))
		if err != nil {
			t.Fatal(err)
		}
		if got := 8 * len(b) / 3; got != c.bits || codec.Size() != (Size{c.bits / 8, true}) {
			t.Errorf("%s at %d: %d bits written, %v stated, want %d", c.spec, c.dim, got, codec.Size(), c.bits)
		}
	}
}

func TestBoxCodeErrorOnGaussianVectors(t *testing.T) {
	// Energy-normalised errors of the ideal quantisers at D = 512: E8 from a
	// Monte Carlo of 8000 vectors, 5.28e-4 at Q = 38, 3.93e-4 at 44, 7.62e-3 at
	// 10; D4 7.97e-4 at 38. The closest point inside the box can only differ in
	// the block that holds the largest coordinate.
	for spec, want := range map[string]float64{"e8:q=38": 5.28e-4, "e8:q=44": 3.93e-4, "e8:q=10": 7.62e-3, "d4:q=38": 7.97e-4} {
		c := mustNew(t, spec, 512)
		x := gaussianVectors(2000, 512, 7)
		y := roundTrip(t, c, x)
		if got := relativeError(x, y); math.Abs(got/want-1) > 0.02 {
			t.Errorf("%s: error %.3e, want %.3e within 2 %%", spec, got, want)
		}
	}
}

func roundTrip(t testing.TB, c Codec, x []float32) []float32 {
	t.Helper()
	b, err := c.AppendEncode(nil, x)
	if err != nil {
		t.Fatalf("%s: %v", c.Spec(), err)
	}
	y := make([]float32, len(x))
	n, err := c.Decode(y, b)
	if err != nil {
		t.Fatalf("%s: %v", c.Spec(), err)
	}
	if n != len(b) {
		t.Fatalf("%s: decoded %d of %d bytes", c.Spec(), n, len(b))
	}
	return y
}

func TestBoxCodesSurviveHardVectors(t *testing.T) {
	for _, spec := range []string{"e8:q=1", "e8:q=38", "e8:q=152", "e8:q=4095", "d4:q=1", "d4:q=38", "d4:q=4095"} {
		for _, dim := range []int{8, 64, 80, 512, 576, 4096, 8192} {
			c := mustNew(t, spec, dim)
			for name, x := range hardVectors(dim) {
				y := roundTrip(t, c, x)
				if k := firstNonFinite(y); k >= 0 {
					t.Errorf("%s at %d, %s: coordinate %d is %v", spec, dim, name, k, y[k])
				}
				checkBoxError(t, c, name, x, y)
			}
		}
	}
}

// checkBoxError fails if one vector's error is above what the covering radius
// of the lattice allows: a point y of the box has a lattice point of the box
// within squared distance 2 per block of 8 (1 for D4 per block of 4 is covered
// by the same figure), in units of the step.
func checkBoxError(t testing.TB, c Codec, name string, x, y []float32) {
	t.Helper()
	amax := float64(maxAbs(x))
	if amax == 0 {
		if maxAbs(y) != 0 {
			t.Errorf("%s at %d: a zero vector decodes to %v", c.Spec(), c.Dim(), maxAbs(y))
		}
		return
	}
	// Largest rotated magnitude, in float64 and in units of amax.
	scaled := make([]float32, len(x))
	var errorEnergy float64
	for i := range x {
		scaled[i] = float32(float64(x[i]) / amax)
		d := (float64(x[i]) - float64(y[i])) / amax
		errorEnergy += d * d
	}
	rot, _ := newRotation(len(x))
	rot.forward(scaled, scaled)
	step := float64(maxAbs(scaled)) / float64(c.Spec().integer("q"))
	bound := 2 * step * step * float64(len(x)/4) * 1.01
	// Subnormal outputs have an absolute error of their own, and float32 sums
	// an error that depends on the largest value.
	bound += float64(len(x)) * math.Pow(math.SmallestNonzeroFloat32/amax+2e-6, 2)
	if errorEnergy > bound {
		t.Errorf("%s at %d, %s: error energy %.3e above the bound %.3e", c.Spec(), c.Dim(), name, errorEnergy, bound)
	}
}

func TestBoxCodesRoundTripAnyFiniteVector(t *testing.T) {
	codecs := []Codec{mustNew(t, "e8:q=38", 64), mustNew(t, "e8:q=2", 80), mustNew(t, "e8:q=200", 8), mustNew(t, "d4:q=5", 4), mustNew(t, "d4:q=38", 96)}
	rapid.Check(t, func(rt *rapid.T) {
		c := rapid.SampledFrom(codecs).Draw(rt, "codec")
		x := rapid.SliceOfN(rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32), c.Dim(), c.Dim()).Draw(rt, "x")
		y := roundTrip(t, c, x)
		if k := firstNonFinite(y); k >= 0 {
			rt.Fatalf("coordinate %d is %v", k, y[k])
		}
		checkBoxError(t, c, "random", x, y)
	})
}

func TestBoxCodesDecodeToTheQuantisersOwnOutput(t *testing.T) {
	// An independent path from a vector to its reconstruction, without bytes.
	const dim, q = 512, 38
	c := mustNew(t, "e8:q=38", dim)
	box, err := lattice.NewBox(q)
	if err != nil {
		t.Fatal(err)
	}
	rot, _ := newRotation(dim)
	x := gaussianVectors(50, dim, 3)
	y := roundTrip(t, c, x)
	for v := range 50 {
		w := make([]float32, dim)
		rot.forward(w, x[v*dim:(v+1)*dim])
		s := maxAbs(w) / q
		inverse := 1 / s
		for i := range w {
			w[i] *= inverse
		}
		for b := 0; b < dim; b += 8 {
			var z [8]float32
			box.ClosestE8(&z, (*[8]float32)(w[b:]))
			copy(w[b:], z[:])
		}
		for i := range w {
			w[i] *= s
		}
		rot.inverse(w, w)
		if !slices.Equal(w, y[v*dim:(v+1)*dim]) {
			t.Fatalf("vector %d differs from the quantiser's output", v)
		}
	}
}

func TestScalingByAPowerOfTwoScalesTheReconstruction(t *testing.T) {
	c := mustNew(t, "e8:q=38", 128)
	x := gaussianVectors(4, 128, 9)
	want := roundTrip(t, c, x)
	for _, exp := range []int{-100, -70, -61, -59, 1, 59, 61, 100, 120} {
		scaled := make([]float32, len(x))
		for i := range x {
			scaled[i] = float32(math.Ldexp(float64(x[i]), exp))
		}
		got := roundTrip(t, c, scaled)
		for i := range got {
			if got[i] != float32(math.Ldexp(float64(want[i]), exp)) {
				t.Fatalf("2^%d: value %d is %v, want %v", exp, i, got[i], math.Ldexp(float64(want[i]), exp))
			}
		}
	}
}

func TestBoxDecoderRefusesWhatNoEncoderWrites(t *testing.T) {
	c := mustNew(t, "e8:q=3", 32) // 4 blocks of 23 bits, 4 bits of padding
	good, err := c.AppendEncode(nil, gaussianVectors(1, 32, 4))
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(b []byte)) []byte {
		b := slices.Clone(good)
		f(b)
		return b
	}
	for name, b := range map[string][]byte{
		"padding":               change(func(b []byte) { b[15] |= 0x80 }),
		"rank beyond the box":   change(func(b []byte) { b[4], b[5], b[6] = 0xff, 0xff, 0xff }),
		"step too large":        change(func(b []byte) { binary.LittleEndian.PutUint32(b, 511<<23) }),
		"step too small":        change(func(b []byte) { binary.LittleEndian.PutUint32(b, 1) }),
		"zero step with a rank": change(func(b []byte) { binary.LittleEndian.PutUint32(b, 0) }),
	} {
		y := make([]float32, 32)
		if _, err := c.Decode(y, b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
	}
	for n := range good {
		if _, err := c.Decode(make([]float32, 32), good[:n]); !errors.Is(err, ErrShort) {
			t.Errorf("%d of %d bytes: got %v, want ErrShort", n, len(good), err)
		}
	}
}

func TestNonFiniteInputIsRefusedWithItsPlace(t *testing.T) {
	for _, spec := range []string{"e8", "d4", "ref-e8"} {
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
			x := gaussianVectors(3, 64, 5)
			x[2*64+7] = bad
			s, _ := Parse(spec)
			var err error
			if s.Simulated() {
				var sim Simulator
				if sim, err = NewSimulator(s, 64); err == nil {
					err = sim.RoundTrip(make([]float32, len(x)), x)
				}
			} else {
				_, err = mustNew(t, spec, 64).AppendEncode(nil, x)
			}
			var ve *ValueError
			if !errors.As(err, &ve) || ve.Vector != 2 || ve.Coord != 7 {
				t.Errorf("%s with %v: got %v", spec, bad, err)
			}
		}
	}
}

func FuzzDecodeBox(f *testing.F) {
	codecs := []Codec{mustNew(f, "e8:q=38", 64), mustNew(f, "e8:q=1", 8), mustNew(f, "e8:q=152", 16), mustNew(f, "d4:q=38", 96), mustNew(f, "d4:q=4095", 4)}
	for _, c := range codecs {
		b, err := c.AppendEncode(nil, gaussianVectors(1, c.Dim(), 6))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range codecs {
			y := make([]float32, c.Dim())
			n, err := c.Decode(y, b)
			if err != nil {
				continue
			}
			if k := firstNonFinite(y); k >= 0 {
				t.Fatalf("%s: coordinate %d is %v", c.Spec(), k, y[k])
			}
			if n != c.Size().Bytes {
				t.Fatalf("%s: %d bytes consumed", c.Spec(), n)
			}
		}
	})
}

func BenchmarkBox(b *testing.B) {
	for _, spec := range []string{"e8:q=38", "d4:q=38"} {
		c := mustNew(b, spec, 512)
		x := gaussianVectors(16, 512, 1)
		bytes, err := c.AppendEncode(nil, x)
		if err != nil {
			b.Fatal(err)
		}
		y := make([]float32, len(x))
		run := func(name string, f func()) {
			b.Run(spec+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(x)) * 4)
				b.ReportAllocs()
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/16, "ns/vector")
			})
		}
		run("encode", func() { bytes, _ = c.AppendEncode(bytes[:0], x) })
		run("decode", func() { _, _ = c.Decode(y, bytes) })
	}
}
