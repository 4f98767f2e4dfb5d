package minifloat

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// format describes one signed format to the tests, independently of its code.
type format struct {
	name           string
	exp, man, bias int
	codes          int // number of codes
	max            float32
	hasInf         bool
	nan            uint16 // code of the canonical NaN
	hasNaN         bool
	isNaN          func(mag int) bool // of a code without its sign
	from           func(float32) uint16
	to             func(uint16) float32
}

// formats holds the parameters as the OCP FP8 (2023), OCP MX (2023) and IEEE
// 754-2019 documents state them.
var formats = []format{
	{
		name: "E4M3", exp: 4, man: 3, bias: 7, codes: 256, max: E4M3Max, nan: 0x7f, hasNaN: true,
		isNaN: func(mag int) bool { return mag == 0x7f },
		from:  func(f float32) uint16 { return uint16(E4M3FromFloat32(f)) },
		to:    func(c uint16) float32 { return E4M3ToFloat32(uint8(c)) },
	},
	{
		name: "E5M2", exp: 5, man: 2, bias: 15, codes: 256, max: E5M2Max, hasInf: true, nan: 0x7e, hasNaN: true,
		isNaN: func(mag int) bool { return mag > 0x7c },
		from:  func(f float32) uint16 { return uint16(E5M2FromFloat32(f)) },
		to:    func(c uint16) float32 { return E5M2ToFloat32(uint8(c)) },
	},
	{
		name: "E2M1", exp: 2, man: 1, bias: 1, codes: 16, max: E2M1Max,
		isNaN: func(int) bool { return false },
		from:  func(f float32) uint16 { return uint16(E2M1FromFloat32(f)) },
		to:    func(c uint16) float32 { return E2M1ToFloat32(uint8(c)) },
	},
	{
		name: "FP16", exp: 5, man: 10, bias: 15, codes: 65536, max: FP16Max, hasInf: true, nan: 0x7e00, hasNaN: true,
		isNaN: func(mag int) bool { return mag > 0x7c00 },
		from:  FP16FromFloat32, to: FP16ToFloat32,
	},
	{
		name: "BF16", exp: 8, man: 7, bias: 127, codes: 65536, max: BF16Max, hasInf: true, nan: 0x7fc0, hasNaN: true,
		isNaN: func(mag int) bool { return mag > 0x7f80 },
		from:  BF16FromFloat32, to: BF16ToFloat32,
	},
}

func (f format) sign() uint16 { return uint16(f.codes / 2) }

// value is the value of a code by the definition, in exact rational
// arithmetic; the code is neither NaN nor infinite.
func (f format) value(code int) float64 {
	mag := code % (f.codes / 2)
	e, m := mag>>f.man, mag&(1<<f.man-1)
	r := big.NewRat(int64(m), 1<<f.man) // 0.m
	if e > 0 {
		r.Add(r, big.NewRat(1, 1)) // 1.m
	} else {
		e = 1
	}
	power := new(big.Int).Lsh(big.NewInt(1), uint(max(e-f.bias, f.bias-e)))
	if e >= f.bias {
		r.Mul(r, new(big.Rat).SetInt(power))
	} else {
		r.Quo(r, new(big.Rat).SetInt(power))
	}
	v, exact := r.Float64()
	if !exact {
		panic("a value of a narrow format is exact in float64")
	}
	if code != mag {
		return -v
	}
	return v
}

// finite returns the values of the finite codes 0, 1, .. without sign.
func (f format) finite() []float64 {
	var v []float64
	for mag := range f.codes / 2 {
		inf := f.hasInf && mag == (1<<f.exp-1)<<f.man
		if f.isNaN(mag) || inf {
			break
		}
		v = append(v, f.value(mag))
	}
	return v
}

// nearest is the code of x by search among the finite values: exact, for
// halfway points of neighbours are exact in float64. x is not NaN.
func (f format) nearest(values []float64, x float32) uint16 {
	mag := math.Abs(float64(x))
	i, found := slices.BinarySearch(values, mag)
	switch {
	case found:
	case math.IsInf(mag, 1) && f.hasInf: // the code after the largest finite one
	case i == len(values):
		i--
	default: // values[i-1] < mag < values[i]
		half := (values[i-1] + values[i]) / 2
		if mag < half || mag == half && i%2 == 1 {
			i--
		}
	}
	if math.Signbit(float64(x)) {
		return uint16(i) | f.sign()
	}
	return uint16(i)
}

