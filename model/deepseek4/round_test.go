package deepseek4

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kakeyalattice/minifloat"
)

// The tables below are made from the definitions of the formats in the OCP
// specifications of 8-bit floating point (2023) and microscaling (2023). All
// their arithmetic is in float64 on values of few bits, hence exact.

// grid lists the magnitudes of a format in ascending order, which is that of
// their codes.
func grid(exponentBits, mantissaBits, bias int, largest float64) []float64 {
	var v []float64
	for e := range 1 << exponentBits {
		for m := range 1 << mantissaBits {
			x := math.Ldexp(float64(m), 1-bias-mantissaBits)
			if e > 0 {
				x = math.Ldexp(float64(1<<mantissaBits+m), e-bias-mantissaBits)
			}
			if x <= largest {
				v = append(v, x)
			}
		}
	}
	return v
}

// nearest rounds x to the grid, ties to the even code.
func nearest(grid []float64, x float64) float64 {
	best := 0
	for code := range grid {
		d, least := math.Abs(math.Abs(x)-grid[code]), math.Abs(math.Abs(x)-grid[best])
		if d < least || d == least && code%2 == 0 {
			best = code
		}
	}
	return math.Copysign(grid[best], x)
}

// scaleFor is the smallest power of two s, not below 2^-127, with
// largest*s >= max(amax, floor).
func scaleFor(amax, floor, largest float64) float64 {
	s := 0x1p-127
	for largest*s < max(amax, floor) {
		s *= 2
	}
	return s
}

func roundedByDefinition(x []float32, group int, floor float64, grid []float64) []float32 {
	var out []float32
	for at := 0; at < len(x); at += group {
		part := x[at:min(at+group, len(x))]
		amax := 0.0
		for _, v := range part {
			amax = max(amax, math.Abs(float64(v)))
		}
		s := scaleFor(amax, floor, grid[len(grid)-1])
		for _, v := range part {
			out = append(out, float32(nearest(grid, float64(v)/s)*s))
		}
	}
	return out
}

var (
	e4m3 = grid(4, 3, 7, 448)
	e2m1 = grid(2, 1, 1, 6)
)

func TestTheGridsAreThoseOfTheFormats(t *testing.T) {
	if len(e4m3) != 127 || e4m3[1] != 0x1p-9 || e4m3[126] != 448 {
		t.Errorf("E4M3: %v", e4m3)
	}
	if !slices.Equal(e2m1, []float64{0, 0.5, 1, 1.5, 2, 3, 4, 6}) {
		t.Errorf("E2M1: %v", e2m1)
	}
}

// bf16Values fills x with bfloat16 values of one of a few kinds.
func bf16Values(r *rand.Rand, x []float32) {
	kind, exponent := r.IntN(4), r.IntN(60)-40
	for i := range x {
		switch kind {
		case 0:
			x[i] = float32(r.NormFloat64())
		case 1:
			x[i] = float32(math.Ldexp(r.NormFloat64(), exponent))
		case 2: // ties and edges of both formats
			x[i] = float32(math.Ldexp(float64(r.IntN(1025)-512)/2, exponent))
		case 3: // far apart
			x[i] = float32(math.Ldexp(r.NormFloat64(), r.IntN(40)-20))
		}
	}
	roundBF16(x)
}

func TestRoundingsFollowTheirDefinitions(t *testing.T) {
	for _, c := range []struct {
		name    string
		rounder func(int) *rounder
		group   int
		floor   float64
		grid    []float64
	}{
		{"entries", newFP8Rounder, entryGroup, float64(fp8Floor), e4m3},
		{"activations", newFP8Rounder, activationGroup, float64(fp8Floor), e4m3},
		{"indexer", newFP4Rounder, indexerGroup, 6 * 0x1p-126, e2m1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			rounder := c.rounder(c.group)
			for _, n := range []int{c.group, 3 * c.group, 448, 1, c.group + 5} {
				for range 40 {
					x := make([]float32, n)
					bf16Values(r, x)
					want := roundedByDefinition(x, c.group, c.floor, c.grid)
					rounder.round(x)
					for i := range x {
						if math.Float32bits(x[i]) != math.Float32bits(want[i]) {
							t.Fatalf("%d values: value %d is %v, want %v", n, i, x[i], want[i])
						}
					}
				}
			}
		})
	}
}

// The float32 product with 1/448 or 1/6 decides as the exact quotient does, for
// the largest magnitude of every group of bfloat16 values.
func TestScalesAreExactForEveryLargestMagnitude(t *testing.T) {
	fp8 := powerOfTwoScale(fp8Floor, minifloat.E4M3Max)
	fp4 := powerOfTwoScale(fp4Floor, minifloat.E2M1Max)
	for code := range 0x7f80 {
		amax := minifloat.BF16ToFloat32(uint16(code))
		if got, want := fp8(amax), scaleFor(float64(amax), float64(fp8Floor), 448); float64(got) != want {
			t.Fatalf("FP8 at %v: %v, want %v", amax, got, want)
		}
		if got, want := fp4(amax), scaleFor(float64(amax), 6*0x1p-126, 6); float64(got) != want {
			t.Fatalf("FP4 at %v: %v, want %v", amax, got, want)
		}
	}
}

func TestBF16RoundsToNearestEven(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200000 {
		bits := r.Uint32()
		v := math.Float32frombits(bits)
		got := []float32{v}
		roundBF16(got)
		want := minifloat.BF16ToFloat32(minifloat.BF16FromFloat32(v))
		if math.Float32bits(got[0]) != math.Float32bits(want) {
			t.Fatalf("%v (%#08x): %v, want %v", v, bits, got[0], want)
		}
	}
}

// The published experiment's fallback keeps amax and has even steps of amax/127.
func TestUniformRoundingHas127StepsToEitherSide(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x := make([]float32, 128)
	bf16Values(r, x)
	x[5], x[70] = 4, -8
	for i, v := range x {
		x[i] = min(max(v, -4), 4)
	}
	y := slices.Clone(x)
	roundUniform(y, 64, keepFloat32)
	for g := range 2 {
		for i := 64 * g; i < 64*g+64; i++ {
			step := 4.0 / 127
			want := math.RoundToEven(float64(x[i])/step) * step
			if math.Abs(float64(y[i])-want) > 1e-5 {
				t.Errorf("%v became %v, want %v", x[i], y[i], want)
			}
		}
	}
}
