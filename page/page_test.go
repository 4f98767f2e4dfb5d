package page

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"kakeyalattice/codec"
)

// bell returns n values of about N(0, 1): sums of twelve uniform ones, which
// are the same on every machine.
func bell(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 17))
	x := make([]float32, n)
	for i := range x {
		var sum int32
		for range 12 {
			sum += int32(r.Uint32()&0xffff) - 0x8000
		}
		x[i] = float32(sum) / 0x1p16
	}
	return x
}

// fit returns a spec with the constant that suits the values.
func fit(t testing.TB, text string, dim int, x []float32) codec.Spec {
	t.Helper()
	spec, err := codec.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := codec.New(spec, dim)
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := c.(codec.Fitter); ok && !f.Fitted() {
		if spec, err = f.Fit(slices.Values([][]float32{x})); err != nil {
			t.Fatal(err)
		}
	}
	return spec
}

// header is that of a tensor [n, dim] of the values.
func header(t testing.TB, text string, dim int, x []float32) Header {
	t.Helper()
	n := len(x) / dim
	return Header{Spec: fit(t, text, dim, x), Dim: dim, Vectors: n, Tensor: "k.0", Shape: []int{n, dim}}
}

// build returns the page of the values.
func build(t testing.TB, h Header, x []float32) []byte {
	t.Helper()
	b, err := Append(nil, h, x, Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustOpen(t testing.TB, b []byte) *Page {
	t.Helper()
	p, err := OpenBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// examples are specs of fixed and of variable size.
var examples = []string{"bf16", "e8:q=3", "nvfp4", "int6:hadamard", "e8-gs", "fp8-rans"}

func TestAPageReturnsWhatTheCodecReturns(t *testing.T) {
	for _, text := range examples {
		for _, n := range []int{0, 1, 2, 15, 16, 17, 63, 64, 65, 200} {
			for _, chunk := range []int{0, 16, 48, 8192} {
				const dim = 40
				x := bell(n*dim, uint64(n))
				h := header(t, text, dim, x)
				h.ChunkVectors = chunk
				p := mustOpen(t, build(t, h, x))
				trip, err := codec.RoundTrip(h.Spec, dim, x)
				if err != nil {
					t.Fatal(err)
				}
				for _, workers := range []int{1, 3} {
					got, err := p.Decode(workers)
					if err != nil || !slices.Equal(got, trip.Decoded) {
						t.Fatalf("%s, %d vectors in chunks of %d, %d workers: differs: %v", text, n, chunk, workers, err)
					}
				}
				if err := p.Verify(t.Context(), 0); err != nil {
					t.Fatalf("%s, %d vectors in chunks of %d: %v", text, n, chunk, err)
				}
			}
		}
	}
}

func TestTheHeaderComesBack(t *testing.T) {
	x := bell(2*3*8, 1)
	h := Header{Spec: fit(t, "e8:q=3", 8, x), Dim: 8, Vectors: 6, Tensor: "größe/k.0", Shape: []int{2, 3, 8}, ChunkVectors: 32}
	p := mustOpen(t, build(t, h, x))
	if got := p.Header(); fmt.Sprint(got) != fmt.Sprint(h) {
		t.Errorf("%+v, want %+v", got, h)
	}
	h.ChunkVectors = 0
	if got := mustOpen(t, build(t, h, x)).Header().ChunkVectors; got != DefaultChunkVectors {
		t.Errorf("%d vectors a chunk by default", got)
	}
	if p.Codec().Spec().String() != "e8:q=3" || p.Codec().Dim() != 8 {
		t.Errorf("codec %s of %d", p.Codec().Spec(), p.Codec().Dim())
	}
}

func TestThePageDoesNotDependOnWorkersNorOnHowItIsWritten(t *testing.T) {
	const dim, n = 64, 1000
	x := bell(n*dim, 3)
	for _, text := range examples {
		h := header(t, text, dim, x)
		h.ChunkVectors = 16
		want := build(t, h, x)
		rapid.Check(t, func(t *rapid.T) {
			workers := rapid.IntRange(0, 5).Draw(t, "workers")
			var b bytes.Buffer
			w, err := NewWriter(&b, h, Options{Workers: workers})
			if err != nil {
				t.Fatal(err)
			}
			for rest := x; len(rest) > 0; {
				k := min(len(rest)/dim, rapid.IntRange(0, 400).Draw(t, "vectors"))
				if err := w.Write(rest[:k*dim]); err != nil {
					t.Fatal(err)
				}
				rest = rest[k*dim:]
			}
			if err := w.Close(); err != nil || !bytes.Equal(b.Bytes(), want) {
				t.Fatalf("%s: the page differs: %v", text, err)
			}
		})
	}
}

func TestAnyRangeOfVectorsIsThatOfTheWhole(t *testing.T) {
	const dim, n = 16, 300
	x := bell(n*dim, 4)
	for _, text := range examples {
		h := header(t, text, dim, x)
		h.ChunkVectors = 32
		p := mustOpen(t, build(t, h, x))
		all, err := p.Decode(1)
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) {
			first := rapid.IntRange(0, n).Draw(t, "first")
			k := rapid.IntRange(0, n-first).Draw(t, "vectors")
			got := make([]float32, k*dim)
			if err := p.ReadParallel(got, first, rapid.IntRange(0, 3).Draw(t, "workers")); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, all[first*dim:(first+k)*dim]) {
				t.Fatalf("%s: vectors %d to %d differ", text, first, first+k)
			}
		})
	}
}

