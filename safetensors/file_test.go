package safetensors

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOpenConvertsEveryFloatType(t *testing.T) {
	inf := float32(math.Inf(1))
	nan := float32(math.NaN())
	u16 := func(codes ...uint16) (b []byte) {
		for _, c := range codes {
			b = binary.LittleEndian.AppendUint16(b, c)
		}
		return b
	}
	u32 := func(values ...float32) (b []byte) {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		return b
	}
	u64 := func(values ...float64) (b []byte) {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		return b
	}
	for _, tt := range []struct {
		dtype DType
		data  []byte
		want  []float32
	}{
		{F64, u64(1, -0.1, math.MaxFloat32, 1e-60, math.Inf(-1), math.NaN()), []float32{1, -0.1, math.MaxFloat32, 0, -inf, nan}},
		{F32, u32(1, -0.1, math.MaxFloat32, math.SmallestNonzeroFloat32, -inf, nan), []float32{1, -0.1, math.MaxFloat32, math.SmallestNonzeroFloat32, -inf, nan}},
		// IEEE 754 half precision: one, largest, smallest subnormal, infinity, NaN.
		{F16, u16(0x3c00, 0x7bff, 0x0001, 0xfc00, 0x7e00), []float32{1, 65504, 0x1p-24, -inf, nan}},
		{BF16, u16(0x3f80, 0xc0a0, 0x0001, 0x7f80, 0x7fc0), []float32{1, -5, 0x1p-133, inf, nan}},
		// OCP 8-bit floating point specification, table 2.
		{F8E4M3, []byte{0x38, 0x7e, 0x01, 0x80, 0x7f}, []float32{1, 448, 0x1p-9, float32(math.Copysign(0, -1)), nan}},
		{F8E5M2, []byte{0x3c, 0x7b, 0x01, 0xfc, 0x7e}, []float32{1, 57344, 0x1p-16, -inf, nan}},
		{F8E8M0, []byte{127, 0, 254, 255}, []float32{1, 0x1p-127, 0x1p127, nan}},
	} {
		t.Run(string(tt.dtype), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			// A tensor of one byte in front leaves the values unaligned.
			entries := []Entry{Raw("x", tt.dtype, []int{len(tt.want)}, tt.data), Raw("pad", U8, []int{1}, []byte{9})}
			if err := WriteFile(path, entries, nil); err != nil {
				t.Fatal(err)
			}
			f, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			x, _ := f.Lookup("x")
			got := make([]float32, len(tt.want))
			if err := f.Float32(got, x, 0); err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, tt.want, sameFloat) {
				t.Errorf("values %v, want %v", got, tt.want)
			}
			part := make([]float32, 2)
			if err := f.Float32(part, x, 1); err != nil || !slices.EqualFunc(part, tt.want[1:3], sameFloat) {
				t.Errorf("elements 1 and 2 are %v (%v), want %v", part, err, tt.want[1:3])
			}
			raw, err := f.Bytes(x)
			if err != nil || !bytes.Equal(raw, tt.data) || cap(raw) != len(raw) {
				t.Errorf("bytes %x (%v), want %x", raw, err, tt.data)
			}
		})
	}
}

// sameFloat tells zeros of either sign apart and holds all NaNs equal.
func sameFloat(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func TestAFloat64BeyondFloat32IsRefusedByPosition(t *testing.T) {
	values := []float64{1, 2, 3, math.MaxFloat32 * (1 + 1e-7), 5}
	data := new(bytes.Buffer)
	binary.Write(data, binary.LittleEndian, values)
	path := filepath.Join(t.TempDir(), "f")
	if err := WriteFile(path, []Entry{Raw("x", F64, []int{5}, data.Bytes())}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, _ := f.Lookup("x")
	err = f.Float32(make([]float32, 3), x, 2)
	var beyond *RangeError
	if !errors.As(err, &beyond) || beyond.Element != 3 || beyond.Value != values[3] {
		t.Fatalf("error %v, want a RangeError of element 3", err)
	}
	if !strings.Contains(err.Error(), "tensor x: element 3 is 3.40") {
		t.Errorf("error %q", err)
	}
	// The largest float64 that rounds to a finite float32 is accepted.
	if err := F64.Float32(make([]float32, 1), binary.LittleEndian.AppendUint64(nil, math.Float64bits(0x1.fffffefffffffp127))); err != nil {
		t.Error(err)
	}
}

func TestBadRequestsAreErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	entries := []Entry{Float32s("x", []int{2, 2}, []float32{1, 2, 3, 4}), Int64s("ids", []int{1}, []int64{7})}
	if err := WriteFile(path, entries, nil); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := f.Lookup("x")
	ids, _ := f.Lookup("ids")
	foreign := Tensor{Name: "foreign", DType: F32, Shape: []int{9}, Begin: 0, End: 36}
	for _, tt := range []struct {
		name   string
		tensor Tensor
		from   int
		n      int
		want   string
	}{
		{"a negative start", x, -1, 1, "1 elements from element -1 on: it has 4"},
		{"a start beyond the end", x, 5, 0, "from element 5 on"},
		{"too many elements", x, 2, 3, "3 elements from element 2 on"},
		{"an integer tensor", ids, 0, 1, "tensor ids: I64 is no float type"},
		{"a tensor of another file", foreign, 0, 9, "tensor foreign: its range [0, 36] is not in this file"},
		{"a tensor with a negative range", Tensor{DType: F32, Begin: -4}, 0, 1, "is not in this file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := f.Float32(make([]float32, tt.n), tt.tensor, tt.from)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if err := f.Float32(nil, x, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("reading a closed file: %v", err)
	}
	if _, err := f.WriteTo(sha256.New()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("hashing a closed file: %v", err)
	}
	if err := F32.Float32(make([]float32, 2), make([]byte, 9)); err == nil {
		t.Error("9 bytes pass for two float32")
	}
	if _, err := Open(filepath.Dir(path)); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("opening a directory: %v", err)
	}
	if _, err := Open(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opening a missing file: %v", err)
	}
}

func TestWriteToCopiesTheWholeFile(t *testing.T) {
	content := fileBytes(`{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}}`, 5)
	f, err := Open(saved(t, content))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got bytes.Buffer
	if n, err := f.WriteTo(&got); err != nil || int(n) != len(content) || !bytes.Equal(got.Bytes(), content) {
		t.Errorf("%d bytes %x (%v), want %x", n, got.Bytes(), err, content)
	}
}

func BenchmarkFloat32(b *testing.B) {
	dst := make([]float32, 1<<16)
	for _, d := range []DType{F64, F32, F16, BF16, F8E4M3} {
		src := make([]byte, len(dst)*d.Size())
		b.Run(string(d), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				if err := d.Float32(dst, src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
