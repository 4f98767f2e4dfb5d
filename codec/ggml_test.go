package codec

import (
	"errors"
	"math"
	"slices"
	"testing"
)

func TestGGMLScalesRoundToNearestUpToTheirLimit(t *testing.T) {
	for _, c := range []struct {
		spec string
		amax float32
		ok   bool
	}{
		{"q8_0", 127 * 65504, true},
		{"q8_0", 127 * 65519, true}, // stored as 65504
		{"q8_0", 127 * 65520, false},
		{"q4_0", 8 * 65519, true},
		{"q4_0", -8 * 65519, true},
		{"q4_0", 8 * 65520, false},
		{"q4_0", -math.MaxFloat32, false},
	} {
		x := sparse(32, map[int]float32{4: c.amax})
		b, err := mustNew(t, c.spec, 32).AppendEncode(nil, x)
		var se *ScaleError
		if c.ok {
			if err != nil || b[0] != 0xff || b[1]&0x7f != 0x7b { // 65504
				t.Errorf("%s of %v: scale bytes % x, error %v", c.spec, c.amax, b[:min(2, len(b))], err)
			}
		} else if !errors.As(err, &se) || checkTry(t, se, x) != nil {
			t.Errorf("%s of %v: error %v", c.spec, c.amax, err)
		}
	}
}

// With d below 2^-128 the quantiser's factor 1/d is infinite, and with d below
// 2^-25 its stored form is 0: the block is lost but not spoilt.
func TestGGMLBlocksOfTinyValuesDecodeToZeros(t *testing.T) {
	for _, spec := range []string{"q8_0", "q4_0"} {
		c := mustNew(t, spec, 32)
		for exp := -149; exp < -34; exp++ {
			x := sparse(32, map[int]float32{0: float32(math.Ldexp(-1, exp)), 1: float32(math.Ldexp(1, exp))})
			for i, v := range roundTrip(t, c, x) {
				if v != 0 {
					t.Errorf("%s of 2^%d: value %d decodes to %v", spec, exp, i, v)
				}
			}
		}
	}
}

func TestGGMLCodesAreFixedPoints(t *testing.T) {
	// What a block decodes to is coded as itself, where its scale is exact.
	x := make([]float32, 64)
	for i := range x {
		x[i] = float32(i*37%255-127) / 4
	}
	x[0], x[32] = 127./4, -127./4
	if y := roundTrip(t, mustNew(t, "q8_0", 64), x); !slices.Equal(x, y) {
		t.Errorf("q8_0: %v became %v", x, y)
	}
	for i := range x {
		x[i] = float32(i*5%16-8) / 4
	}
	x[0], x[32] = -2, -2
	if y := roundTrip(t, mustNew(t, "q4_0", 64), x); !slices.Equal(x, y) {
		t.Errorf("q4_0: %v became %v", x, y)
	}
}
