package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kakeyalattice/internal/kernel"
)

// levelDims are those of real caches, and edges of what kernels take.
var levelDims = []int{8, 64, 80, 128, 448, 512, 576}

// levelSpecs are all codecs with bytes, by their default parameters, and
// parameters that take kernels elsewhere.
func levelSpecs() []string {
	specs := slices.Clone(formatSpecs)
	for _, name := range Names() {
		if spec, err := Parse(name); err == nil && !spec.Simulated() {
			specs = append(specs, spec.String())
		}
	}
	specs = append(specs, "fp8:group=32", "fp8:group=128", "fp8:group=100", "int6:group=128,hadamard", "int8:group=48",
		"e8-gs:slot=auto", "e8-gs:delta=0.03", "e8-gs:delta=0.3", "z-gs:delta=0.5",
		"e8:q=1", "e8:q=10", "e8:q=127", "e8:q=128", "d4:q=1", "d4:q=152", "d4:q=4095")
	slices.Sort(specs)
	return slices.Compact(specs)
}

// coded is what became of vectors at a level.
type coded struct {
	bytes   []byte
	decoded []uint32
	err     string
}

// codeAt codes x at a level.
func codeAt(l kernel.Level, c Codec, x []float32) (got coded) {
	defer kernel.Use(l)()
	var err error
	if got.bytes, err = c.AppendEncode(nil, x); err != nil {
		return coded{err: err.Error()}
	}
	got.decoded, got.err = decodeAt(l, c, len(x), got.bytes)
	return got
}

// decodeAt decodes n values at a level.
func decodeAt(l kernel.Level, c Codec, n int, src []byte) (bits []uint32, failure string) {
	defer kernel.Use(l)()
	y := make([]float32, n)
	if _, err := c.Decode(y, src); err != nil {
		return nil, err.Error()
	}
	for _, v := range y {
		bits = append(bits, math.Float32bits(v))
	}
	return bits, ""
}

// compareLevels fails unless every level codes x as plain Go does, and decodes
// damaged bytes as plain Go does.
func compareLevels(t *testing.T, what string, c Codec, x []float32, r *rand.Rand) {
	t.Helper()
	want := codeAt(kernel.Go, c, x)
	damaged := slices.Clone(want.bytes)
	if len(damaged) > 0 {
		for range 3 {
			damaged[r.IntN(len(damaged))] ^= byte(1 + r.IntN(255))
		}
	}
	wantBits, wantFailure := decodeAt(kernel.Go, c, len(x), damaged)
	for l := kernel.Go + 1; l <= kernel.Best(); l++ {
		got := codeAt(l, c, x)
		if got.err != want.err {
			t.Fatalf("%s, %v: error %q, plain Go %q", what, l, got.err, want.err)
		}
		if !bytes.Equal(got.bytes, want.bytes) {
			t.Fatalf("%s, %v: encoded to\n%x, plain Go to\n%x", what, l, got.bytes, want.bytes)
		}
		if i := firstDifference(got.decoded, want.decoded); i >= 0 {
			t.Fatalf("%s, %v: value %d decodes to %#08x, plain Go to %#08x", what, l, i, got.decoded[i], want.decoded[i])
		}
		bits, failure := decodeAt(l, c, len(x), damaged)
		if failure != wantFailure || firstDifference(bits, wantBits) >= 0 {
			t.Fatalf("%s, %v: damaged bytes decode with %q, by plain Go with %q", what, l, failure, wantFailure)
		}
	}
}

// firstDifference returns the index of the first difference, or -1.
func firstDifference(a, b []uint32) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}

func TestEveryLevelWritesTheSameBytesAndDecodesToTheSameValues(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	for _, text := range levelSpecs() {
		for _, dim := range levelDims {
			spec, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := New(spec, dim); errors.Is(err, ErrDim) {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", text, dim), func(t *testing.T) {
				x := gaussianVectors(17, dim, uint64(dim))
				c := newFormat(t, text, dim, x)
				compareLevels(t, "gaussian", c, x, r)
				for _, vectors := range []map[string][]float32{hardVectors(dim), toughVectors(dim)} {
					for _, name := range slices.Sorted(maps.Keys(vectors)) {
						x := vectors[name]
						compareLevels(t, name, c, x, r)
						compareLevels(t, name, newFormat(t, text, dim, x), x, r)
					}
				}
			})
		}
	}
}

// FuzzLevels holds every level against plain Go on any values and any bytes.
func FuzzLevels(f *testing.F) {
	specs := levelSpecs()
	for i := range specs {
		seed := make([]byte, 4*80)
		for k, v := range gaussianVectors(1, 80, uint64(i)) {
			binary.LittleEndian.PutUint32(seed[4*k:], math.Float32bits(v))
		}
		f.Add(uint8(i), uint16(80), seed)
	}
	f.Add(uint8(0), uint16(128), bytes.Repeat([]byte{0x7f, 0x7f, 0, 0x80}, 128))
	f.Fuzz(func(t *testing.T, which uint8, dim uint16, data []byte) {
		if dim == 0 || len(data) < 4*int(dim) {
			return
		}
		spec, err := Parse(specs[int(which)%len(specs)])
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, len(data)/4/int(dim)*int(dim))
		for i := range x {
			if x[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])); x[i]-x[i] != 0 {
				x[i] = 0
			}
		}
		c, err := New(spec, int(dim))
		if err != nil {
			return
		}
		if _, ok := c.(Fitter); ok {
			c = newFormat(t, spec.String(), int(dim), x)
		}
		compareLevels(t, "any values", c, x, rand.New(rand.NewPCG(uint64(len(data)), 1)))
		want, failure := decodeAt(kernel.Go, c, int(dim), data)
		for l := kernel.Go + 1; l <= kernel.Best(); l++ {
			got, gotFailure := decodeAt(l, c, int(dim), data)
			if gotFailure != failure || firstDifference(got, want) >= 0 {
				t.Fatalf("%v: any bytes decode with %q, by plain Go with %q", l, gotFailure, failure)
			}
		}
	})
}