func TestEveryCodeHasTheValueOfItsDefinition(t *testing.T) {
	for _, f := range formats {
		for code := range f.codes {
			mag, sign := code%(f.codes/2), 1-2*(code/(f.codes/2))
			got := f.to(uint16(code))
			switch {
			case f.isNaN(mag):
				if got == got {
					t.Errorf("%s code %#x is %v, want NaN", f.name, code, got)
				}
			case f.hasInf && mag == (1<<f.exp-1)<<f.man:
				if !math.IsInf(float64(got), sign) {
					t.Errorf("%s code %#x is %v, want an infinity of sign %d", f.name, code, got, sign)
				}
			default:
				want := f.value(code)
				if float64(got) != want || math.Signbit(float64(got)) != (sign < 0) {
					t.Errorf("%s code %#x is %v, want %v with sign %d", f.name, code, got, want, sign)
				}
			}
		}
	}
}

func TestEveryCodeSurvivesARoundTrip(t *testing.T) {
	for _, f := range formats {
		for code := range f.codes {
			want := uint16(code)
			if f.isNaN(code % (f.codes / 2)) {
				want = f.nan
			}
			if got := f.from(f.to(uint16(code))); got != want {
				t.Errorf("%s code %#x comes back as %#x, want %#x", f.name, code, got, want)
			}
		}
	}
}

func TestEncodersFindTheNearestValueTiesToEven(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			values := f.finite()
			if got := float32(values[len(values)-1]); got != f.max {
				t.Fatalf("largest finite value is %v, the constant says %v", got, f.max)
			}
			bad := 0
			check := func(x float32) {
				if x != x {
					return
				}
				for _, x := range [2]float32{x, -x} {
					if got, want := f.from(x), f.nearest(values, x); got != want && bad < 10 {
						bad++
						t.Errorf("%v (bits %#x): code %#x, want %#x", x, math.Float32bits(x), got, want)
					}
				}
			}
			for i := range 1 << 16 { // every bfloat16: zeros, subnormals and infinities too
				check(math.Float32frombits(uint32(i) << 16))
			}
			rng := rand.New(rand.NewPCG(1, uint64(f.codes)))
			for range 1 << 20 {
				check(math.Float32frombits(rng.Uint32()))
			}
			for i := range values[1:] { // midpoints, the values, and the float32 next to each
				for _, v := range []float64{values[i], (values[i] + values[i+1]) / 2, values[i+1]} {
					x := float32(v)
					check(x)
					check(math.Nextafter32(x, 0))
					check(math.Nextafter32(x, math.MaxFloat32))
				}
			}
			for range 1 << 18 { // spread evenly over the format's own range
				check(float32(f.max * rng.Float32() * 1.1))
				check(float32(values[1]) * 40 * rng.Float32())
			}
		})
	}
}

func TestSpecialInputs(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	negZero := float32(math.Copysign(0, -1))
	const subnormal = 0x1p-149
	for _, f := range formats {
		largest := uint16(len(f.finite()) - 1)
		overflow := largest
		if f.hasInf {
			overflow++
		}
		for _, c := range []struct {
			what string
			in   float32
			want uint16
		}{
			{"+0", 0, 0},
			{"-0", negZero, f.sign()},
			{"the smallest float32", subnormal, 0},
			{"the smallest negative float32", -subnormal, f.sign()},
			{"the largest value", f.max, largest},
			{"the float32 after the largest value", math.Nextafter32(f.max, inf), largest},
			{"MaxFloat32", math.MaxFloat32, largest},
			{"-MaxFloat32", -math.MaxFloat32, largest | f.sign()},
			{"+Inf", inf, overflow},
			{"-Inf", -inf, overflow | f.sign()},
			{"NaN", nan, f.nan},
			{"NaN with its sign set", math.Float32frombits(0xffc00001), f.nan},
			{"a signalling NaN", math.Float32frombits(0x7f800001), f.nan},
		} {
			if math.IsInf(float64(c.in), 0) && c.what == "the float32 after the largest value" {
				continue
			}
			if got := f.from(c.in); got != c.want {
				t.Errorf("%s: %s is code %#x, want %#x", f.name, c.what, got, c.want)
			}
		}
	}
}

