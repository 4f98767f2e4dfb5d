package codec

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestGainShapeAlphabetsAreTheGoldenOnes(t *testing.T) {
	// From an independent implementation of the formulas in another language.
	for _, c := range []struct {
		lattice    gsLattice
		delta      float32
		dim        int
		shift      uint
		escapeBits uint
		base       int
		alphabet   int // the one that is shown
		lo         int
		freqs      []int
	}{
		{gsE8, 0.09, 512, 1, 8, 354, 0, -26, []int{
			1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 5, 9, 14, 21, 32, 45, 63, 85, 111, 140, 172, 203, 233, 259, 279, 290, 291,
			285, 270, 247, 219, 188, 156, 125, 98, 74, 54, 38, 26, 17, 11, 7, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		}},
		{gsE8, 0.5, 64, 0, 6, 24, 1, -9, []int{1, 1, 2, 10, 38, 113, 268, 495, 715, 809, 715, 495, 268, 113, 38, 10, 2, 1, 1, 1}},
		{gsE8, 0.5, 64, 0, 6, 24, 6, -5, []int{1, 9, 135, 751, 1569, 1228, 360, 39, 2, 1, 1}},
		{gsD4, 0.09, 128, 1, 8, 84, 0, -26, []int{
			1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 5, 9, 14, 21, 31, 45, 63, 85, 111, 140, 172, 203, 233, 259, 279, 290, 293,
			285, 270, 247, 219, 188, 156, 125, 98, 73, 54, 38, 26, 17, 11, 7, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		}},
		{gsZ, 0.5, 8, 0, 5, 2, 0, -9, []int{1, 1, 2, 10, 38, 114, 268, 495, 715, 807, 715, 495, 268, 114, 38, 10, 2, 1, 1, 1}},
	} {
		m := newGSModel(c.lattice, c.dim, c.delta)
		if base := m.base(gainBits(c.dim)); m.shift != c.shift || m.escapeBits != c.escapeBits || base != c.base {
			t.Errorf("delta %v at %d: shift %d, escapes of %d bits, base %d", c.delta, c.dim, m.shift, m.escapeBits, base)
		}
		if a := m.alphabets[c.alphabet]; a.lo != c.lo || !slices.Equal(a.freqs, c.freqs) {
			t.Errorf("delta %v at %d: alphabet %d from %d on %v", c.delta, c.dim, c.alphabet, a.lo, a.freqs)
		}
	}
}

func TestGainShapeModelsHaveProperAlphabets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := rapid.SampledFrom([]gsLattice{gsE8, gsD4, gsZ}).Draw(t, "lattice")
		delta := float32(math.Exp(rapid.Float64Range(math.Log(0.01), math.Log(2)).Draw(t, "log delta")))
		dim := 8 << rapid.IntRange(0, 13).Draw(t, "log dim")
		m := newGSModel(l, dim, delta)
		if m.shift > 3 || m.escapeBits > 14 || m.reach > math.MaxInt16 {
			t.Fatalf("shift %d, escapes of %d bits, reach %d", m.shift, m.escapeBits, m.reach)
		}
		for i, a := range m.alphabets {
			sum := 0
			for _, f := range a.freqs {
				if f < 1 || f >= ransTotal {
					t.Fatalf("alphabet %d: frequency %d", i, f)
				}
				sum += f
			}
			if sum != ransTotal || len(a.freqs) > 256 || a.lo < a.min || a.hi() > a.max {
				t.Fatalf("alphabet %d: %d symbols from %d on that add up to %d", i, len(a.freqs), a.lo, sum)
			}
			if !a.whole() && (a.max-m.escapeLow() >= 1<<m.escapeBits || a.min < m.escapeLow()) {
				t.Fatalf("alphabet %d: %d to %d do not fit an escape of %d bits from %d on", i, a.min, a.max, m.escapeBits, m.escapeLow())
			}
		}
	})
}

func TestAnEscapeIsNoLongerThanTheNormalDistributionAsksFor(t *testing.T) {
	for _, delta := range []float32{0.01, 0.03, 0.09, 0.3, 1, 2} {
		for _, dim := range []int{64, 512, 4096} {
			m := newGSModel(gsE8, dim, delta)
			for coset, alphabet := range m.first {
				a := &m.alphabets[alphabet]
				for _, v := range []int{a.lo - 1, a.hi() + 1} {
					if a.whole() {
						continue
					}
					z := m.magnitude(v, coset)
					variance := 1/float64(delta*delta) + m.moment
					ideal := math.Log2(math.Sqrt(2*math.Pi*variance)) + z*z/2/variance*math.Log2E - float64(m.shift)
					// The nearest end of a bucket is cheaper than the bucket.
					if bits := float64(ransBits + m.escapeBits); bits > ideal+1 {
						t.Errorf("delta %v at %d: %d is escaped with %v bits, ideal are %.1f", delta, dim, v, bits, ideal)
					}
				}
			}
		}
	}
}