func TestARangeOutsideThePageIsRefused(t *testing.T) {
	p := mustOpen(t, build(t, header(t, "bf16", 8, bell(80, 1)), bell(80, 1)))
	for _, c := range []struct{ values, first int }{{8, -1}, {8, 10}, {8, math.MaxInt}, {88, 0}, {7, 0}, {0, 11}} {
		if err := p.ReadVectors(make([]float32, c.values), c.first); err == nil {
			t.Errorf("%d values from vector %d on: no error", c.values, c.first)
		}
	}
	if err := p.ReadVectors(nil, 10); err != nil {
		t.Errorf("no vectors at the end: %v", err)
	}
}

func TestChunksTileThePage(t *testing.T) {
	for _, text := range examples {
		x := bell(100*8, 5)
		h := header(t, text, 8, x)
		h.ChunkVectors = 16
		b := build(t, h, x)
		p := mustOpen(t, b)
		var payload, vectors int64
		at := p.Chunk(0).Offset
		for i := range p.Chunks() {
			c := p.Chunk(i)
			if c.Offset != at || int64(c.First) != vectors {
				t.Errorf("%s: chunk %d is %+v, want offset %d, first vector %d", text, i, c, at, vectors)
			}
			at += c.Size
			vectors += int64(c.Vectors)
			payload += c.Size - crcSize
			if err := p.VerifyChunk(i); err != nil {
				t.Error(err)
			}
			encoded, err := p.Codec().AppendEncode(nil, x[c.First*8:(c.First+c.Vectors)*8])
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.AppendPayload([]byte("before"), i)
			if err != nil || string(got) != "before"+string(encoded) {
				t.Errorf("%s: the payload of chunk %d is not what the codec wrote: %v", text, i, err)
			}
		}
		if vectors != 100 || payload != p.PayloadSize() || p.Size() != int64(len(b)) {
			t.Errorf("%s: %d vectors, payload %d of %d, page %d of %d", text, vectors, payload, p.PayloadSize(), p.Size(), len(b))
		}
	}
}

func TestExpectComparesCodecAndDimension(t *testing.T) {
	x := bell(64, 11)
	for _, c := range []struct {
		page, want string
		dim        int
		ok         bool
	}{
		{"e8:q=3", "e8:q=3", 8, true},
		{"e8:q=3", "e8:q=4", 8, false},
		{"e8:q=3", "d4:q=3", 8, false},
		{"e8:q=3", "e8:q=3", 16, false},
		{"fp8", "fp8:group=64", 8, true}, // the default
		{"int6", "int6:hadamard", 8, false},
		{"int6:hadamard", "int6", 8, false},
		{"nvfp4:scale=0.5", "nvfp4:scale=0.5", 8, true},
		{"nvfp4:scale=0.5", "nvfp4:scale=0.25", 8, false},
		{"nvfp4:scale=0.5", "nvfp4", 8, true}, // any constant
		{"nvfp4:scale=0.5", "nvfp4", 16, false},
		{"nvfp4:scale=0.5", "fp8-tensor", 8, false},
	} {
		p := mustOpen(t, build(t, header(t, c.page, 8, x), x))
		spec, err := codec.Parse(c.want)
		if err != nil {
			t.Fatal(err)
		}
		err = p.Expect(spec, c.dim)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrMismatch) {
			t.Errorf("page of %s, %s of dimension %d is expected: %v", c.page, c.want, c.dim, err)
		}
	}
}

// The figures are those of docs/format.md.
func TestAPageIsLittleLargerThanItsVectors(t *testing.T) {
	for _, c := range []struct {
		spec         string
		dim, vectors int
		want         int64
	}{
		{"bf16", 8, 2, 71},
		{"e8:q=38", 512, 2, 74},
		{"e8:q=38", 8, 100_000, 6322},
		{"e8-gs", 8, 2, 115},
	} {
		x := bell(c.dim*c.vectors, 18)
		p := mustOpen(t, build(t, header(t, c.spec, c.dim, x), x))
		if got := p.Size() - p.PayloadSize(); got != c.want {
			t.Errorf("%d vectors of %s: %d bytes more, want %d", c.vectors, c.spec, got, c.want)
		}
	}
}

func TestACodecThatIsThereIsUsed(t *testing.T) {
	x := bell(64, 11)
	h := header(t, "e8-gs", 8, x)
	want := build(t, h, x)
	c := mustOpen(t, want).Codec()
	got, err := Append(nil, h, x, Options{Codec: c})
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the page differs: %v", err)
	}
	p, err := OpenWith(c, bytes.NewReader(got), int64(len(got)))
	if err != nil || p.Codec() != c {
		t.Errorf("another codec is used: %v", err)
	}
	for _, other := range []string{"e8-gs:delta=0.1", "bf16"} {
		h := header(t, other, 8, x)
		if _, err := Append(nil, h, x, Options{Codec: c}); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s is written with the codec of %s: %v", other, c.Spec(), err)
		}
		b := build(t, h, x)
		if _, err := OpenWith(c, bytes.NewReader(b), int64(len(b))); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s is read with the codec of %s: %v", other, c.Spec(), err)
		}
	}
}

func TestTheLargestDimensionHasRoomForTheDefaultChunk(t *testing.T) {
	const dim = 1 << 16
	x := make([]float32, dim)
	mustOpen(t, build(t, header(t, "bf16", dim, x), x))
}
