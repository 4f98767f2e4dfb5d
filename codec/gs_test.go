package codec

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"kakeyalattice/internal/kernel"
)

// gainShapeSpecs cover all lattices, framings and kinds of alphabets.
var gainShapeSpecs = []string{
	"e8-gs:delta=0.09", "e8-gs:delta=0.09,slot=auto", "e8-gs:delta=0.01", "e8-gs:delta=0.05,slot=auto",
	"e8-gs:delta=0.3", "e8-gs:delta=0.3,slot=auto", "e8-gs:delta=2", "e8-gs:delta=2,slot=auto",
	"d4-gs:delta=0.09", "d4-gs:delta=0.02,slot=auto", "d4-gs:delta=0.5,slot=auto",
	"z-gs:delta=0.09", "z-gs:delta=0.03,slot=auto", "z-gs:delta=1", "z-gs:delta=1,slot=auto",
}

// errorsAndBits returns the mean over vectors of the squared error by energy, the
// mean bits of a vector and the most.
func errorsAndBits(t testing.TB, c Codec, x []float32) (mse, bits float64, most int) {
	t.Helper()
	dim := c.Dim()
	y := make([]float32, dim)
	var b []byte
	for i := 0; i < len(x); i += dim {
		var err error
		if b, err = c.AppendEncode(b[:0], x[i:i+dim]); err != nil {
			t.Fatal(err)
		}
		if _, err = c.Decode(y, b); err != nil {
			t.Fatal(err)
		}
		mse += relativeError(x[i:i+dim], y)
		bits += float64(8 * len(b))
		most = max(most, 8*len(b))
	}
	n := float64(len(x) / dim)
	return mse / n, bits / n, most
}

func TestGainShapeErrorAndLengthHardlyDependOnTheSource(t *testing.T) {
	// E8's second moment times delta^2 is 6.13e-4. The sources and the mean ideal
	// lengths, without a gain, are those of a Monte Carlo of 2000 vectors each;
	// the longest ideal one has 2819.6 bits.
	ideal := map[string]float64{
		"gaussian": 2806.7, "student-t": 2806.8, "laplace": 2806.8, "anisotropic": 2806.8, "mean-shifted": 2806.8,
		"one-hot": 2819.6, "two-hot": 2796, "constant": 2804.7,
	}
	const n, dim, delta = 400, 512, 0.0925
	c := mustNew(t, "e8-gs:delta=0.0925", dim)
	want := 929. / 12960 * delta * delta
	for source := range sources(dim) {
		mse, bits, most := errorsAndBits(t, c, sourceVectors(t, source, n, dim, 1))
		t.Logf("%s: error %.3e, %.1f bits, at most %d", source, mse, bits, most)
		degenerate := slices.Contains([]string{"one-hot", "two-hot", "constant"}, source)
		if mse > 1.03*want || mse < 0.97*want && !degenerate {
			t.Errorf("%s: error %.3e, want %.3e within 3 %%", source, mse, want)
		}
		if most > 2880 || bits > 1.015*ideal[source] {
			t.Errorf("%s: %.1f bits, at most %d; want 1.5 %% above %v, at most 2880", source, bits, most, ideal[source])
		}
	}
}

func TestGainShapeRateOnGaussianVectors(t *testing.T) {
	// The ideal length is dim*(log2(sqrt(2 pi)/delta) + log2(e)/2) bits and, but
	// for the gain, what a lattice with one point per unit volume takes: D4 has
	// half as many, 1/4 bit a coordinate less.
	for _, c := range []struct {
		spec   string
		dim    int
		lattic float64 // bits a coordinate that the lattice saves
		excess float64 // bits
		moment float64
	}{
		{"e8-gs:delta=0.09", 512, 0, 28, 929. / 12960},
		{"e8-gs:delta=0.03", 512, 0, 28, 929. / 12960},
		{"e8-gs:delta=0.3", 512, 0, 28, 929. / 12960},
		{"e8-gs:delta=0.09", 4096, 0, 65, 929. / 12960},
		{"e8-gs:delta=0.09", 128, 0, 24, 929. / 12960},
		{"e8-gs:delta=0.09", 64, 0, 23, 929. / 12960},
		{"e8-gs:delta=0.09", 8, 0, 21, 929. / 12960},
		{"d4-gs:delta=0.09", 512, 0.25, 29, 13. / 120},
		{"z-gs:delta=0.09", 512, 0, 29, 1. / 12},
	} {
		codec := mustNew(t, c.spec, c.dim)
		delta := float64(codec.Spec().number("delta"))
		mse, bits, _ := errorsAndBits(t, codec, gaussianVectors(100_000/c.dim, c.dim, 2))
		ideal := float64(c.dim) * (math.Log2(math.Sqrt(2*math.Pi)/delta) + math.Log2E/2 - c.lattic)
		t.Logf("%s at %d: %.1f bits, %.1f above the ideal, error %.4f*delta^2", c.spec, c.dim, bits, bits-ideal, mse/delta/delta)
		if bits > ideal+c.excess {
			t.Errorf("%s at %d: %.1f bits, want at most %.1f", c.spec, c.dim, bits, ideal+c.excess)
		}
		if want := c.moment * delta * delta; math.Abs(mse/want-1) > 0.02 {
			t.Errorf("%s at %d: error %.4e, want %.4e within 2 %%", c.spec, c.dim, mse, want)
		}
	}
}

