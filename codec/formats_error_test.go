package codec

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var nonFinite = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}

// Energy-normalised errors on iid N(0, 1) vectors of 512 values, from
// independent Monte Carlo runs of 8000 vectors.
func TestFormatErrorOnGaussianVectors(t *testing.T) {
	const n, dim, head = 1000, 512, 448
	x := gaussianVectors(n, dim, 7)
	for _, c := range []struct {
		spec     string
		headOnly bool // the values before the BF16 ones
		want     float64
	}{
		{"fp8:group=64", false, 6.29e-4},
		{"fp8-v4", true, 7.04e-4}, // powers of two lose up to a bit of range
		{"fp8-v4", false, 6.18e-4},
		{"fp8-v41", false, 7.04e-4},
		{"int8", false, 3.51e-5},
		{"int6", false, 5.90e-4},
		{"int6:hadamard", false, 5.90e-4}, // a rotated Gaussian is a Gaussian
		{"nvfp4", false, 9.05e-3},
		{"mxfp4", false, 1.33e-2},
		{"nvfp4-v4", true, 9.05e-3},
		{"mxfp4-v4", true, 1.33e-2},
	} {
		y := roundTrip(t, newFormat(t, c.spec, dim, x), x)
		u, v := x, y
		if c.headOnly {
			u, v = nil, nil
			for i := 0; i < len(x); i += dim {
				u, v = append(u, x[i:i+head]...), append(v, y[i:i+head]...)
			}
		}
		if got := relativeError(u, v); math.Abs(got/c.want-1) > 0.02 {
			t.Errorf("%s, head only %v: error %.3e, want %.3e within 2 %%", c.spec, c.headOnly, got, c.want)
		}
	}
}

// toughVectors are hardVectors, mixtures of magnitudes and random bits.
func toughVectors(dim int) map[string][]float32 {
	vectors := hardVectors(dim)
	mixed := make([]float32, dim)
	for i := range mixed {
		mixed[i] = []float32{1e38, -1e-38, 3e38, 1, -1e20, 1e-45}[i%6]
	}
	vectors["mixed magnitudes"] = mixed
	rng := rand.New(rand.NewPCG(uint64(dim), 8))
	for k := range 6 {
		v := make([]float32, dim)
		for i := range v {
			// Exponents from a window, so that vectors differ in their range.
			exp := uint32(min(254, k*45+rng.IntN(1<<(k+1))))
			v[i] = math.Float32frombits(rng.Uint32()&(1<<31|1<<23-1) | exp<<23)
		}
		vectors[fmt.Sprintf("random bits %d", k)] = v
	}
	return vectors
}

