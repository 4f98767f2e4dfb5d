package synthetic

import (
	"encoding/binary"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"

	"kakeyalattice/internal/elementary"
)

// noise is a sequence of random numbers. It uses nothing of math/rand/v2 but
// the generator itself, whose output is fixed by its definition.
type noise struct {
	pcg   *rand.PCG
	spare float64 // the second value of a pair
	full  bool    // spare is there
}

// newNoise returns the sequence of a family and a part of it: a passage, or
// what is the same in all passages.
func newNoise(family, part string) *noise {
	h := fnv.New128a()
	io.WriteString(h, "kakeya/"+family+"/"+part)
	sum := h.Sum(nil)
	return &noise{pcg: rand.NewPCG(binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:]))}
}

// uniform returns one of the 2^52 midpoints (k + 1/2) / 2^52: never 0 or 1.
func (n *noise) uniform() float64 {
	return (float64(n.pcg.Uint64()>>12) + 0.5) * 0x1p-52
}

// index returns a number below dim. The bias of the remainder, below
// dim / 2^64, does not matter here.
func (n *noise) index(dim int) int { return int(n.pcg.Uint64() % uint64(dim)) }

// normal returns a standard normal value, by the polar method: Marsaglia and
// Bray, A convenient method for generating normal variables, SIAM Review 6
// (1964).
func (n *noise) normal() float64 {
	if n.full {
		n.full = false
		return n.spare
	}
	for {
		u, v := 2*n.uniform()-1, 2*n.uniform()-1
		square := float64(u*u) + float64(v*v)
		if square >= 1 || square == 0 {
			continue
		}
		m := math.Sqrt(-2 * elementary.Ln(square) / square)
		n.spare, n.full = v*m, true
		return u * m
	}
}

// scales returns exp(spread N) for each coordinate.
func (n *noise) scales(dim int, spread float64) []float64 {
	s := make([]float64, dim)
	for i := range s {
		s[i] = exp(spread * n.normal())
	}
	return s
}

// exp is the exponential function for moderate x, to within a relative 1e-14:
// x = k ln 2 + r, and exp r by its Taylor series. The values of the families
// depend on its last bits. Products are converted as in package elementary.
func exp(x float64) float64 {
	k := math.Round(x / math.Ln2)
	r := x - float64(k*math.Ln2) // at most 0.347 in size
	sum := 1.0
	for i := 14; i >= 1; i-- { // the next term is below 1e-18
		sum = float64(sum*(r/float64(i))) + 1
	}
	return math.Ldexp(sum, int(k))
}