func TestGainShapeBeatsFP8OnGaussianVectors(t *testing.T) {
	// At delta = 0.09 of 512 values: 2,860 bits all included, within 1.5 % of the
	// ideal 2,827, and 0.95 of the error of fp8:group=64 in 4,224 bits.
	const dim = 512
	x := gaussianVectors(500, dim, 3)
	mse, bits, _ := errorsAndBits(t, mustNew(t, "e8-gs", dim), x)
	fp8, _, _ := errorsAndBits(t, mustNew(t, "fp8:group=64", dim), x)
	if bits > 2860 || bits > 1.015*2826.8 || mse > 0.95*fp8 {
		t.Errorf("%.1f bits, %.3f of the error of FP8", bits, mse/fp8)
	}
}

func TestGainShapeCodesEqualTheQuantiser(t *testing.T) {
	for _, spec := range []string{"e8-gs:delta=0.09", "e8-gs:delta=0.7", "d4-gs:delta=0.09", "z-gs:delta=0.5"} {
		for _, dim := range []int{8, 80, 512} {
			c := mustNew(t, spec, dim)
			x := gaussianVectors(9, dim, 4)
			y := roundTrip(t, c, x)
			for i := 0; i < len(x); i += dim {
				want := quantised(t, c, x[i:i+dim])
				if !slices.Equal(want, y[i:i+dim]) {
					t.Fatalf("%s at %d: vector %d differs from the quantiser's output", spec, dim, i/dim)
				}
			}
		}
	}
}

// quantised is what a gain-shape code of vectors of their own length should
// make of x, of moderate magnitudes, without any coding.
func quantised(t testing.TB, c Codec, x []float32) []float32 {
	t.Helper()
	lattice := map[string]gsLattice{"e8-gs": gsE8, "d4-gs": gsD4, "z-gs": gsZ}[c.Spec().Name]
	m := max(1, min(7, int(math.Log2(float64(len(x))))-2))
	r := float64(kernel.Norm(x))
	e := math.Floor(math.Log2(r))
	gain := float32(math.Ldexp(math.Floor(math.Ldexp(r, m-int(e))+0.5), int(e)-m))
	p := gain * float32(float64(c.Spec().number("delta"))/math.Sqrt(float64(len(x))))
	rot, _ := newRotation(len(x))
	y := make([]float32, len(x))
	rot.forward(y, x)
	lattice.closest(y, y, 1/p)
	for i := range y {
		y[i] *= p
	}
	rot.inverse(y, y)
	return y
}

func TestGainShapeCodesSurviveHardVectors(t *testing.T) {
	for _, spec := range gainShapeSpecs {
		for _, dim := range []int{8, 64, 80, 512, 4096} {
			c := mustNew(t, spec, dim)
			for name, x := range toughVectors(dim) {
				if err := checkGainShapeError(c, x); err != nil {
					t.Errorf("%s at %d, %s: %v", spec, dim, name, err)
				}
			}
			for source := range sources(dim) {
				if err := checkGainShapeError(c, sourceVectors(t, source, 1, dim, 5)); err != nil {
					t.Errorf("%s at %d, %s: %v", spec, dim, source, err)
				}
			}
		}
	}
}

func TestGainShapeErrorIsBoundedForEveryVector(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dim := rapid.SampledFrom([]int{8, 16, 24, 64, 128}).Draw(rt, "dim")
		c := mustNew(t, rapid.SampledFrom(gainShapeSpecs).Draw(rt, "spec"), dim)
		largest := rapid.SampledFrom([]float32{1e-44, 1e-38, 1e-5, 1, 1e6, math.MaxFloat32}).Draw(rt, "largest")
		x := rapid.SliceOfN(rapid.Float32Range(-largest, largest), dim, dim).Draw(rt, "x")
		for range rapid.IntRange(0, dim).Draw(rt, "zeros") {
			x[rapid.IntRange(0, dim-1).Draw(rt, "at")] = 0
		}
		if err := checkGainShapeError(c, x); err != nil {
			rt.Fatal(err)
		}
	})
}

