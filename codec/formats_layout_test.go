package codec

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// sparse returns a vector of zeros but for the values at the given places.
func sparse(dim int, at map[int]float32) []float32 {
	x := make([]float32, dim)
	for i, v := range at {
		x[i] = v
	}
	return x
}

func zeros(n int) string { return strings.Repeat("00", n) }

// Bytes worked out by hand from the layout comments. The values are ones that
// the format holds exactly, unless "decoded" gives others.
func TestLayoutsByteByByte(t *testing.T) {
	for _, c := range []struct {
		spec    string
		x       []float32
		want    string // hex; blanks separate the fields
		decoded []float32
	}{
		{"bf16", []float32{1, -2}, "803f 00c0", nil},
		{"fp16", []float32{1, -2}, "003c 00c0", nil},
		{ // codes of 448, -1, 0.5, 0 at scale 1 and of 448, -1 at scale 2
			"fp8:group=4", []float32{448, -1, 0.5, 0, 896, -2},
			"7eb83000 7eb8 003c 0040", nil,
		},
		{"fp8:group=2", []float32{0, 0, 448}, "0000 7e 0000 003c", nil}, // a group of zeros
		{ // 1/448 rounds up to 2^-8, and 1 is 256 of it
			"fp8-v41", sparse(33, map[int]float32{0: 448, 32: 1}),
			"7e" + zeros(31) + "78 7f77", nil,
		},
		{ // zeros count as 1e-4: 1e-4/448 = 2^-22.1, scale 2^-22
			"fp8-v41", make([]float32, 2), "0000 69", nil,
		},
		{ // 64 codes, 64 BF16 values, one scale and seven zeros
			"fp8-v4", sparse(128, map[int]float32{0: 448, 64: 1, 127: -2}),
			"7e" + zeros(63) + "803f" + zeros(124) + "00c0 7f" + zeros(7), nil,
		},
		{"fp8-tensor:scale=2", []float32{896, -2}, "7eb8", nil},
		{"mxfp4", []float32{6, -0.5, 1}, "9702 7f", nil},
		{ // two groups: 12 takes scale 2
			"mxfp4", sparse(34, map[int]float32{1: 6, 32: 12, 33: -1}),
			"70" + zeros(15) + "97 7f80", nil,
		},
		{ // amax/6 is 1 = 2*0.5 and 0.5 = 1*0.5
			"nvfp4:scale=0.5", sparse(18, map[int]float32{0: 6, 1: -1, 16: 3}),
			"a7" + zeros(7) + "07 4038", nil,
		},
		{ // the second group's scale of 1/6 * 2^-10 is raised to 2^-9, of which 2^-10 is a half
			"nvfp4:scale=1", sparse(17, map[int]float32{0: 6, 16: 0x1p-10}),
			"07" + zeros(7) + "01 3801", nil,
		},
		{ // 32 bytes of codes, 4 scales, 64 BF16 values, 12 zeros
			"nvfp4-v4:scale=1", sparse(128, map[int]float32{17: 6, 127: -2}),
			zeros(8) + "70" + zeros(23) + "00380000" + zeros(126) + "00c0" + zeros(12), nil,
		},
		{ // 32 bytes of codes, 2 scales, 64 BF16 values, 14 zeros; an empty group's scale is 2^-126
			"mxfp4-v4", sparse(128, map[int]float32{33: 6, 64: 1}),
			zeros(16) + "70" + zeros(15) + "017f 803f" + zeros(126) + zeros(14), nil,
		},
		{ // 011111, 100001, 011111 from the lowest bit up
			"int6:group=2", []float32{31, -31, 62}, "003c0040 5ff801", nil,
		},
		{"int8:group=64", []float32{127, -127}, "003c 7f81", nil},
		{"int4:group=2", []float32{7, -7, 0}, "003c0000 9700", nil},
		{ // rounding is to even: 0.5 and 1.5 of the scale
			"int8", []float32{127, 0.5, 1.5, -2.5}, "003c 7f0002fe", []float32{127, 0, 2, -2},
		},
		{ // rotated: 63.5 four times
			"int8:hadamard", []float32{127, 0, 0, 0}, "0038 7f7f7f7f", nil,
		},
		{ // rounding is half away from zero
			"q8_0", []float32{127, -63.5, 62.5}, "003c 7fc03f", []float32{127, -64, 63},
		},
		{ // a full block and a short one
			"q8_0", sparse(34, map[int]float32{0: 127, 33: -254}),
			"003c 7f" + zeros(31) + "0040 0081", nil,
		},
		{ // -8 sets the scale to 1, and 8 has no code
			"q4_0", []float32{-8, 1, 8}, "003c f009", []float32{-8, 1, 7},
		},
		{ // 4 sets it to -0.5
			"q4_0", []float32{4, -1}, "00b8 a0", nil,
		},
		{ // 0/-8 is -0
			"q4_0", []float32{0, 0}, "0080 88", nil,
		},
		{ // halves of a block of 32 and of a short one of 4
			"q4_0", sparse(36, map[int]float32{0: -8, 16: 1, 32: -8, 33: 2, 34: 3, 35: 4}),
			"003c 90" + strings.Repeat("88", 15) + "003c b0ca", nil,
		},
	} {
		codec := mustNew(t, c.spec, len(c.x))
		b, err := codec.AppendEncode(nil, c.x)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := hex.EncodeToString(b), strings.ReplaceAll(c.want, " ", ""); got != want {
			t.Errorf("%s of %v:\n got %s\nwant %s", c.spec, c.x, got, want)
		}
		want := c.decoded
		if want == nil {
			want = c.x
		}
		if y := roundTrip(t, codec, c.x); !slices.Equal(y, want) {
			t.Errorf("%s of %v decodes to %v, want %v", c.spec, c.x, y, want)
		}
	}
}

