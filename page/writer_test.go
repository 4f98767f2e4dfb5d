package page

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/codec"
)

func TestNonFiniteValuesAreRefusedWithTheirPlaceInThePage(t *testing.T) {
	const dim, n = 8, 500
	for _, text := range examples {
		for _, workers := range []int{1, 4} {
			x := bell(n*dim, 6)
			h := header(t, text, dim, x)
			h.ChunkVectors = 16
			x[333*dim+5] = float32(math.NaN())
			x[480*dim+1] = float32(math.Inf(1)) // the first one counts
			var b bytes.Buffer
			w, err := NewWriter(&b, h, Options{Workers: workers})
			if err != nil {
				t.Fatal(err)
			}
			for part := range slices.Chunk(x, 37*dim) {
				if err = w.Write(part); err != nil {
					break
				}
			}
			if err == nil {
				err = w.Close()
			}
			var value *codec.ValueError
			if !errors.As(err, &value) || value.Vector != 333 || value.Coord != 5 {
				t.Errorf("%s, %d workers: %v", text, workers, err)
			}
			if again := w.Write(nil); again != err || w.Close() != err {
				t.Errorf("%s: the error does not stay: %v", text, again)
			}
		}
	}
}

func TestAVectorThatTheCodecCannotHoldIsNamedByItsPlaceInThePage(t *testing.T) {
	x := bell(100*8, 7)
	x[77*8] = 3e38
	_, err := Append(nil, header(t, "fp8", 8, x), x, Options{Workers: 2})
	var scale *codec.ScaleError
	if !errors.As(err, &scale) || scale.Vector != 77 {
		t.Errorf("%v", err)
	}
}

// brokenWriter takes so many bytes.
type brokenWriter struct{ room int }

var errFull = errors.New("disk full")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if len(p) > w.room {
		return w.room, errFull
	}
	w.room -= len(p)
	return len(p), nil
}

func TestErrorsOfTheWriterUnderneathComeThrough(t *testing.T) {
	for _, text := range examples {
		x := bell(64*8, 8)
		h := header(t, text, 8, x)
		h.ChunkVectors = 16
		for room := range build(t, h, x) {
			w, err := NewWriter(&brokenWriter{room}, h, Options{Workers: 1})
			if err == nil {
				if err = w.Write(x); err == nil {
					err = w.Close()
				}
			}
			if !errors.Is(err, errFull) {
				t.Fatalf("%s, room for %d bytes: %v", text, room, err)
			}
		}
	}
}

func TestAWriterTakesExactlyThePromisedVectors(t *testing.T) {
	x := bell(80, 9)
	h := header(t, "bf16", 8, x)
	for name, c := range map[string]struct {
		values int
		want   string
	}{
		"one too few":      {72, "promises 10"},
		"one too many":     {88, "promises 10"},
		"part of a vector": {79, "whole vectors"},
	} {
		w, err := NewWriter(io.Discard, h, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err = w.Write(make([]float32, c.values)); err == nil {
			err = w.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w, err := NewWriter(io.Discard, h, Options{})
	if err != nil || w.Write(x) != nil || w.Close() != nil {
		t.Fatal(err)
	}
	if w.Write(nil) == nil || w.Close() == nil {
		t.Error("a closed writer writes on")
	}
}

func TestAppendKeepsWhatIsBeforeAndReturnsItOnErrors(t *testing.T) {
	x := bell(16, 10)
	h := header(t, "bf16", 8, x)
	b, err := Append([]byte("before"), h, x, Options{})
	if err != nil || string(b[:6]) != "before" {
		t.Fatalf("%q, %v", b, err)
	}
	mustOpen(t, b[6:])
	if b, err = Append([]byte("before"), h, x[:8], Options{}); err == nil || string(b) != "before" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestHeadersThatCannotBeReadBackAreNotWritten(t *testing.T) {
	spec := func(text string) codec.Spec {
		s, err := codec.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, c := range map[string]struct {
		change func(*Header)
		want   string
	}{
		"a simulated codec":          {func(h *Header) { h.Spec = spec("ref-e8:q=3") }, "simulated"},
		"a codec that is not fitted": {func(h *Header) { h.Spec = spec("nvfp4") }, "Fit"},
		"a dimension of 0":           {func(h *Header) { h.Dim = 0 }, "dimension 0"},
		"an unsupported dimension":   {func(h *Header) { h.Spec = spec("fp8-v4") }, "dimension 8"},
		"negative vectors":           {func(h *Header) { h.Vectors = -1 }, "-1 vectors"},
		"uncountable vectors":        {func(h *Header) { h.Vectors = math.MaxInt }, "counted"},
		"another shape":              {func(h *Header) { h.Shape = []int{3, 8} }, "shape [3 8]"},
		"no shape":                   {func(h *Header) { h.Shape = nil }, "shape"},
		"a negative axis":            {func(h *Header) { h.Shape = []int{-2, -8} }, "shape"},
		"a shape that overflows":     {func(h *Header) { h.Shape = []int{math.MaxInt, math.MaxInt, 16} }, "shape"},
		"too many axes":              {func(h *Header) { h.Shape = append(slices.Repeat([]int{1}, 63), 2, 8) }, "shape"},
		"chunks of 15":               {func(h *Header) { h.ChunkVectors = 15 }, "15 vectors"},
		"chunks of 24":               {func(h *Header) { h.ChunkVectors = 24 }, "24 vectors"},
		"chunks of -16":              {func(h *Header) { h.ChunkVectors = -16 }, "-16 vectors"},
		"chunks beyond the limit":    {func(h *Header) { h.ChunkVectors = 1<<19 + 16 }, "at most 524288"},
		"a name that is no UTF-8":    {func(h *Header) { h.Tensor = "k\xff" }, "UTF-8"},
		"an endless name":            {func(h *Header) { h.Tensor = strings.Repeat("k", 1<<16) }, "UTF-8"},
	} {
		h := Header{Spec: spec("bf16"), Dim: 8, Vectors: 2, Tensor: "k", Shape: []int{2, 8}}
		c.change(&h)
		if _, err := NewWriter(io.Discard, h, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