// checkGainShapeError codes one vector and says what is wrong with the outcome.
// No vector is farther from its closest lattice points than the covering radius
// allows: E8's of 1 a block of 8 makes delta^2*r^2/8 of it, times the squared
// factor of the step's class and what the gain is too large by.
func checkGainShapeError(c Codec, x []float32) error {
	b, err := c.AppendEncode(nil, x)
	if err != nil {
		return err
	}
	if size := c.Size(); len(b) > size.Bytes || size.Fixed && len(b) != size.Bytes {
		return fmt.Errorf("%d bytes, the size is %v", len(b), size)
	}
	y := make([]float32, len(x))
	if _, err := c.Decode(y, b); err != nil {
		return err
	}
	var e, r float64
	for i := range x {
		d := float64(x[i]) - float64(y[i])
		e += d * d
		r += float64(x[i]) * float64(x[i])
	}
	e, r = math.Sqrt(e), math.Sqrt(r)
	cover := map[string]float64{"e8-gs": 1. / 8, "d4-gs": 1. / 4, "z-gs": 1. / 4}[c.Spec().Name]
	step, m := float64(c.Spec().number("delta")), gainBits(len(x))
	if c.Size().Fixed {
		step *= slotFactors[b[0]%slotClasses]
		m = slotGainBits
	}
	bound := math.Sqrt(cover) * step * r * (1 + math.Ldexp(1, -m-1))
	// The roundings of float32, and those of results near 0.
	bound += 3e-6*r + math.Sqrt(float64(len(x)))*0x1p-149
	if k := firstNonFinite(y); k >= 0 || !(e <= bound) {
		return fmt.Errorf("error %g of length %g, the bound is %g", e, r, bound)
	}
	return nil
}

func TestScalingByAPowerOfTwoChangesTheGainAlone(t *testing.T) {
	for _, spec := range []string{"e8-gs", "e8-gs:slot=auto", "z-gs:delta=0.4"} {
		c := mustNew(t, spec, 128)
		x := gaussianVectors(4, 128, 9)
		want := roundTrip(t, c, x)
		for _, exp := range []int{-100, -70, -50, -47, 1, 46, 50, 61, 100, 120} {
			scaled := make([]float32, len(x))
			for i := range x {
				scaled[i] = float32(math.Ldexp(float64(x[i]), exp))
			}
			for i, v := range roundTrip(t, c, scaled) {
				if v != float32(math.Ldexp(float64(want[i]), exp)) {
					t.Fatalf("%s by 2^%d: value %d is %v, want %v", spec, exp, i, v, math.Ldexp(float64(want[i]), exp))
				}
			}
		}
	}
}

func TestGainShapeCodesAppendVectorByVector(t *testing.T) {
	for _, spec := range gainShapeSpecs {
		for _, dim := range []int{8, 64, 512} {
			x := gaussianVectors(7, dim, 6) // an odd number: one is coded alone
			clear(x[dim : 2*dim])
			clear(x[5*dim : 7*dim])
			x[3*dim] = 1e6 // escapes
			checkAppending(t, mustNew(t, spec, dim), x)
		}
	}
}

func TestGainShapeCodesRefuseNonFiniteValues(t *testing.T) {
	for _, spec := range gainShapeSpecs {
		for _, bad := range nonFinite {
			x := gaussianVectors(3, 64, 7)
			x[2*64+7] = bad
			out, err := mustNew(t, spec, 64).AppendEncode([]byte("kept"), x)
			var ve *ValueError
			if !errors.As(err, &ve) || ve.Vector != 2 || ve.Coord != 7 || string(out) != "kept" {
				t.Errorf("%s with %v: error %v, %d bytes", spec, bad, err, len(out))
			}
		}
	}
}