func TestFormatsHoldTheirErrorBoundOnHardVectors(t *testing.T) {
	eachFormat(t, func(t *testing.T, spec string, dim int) {
		for name, x := range toughVectors(dim) {
			if err := checkFormat(t, newFormat(t, spec, dim, x), x); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestFormatsHoldTheirErrorBoundOnAnyVector(t *testing.T) {
	const dim = 128
	rapid.Check(t, func(rt *rapid.T) {
		spec := rapid.SampledFrom(formatSpecs).Draw(rt, "spec")
		largest := rapid.SampledFrom([]float32{1e-44, 1e-38, 1e-5, 1, 1e6, math.MaxFloat32}).Draw(rt, "largest")
		x := rapid.SliceOfN(rapid.Float32Range(-largest, largest), dim, dim).Draw(rt, "x")
		if err := checkFormat(t, newFormat(t, spec, dim, x), x); err != nil {
			rt.Fatal(err)
		}
	})
}

// checkFormat codes one vector and says what is wrong with the outcome: it must
// be within the format's bound, or a ScaleError where the scale's field cannot
// hold the scale, with a spec that can.
func checkFormat(t testing.TB, c Codec, x []float32) error {
	t.Helper()
	b, err := c.AppendEncode(nil, x)
	scale := fp16ScaleOf(c.Spec(), x)
	var se *ScaleError
	switch {
	case errors.As(err, &se) && scale > 65503:
		return checkTry(t, se, x)
	case err != nil:
		return err
	case scale > 65521:
		return fmt.Errorf("a scale of %g was accepted", scale)
	}
	y := make([]float32, len(x))
	if _, err := c.Decode(y, b); err != nil {
		return err
	}
	if k := firstNonFinite(y); k >= 0 {
		return fmt.Errorf("coordinate %d is %v", k, y[k])
	}
	if _, ok := c.Spec().value("hadamard"); ok {
		return checkRotatedError(c, x, y)
	}
	for i := range x {
		bound := errorBound(c.Spec(), x, i)*(1+1e-5) + 0x1p-148
		if e := math.Abs(float64(x[i]) - float64(y[i])); e > bound {
			return fmt.Errorf("coordinate %d: %g decodes to %g, the bound is %g", i, x[i], y[i], bound)
		}
	}
	return nil
}

// checkTry codes the vector with the spec that a ScaleError recommends.
func checkTry(t testing.TB, se *ScaleError, x []float32) error {
	t.Helper()
	if !(se.Scale > se.Max) || se.Vector != 0 || se.Codec == "" {
		return fmt.Errorf("misleading error: %v", se)
	}
	other := mustNew(t, se.Try, len(x))
	if _, err := other.AppendEncode(nil, x); err != nil {
		return fmt.Errorf("%v: but then %v", se, err)
	}
	return nil
}

// groupOf returns the values that share a scale with coordinate i.
func groupOf(x []float32, i, group int) []float32 {
	lo := i / group * group
	return x[lo:min(lo+group, len(x))]
}

// fp16ScaleOf is the largest scale that x asks of a half-precision field, 0 if
// the format has none.
func fp16ScaleOf(s Spec, x []float32) float64 {
	if _, ok := s.value("hadamard"); ok {
		amax := float64(maxAbs(x))
		y := make([]float32, len(x))
		for i := range x {
			y[i] = float32(float64(x[i]) / amax)
		}
		if amax == 0 {
			return 0
		}
		rot, _ := newRotation(len(x))
		rot.forward(y, y)
		return float64(maxAbs(y)) * amax / codeRange[s.Name]
	}
	switch s.Name {
	case "fp8", "int8", "int6", "int4", "q8_0", "q4_0":
		return float64(maxAbs(x)) / codeRange[s.Name]
	}
	return 0
}

// codeRange is the magnitude of the value that the largest magnitude of a
// group is coded as, in units of the scale.
var codeRange = map[string]float64{
	"fp8": 448, "fp8-v4": 448, "fp8-v41": 448, "fp8-tensor": 448,
	"nvfp4": 6, "mxfp4": 6, "nvfp4-v4": 6, "mxfp4-v4": 6,
	"int8": 127, "int6": 31, "int4": 7, "q8_0": 127, "q4_0": 8,
}

// errorBound is the largest error that a format may make at coordinate i of x:
// half the distance of neighbouring codes at the coarsest scale that its rule
// allows for the group, and what clipping adds.
func errorBound(s Spec, x []float32, i int) float64 {
	v := math.Abs(float64(x[i]))
	levels := codeRange[s.Name]
	amax := func(group int) float64 { return float64(maxAbs(groupOf(x, i, group))) }
	// The half steps of E4M3 and E2M1 about v.
	e4m3 := func(scale float64) float64 { return max(v/16, scale*0x1p-10) }
	e2m1 := func(scale float64) float64 { return max(v/5, scale/4) }
	bf16 := max(v*0x1p-8, 0x1p-134)
	// Half precision rounded up, and to nearest.
	up := func(a float64) float64 { return a/levels*(1+0x1p-10) + 0x1p-24 }
	nearest := func(a float64) float64 { return levels * (a/levels*0x1p-11 + 0x1p-25) }

	name, inTail := s.Name, false
	if base, ok := strings.CutSuffix(name, "-v4"); ok {
		name, inTail = base, i >= len(x)-64
		x = x[:len(x)-64]
	}
	if inTail {
		return bf16
	}
	switch name {
	case "bf16":
		return bf16
	case "fp16":
		return max(v*0x1p-11, 0x1p-25, v-65504)
	case "fp8":
		if s.Name == "fp8-v4" {
			return e4m3(2 * max(amax(64), 1e-4) / levels)
		}
		return e4m3(up(amax(s.integer("group"))))
	case "fp8-v41":
		return e4m3(2 * max(amax(32), 1e-4) / levels)
	case "fp8-tensor":
		return e4m3(float64(s.number("scale")))
	case "mxfp4":
		return e2m1(2 * max(amax(32), 6*0x1p-126) / levels)
	case "nvfp4":
		// E4M3 scales are off by 1/16, or by one of their smallest steps.
		g, a := float64(s.number("scale")), amax(16)
		coarse, fine := a/levels*(1+1./16)+0x1p-9*g, a/levels*(1-1./16)-0x1p-10*g
		return max(e2m1(coarse), v-levels*fine)
	case "int8", "int6", "int4":
		return up(amax(s.integer("group"))) / 2
	case "q8_0":
		return amax(32)/levels/2 + nearest(amax(32))
	case "q4_0":
		// The value opposite to the largest magnitude is clipped by one step.
		return amax(32)/levels + nearest(amax(32))
	}
	panic("no bound for " + s.Name)
}

// checkRotatedError bounds the error of a rotated code as a whole: a rotation
// keeps it, and every rotated coordinate is off by half a scale.
func checkRotatedError(c Codec, x, y []float32) error {
	levels := codeRange[c.Spec().Name]
	w := make([]float32, len(x))
	rot, _ := newRotation(len(x))
	rot.forward(w, x)
	half := (float64(maxAbs(w))/levels*(1+0x1p-10) + 0x1p-24) / 2
	var energy, total float64
	for i := range x {
		d := float64(x[i]) - float64(y[i])
		energy += d * d
		total += float64(x[i]) * float64(x[i])
	}
	// Sums of float32 add an error of their own.
	bound := math.Sqrt(float64(len(x)))*half + 2e-6*math.Sqrt(total)
	if math.Sqrt(energy) > bound {
		return fmt.Errorf("error %g is above the bound %g", math.Sqrt(energy), bound)
	}
	return nil
}
