package codec

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// sources draw vectors of the distributions that codecs are compared on.
func sources(dim int) map[string]func(r *rand.Rand, x []float32) {
	fixed := rand.New(rand.NewPCG(11, 12))
	scales, shifts := make([]float64, dim), make([]float64, dim)
	wide := make([]float64, dim)
	for i := range scales {
		wide[i] = math.Exp(2.5 * fixed.NormFloat64())
		scales[i] = math.Exp(1.5 * fixed.NormFloat64())
		shifts[i] = 3 * scales[i] * fixed.NormFloat64()
	}
	each := func(f func(r *rand.Rand, i int) float64) func(*rand.Rand, []float32) {
		return func(r *rand.Rand, x []float32) {
			for i := range x {
				x[i] = float32(f(r, i))
			}
		}
	}
	return map[string]func(r *rand.Rand, x []float32){
		"gaussian": each(func(r *rand.Rand, _ int) float64 { return r.NormFloat64() }),
		"student-t": each(func(r *rand.Rand, _ int) float64 {
			var chi float64
			for range 3 {
				g := r.NormFloat64()
				chi += g * g
			}
			return r.NormFloat64() / math.Sqrt(chi/3)
		}),
		"laplace":      each(func(r *rand.Rand, _ int) float64 { return r.ExpFloat64() * float64(1-2*r.IntN(2)) }),
		"anisotropic":  each(func(r *rand.Rand, i int) float64 { return wide[i] * r.NormFloat64() }),
		"mean-shifted": each(func(r *rand.Rand, i int) float64 { return scales[i]*r.NormFloat64() + shifts[i] }),
		"one-hot": func(r *rand.Rand, x []float32) {
			clear(x)
			x[r.IntN(dim)] = float32(r.ExpFloat64())
		},
		"two-hot": func(r *rand.Rand, x []float32) {
			clear(x)
			x[r.IntN(dim)] = 1
			x[r.IntN(dim)] = float32(1 - 2*r.IntN(2))
		},
		"constant": func(r *rand.Rand, x []float32) {
			c := float32(1 + r.ExpFloat64())
			for i := range x {
				x[i] = c
			}
		},
	}
}

// sourceVectors returns n vectors of a source.
func sourceVectors(t testing.TB, source string, n, dim int, seed uint64) []float32 {
	t.Helper()
	gen := sources(dim)[source]
	if gen == nil {
		t.Fatalf("there is no source %s", source)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n*dim)
	for i := range n {
		gen(r, x[i*dim:(i+1)*dim])
	}
	return x
}

// reporter is what testing.TB and rapid.T share.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkAppending fails unless vectors coded in one call, after a prefix, are
// those coded one by one, and come back alike; and unless [Varying.VectorLen]
// finds where they end.
func checkAppending(t reporter, c Codec, x []float32) {
	t.Helper()
	dim := c.Dim()
	together, err := c.AppendEncode([]byte("prefix"), x)
	if err != nil {
		t.Fatalf("%s: %v", c.Spec(), err)
	}
	single := []byte("prefix")
	want := make([]float32, len(x))
	for i := 0; i < len(x); i += dim {
		start := len(single)
		if single, err = c.AppendEncode(single, x[i:i+dim]); err != nil {
			t.Fatalf("%s: %v", c.Spec(), err)
		}
		if v, ok := c.(Varying); ok {
			if n, err := v.VectorLen(single[start:]); err != nil || n != len(single)-start {
				t.Fatalf("%s: VectorLen is %d of %d, error %v", c.Spec(), n, len(single)-start, err)
			}
		}
		if n, err := c.Decode(want[i:i+dim], single[start:]); err != nil || n != len(single)-start {
			t.Fatalf("%s: %d of %d bytes decoded, error %v", c.Spec(), n, len(single)-start, err)
		}
		if size := c.Size(); len(single)-start > size.Bytes || size.Fixed && len(single)-start != size.Bytes {
			t.Fatalf("%s: %d bytes, the size is %v", c.Spec(), len(single)-start, size)
		}
	}
	if !bytes.Equal(together, single) {
		t.Fatalf("%s: vectors coded together differ from single ones", c.Spec())
	}
	got := make([]float32, len(x))
	n, err := c.Decode(got, append(together, 0xff, 0xff)[6:])
	if err != nil || n != len(together)-6 || !slices.Equal(got, want) {
		t.Fatalf("%s: %d of %d bytes decoded, error %v, or other values", c.Spec(), n, len(together)-6, err)
	}
}

// checkCorruption fails unless every change of a byte of one coded vector is
// found or gives a finite vector.
func checkCorruption(t *testing.T, c Codec, good []byte) {
	t.Helper()
	found := 0
	for i := range good {
		for change := 1; change < 256; change++ {
			b := slices.Clone(good)
			b[i] ^= byte(change)
			if checkAnyBytes(t, c, b) != nil {
				found++
			}
		}
	}
	t.Logf("%s: %d of %d changes found", c.Spec(), found, 255*len(good))
}

// checkAnyBytes decodes one vector and fails unless that gives a finite vector or
// a proper error, which it returns.
func checkAnyBytes(t *testing.T, c Codec, b []byte) error {
	t.Helper()
	y := make([]float32, c.Dim())
	n, err := c.Decode(y, b)
	length := n
	if v, ok := c.(Varying); ok {
		var failed error
		if length, failed = v.VectorLen(b); failed != nil && err == nil {
			t.Fatalf("%s at %d: VectorLen fails where Decode does not: %v", c.Spec(), c.Dim(), failed)
		}
	}
	switch {
	case err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrShort):
		t.Fatalf("%s at %d: error of no kind: %v", c.Spec(), c.Dim(), err)
	case err != nil:
		return err
	case n != length || n > c.Size().Bytes:
		t.Fatalf("%s at %d: %d bytes consumed, the vector has %d", c.Spec(), c.Dim(), n, length)
	case firstNonFinite(y) >= 0:
		t.Fatalf("%s at %d: coordinate %d is not finite", c.Spec(), c.Dim(), firstNonFinite(y))
	}
	return nil
}

// A golden is a vector and its code, annotated: in every line hexadecimal digits
// with single spaces, then two spaces or more and what they mean.
type golden struct {
	name string
	x    []float32
	code string
}

// checkGolden fails unless vectors have their golden codes and decode from them.
func checkGolden(t *testing.T, c Codec, goldens []golden) {
	t.Helper()
	for _, g := range goldens {
		var want string
		for line := range strings.Lines(g.code) {
			digits, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
			want += strings.ReplaceAll(digits, " ", "")
		}
		b, err := c.AppendEncode(nil, g.x)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(b); got != want {
			t.Errorf("%s, %s: %s, want %s", c.Spec(), g.name, got, want)
		}
		if n, err := c.Decode(make([]float32, len(g.x)), b); err != nil || n != len(b) {
			t.Errorf("%s, %s: %d of %d bytes decoded, error %v", c.Spec(), g.name, n, len(b), err)
		}
	}
}
