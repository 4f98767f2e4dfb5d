package checkpoint

import (
	"fmt"
	"math"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/safetensors"
)

// single writes a checkpoint of one file and opens it.
func single(t testing.TB, entries ...safetensors.Entry) *Checkpoint {
	t.Helper()
	dir := t.TempDir()
	if err := safetensors.WriteFile(filepath.Join(dir, singleFile), entries, nil); err != nil {
		t.Fatal(err)
	}
	return opened(t, Dir(dir))
}

func raw(name string, dtype safetensors.DType, data []byte, shape ...int) safetensors.Entry {
	return safetensors.Raw(name, dtype, shape, data)
}

// expanded is all rows of a matrix.
func expanded(m *Matrix) []float32 {
	values := make([]float32, m.Rows*m.Cols)
	for r := range m.Rows {
		m.Row(values[r*m.Cols:][:m.Cols], r)
	}
	return values
}

// exact is the value of a code of sign, exp and man bits, times 2^(scale-127),
// as the OCP specifications define them (8-bit floating point, 2023, section 3;
// microscaling formats, 2023, section 5), in exact arithmetic, rounded once.
func exact(code, exp, man, bias, scale int) float32 {
	e, m := code>>man&(1<<exp-1), code&(1<<man-1)
	if e > 0 {
		m |= 1 << man
	} else {
		e = 1
	}
	r := new(big.Rat).SetInt64(int64(m))
	power := e - bias - man + scale - 127
	two := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(max(power, -power))))
	if power < 0 {
		r.Quo(r, two)
	} else {
		r.Mul(r, two)
	}
	f, _ := r.Float32()
	if code>>(exp+man) != 0 {
		f = -f
	}
	return f
}

func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// Row r holds all codes under the scale r.
func TestEveryE4M3CodeUnderEveryScaleHasItsDefinedValue(t *testing.T) {
	var codes, scales []byte
	for scale := range 256 {
		for code := range 256 {
			codes = append(codes, byte(code))
		}
		for range 256 / 32 {
			scales = append(scales, byte(scale))
		}
	}
	c := single(t, raw("x.weight", safetensors.F8E4M3, codes, 256, 256), raw("x.scale", safetensors.F8E8M0, scales, 256, 8))
	m, err := c.Matrix(bg, "x.weight", 256, 256)
	if err != nil || m.Format != FP8 || m.BlockRows != 1 || m.BlockCols != 32 {
		t.Fatalf("%+v (%v)", m, err)
	}
	for i, got := range expanded(m) {
		scale, code := i/256, i%256
		want := exact(code, 4, 3, 7, scale)
		if scale == 255 || code&0x7f == 0x7f {
			want = float32(math.NaN())
		}
		if !same(got, want) {
			t.Fatalf("code %#x under scale %d is %v, want %v", code, scale, got, want)
		}
	}
}

func TestEveryByteOfE2M1UnderEveryScaleHasItsDefinedValues(t *testing.T) {
	// 256 bytes are 512 columns.
	var codes, scales []byte
	for scale := range 256 {
		for b := range 256 {
			codes = append(codes, byte(b))
		}
		for range 512 / 32 {
			scales = append(scales, byte(scale))
		}
	}
	for _, dtype := range []safetensors.DType{safetensors.I8, safetensors.U8, safetensors.F4} {
		shape := []int{256, 256}
		if dtype == safetensors.F4 {
			shape[1] = 512
		}
		c := single(t, raw("x.weight", dtype, codes, shape...), raw("x.scale", safetensors.F8E8M0, scales, 256, 16))
		m, err := c.Matrix(bg, "x.weight", 256, 512)
		if err != nil || m.Format != MXFP4 {
			t.Fatalf("%+v (%v)", m, err)
		}
		for i, got := range expanded(m) {
			scale, col := i/512, i%512
			code := col / 2 & 15 // the low four bits are the even column
			if col%2 == 1 {
				code = col / 2 >> 4
			}
			want := exact(code, 2, 1, 1, scale)
			if scale == 255 {
				want = float32(math.NaN())
			}
			if !same(got, want) {
				t.Fatalf("%s: column %d (code %#x) under scale %d is %v, want %v", dtype, col, code, scale, got, want)
			}
		}
	}
	// The magnitudes as the specification prints them.
	for code, want := range []float32{0, 0.5, 1, 1.5, 2, 3, 4, 6} {
		if got := exact(code, 2, 1, 1, 127); got != want {
			t.Errorf("code %d is %v, want %v", code, got, want)
		}
	}
}

