package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func saved(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.npy")
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, content []byte) *File {
	t.Helper()
	f, err := Open(saved(t, content))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestFloat32ReadsEverySizeAndByteOrder(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	halves := []uint16{0x3c00, 0xc100, 0x7bff, 0x7c00, 0x7e00} // IEEE 754 half precision
	singles := []float32{1, -2.5, math.SmallestNonzeroFloat32, -inf, nan}
	doubles := []float64{1, -2.5, 1e-60, math.Inf(-1), math.NaN()}
	for _, tt := range []struct {
		dtype  DType
		order  binary.ByteOrder
		values any
		want   []float32
	}{
		{"<f2", binary.LittleEndian, halves, []float32{1, -2.5, 65504, inf, nan}},
		{">f2", binary.BigEndian, halves, []float32{1, -2.5, 65504, inf, nan}},
		{"<f4", binary.LittleEndian, singles, singles},
		{">f4", binary.BigEndian, singles, singles},
		{"<f8", binary.LittleEndian, doubles, []float32{1, -2.5, 0, -inf, nan}},
		{">f8", binary.BigEndian, doubles, []float32{1, -2.5, 0, -inf, nan}},
	} {
		t.Run(string(tt.dtype), func(t *testing.T) {
			b, err := Header{DType: tt.dtype, Shape: []int{5, 1}}.encode()
			if err != nil {
				t.Fatal(err)
			}
			if b, err = binary.Append(b, tt.order, tt.values); err != nil {
				t.Fatal(err)
			}
			f := open(t, b)
			got := make([]float32, 5)
			if err := f.Float32(got, 0); err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, tt.want, sameFloat) {
				t.Errorf("values %v, want %v", got, tt.want)
			}
			if err := f.Float32(got[:2], 3); err != nil || !slices.EqualFunc(got[:2], tt.want[3:], sameFloat) {
				t.Errorf("the last two values are %v (%v), want %v", got[:2], err, tt.want[3:])
			}
			var whole bytes.Buffer
			if _, err := f.WriteTo(&whole); err != nil || !bytes.Equal(whole.Bytes(), b) {
				t.Errorf("WriteTo gives %x (%v), want %x", whole.Bytes(), err, b)
			}
		})
	}
}

// sameFloat tells zeros of either sign apart and holds all NaNs equal.
func sameFloat(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func TestWriteMakesExactlyTheseBytes(t *testing.T) {
	// NumPy enhancement proposal 1: magic, version, length, dict, spaces up to
	// a multiple of 64 bytes, newline, values.
	var got bytes.Buffer
	if err := Write(&got, []int{1, 2}, []float32{1, -2}); err != nil {
		t.Fatal(err)
	}
	dict := "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }"
	want := "\x93NUMPY\x01\x00\x76\x00" + dict + strings.Repeat(" ", 0x76-len(dict)-1) + "\n" +
		"\x00\x00\x80\x3f\x00\x00\x00\xc0"
	if got.String() != want {
		t.Errorf("file\n%q\nwant\n%q", got.String(), want)
	}
}

func TestWrittenFilesReadBackEqual(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.npy")
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(0, 40), 0, 3).Draw(t, "shape")
		n, _ := Header{Shape: shape}.elements()
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(i) / 3
		}
		if err := WriteFile(path, shape, values); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.start%alignment != 0 {
			t.Fatalf("the values start at byte %d", f.start)
		}
		got := make([]float32, n)
		if err := f.Float32(got, 0); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(f.Shape, shape) || !slices.Equal(got, values) {
			t.Fatalf("shape %v with %d values, want %v with %d", f.Shape, len(got), shape, n)
		}
	})
}

func TestOpenRefusesDataOfAnotherSize(t *testing.T) {
	header := func(shape string) []byte {
		return withHeader(1, 0, "{'descr': '<f4', 'fortran_order': False, 'shape': "+shape+", }\n")
	}
	for _, tt := range []struct {
		name string
		file []byte
		want string
	}{
		{"a truncated file", append(header("(2,)"), 0, 0, 0, 0, 0, 0, 0), "7 bytes of data, which is not what <f4 of shape [2] takes"},
		{"a second array behind the first", append(header("(1,)"), make([]byte, 8)...), "8 bytes of data, which is not what <f4 of shape [1] takes"},
		{"no data", header("(1,)"), "0 bytes of data"},
		{"a claim of much data", header("(2305843009213693952,)"), "0 bytes of data"},
		{"a shape whose product overflows", header("(4294967296, 4294967296)"), "more elements than can be counted"},
		{"a shape whose product overflows but for a zero", header("(0, 4294967296, 4294967296)"), "more elements than can be counted"},
		{"no header", nil, "does not start with"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := saved(t, tt.file)
			_, err := Open(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want %q and the file's name in it", err, tt.want)
			}
		})
	}
}

func TestBadRequestsAreErrors(t *testing.T) {
	b := withHeader(1, 0, "{'descr': '>f8', 'fortran_order': False, 'shape': (3,), }\n")
	b, _ = binary.Append(b, binary.BigEndian, []float64{1, 1e300, 3})
	f := open(t, b)
	for _, tt := range []struct {
		name    string
		from, n int
		want    string
	}{
		{"a negative start", -1, 1, "1 values from value -1 on: it has 3"},
		{"a start beyond the end", 4, 0, "from value 4 on"},
		{"too many values", 2, 2, "2 values from value 2 on"},
		{"a double that float32 cannot hold", 0, 3, "value 1 is beyond the range of float32"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := f.Float32(make([]float32, tt.n), tt.from)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
	if err := Write(new(bytes.Buffer), []int{2}, []float32{1}); err == nil {
		t.Error("one value is written as two")
	}
	if err := Write(new(bytes.Buffer), []int{-1, -1}, []float32{1}); err == nil {
		t.Error("negative axes are written")
	}
	if _, err := Open(filepath.Dir(f.file.Name())); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("opening a directory: %v", err)
	}
	if _, err := Open(f.file.Name() + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opening a missing file: %v", err)
	}
}

func BenchmarkFloat32(b *testing.B) {
	const n = 1 << 18
	for _, d := range supported {
		content, err := Header{DType: d, Shape: []int{n}}.encode()
		if err != nil {
			b.Fatal(err)
		}
		f := open(b, append(content, make([]byte, n*d.Size())...))
		dst := make([]float32, n)
		b.Run(string(d), func(b *testing.B) {
			b.SetBytes(int64(n * d.Size()))
			for b.Loop() {
				if err := f.Float32(dst, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func Example() {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("example-%d.npy", os.Getpid()))
	defer os.Remove(path)
	if err := WriteFile(path, []int{2, 3}, []float32{1, 2, 3, 4, 5, 6}); err != nil {
		fmt.Println(err)
		return
	}

	f, err := Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	second := make([]float32, 3)
	if err := f.Float32(second, 3); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.DType, f.Shape, second)
	// Output: <f4 [2 3] [4 5 6]
}