func TestGainShapeCodesNameTheVectorThatIsCorrupt(t *testing.T) {
	const n, dim = 5, 64
	for _, spec := range gainShapeSpecs {
		c := mustNew(t, spec, dim)
		x := gaussianVectors(n, dim, 8)
		for bad := range n {
			var b []byte
			starts := make([]int, n+1)
			for i := range n {
				b, _ = c.AppendEncode(b, x[i*dim:(i+1)*dim])
				starts[i+1] = len(b)
			}
			// A gain beyond the largest or other states, found by trial.
			found := false
			for change := 1; change < 256 && !found; change++ {
				broken := slices.Clone(b)
				broken[starts[bad+1]-1] ^= byte(change)
				consumed, err := c.Decode(make([]float32, n*dim), broken)
				if found = err != nil; found {
					want := fmt.Sprintf("vector %d at byte %d:", bad, starts[bad])
					if !errors.Is(err, ErrCorrupt) || consumed != starts[bad] || !strings.Contains(err.Error(), want) {
						t.Errorf("%s: %d bytes consumed, error %q, want %q", spec, consumed, err, want)
					}
				}
			}
		}
		b, _ := c.AppendEncode(nil, x)
		for cut := range b {
			if _, err := c.Decode(make([]float32, n*dim), b[:cut:cut]); !errors.Is(err, ErrShort) {
				t.Fatalf("%s: %d of %d bytes: error %v, want ErrShort", spec, cut, len(b), err)
			}
		}
	}
}

func TestGainShapeCodesSurviveEveryByteChanged(t *testing.T) {
	for _, spec := range gainShapeSpecs {
		c := mustNew(t, spec, 16)
		good, err := c.AppendEncode(nil, gaussianVectors(1, 16, 9))
		if err != nil {
			t.Fatal(err)
		}
		checkCorruption(t, c, good)
	}
}

func TestGainShapeCodesDoNotAllocatePerVector(t *testing.T) {
	const n, dim = 256, 64
	x := gaussianVectors(n, dim, 5)
	y := make([]float32, len(x))
	for _, spec := range append([]string{"fp8-rans"}, gainShapeSpecs...) {
		c := mustNew(t, spec, dim)
		b, err := c.AppendEncode(nil, x)
		if err != nil {
			t.Fatal(err)
		}
		// A pool may be empty at times: it costs a call, not a vector.
		if a := testing.AllocsPerRun(20, func() { b, _ = c.AppendEncode(b[:0], x) }); a > n/4 {
			t.Errorf("%s: %v allocations to encode %d vectors", spec, a, n)
		}
		if a := testing.AllocsPerRun(20, func() { _, _ = c.Decode(y, b) }); a > n/4 {
			t.Errorf("%s: %v allocations to decode %d vectors", spec, a, n)
		}
	}
}

func TestGainShapeCodesTakeTheDimensionsOfTheirLattices(t *testing.T) {
	for _, c := range []struct {
		spec string
		dim  int
		ok   bool
	}{
		{"e8-gs", 8, true}, {"e8-gs", 80, true}, {"e8-gs", 4, false}, {"e8-gs", 12, false}, {"e8-gs", 65536, true},
		{"d4-gs", 4, true}, {"d4-gs", 2, false}, {"d4-gs", 12, false}, {"d4-gs", 24, true},
		{"z-gs", 1, true}, {"z-gs", 2, true}, {"z-gs", 12, false}, {"z-gs", 24, true},
	} {
		s, err := Parse(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		made, err := New(s, c.dim)
		if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrDim) {
			t.Errorf("%s at %d: error %v", c.spec, c.dim, err)
		}
		if err == nil {
			checkAppending(t, made, gaussianVectors(3, c.dim, 1))
		}
	}
}

func TestGainShapeCodesAreSafeForConcurrentUse(t *testing.T) {
	const n, dim = 9, 64
	for _, spec := range []string{"e8-gs", "e8-gs:slot=auto", "fp8-rans"} {
		c := mustNew(t, spec, dim)
		x := gaussianVectors(n, dim, 1)
		want, err := c.AppendEncode(nil, x)
		if err != nil {
			t.Fatal(err)
		}
		values := roundTrip(t, c, x)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 20 {
					b, err := c.AppendEncode(nil, x)
					if err != nil || !bytes.Equal(b, want) {
						t.Errorf("%s: other bytes, error %v", spec, err)
						return
					}
					y := make([]float32, len(x))
					if _, err := c.Decode(y, b); err != nil || !slices.Equal(y, values) {
						t.Errorf("%s: other values, error %v", spec, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

func FuzzDecodeGS(f *testing.F) {
	var codecs []Codec
	for _, spec := range gainShapeSpecs {
		for _, dim := range []int{8, 64} {
			c := mustNew(f, spec, dim)
			for _, x := range [][]float32{gaussianVectors(1, dim, 6), hardVectors(dim)["largest one-hot"], hardVectors(dim)["constant"]} {
				b, err := c.AppendEncode(nil, x)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(b)
			}
			codecs = append(codecs, c)
		}
	}
	f.Add([]byte{0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range codecs {
			checkAnyBytes(t, c, b)
		}
	})
}