// Every weight is 1, and every scale another: an element's value tells the
// block that it was taken to be in.
func TestScalesReachToTheBordersOfTheirBlocks(t *testing.T) {
	for _, tt := range []struct {
		rows, cols, blockRows, blockCols int
	}{
		{300, 270, 128, 128}, {128, 128, 128, 128}, {129, 127, 128, 128}, {1, 300, 128, 128}, {300, 1, 128, 128},
		{70, 50, 32, 32}, {33, 31, 32, 32}, {64, 64, 32, 32}, {200, 90, 32, 32}, {5, 97, 1, 32}, {5, 257, 1, 128},
	} {
		t.Run(fmt.Sprintf("%d x %d in blocks of %d x %d", tt.rows, tt.cols, tt.blockRows, tt.blockCols), func(t *testing.T) {
			gridRows, gridCols := (tt.rows-1)/tt.blockRows+1, (tt.cols-1)/tt.blockCols+1
			codes := slices.Repeat([]byte{0x38}, tt.rows*tt.cols)
			scales := make([]byte, gridRows*gridCols)
			for i := range scales {
				scales[i] = byte(100 + i)
			}
			c := single(t, raw("x.weight", safetensors.F8E4M3, codes, tt.rows, tt.cols), raw("x.scale", safetensors.F8E8M0, scales, gridRows, gridCols))
			m, err := c.Matrix(bg, "x.weight", tt.rows, tt.cols)
			if err != nil {
				t.Fatal(err)
			}
			for i, got := range expanded(m) {
				r, col := i/tt.cols, i%tt.cols
				block := 0
				for edge := tt.blockRows; edge <= r; edge += tt.blockRows {
					block += gridCols
				}
				for edge := tt.blockCols; edge <= col; edge += tt.blockCols {
					block++
				}
				if want := float32(math.Ldexp(1, 100+block-127)); got != want {
					t.Fatalf("row %d, column %d is %v, want %v", r, col, got, want)
				}
			}
		})
	}
}

func TestPlainMatricesAreWhatTheFileHolds(t *testing.T) {
	c := single(t,
		raw("bf16", safetensors.BF16, []byte{0x80, 0x3f, 0x00, 0xc0}, 1, 2),
		raw("fp16", safetensors.F16, []byte{0x00, 0x3c, 0x00, 0xc0}, 2, 1),
		safetensors.Float32s("f32", []int{1, 2}, []float32{1, -2}))
	for name, shape := range map[string][2]int{"bf16": {1, 2}, "fp16": {2, 1}, "f32": {1, 2}} {
		m, err := c.Matrix(bg, name, shape[0], shape[1])
		if err != nil {
			t.Error(err)
			continue
		}
		if got := expanded(m); !slices.Equal(got, []float32{1, -2}) || !strings.EqualFold(m.Format.String(), name) {
			t.Errorf("%s is %v %v", name, m.Format, got)
		}
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestScalesOfDeepSeekV3(t *testing.T) {
	codes := slices.Repeat([]byte{0x39}, 130*129) // 1.125
	grid := func(name string, values ...float32) safetensors.Entry {
		return safetensors.Float32s(name, []int{2, 2}, values)
	}
	c := single(t,
		raw("any.weight", safetensors.F8E4M3, codes, 130, 129), grid("any.weight_scale_inv", 0.1, 1e-30, 3, -7),
		raw("power.weight", safetensors.F8E4M3, codes, 130, 129), grid("power.weight_scale_inv", 0.125, 0x1p-127, 4, 0x1p127))
	m, err := c.Matrix(bg, "any.weight", 130, 129)
	if err != nil || m.Format != F32 {
		t.Fatalf("%v (%v)", m.Format, err)
	}
	values := expanded(m)
	for i, want := range map[int]float32{0: 0.1, 127*129 + 127: 0.1, 128: 1e-30, 128 * 129: 3, 129*129 + 128: -7} {
		if values[i] != 1.125*want {
			t.Errorf("value %d is %v, want 1.125 x %v", i, values[i], want)
		}
	}
	if m, err = c.Matrix(bg, "power.weight", 130, 129); err != nil || m.Format != FP8 || !slices.Equal(m.Scale, []byte{124, 0, 129, 254}) {
		t.Errorf("scales that are powers of two: %v %v (%v)", m.Format, m.Scale, err)
	}
}

func TestValidateFindsTheFirstValueThatCannotBeUsed(t *testing.T) {
	fill := func(n int, at int, code byte) []byte {
		b := slices.Repeat([]byte{0x38}, n)
		if at >= 0 {
			b[at] = code
		}
		return b
	}
	matrix := func(code, scale byte, at int) *Matrix {
		return &Matrix{Name: "m", Rows: 130, Cols: 260, Format: FP8, Data: fill(130*260, at, code),
			Scale: []byte{127, 127, scale, 127, 127, 127}, BlockRows: 128, BlockCols: 128}
	}
	for _, tt := range []struct {
		name string
		m    *Matrix
		want string
	}{
		{"nothing", matrix(0x38, 0, 0), ""},
		{"a scale that is NaN", matrix(0x38, 255, 0), "m: row 0, column 256: the scale of the block that begins here is NaN"},
		{"a code that is NaN", matrix(0xff, 127, 129*260+7), "m: row 129, column 7: the value is NaN"},
		{"a product beyond float32", matrix(0x7e, 254, 257), "m: row 0, column 257: the value is +Inf"},
		{"an infinite bfloat16", &Matrix{Name: "m", Rows: 1, Cols: 2, Format: BF16, Data: []byte{0, 0, 0x80, 0xff}}, "m: row 0, column 1: the value is -Inf"},
		{"sizes that do not fit", &Matrix{Name: "m", Rows: 1, Cols: 2, Format: BF16}, "m: 0 bytes for 1 x 2 BF16"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.m.Validate(); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