func TestDecodersRefuseWhatNoEncoderWrites(t *testing.T) {
	for _, c := range []struct {
		what, spec string
		dim        int
		bytes      string // hex
		want       string // part of the error
	}{
		{"an infinite BF16 value", "bf16", 2, "803f 807f", "BF16 value 1"},
		{"a BF16 NaN", "bf16", 2, "c0ff 803f", "BF16 value 0"},
		{"an infinite FP16 value", "fp16", 1, "00fc", "FP16 value 0"},
		{"a NaN code", "fp8:group=2", 4, "0000 007f 003c003c", "group 1: value 1 has the code 0x7f"},
		{"a negative NaN code", "fp8-v41", 1, "ff 7f", "group 0: value 0 has the code 0xff"},
		{"a NaN code of a whole stream", "fp8-tensor:scale=1", 2, "007f", "value 1 has the code 0x7f"},
		{"an infinite scale", "fp8:group=2", 2, "0000 007c", "scale has the code 0x7c00"},
		{"a negative scale", "fp8:group=2", 2, "0000 00bc", "scale has the code 0xbc00"},
		{"a scale of 0 under other codes", "fp8:group=2", 2, "0001 0000", "value 1 has the code 0x01 at a scale of 0"},
		{"a NaN scale", "fp8-v41", 1, "00 ff", "scale has the code 0xff"},
		{"a NaN scale", "mxfp4", 2, "00 ff", "scale has the code 0xff"},
		{"a half byte after the last code", "mxfp4", 1, "10 7f", "padding after the code of value 0"},
		{"a NaN scale", "nvfp4:scale=1", 2, "00 7f", "scale has the code 0x7f"},
		{"a negative scale", "nvfp4:scale=1", 2, "00 81", "scale has the code 0x81"},
		{"a scale of 0 under other codes", "nvfp4:scale=1", 2, "01 00", "value 0 has the code 0x01 at a scale of 0"},
		{"padding", "fp8-v4", 128, zeros(64) + zeros(128) + "7f" + zeros(6) + "01", "padding after byte 193"},
		{"padding", "mxfp4-v4", 128, zeros(32) + "7f7f" + zeros(128) + "01" + zeros(13), "padding after byte 162"},
		{"a BF16 NaN in the tail", "fp8-v4", 128, zeros(64) + "ffff" + zeros(126) + "7f" + zeros(7), "BF16 value 0"},
		{"the code -128", "int8", 2, "003c 0080", "group 0: value 1 has the code 0x80"},
		{"the code -32", "int6", 1, "003c 20", "value 0 has the code 0x20"},
		{"the code -8", "int4:group=1", 2, "003c003c 80", "group 1: value 0 has the code 0x08"},
		{"a scale of 0 under another code", "int4", 2, "0000 10", "value 1 has the code 0x01 at a scale of 0"},
		{"a NaN scale", "int8", 1, "017c 00", "scale has the code 0x7c01"},
		{"bits after the last code", "int6", 1, "003c 40", "padding"},
		{"the code -128", "q8_0", 2, "003c 0080", "block 0: value 1"},
		{"an infinite scale", "q8_0", 2, "007c 0000", "block 0: its scale"},
		{"a negative scale", "q8_0", 2, "00bc 0000", "block 0: its scale is negative"},
		{"a NaN scale", "q4_0", 2, "01fe 88", "block 0: its scale"},
		{"a half byte after the last code", "q4_0", 3, "003c 0010", "half byte"},
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(c.bytes, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		codec := mustNew(t, c.spec, c.dim)
		if len(b) != codec.Size().Bytes {
			t.Fatalf("%s in %s: %d bytes, want %d", c.what, c.spec, len(b), codec.Size().Bytes)
		}
		_, err = codec.Decode(make([]float32, c.dim), b)
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.spec) {
			t.Errorf("%s in %s: error %v, want ErrCorrupt with %q", c.what, c.spec, err, c.want)
		}
	}
}