// Values as printed in the OCP documents (FP8 table 2; MX section 5.3.3) and
// in IEEE 754.
func TestPublishedValues(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, want float32
	}{
		{"E4M3 largest normal S.1111.110", E4M3ToFloat32(0b0_1111_110), 448},
		{"E4M3 smallest normal S.0001.000", E4M3ToFloat32(0b0_0001_000), 0x1p-6},
		{"E4M3 largest subnormal S.0000.111", E4M3ToFloat32(0b0_0000_111), 0.875 * 0x1p-6},
		{"E4M3 smallest subnormal S.0000.001", E4M3ToFloat32(0b0_0000_001), 0x1p-9},
		{"E5M2 largest normal S.11110.11", E5M2ToFloat32(0b0_11110_11), 57344},
		{"E5M2 smallest normal S.00001.00", E5M2ToFloat32(0b0_00001_00), 0x1p-14},
		{"E5M2 largest subnormal S.00000.11", E5M2ToFloat32(0b0_00000_11), 0.75 * 0x1p-14},
		{"E5M2 smallest subnormal S.00000.01", E5M2ToFloat32(0b0_00000_01), 0x1p-16},
		{"FP16 one", FP16ToFloat32(0x3c00), 1},
		{"FP16 one third", FP16ToFloat32(0x3555), 0.333251953125},
		{"BF16 one", BF16ToFloat32(0x3f80), 1},
	} {
		if c.got != c.want {
			t.Errorf("%s is %v, want %v", c.what, c.got, c.want)
		}
	}
	want := []float32{0, 0.5, 1, 1.5, 2, 3, 4, 6}
	for i, w := range want {
		if got := E2M1ToFloat32(uint8(i)); got != w {
			t.Errorf("E2M1 code %d is %v, want %v", i, got, w)
		}
		if got := E2M1ToFloat32(uint8(i) | 0xf8); got != -w {
			t.Errorf("E2M1 code %d with the sign and idle bits set is %v, want %v", i, got, -w)
		}
	}
}

func ExampleE4M3FromFloat32() {
	for _, f := range []float32{0.3, 17, 1000} {
		code := E4M3FromFloat32(f)
		fmt.Printf("%v is coded as %#02x, which means %v\n", f, code, E4M3ToFloat32(code))
	}
	// Output:
	// 0.3 is coded as 0x2a, which means 0.3125
	// 17 is coded as 0x58, which means 16
	// 1000 is coded as 0x7e, which means 448
}

func BenchmarkEncode(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float32, 4096)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	run := func(name string, bench func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				bench()
			}
		})
	}
	var narrow [4096]uint8
	var half [4096]uint16
	run("E4M3", func() {
		for i, f := range x {
			narrow[i] = E4M3FromFloat32(f)
		}
	})
	run("E2M1", func() {
		for i, f := range x {
			narrow[i] = E2M1FromFloat32(f)
		}
	})
	run("FP16", func() {
		for i, f := range x {
			half[i] = FP16FromFloat32(f)
		}
	})
	run("BF16", func() {
		for i, f := range x {
			half[i] = BF16FromFloat32(f)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	var narrow [4096]uint8
	var half [4096]uint16
	for i := range narrow {
		narrow[i] = E4M3FromFloat32(float32(rng.NormFloat64()))
		half[i] = FP16FromFloat32(float32(rng.NormFloat64()))
	}
	var out [4096]float32
	b.Run("E4M3", func(b *testing.B) {
		b.SetBytes(int64(4 * len(out)))
		for b.Loop() {
			for i, c := range narrow {
				out[i] = E4M3ToFloat32(c)
			}
		}
	})
	b.Run("FP16", func(b *testing.B) {
		b.SetBytes(int64(4 * len(out)))
		for b.Loop() {
			for i, c := range half {
				out[i] = FP16ToFloat32(c)
			}
		}
	})
}
