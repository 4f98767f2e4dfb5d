package page

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kakeyalattice/codec"
)

var update = flag.Bool("update", false, "write golden files: annotated ones anew, pages and values only where they are missing")

// vectorDir holds a page of every codec and the values it decodes to, for
// decoders in any language; tools/klp.py check reads it. What is there stays
// as it is: it is the promise that pages of version 1 stay readable.
const vectorDir = "../tools/testdata/v1"

// testVectors are the specs and dimensions of the pages. A page has vectors of
// all magnitudes that the codec can hold, in two chunks.
var testVectors = []struct {
	spec string
	dim  int
}{
	{"bf16", 8},
	{"fp16", 64},
	{"fp8", 80},
	{"fp8:group=16", 40},
	{"fp8-v4", 128},
	{"fp8-v41", 80},
	{"fp8-tensor", 64},
	{"nvfp4", 33},
	{"nvfp4", 64},
	{"mxfp4", 33},
	{"mxfp4", 64},
	{"nvfp4-v4", 128},
	{"mxfp4-v4", 128},
	{"int8", 80},
	{"int8:hadamard", 64},
	{"int6", 7},
	{"int6:hadamard", 80},
	{"int4:group=32,hadamard", 128},
	{"q8_0", 80},
	{"q4_0", 41},
	{"d4:q=1", 4},
	{"d4:q=38", 64},
	{"d4:q=38", 80},
	{"d4:q=4095", 8},
	{"e8:q=1", 4104}, // two runs
	{"e8:q=3", 8},
	{"e8:q=38", 80},
	{"e8:q=38", 512},
	{"e8:q=127", 64}, // 64 bits a block
	{"e8:q=128", 64}, // 65
	{"e8:q=4095", 16},
	{"e8-gs", 80},
	{"e8-gs", 512},
	{"e8-gs:delta=0.01", 128},
	{"e8-gs:delta=0.5", 64}, // no raw bits
	{"e8-gs:delta=1.33", 64},
	{"e8-gs:delta=2", 8},
	{"e8-gs:slot=92", 128},
	{"e8-gs:slot=86", 128}, // the smallest slots: all classes
	{"e8-gs:delta=0.3,slot=32", 64},
	{"d4-gs", 64},
	{"d4-gs:delta=0.2", 4},
	{"d4-gs:delta=0.5,slot=14", 32},
	{"z-gs", 64},
	{"z-gs:delta=1", 64},
	{"z-gs:delta=2", 1},
	{"z-gs:slot=31", 40},
	{"fp8-rans", 41},
	{"fp8-rans", 80},
	{"fp8-rans", 512},
}

// fileName is the file of a spec and dimension, without its ending.
func fileName(spec string, dim int) string {
	spec = strings.NewReplacer(":", "-", "=", "", ",", "-").Replace(spec)
	return filepath.Join(vectorDir, spec+"-d"+strconv.Itoa(dim))
}

// hardVectors are vectors at the borders of what codecs can hold, and some
// ordinary ones of three magnitudes.
func hardVectors(dim int) [][]float32 {
	fill := func(f func(i int) float32) []float32 {
		v := make([]float32, dim)
		for i := range v {
			v[i] = f(i)
		}
		return v
	}
	at := func(k int, value float32) []float32 {
		return fill(func(i int) float32 {
			if i == k {
				return value
			}
			return 0
		})
	}
	sign := func(i int) float32 { return float32(1 - 2*(i%2)) }
	scaled := func(seed uint64, s float32) []float32 {
		v := bell(dim, seed)
		for i := range v {
			v[i] *= s
		}
		return v
	}
	return [][]float32{
		scaled(1, 1),
		scaled(2, 1),
		scaled(3, 1),
		fill(func(int) float32 { return 0 }),
		fill(func(int) float32 { return float32(math.Copysign(0, -1)) }),
		at(0, 1),
		at(dim-1, -6),
		fill(func(int) float32 { return 0.5 }),
		fill(sign),
		fill(func(i int) float32 { return float32(i%7) - 3 }),
		fill(func(i int) float32 { return sign(i) / float32(i+1) }),
		scaled(4, 0x1p-20),
		scaled(5, 0x1p-100),
		scaled(6, 0x1p-140), // subnormal
		at(dim/2, math.SmallestNonzeroFloat32),
		fill(func(i int) float32 { return sign(i) * math.SmallestNonzeroFloat32 }),
		scaled(7, 1000),
		scaled(8, 0x1p60),
		scaled(9, 0x1p100),
		at(dim/3, math.MaxFloat32),
		fill(func(i int) float32 { return sign(i/3) * math.MaxFloat32 }),
		fill(func(i int) float32 { return float32(math.Ldexp(float64(8+i*5%8), -i*3%16)) }), // all codes of E4M3
	}
}

// vectorPage returns the page of a spec and dimension. Vectors that the codec
// refuses are left out.
func vectorPage(t *testing.T, text string, dim int) []byte {
	t.Helper()
	hard := hardVectors(dim)
	if dim > 256 {
		hard = slices.Concat(hard[:1], hard[5:6], hard[7:8], hard[10:11], hard[13:14], hard[20:])
	}
	if dim > 4096 {
		hard = hard[:1]
	}
	spec := fit(t, text, dim, hard[0])
	c, err := codec.New(spec, dim)
	if err != nil {
		t.Fatal(err)
	}
	var x []float32
	for _, v := range hard {
		var refused *codec.ScaleError
		switch _, err := c.AppendEncode(nil, v); {
		case err == nil:
			x = append(x, v...)
		case !errors.As(err, &refused):
			t.Fatal(err)
		}
	}
	n := len(x) / dim
	return build(t, Header{Spec: spec, Dim: dim, Vectors: n, Tensor: "test." + text, Shape: []int{n, 1, dim}, ChunkVectors: 16}, x)
}

func floatBytes(x []float32) []byte {
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// golden compares with a committed file, or writes it where it is missing and
// the flag asks for it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs. Pages that exist must stay readable, and their codecs write the same bytes: this is a change of the format", path)
	}
}

func TestEncodersWriteTheCommittedPages(t *testing.T) {
	for _, v := range testVectors {
		t.Run(fileName(v.spec, v.dim), func(t *testing.T) {
			b := vectorPage(t, v.spec, v.dim)
			x, err := mustOpen(t, b).Decode(1)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, fileName(v.spec, v.dim)+".klp", b)
			golden(t, fileName(v.spec, v.dim)+".f32", floatBytes(x))
		})
	}
}

// Every page that was ever committed decodes to the values beside it, whether
// or not an encoder still writes it.
func TestPagesOfVersion1AreReadableForEver(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(vectorDir, "*.klp"))
	if err != nil || len(paths) < len(testVectors) {
		t.Fatalf("%d pages: %v", len(paths), err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		x, err := readAll(b)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		want, err := os.ReadFile(strings.TrimSuffix(path, ".klp") + ".f32")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(floatBytes(x), want) {
			t.Errorf("%s: the values differ", path)
		}
	}
}

func TestEveryCodecHasATestVector(t *testing.T) {
	for _, name := range codec.Names() {
		spec, err := codec.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		has := false
		for _, v := range testVectors {
			n, _, _ := strings.Cut(v.spec, ":")
			has = has || n == name
		}
		if !has && !spec.Simulated() {
			t.Errorf("%s has none", name)
		}
	}
}