// pick returns the element of the ascending values, whose codes are their
// indices, that is nearest to v, ties to the even code; v beyond the last
// becomes the last.
func pick(values []float64, v float64) float64 {
	best := 0
	for i, w := range values {
		d, e := math.Abs(w-math.Abs(v)), math.Abs(values[best]-math.Abs(v))
		if d < e || d == e && i%2 == 0 {
			best = i
		}
	}
	return math.Copysign(values[best], v)
}

// magnitudes lists the non-negative values of a format by its definition.
func magnitudes(exp, man, bias, count int) []float64 {
	values := make([]float64, count)
	for code := range values {
		e, m := code>>man, code&(1<<man-1)
		values[code] = math.Ldexp(float64(m), max(e, 1)-bias-man)
		if e > 0 {
			values[code] += math.Ldexp(1, e-bias)
		}
	}
	return values
}

// What comes back is what the formulas say, computed without bytes, by search
// and in float64.
func TestFormatsEqualTheirFormulas(t *testing.T) {
	const n, dim = 200, 512
	e4m3Values, e2m1Values := magnitudes(4, 3, 7, 127), magnitudes(2, 1, 1, 8)
	fp16Values := magnitudes(5, 10, 15, 0x7c00)
	// The smallest 2^k with 2^k * levels at least a.
	power := func(a, levels float64) float64 {
		k := -140
		for math.Ldexp(levels, k) < a {
			k++
		}
		return math.Ldexp(1, k)
	}
	x := gaussianVectors(n, dim, 9)
	for i := range x {
		// Magnitudes from 2^-20 up, so that the floor of the scale is reached,
		// and BF16 values, as caches hold.
		x[i] = float32(math.Ldexp(float64(x[i]), i/dim%24-20))
		x[i] = math.Float32frombits(math.Float32bits(x[i]) &^ 0xffff)
	}
	stream := float64(maxAbs(x) / (6 * 448))
	for _, c := range []struct {
		spec   string
		head   int
		group  int
		values []float64
		scale  func(amax float64) float64
	}{
		{"fp8:group=64", dim, 64, e4m3Values, func(a float64) float64 {
			i, _ := slices.BinarySearch(fp16Values, float64(float32(a)/448))
			return fp16Values[i]
		}},
		{"fp8-v4", dim - 64, 64, e4m3Values, func(a float64) float64 { return power(max(a, float64(float32(1e-4))), 448) }},
		{"fp8-v41", dim, 32, e4m3Values, func(a float64) float64 { return power(max(a, float64(float32(1e-4))), 448) }},
		{"mxfp4", dim, 32, e2m1Values, func(a float64) float64 { return power(max(a, 6*0x1p-126), 6) }},
		{"mxfp4-v4", dim - 64, 32, e2m1Values, func(a float64) float64 { return power(max(a, 6*0x1p-126), 6) }},
		{"nvfp4", dim, 16, e2m1Values, func(a float64) float64 {
			t := float32(a) / 6 / float32(stream)
			return float64(float32(max(pick(e4m3Values, float64(t)), 0x1p-9)) * float32(stream))
		}},
	} {
		y := roundTrip(t, newFormat(t, c.spec, dim, x), x)
		bad := 0
		for i, v := range x {
			col := i % dim
			if col >= c.head { // BF16, which x is
				if y[i] != v {
					t.Fatalf("%s: value %d of the tail: %v became %v", c.spec, i, v, y[i])
				}
				continue
			}
			row := x[i-col : i-col+c.head]
			scale := c.scale(float64(maxAbs(groupOf(row, col, c.group))))
			want := pick(c.values, float64(v/float32(scale))) * scale
			if float64(y[i]) != float64(float32(want)) && bad < 3 {
				bad++
				t.Errorf("%s: value %d, %v at scale %v, decodes to %v, want %v", c.spec, i, v, scale, y[i], want)
			}
		}
	}
}

