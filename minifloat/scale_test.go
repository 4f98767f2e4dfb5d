package minifloat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestE8M0CodesArePowersOfTwo(t *testing.T) {
	for code := range 255 {
		if got, want := E8M0ToFloat32(uint8(code)), math.Ldexp(1, code-127); float64(got) != want {
			t.Errorf("code %d is %v, want %v", code, got, want)
		}
	}
	if v := E8M0ToFloat32(E8M0One); v != 1 {
		t.Errorf("code %d is %v, want 1", E8M0One, v)
	}
	if v := E8M0ToFloat32(E8M0NaN); v == v {
		t.Errorf("code 255 is %v, want NaN", v)
	}
}

func TestE8M0CeilIsTheSmallestPowerOfTwoNotBelow(t *testing.T) {
	check := func(f float32) {
		if !(f > 0) || math.IsInf(float64(f), 0) {
			return
		}
		code := E8M0Ceil(f)
		if f > 0x1p127 {
			if code != E8M0NaN {
				t.Errorf("%v: code %d, want 255: no scale is as large", f, code)
			}
			return
		}
		if v := E8M0ToFloat32(code); !(v >= f) {
			t.Errorf("%v: scale %v is smaller", f, v)
		}
		if code > 0 && E8M0ToFloat32(code-1) >= f {
			t.Errorf("%v: code %d, yet the one before would do", f, code)
		}
	}
	for i := range 1 << 15 {
		check(math.Float32frombits(uint32(i) << 16))
	}
	for code := range 255 {
		v := E8M0ToFloat32(uint8(code))
		check(v)
		check(math.Nextafter32(v, 0))
		check(math.Nextafter32(v, math.MaxFloat32))
	}
	check(0x1p-149)
	check(math.MaxFloat32)
	rng := rand.New(rand.NewPCG(2, 3))
	for range 1 << 20 {
		check(math.Float32frombits(rng.Uint32() >> 1))
	}
}

func TestE8M0CeilOutsideItsDomain(t *testing.T) {
	if got := E8M0Ceil(0); got != 0 {
		t.Errorf("0 gives code %d, want 0", got)
	}
	for _, f := range []float32{-1, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())} {
		if got := E8M0Ceil(f); got != E8M0NaN {
			t.Errorf("%v gives code %d, want 255", f, got)
		}
	}
}

func TestFP16UpIsTheSmallestValueNotBelow(t *testing.T) {
	check := func(f float32) {
		if !(f >= 0) {
			return
		}
		code, ok := FP16FromFloat32Up(f)
		if ok != (f <= FP16Max) {
			t.Errorf("%v: ok is %v", f, ok)
		}
		if !ok {
			return
		}
		if v := FP16ToFloat32(code); !(v >= f) {
			t.Errorf("%v: %v is smaller", f, v)
		}
		if code > 0 && FP16ToFloat32(code-1) >= f {
			t.Errorf("%v: code %#x, yet the one before would do", f, code)
		}
	}
	for code := range uint16(fp16Inf) {
		v := FP16ToFloat32(code)
		check(v)
		check(math.Nextafter32(v, 0))
		check(math.Nextafter32(v, math.MaxFloat32))
	}
	for i := range 1 << 15 {
		check(math.Float32frombits(uint32(i) << 16))
	}
	rng := rand.New(rand.NewPCG(4, 5))
	for range 1 << 20 {
		check(math.Float32frombits(rng.Uint32() >> 1))
	}
}

func TestFP16UpRefusesWhatNoScaleCanBe(t *testing.T) {
	for _, f := range []float32{-1, -0x1p-149, math.Nextafter32(FP16Max, math.MaxFloat32), float32(math.Inf(1)), float32(math.NaN())} {
		if code, ok := FP16FromFloat32Up(f); ok {
			t.Errorf("%v is accepted as %#x", f, code)
		}
	}
	if code, ok := FP16FromFloat32Up(float32(math.Copysign(0, -1))); code != 0 || !ok {
		t.Errorf("-0 gives %#x, %v, want 0, true", code, ok)
	}
}

func ExampleE8M0Ceil() {
	// The scale that brings the largest magnitude of a group into E4M3.
	amax := float32(3.7)
	code := E8M0Ceil(amax / E4M3Max)
	fmt.Println(code, E8M0ToFloat32(code))
	// Output: 121 0.015625
}
