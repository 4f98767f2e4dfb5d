package safetensors

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWriteMakesExactlyTheseBytes(t *testing.T) {
	var got bytes.Buffer
	err := Write(&got, []Entry{
		Raw("bytes", U8, []int{3}, []byte{7, 8, 9}),
		Float32s("k.0", []int{1, 2}, []float32{1, -2}),
		Int64s("passages", []int{2}, []int64{0, 1}),
		Raw("none", F16, []int{0, 4}, nil),
		Float32s("é<\"", nil, []float32{0.5}),
	}, map[string]string{"source": "a & b", "rope_dims": "1"})
	if err != nil {
		t.Fatal(err)
	}
	header := `{"__metadata__":{"rope_dims":"1","source":"a & b"},` +
		`"passages":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},` +
		`"k.0":{"dtype":"F32","shape":[1,2],"data_offsets":[16,24]},` +
		`"é<\"":{"dtype":"F32","shape":[],"data_offsets":[24,28]},` +
		`"none":{"dtype":"F16","shape":[0,4],"data_offsets":[28,28]},` +
		`"bytes":{"dtype":"U8","shape":[3],"data_offsets":[28,31]}}`
	header += strings.Repeat(" ", (8-len(header)%8)%8)
	want := []byte{byte(len(header)), byte(len(header) >> 8), 0, 0, 0, 0, 0, 0}
	want = append(want, header...)
	want = append(want,
		0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, // passages
		0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, // k.0: 1, -2
		0, 0, 0, 0x3f, // 0.5
		7, 8, 9)
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("file\n%q\nwant\n%q", got.Bytes(), want)
	}
	if _, err := Parse(got.Bytes()[8:8+len(header)], 31); err != nil {
		t.Errorf("its header does not parse: %v", err)
	}
}

func TestWriteOfNothingIsAnEmptyObject(t *testing.T) {
	var got bytes.Buffer
	if err := Write(&got, nil, nil); err != nil {
		t.Fatal(err)
	}
	if want := "\x08\x00\x00\x00\x00\x00\x00\x00{}      "; got.String() != want {
		t.Errorf("file %q, want %q", got.String(), want)
	}
}

func TestWriteRefusesWhatTheFormatCannotHold(t *testing.T) {
	lost := errors.New("source lost")
	for _, tt := range []struct {
		name     string
		entries  []Entry
		metadata map[string]string
		want     string
	}{
		{"two tensors of one name", []Entry{Raw("a", U8, []int{0}, nil), Raw("a", U8, []int{0}, nil)}, nil, "tensor a: there are two of this name"},
		{"the name of the metadata", []Entry{Raw("__metadata__", U8, []int{0}, nil)}, nil, "the name cannot be used"},
		{"a name that is not UTF-8", []Entry{Raw("\xff", U8, []int{0}, nil)}, nil, "the name cannot be used"},
		{"metadata that is not UTF-8", nil, map[string]string{"x": "\xff"}, `metadata "x" is not UTF-8`},
		{"a type of unknown size", []Entry{Raw("a", "F9", []int{2}, []byte{1})}, nil, "tensor a: the size of dtype F9 is unknown"},
		{"an odd number of half bytes", []Entry{Raw("a", F4, []int{3}, []byte{1, 2})}, nil, "tensor a: shape [3] of F4 fills no whole number of bytes"},
		{"a negative axis", []Entry{Raw("a", U8, []int{-1}, nil)}, nil, "tensor a: shape [-1] has a negative axis"},
		{"too many elements", []Entry{Raw("a", U8, []int{1 << 31, 1 << 31, 4}, nil)}, nil, "more elements than can be counted"},
		{"too little data", []Entry{Raw("a", U16, []int{2}, []byte{1, 2, 3})}, nil, "tensor a: its data is 3 bytes, U16 of shape [2] takes 4"},
		{"too much data", []Entry{Raw("a", U16, []int{1}, []byte{1, 2, 3})}, nil, "its data is 3 bytes, U16 of shape [1] takes 2"},
		{"data that fails", []Entry{{Name: "a", DType: U8, Shape: []int{1}, Data: func(io.Writer) error { return lost }}}, nil, "tensor a: source lost"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			err := WriteFile(filepath.Join(dir, "f"), tt.entries, tt.metadata)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("%v is left behind", left)
			}
		})
	}
}

func TestWrittenFilesReadBackEqual(t *testing.T) {
	dir := t.TempDir()
	types := []DType{F64, F32, F16, BF16, F8E4M3, F8E5M2, F8E8M0, I64, I32, I16, I8, U64, U32, U16, U8, Bool}
	rapid.Check(t, func(t *rapid.T) {
		var entries []Entry
		data := map[string][]byte{}
		for _, name := range rapid.SliceOfNDistinct(rapid.String(), 0, 6, rapid.ID[string]).Draw(t, "names") {
			d := rapid.SampledFrom(types).Draw(t, "dtype")
			shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "shape")
			n := d.Size() * Tensor{Shape: shape}.Elements()
			data[name] = rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "data")
			entries = append(entries, Raw(name, d, shape, data[name]))
		}
		metadata := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "metadata")
		path := filepath.Join(dir, "f")
		if err := WriteFile(path, entries, metadata); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.start%8 != 0 {
			t.Fatalf("the data starts at byte %d", f.start)
		}
		if len(f.Tensors) != len(entries) || !maps.Equal(f.Metadata, metadata) {
			t.Fatalf("%d tensors and metadata %v, want %d and %v", len(f.Tensors), f.Metadata, len(entries), metadata)
		}
		for _, e := range entries {
			got, ok := f.Lookup(e.Name)
			if !ok || got.DType != e.DType || !slices.Equal(got.Shape, e.Shape) {
				t.Fatalf("tensor %v, want %s %v", got, e.DType, e.Shape)
			}
			if got.Begin%int64(got.DType.Size()) != 0 {
				t.Fatalf("%s of %s starts at %d: not aligned", got.Name, got.DType, got.Begin)
			}
			if raw, err := f.Bytes(got); err != nil || !bytes.Equal(raw, data[e.Name]) {
				t.Fatalf("%s holds %x (%v), want %x", e.Name, raw, err, data[e.Name])
			}
		}
	})
}

func Example() {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("example-%d.safetensors", os.Getpid()))
	defer os.Remove(path)
	err := WriteFile(path, []Entry{Float32s("k.0", []int{2, 3}, []float32{1, 2, 3, 4, 5, 6})}, map[string]string{"source": "example"})
	if err != nil {
		fmt.Println(err)
		return
	}

	f, err := Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	for _, t := range f.Tensors {
		second := make([]float32, 3)
		if err := f.Float32(second, t, 3); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(t.Name, t.DType, t.Shape, second)
	}
	// Output: k.0 F32 [2 3] [4 5 6]
}
