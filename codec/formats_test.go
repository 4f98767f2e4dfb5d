package codec

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// formatSpecs are the storage formats and the codecs whose values share scales.
var formatSpecs = []string{
	"bf16", "fp16",
	"fp8:group=64", "fp8:group=16", "fp8:group=7", "fp8-v4", "fp8-v41", "fp8-tensor",
	"nvfp4", "mxfp4", "nvfp4-v4", "mxfp4-v4",
	"int8", "int6", "int4", "int6:group=7", "int8:hadamard", "int6:hadamard", "int4:group=16,hadamard",
	"q8_0", "q4_0",
}

// formatDims holds powers of two, multiples of 8 and 64, and neither.
var formatDims = []int{1, 7, 8, 32, 64, 80, 96, 128, 448, 512, 576}

// takes says whether a format is defined for vectors of dim values.
func takes(spec string, dim int) bool {
	switch {
	case strings.HasSuffix(spec, "-v4"):
		return dim > 64 && dim%64 == 0
	case strings.HasSuffix(spec, "hadamard"):
		return dim&(dim-1) == 0 || dim%8 == 0
	}
	return true
}

// newFormat makes the codec of a spec, fitted to x if it needs to be.
func newFormat(t testing.TB, spec string, dim int, x []float32) Codec {
	t.Helper()
	c := mustNew(t, spec, dim)
	f, ok := c.(Fitter)
	if !ok {
		return c
	}
	fitted, err := f.Fit(slices.Values([][]float32{x}))
	if err != nil {
		t.Fatal(err)
	}
	if c, err = New(fitted, dim); err != nil {
		t.Fatal(err)
	}
	return c
}

// eachFormat runs test for every format at every dimension that it takes.
func eachFormat(t *testing.T, test func(t *testing.T, spec string, dim int)) {
	for _, spec := range formatSpecs {
		for _, dim := range formatDims {
			if takes(spec, dim) {
				t.Run(fmt.Sprintf("%s/%d", spec, dim), func(t *testing.T) { test(t, spec, dim) })
			}
		}
	}
}

func TestFormatsRefuseDimensionsThatTheyAreNotDefinedFor(t *testing.T) {
	for _, spec := range formatSpecs {
		s, err := Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, dim := range formatDims {
			if _, err := New(s, dim); takes(spec, dim) != (err == nil) || err != nil && !errors.Is(err, ErrDim) {
				t.Errorf("%s at %d: error %v", spec, dim, err)
			}
		}
	}
}

func TestFormatSizesAreTheStatedOnes(t *testing.T) {
	for _, c := range []struct {
		spec string
		dim  int
		bits int
	}{
		{"bf16", 512, 8192}, {"fp16", 512, 8192},
		{"fp8:group=64", 512, 4224}, {"fp8-v4", 512, 4672}, {"fp8-v41", 512, 4224}, {"fp8-tensor", 512, 4096},
		{"nvfp4", 512, 2304}, {"mxfp4", 512, 2176}, {"nvfp4-v4", 512, 3072}, {"mxfp4-v4", 512, 2944},
		{"int8", 512, 4224}, {"int6", 512, 3200}, {"int6:hadamard", 512, 3200}, {"int4", 512, 2176},
		{"q8_0", 512, 4352}, {"q4_0", 512, 2304},
		// A group that does not divide the dimension is short at the end; one
		// that is larger shrinks.
		{"fp8:group=64", 80, 8 * (80 + 2*2)}, {"fp8:group=64", 7, 8 * (7 + 2)},
		{"int6", 80, 8 * (2*2 + 60)}, {"int6:group=7", 7, 8 * (2 + 6)}, // 42 bits and padding
		{"nvfp4", 7, 8 * (4 + 1)}, {"mxfp4", 80, 8 * (40 + 3)},
		{"q8_0", 80, 8 * (3*2 + 80)}, {"q4_0", 80, 8 * (3*2 + 40)}, {"q4_0", 7, 8 * (2 + 4)},
		{"fp8-v4", 128, 8 * (64 + 128 + 8)}, {"fp8-v4", 576, 8 * (512 + 128 + 8)},
	} {
		x := gaussianVectors(3, c.dim, 1)
		codec := newFormat(t, c.spec, c.dim, x)
		b, err := codec.AppendEncode(nil, x)
		if err != nil {
			t.Fatal(err)
		}
		if got := 8 * len(b) / 3; got != c.bits || codec.Size() != (Size{c.bits / 8, true}) {
			t.Errorf("%s at %d: %d bits written, %v stated, want %d", c.spec, c.dim, got, codec.Size(), c.bits)
		}
	}
}

