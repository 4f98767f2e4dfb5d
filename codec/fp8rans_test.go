package codec

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestFP8RansDecodesWhatFP8Decodes(t *testing.T) {
	for _, dim := range []int{1, 7, 8, 33, 64, 80, 128, 512, 576} {
		plain, packed := mustNew(t, "fp8:group=64", dim), mustNew(t, "fp8-rans", dim)
		vectors := hardVectors(dim)
		for name, gen := range sources(dim) {
			x := make([]float32, dim)
			gen(rand.New(rand.NewPCG(1, 1)), x)
			vectors[name] = x
		}
		for name, x := range vectors {
			want, err := plain.AppendEncode(nil, x)
			var se *ScaleError
			if errors.As(err, &se) {
				if _, err := packed.AppendEncode(nil, x); !errors.As(err, &se) || se.Codec != "fp8-rans" {
					t.Errorf("%s at %d: error %v", name, dim, err)
				}
				continue
			}
			y, z := make([]float32, dim), make([]float32, dim)
			if _, err := plain.Decode(y, want); err != nil {
				t.Fatal(err)
			}
			b, err := packed.AppendEncode(nil, x)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := packed.Decode(z, b); err != nil || n != len(b) || !slices.Equal(bitsOf(y), bitsOf(z)) {
				t.Errorf("%s at %d: %d of %d bytes decoded, error %v, or other values", name, dim, n, len(b), err)
			}
			if len(b) > packed.Size().Bytes || len(b) > len(want)+3 {
				t.Errorf("%s at %d: %d bytes, %d in fp8", name, dim, len(b), len(want))
			}
		}
	}
}

// bitsOf tells -0 from 0.
func bitsOf(x []float32) []uint32 {
	b := make([]uint32, len(x))
	for i, v := range x {
		b[i] = math.Float32bits(v)
	}
	return b
}

func TestFP8RansRateOnKnownSources(t *testing.T) {
	// Bits per code of 512 values, all included but the 16 bits a scale. The
	// entropies of the codes and their signs, measured over 100,000 values each:
	// Gaussian 6.464, Student t 6.766, Laplace 6.783 bits.
	const n, dim = 200, 512
	for source, most := range map[string]float64{"gaussian": 6.53, "student-t": 6.85, "laplace": 6.87, "one-hot": 2.1} {
		c := mustNew(t, "fp8-rans", dim)
		x := sourceVectors(t, source, n, dim, 3)
		b, err := c.AppendEncode(nil, x)
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(8*len(b)-n*128) / (n * dim); got > most {
			t.Errorf("%s: %.3f bits a code, want at most %.3f", source, got, most)
		} else {
			t.Logf("%s: %.3f bits a code", source, got)
		}
	}
}

func TestFP8RansStoresWhatItCannotCompress(t *testing.T) {
	// Magnitudes whose codes are all equally likely.
	const dim = 64
	x := make([]float32, dim)
	x[0] = 448
	for i := range dim - 1 {
		x[i+1] = float32(math.Ldexp(1, -i%15)) * (1 + float32(i%8)/8)
	}
	b, err := mustNew(t, "fp8-rans", dim).AppendEncode(nil, x)
	if err != nil {
		t.Fatal(err)
	}
	if plain := dim + 2; len(b) != 2+1+plain || b[2] != fp8RansPlain {
		t.Errorf("%d bytes, code %d; want %d bytes as they are", len(b), b[2], plain)
	}
}

func TestFP8RansGoldenBytes(t *testing.T) {
	const dim = 8 // one group; its scale is 7/448 = 2^-6, 0x2400 in half precision
	x := []float32{7, 0, -7, 1. / 64, 3.5, -1.75, 0.5, 6.5}
	// In fp8:group=64 the codes 7e 00 fe 38 76 ee 60 7d and the scale 00 24.
	checkGolden(t, mustNew(t, "fp8-rans", dim), []golden{
		{"zero vector", make([]float32, dim), `0000`},
		{"seven magnitudes", x, `
			0a00            10 bytes follow
			b67a34          alphabet 6, first state 0x68f56
			8e37 4d1e 186f  words
			24              signs: of the third and sixth value`},
	})
}

func TestFP8RansRefusesWhatNoEncoderWrites(t *testing.T) {
	const dim = 33 // signs end within a byte
	c := mustNew(t, "fp8-rans", dim)
	good, err := c.AppendEncode(nil, gaussianVectors(1, dim, 5))
	if err != nil {
		t.Fatal(err)
	}
	y := make([]float32, dim)
	for n := range good {
		if _, err := c.Decode(y, good[:n:n]); !errors.Is(err, ErrShort) {
			t.Errorf("%d of %d bytes: error %v, want ErrShort", n, len(good), err)
		}
	}
	for name, b := range map[string][]byte{
		"a length beyond the largest": {0xff, 0xff, 0, 0},
		"signs after the last":        append(slices.Clone(good[:len(good)-1]), good[len(good)-1]|0x80),
		"no state":                    {1, 0, 1},
		"a plain vector cut short":    {2, 0, 7, 7},
	} {
		if _, err := c.Decode(y, b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v, want ErrCorrupt", name, err)
		}
	}
}

func TestFP8RansSurvivesEveryByteChanged(t *testing.T) {
	c := mustNew(t, "fp8-rans", 64)
	good, err := c.AppendEncode(nil, gaussianVectors(1, 64, 6))
	if err != nil {
		t.Fatal(err)
	}
	checkCorruption(t, c, good)
}

func TestFP8RansAppendsVectorByVector(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dim := rapid.SampledFrom([]int{1, 8, 33, 128}).Draw(rt, "dim")
		x := rapid.SliceOfN(rapid.Float32Range(-100, 100), 3*dim, 3*dim).Draw(rt, "x")
		clear(x[dim : 2*dim])
		checkAppending(rt, mustNew(t, "fp8-rans", dim), x)
	})
}

func FuzzDecodeRans(f *testing.F) {
	var codecs []Codec
	for _, dim := range []int{1, 33, 128} {
		c := mustNew(f, "fp8-rans", dim)
		b, err := c.AppendEncode(nil, gaussianVectors(1, dim, 6))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		codecs = append(codecs, c)
	}
	f.Add([]byte{0, 0})
	f.Add(append([]byte{36, 0, 7}, bytes.Repeat([]byte{1}, 35)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range codecs {
			checkAnyBytes(t, c, b)
		}
	})
}
