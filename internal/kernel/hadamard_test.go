package kernel

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"kakeyalattice/hadamard"
)

// sameBits fails unless got has the bits of want.
func sameBits(t testing.TB, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: value %d of %d is %v (%#08x), want %v (%#08x)", what, i, len(want),
				got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// limit scales x so that sums of a transform cannot overflow.
func limit(x []float32) {
	for i := range x {
		if math.Abs(float64(x[i])) > 0x1p100 {
			x[i] *= 0x1p-20
		}
	}
}

func TestHadamardIsThePlainTransform(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 1))
		for n := 1; n <= hadamard.MaxLen; n *= 2 {
			for range 50 {
				x := make([]float32, n)
				fill(r, x)
				limit(x)
				want := append([]float32(nil), x...)
				hadamard.Transform(want)
				Hadamard(x)
				sameBits(t, "transform", x, want)
			}
		}
	})
}

func BenchmarkHadamard(b *testing.B) {
	for n := 64; n <= 1024; n *= 2 {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			x := make([]float32, n)
			x[3] = 1
			benchEachLevel(b, 1, 4*n, func() { Hadamard(x) })
		})
	}
}

// FuzzHadamard holds the levels against plain Go for any finite values whose
// sums are finite.
func FuzzHadamard(f *testing.F) {
	for n := 64; n <= 1024; n *= 2 {
		f.Add(bytes.Repeat([]byte{1, 2, 3, 0x3f, 0, 0, 0, 0x80}, n/2))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x := floats(b)
		if len(x) < 64 {
			return
		}
		x = x[:1<<(bits.Len(uint(min(len(x), hadamard.MaxLen)))-1)]
		limit(x)
		want := append([]float32(nil), x...)
		hadamard.Transform(want)
		for _, l := range levels() {
			restore := Use(l)
			got := append([]float32(nil), x...)
			Hadamard(got)
			sameBits(t, l.String(), got, want)
			restore()
		}
	})
}