// The product that forms a power-of-two scale must not round across the power:
// neighbours of levels*2^k on both sides, every k.
func TestPowerOfTwoScalesAreExact(t *testing.T) {
	for _, c := range []struct {
		what   string
		rule   ue8m0Scale
		levels float64
	}{{"fp8", fp8Scale, 448}, {"mxfp4", mxfp4Scale, 6}} {
		var amax []float32
		for k := -149; k < 128; k++ {
			edge := math.Ldexp(c.levels, k)
			if edge > math.MaxFloat32 {
				break
			}
			amax = append(amax, float32(edge), math.Nextafter32(float32(edge), 0), math.Nextafter32(float32(edge), math.MaxFloat32))
		}
		for i := range uint32(1 << 15) { // every bfloat16
			if v := math.Float32frombits(i << 16); v <= math.MaxFloat32 {
				amax = append(amax, v)
			}
		}
		scales := slices.Clone(amax)
		if err := c.rule.put(make([]byte, len(scales)), scales); err != nil {
			t.Fatal(err)
		}
		for i, scale := range scales {
			need := max(float64(amax[i]), float64(c.rule.floor))
			if got := float64(scale); got*c.levels < need || got/2*c.levels >= need {
				t.Errorf("%s: amax %v takes scale %v, not the smallest power of two that will do", c.what, amax[i], scale)
			}
		}
	}
}

// Rounded to nearest, half of the scales would be too small for the largest
// value.
func TestScalesOfHalfPrecisionAreRoundedUp(t *testing.T) {
	x := gaussianVectors(40, 64, 10)
	for _, spec := range []string{"fp8:group=64", "int8:group=64", "int6:group=64"} {
		c := mustNew(t, spec, 64)
		levels := codeRange[c.Spec().Name]
		for i := range 40 {
			v := x[i*64 : (i+1)*64]
			b, err := c.AppendEncode(nil, v)
			if err != nil {
				t.Fatal(err)
			}
			field := b[:2]
			if spec == "fp8:group=64" {
				field = b[64:]
			}
			scale := magnitudes(5, 10, 15, 0x7c00)[binary.LittleEndian.Uint16(field)]
			if need := float64(maxAbs(v)) / levels; scale < need*(1-1e-7) || scale > need*(1+0x1p-10) {
				t.Errorf("%s: vector %d needs a scale of %v and has %v", spec, i, need, scale)
			}
		}
	}
}
