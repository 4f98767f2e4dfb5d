package codec

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
)

var fittedSpecs = []string{"fp8-tensor", "nvfp4", "nvfp4-v4"}

// fit fits the codec of a spec to the parts.
func fit(t testing.TB, spec string, dim int, parts ...[]float32) (Spec, error) {
	t.Helper()
	return mustNew(t, spec, dim).(Fitter).Fit(slices.Values(parts))
}

func TestUnfittedCodecsSayHowToFitThem(t *testing.T) {
	for _, spec := range fittedSpecs {
		c := mustNew(t, spec, 128)
		f := c.(Fitter)
		if f.Fitted() || f.SideBits() != 32 {
			t.Errorf("%s: fitted %v, %d side bits, want false and 32", spec, f.Fitted(), f.SideBits())
		}
		if out, err := c.AppendEncode([]byte("kept"), make([]float32, 128)); !errors.Is(err, ErrUnfitted) || string(out) != "kept" {
			t.Errorf("%s: encode gives %q, %v", spec, out, err)
		}
		if _, err := c.Decode(make([]float32, 128), make([]byte, 1000)); !errors.Is(err, ErrUnfitted) {
			t.Errorf("%s: decode gives %v", spec, err)
		}
		if !mustNew(t, spec+":scale=0.5", 128).(Fitter).Fitted() {
			t.Errorf("%s: not fitted with a scale", spec)
		}
	}
}

func TestFitTakesTheLargestMagnitudeOfAllParts(t *testing.T) {
	parts := [][]float32{
		make([]float32, 256),
		sparse(128, map[int]float32{3: -2688}),
		nil,
		// The last 64 values of the V4 form are BF16 and need no scale.
		sparse(128, map[int]float32{5: 100, 127: 5376}),
	}
	for spec, want := range map[string]string{
		"fp8-tensor": "fp8-tensor:scale=12", // 5376/448
		"nvfp4":      "nvfp4:scale=2",       // 5376/2688
		"nvfp4-v4":   "nvfp4-v4:scale=1",    // 2688/2688
	} {
		got, err := fit(t, spec, 128, parts...)
		if err != nil || got.String() != want {
			t.Errorf("%s fits to %s, %v, want %s", spec, got, err, want)
		}
		// Fitting anew does not start from the old scale.
		again, err := fit(t, got.String(), 128, parts...)
		if err != nil || again.String() != want {
			t.Errorf("%s fits again to %s, %v", got, again, err)
		}
	}
}

func TestFitOfNothingOrZerosIsOne(t *testing.T) {
	for _, spec := range fittedSpecs {
		for _, parts := range [][][]float32{nil, {nil, {}}, {make([]float32, 256)}} {
			got, err := fit(t, spec, 128, parts...)
			if err != nil || got.String() != spec+":scale=1" {
				t.Errorf("%s of %d parts: %s, %v", spec, len(parts), got, err)
			}
		}
	}
}

func TestFitHoldsTheExtremesOfFloat32(t *testing.T) {
	for _, spec := range fittedSpecs {
		for _, amax := range []float32{math.SmallestNonzeroFloat32, 0x1p-140, 0x1p-126, 0x1p-117, 1, math.MaxFloat32} {
			x := sparse(128, map[int]float32{0: amax, 1: -amax / 3, 40: amax / 5})
			fitted, err := fit(t, spec, 128, x)
			if err != nil {
				t.Fatal(err)
			}
			if !(fitted.number("scale") > 0) {
				t.Errorf("%s of %v: scale %v", spec, amax, fitted)
			}
			if parsed, err := Parse(fitted.String()); err != nil || parsed.String() != fitted.String() {
				t.Errorf("%s parses to %s, %v", fitted, parsed, err)
			}
			if err := checkFormat(t, mustNew(t, fitted.String(), 128), x); err != nil {
				t.Errorf("%s: %v", fitted, err)
			}
		}
	}
}

func TestFitRefusesWhatCannotBeCoded(t *testing.T) {
	for _, spec := range fittedSpecs {
		for _, bad := range nonFinite {
			for _, coord := range []int{7, 120} {
				_, err := fit(t, spec, 128, make([]float32, 256), sparse(256, map[int]float32{128 + coord: bad}))
				var ve *ValueError
				if !errors.As(err, &ve) || ve.Vector != 3 || ve.Coord != coord {
					t.Errorf("%s with %v: error %v, want one at vector 3, coordinate %d", spec, bad, err, coord)
				}
			}
		}
		if _, err := fit(t, spec, 128, make([]float32, 100)); err == nil {
			t.Errorf("%s: part of a vector is accepted", spec)
		}
	}
}

func TestValuesBeyondTheFitNameTheScaleThatTheyNeed(t *testing.T) {
	for _, spec := range fittedSpecs {
		x := gaussianVectors(3, 128, 1)
		fitted, err := fit(t, spec, 128, x)
		if err != nil {
			t.Fatal(err)
		}
		c := mustNew(t, fitted.String(), 128)
		x[2*128+5] = 1.001 * maxAbs(x) // more than rounding could explain
		_, err = c.AppendEncode(nil, x)
		var se *ScaleError
		if !errors.As(err, &se) || se.Vector != 2 || se.Codec != fitted.String() || !(se.Scale > se.Max) {
			t.Errorf("%s: error %v", fitted, err)
			continue
		}
		if _, err := mustNew(t, se.Try, 128).AppendEncode(nil, x); err != nil {
			t.Errorf("%s: with the scale it asked for: %v", spec, err)
		}
	}
}

// A scale may be given by hand, however unsuitable.
func TestAnyScaleKeepsTheOutputFinite(t *testing.T) {
	for _, spec := range fittedSpecs {
		for _, scale := range []string{"1e-45", "1e-40", "1e-30", "1", "1e30", "3.4028235e38"} {
			c := mustNew(t, spec+":scale="+scale, 128)
			for name, x := range toughVectors(128) {
				b, err := c.AppendEncode(nil, x)
				if err != nil {
					var se *ScaleError
					if !errors.As(err, &se) || checkTry(t, se, x) != nil {
						t.Errorf("%s, %s: %v", c.Spec(), name, err)
					}
					continue
				}
				y := make([]float32, 128)
				if _, err := c.Decode(y, b); err != nil || firstNonFinite(y) >= 0 {
					t.Errorf("%s, %s: %v, %v", c.Spec(), name, err, y)
				}
			}
		}
	}
}

func ExampleFitter() {
	stream := []float32{0.25, -3.5, 1, 0.5}
	spec, _ := Parse("fp8-tensor")
	c, err := New(spec, 4)
	if err != nil {
		fmt.Println(err)
		return
	}
	if f, ok := c.(Fitter); ok && !f.Fitted() {
		parts := slices.Values([][]float32{stream})
		if spec, err = f.Fit(parts); err != nil {
			fmt.Println(err)
			return
		}
		if c, err = New(spec, 4); err != nil {
			fmt.Println(err)
			return
		}
	}
	page, err := c.AppendEncode(nil, stream)
	fmt.Println(c.Spec(), len(page), err)
	// Output: fp8-tensor:scale=0.0078125 4 <nil>
}
