package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// fileBytes is a file of a header and n bytes of data.
func fileBytes(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

func saved(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.safetensors")
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMalformedFilesAreRefused(t *testing.T) {
	const one = `"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	for _, tt := range []struct {
		name string
		file []byte
		want []string // fragments of the error
	}{
		{"an empty file", nil, []string{"0 bytes are too short"}},
		{"a file shorter than the length field", []byte{1, 2, 3, 4, 5, 6, 7}, []string{"7 bytes are too short"}},
		{"a header longer than the file", fileBytes("{}", 0)[:9], []string{"header length 2 is beyond the end of the file, 9 bytes"}},
		{"a header above the limit", binary.LittleEndian.AppendUint64(nil, 1<<40), []string{"header length 1099511627776 is above the limit of 100000000"}},
		{"a length that is negative as a signed number", binary.LittleEndian.AppendUint64(nil, 1<<63), []string{"above the limit"}},
		{"an empty header", fileBytes("", 0), []string{"does not start with {", "at byte 8"}},
		{"a header that starts with a space", fileBytes(" {}", 0), []string{"does not start with {"}},
		{"a header that is an array", fileBytes("[]", 0), []string{"does not start with {"}},
		{"a header that is not UTF-8", fileBytes("{\"\xff\":{}}", 0), []string{"not UTF-8", "at byte 10"}},
		{"a header that is cut off", fileBytes(`{"a":{"dtype":"F32"`, 0), []string{"tensor a", "not valid JSON", "ends too early"}},
		{"a header with a stray comma", fileBytes(`{`+one+`,}`, 8), []string{"not valid JSON", "at byte 62"}},
		{"a header with text after it", fileBytes(`{}{}`, 0), []string{"goes on after its end"}},
		{"two tensors of one name", fileBytes(`{`+one+`,`+one+`}`, 8), []string{`"a" is there twice`}},
		{"two names that differ in spelling alone", fileBytes(`{`+one+`,"\u0061":{}}`, 8), []string{`"a" is there twice`}},
		{"a field that is there twice", fileBytes(`{"a":{"dtype":"F32","dtype":"F32"}}`, 8), []string{"tensor a", `"dtype" is there twice`}},
		{"a tensor that is no object", fileBytes(`{"a":3}`, 0), []string{"tensor a", "want an object, found 3"}},
		{"a missing dtype", fileBytes(`{"a":{"shape":[2],"data_offsets":[0,8]}}`, 8), []string{"tensor a", "dtype is missing"}},
		{"a missing shape", fileBytes(`{"a":{"dtype":"F32","data_offsets":[0,8]}}`, 8), []string{"tensor a", "shape is missing"}},
		{"missing offsets", fileBytes(`{"a":{"dtype":"F32","shape":[2]}}`, 8), []string{"tensor a", "data_offsets is missing"}},
		{"field names in other case", fileBytes(`{"a":{"DType":"F32","shape":[2],"data_offsets":[0,8]}}`, 8), []string{"dtype is missing"}},
		{"a dtype that is no string", fileBytes(`{"a":{"dtype":4,"shape":[2],"data_offsets":[0,8]}}`, 8), []string{"want a string, found 4"}},
		{"a shape that is no array", fileBytes(`{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}`, 8), []string{"want an array, found 2"}},
		{"a negative axis", fileBytes(`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8), []string{"tensor a", "-2 is negative"}},
		{"a fractional axis", fileBytes(`{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}`, 8), []string{"2.5 is not a whole number"}},
		{"an axis beyond 64 bits", fileBytes(`{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}`, 8), []string{"not a whole number between -2^63 and 2^63"}},
		{"an axis that is null", fileBytes(`{"a":{"dtype":"F32","shape":[null],"data_offsets":[0,8]}}`, 8), []string{"want a whole number, found null"}},
		{"a shape whose product overflows", fileBytes(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}`, 8), []string{"tensor a", "more elements than can be counted"}},
		{"a shape whose product overflows but for a zero", fileBytes(`{"a":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}}`, 0), []string{"more elements than can be counted"}},
		{"a byte count that overflows", fileBytes(`{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}`, 0), []string{"tensor a", "hold 0 bytes, which is not what F32 of shape [4611686018427387904] takes"}},
		{"offsets that do not match the shape", fileBytes(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8), []string{"tensor a", "[0, 8] hold 8 bytes", "F32 of shape [3]"}},
		{"offsets that end before they begin", fileBytes(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8), []string{"tensor a", "[8, 0] end before they begin"}},
		{"one offset", fileBytes(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8]}}`, 8), []string{"data_offsets has 1 values"}},
		{"offsets beyond the data", fileBytes(`{`+one+`}`, 7), []string{"tensor a", "[0, 8] reach beyond the 7 bytes of data"}},
		{"tensors that overlap", fileBytes(`{`+one+`,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12), []string{"tensor b", "[4, 12] overlap a, which ends at 8"}},
		{"a gap between tensors", fileBytes(`{`+one+`,"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`, 16), []string{"tensor b", "gap of 4 bytes after a"}},
		{"a gap at the start", fileBytes(`{"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), []string{"tensor b", "gap of 4 bytes after the start of the data"}},
		{"data that belongs to no tensor", fileBytes(`{`+one+`}`, 10), []string{"2 bytes after a belong to no tensor", "at byte 70"}},
		{"metadata that is no object", fileBytes(`{"__metadata__":"x"}`, 0), []string{`want an object, found "x"`}},
		{"metadata that is not of strings", fileBytes(`{"__metadata__":{"x":1}}`, 0), []string{"want a string, found 1"}},
		{"metadata that is there twice", fileBytes(`{"__metadata__":{},"__metadata__":{}}`, 0), []string{`"__metadata__" is there twice`}},
		{"an unknown field that is nested without end", fileBytes(`{"a":{"x":`+strings.Repeat("[", 1000), 0), []string{"nested more than 100 deep"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := saved(t, tt.file)
			f, err := Open(path)
			if err == nil {
				f.Close()
				t.Fatal("the file is accepted")
			}
			var format *FormatError
			if !errors.As(err, &format) || format.File != path {
				t.Errorf("error %#v is no FormatError of %s", err, path)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error has several lines: %q", err)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q lacks %q", err, w)
				}
			}
		})
	}
}

func TestParseReadsAHeader(t *testing.T) {
	header := `{"z":{"data_offsets":[8,12],"dtype":"BF16","shape":[2,1],"note":{"deep":[1,{"x":null}]}},
		"__metadata__":{"format":"pt"},
		"none":{"dtype":"F32","shape":[0,7],"data_offsets":[8,8]},
		"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
		"packed":{"dtype":"F4","shape":[6],"data_offsets":[12,15]},
		"scalar":{"dtype":"I8","shape":[],"data_offsets":[15,16]}}   `
	got, err := Parse([]byte(header), 16)
	if err != nil {
		t.Fatal(err)
	}
	want := []Tensor{
		{"a", F32, []int{2}, 0, 8},
		{"none", F32, []int{0, 7}, 8, 8},
		{"z", BF16, []int{2, 1}, 8, 12},
		{"packed", "F4", []int{6}, 12, 15},
		{"scalar", I8, []int{}, 15, 16},
	}
	if !reflect.DeepEqual(got.Tensors, want) {
		t.Errorf("tensors %v, want them in the order of their data: %v", got.Tensors, want)
	}
	if got.Metadata["format"] != "pt" || len(got.Metadata) != 1 {
		t.Errorf("metadata %v", got.Metadata)
	}
	for i, elements := range []int{2, 0, 2, 6, 1} {
		tensor, ok := got.Lookup(want[i].Name)
		if !ok || tensor.Name != want[i].Name || tensor.Elements() != elements {
			t.Errorf("Lookup(%s) = %v, %v with %d elements, want %d", want[i].Name, tensor, ok, tensor.Elements(), elements)
		}
	}
	if _, ok := got.Lookup("note"); ok {
		t.Error("Lookup finds a tensor that is not there")
	}
}

func TestParseOfManyTensorsIsLinear(t *testing.T) {
	var b strings.Builder
	const n = 50_000
	b.WriteString("{")
	for i := range n {
		fmt.Fprintf(&b, `%s"t%d":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}`, ","[:min(i, 1)], i, i, i+1)
	}
	b.WriteString("}")
	h, err := Parse([]byte(b.String()), n)
	if err != nil || len(h.Tensors) != n {
		t.Fatalf("%v", err)
	}
}

// BenchmarkParse reads a header like that of a shard of DeepSeek-V4.
func BenchmarkParse(b *testing.B) {
	var s strings.Builder
	s.WriteString("{")
	var off int64
	for i := range 1575 {
		fmt.Fprintf(&s, `%s"layers.12.ffn.experts.%d.w1.weight":{"dtype":"I8","shape":[2048,2048],"data_offsets":[%d,%d]}`, ","[:min(i, 1)], i, off, off+2048*2048)
		off += 2048 * 2048
	}
	s.WriteString("}")
	h := []byte(s.String())
	b.SetBytes(int64(len(h)))
	for b.Loop() {
		if _, err := Parse(h, off); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, header := range []string{
		`{}`,
		`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`,
		`{"__metadata__":{"x":"y"},"a":{"dtype":"F4","shape":[2,0],"data_offsets":[0,8],"x":[{}]}}  `,
		`{"b":{"dtype":"F32","shape":[0,99999999999],"data_offsets":[8,8]},"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}`,
		`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}`,
		`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8.5]}}`,
		`{"\ud800":{`,
	} {
		f.Add([]byte(header), int64(8))
	}
	f.Fuzz(func(t *testing.T, header []byte, dataSize int64) {
		h, err := Parse(header, dataSize)
		if err != nil {
			var format *FormatError
			if !errors.As(err, &format) {
				t.Fatalf("error %v is no FormatError", err)
			}
			return
		}
		var end int64
		for _, tensor := range h.Tensors {
			if tensor.Begin != end {
				t.Fatalf("%s begins at %d, want %d", tensor.Name, tensor.Begin, end)
			}
			end = tensor.End
			if size := tensor.DType.Size(); size > 0 && int64(tensor.Elements()) != (tensor.End-tensor.Begin)/int64(size) {
				t.Fatalf("%s: %d elements in %d bytes", tensor.Name, tensor.Elements(), tensor.End-tensor.Begin)
			}
			if found, ok := h.Lookup(tensor.Name); !ok || found.Begin != tensor.Begin || found.End != tensor.End {
				t.Fatalf("Lookup(%s) = %v, %v", tensor.Name, found, ok)
			}
		}
		if end != max(0, dataSize) {
			t.Fatalf("the tensors end at %d of %d bytes", end, dataSize)
		}
	})
}