func TestFormatsAppendVectorByVector(t *testing.T) {
	eachFormat(t, func(t *testing.T, spec string, dim int) {
		const n = 3
		x := gaussianVectors(n, dim, 2)
		clear(x[dim : 2*dim]) // a vector of zeros must be written too
		c := newFormat(t, spec, dim, x)
		// Stale bytes in the spare capacity must not shine through.
		prefix := append(bytes.Repeat([]byte{0xff}, 4000), "prefix"...)
		prefix = append(prefix[:0], "prefix"...)
		together, err := c.AppendEncode(prefix, x)
		if err != nil {
			t.Fatal(err)
		}
		single := []byte("prefix")
		for i := range n {
			if single, err = c.AppendEncode(single, x[i*dim:(i+1)*dim]); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(together, single) {
			t.Error("three vectors are not three single ones after the prefix")
		}
	})
}

func TestFormatsDecodeWholeVectorsAndAskForMissingBytes(t *testing.T) {
	eachFormat(t, func(t *testing.T, spec string, dim int) {
		x := gaussianVectors(2, dim, 3)
		c := newFormat(t, spec, dim, x)
		b, err := c.AppendEncode(nil, x)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]float32, 2*dim)
		if n, err := c.Decode(want, append(b, 0xff, 0xff)); err != nil || n != len(b) {
			t.Fatalf("with bytes to follow: %d of %d bytes consumed, error %v", n, len(b), err)
		}
		first := make([]float32, dim)
		if n, err := c.Decode(first, b); err != nil || n != len(b)/2 || !slices.Equal(first, want[:dim]) {
			t.Errorf("one vector of two: %d bytes consumed, error %v", n, err)
		}
		for n := range b {
			if _, err := c.Decode(want, b[:n:n]); !errors.Is(err, ErrShort) {
				t.Fatalf("%d of %d bytes: error %v, want ErrShort", n, len(b), err)
			}
		}
	})
}

func TestFormatsRefuseNonFiniteValues(t *testing.T) {
	for _, spec := range formatSpecs {
		x := gaussianVectors(3, 128, 4)
		c := newFormat(t, spec, 128, x)
		for _, bad := range nonFinite {
			x[2*128+65] = bad
			out, err := c.AppendEncode([]byte("kept"), x)
			var ve *ValueError
			if !errors.As(err, &ve) || ve.Vector != 2 || ve.Coord != 65 {
				t.Errorf("%s with %v: error %v", spec, bad, err)
			}
			if string(out) != "kept" {
				t.Errorf("%s: a failed call appended %d bytes", spec, len(out)-4)
			}
		}
	}
}

func TestFormatsDoNotAllocatePerVector(t *testing.T) {
	x := gaussianVectors(4, 512, 5)
	y := make([]float32, len(x))
	for _, spec := range formatSpecs {
		c := newFormat(t, spec, 512, x)
		b, err := c.AppendEncode(nil, x)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(50, func() { b, _ = c.AppendEncode(b[:0], x) }); n != 0 {
			t.Errorf("%s: %v allocations to encode", spec, n)
		}
		if n := testing.AllocsPerRun(50, func() { _, _ = c.Decode(y, b) }); n != 0 {
			t.Errorf("%s: %v allocations to decode", spec, n)
		}
	}
}

func FuzzDecodeFormats(f *testing.F) {
	var codecs []Codec
	for _, spec := range formatSpecs {
		for _, dim := range []int{1, 7, 33, 128} {
			if !takes(spec, dim) {
				continue
			}
			x := gaussianVectors(1, dim, 6)
			c := newFormat(f, spec, dim, x)
			b, err := c.AppendEncode(nil, x)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
			codecs = append(codecs, c)
		}
	}
	for _, spec := range []string{"nvfp4:scale=3e38", "fp8-tensor:scale=3e38", "nvfp4:scale=1e-45", "fp8-tensor:scale=1e-45"} {
		codecs = append(codecs, mustNew(f, spec, 33))
	}
	f.Add(bytes.Repeat([]byte{0xfe}, 264)) // the largest scales and values
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range codecs {
			y := make([]float32, c.Dim())
			n, err := c.Decode(y, b)
			switch {
			case err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrShort):
				t.Fatalf("%s at %d: error of no kind: %v", c.Spec(), c.Dim(), err)
			case err == nil && n != c.Size().Bytes:
				t.Fatalf("%s at %d: %d bytes consumed", c.Spec(), c.Dim(), n)
			case err == nil && firstNonFinite(y) >= 0:
				t.Fatalf("%s at %d: coordinate %d is not finite", c.Spec(), c.Dim(), firstNonFinite(y))
			}
		}
	})
}

func BenchmarkFormats(b *testing.B) {
	const n, dim = 16, 512
	x := gaussianVectors(n, dim, 1)
	y := make([]float32, len(x))
	for _, spec := range formatSpecs {
		c := newFormat(b, spec, dim, x)
		code, err := c.AppendEncode(nil, x)
		if err != nil {
			b.Fatal(err)
		}
		run := func(name string, f func()) {
			b.Run(spec+"/"+name, func(b *testing.B) {
				b.SetBytes(4 * n * dim)
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/vector")
			})
		}
		run("encode", func() { code, _ = c.AppendEncode(code[:0], x) })
		run("decode", func() { _, _ = c.Decode(y, code) })
	}
}
