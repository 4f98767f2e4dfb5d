package kernel

//go:generate go run -C _generate . box

import (
	"fmt"
	"math"

	"kakeyalattice/lattice"
)

// A Lattice is one of those that have kernels; its value is the length of a
// block.
type Lattice int

const (
	D4 Lattice = 4
	E8 Lattice = 8
)

// Closest sets z to the closest points of the lattice to y times factor, block
// by block, as [lattice.ClosestDn] and [lattice.ClosestE8] find them; the
// product is rounded to float32. z may be y. Closest panics unless the lengths
// are equal and whole blocks.
func (l Lattice) Closest(z, y []float32, factor float32) {
	checkBlocks(l, z, y)
	done := l.closestGroups(z, y, factor)
	z, y = z[done:], y[done:]
	if l == E8 {
		lattice.ClosestE8Blocks(z, y, factor, 1)
		return
	}
	scale(z, y, factor)
	for ; len(z) >= 4; z = z[4:] {
		lattice.ClosestDn(z[:4], z[:4])
	}
}

// scale sets z to y times factor.
func scale(z, y []float32, factor float32) {
	y = y[:len(z)]
	for i, v := range y {
		z[i] = v * factor
	}
}

func checkBlocks(l Lattice, z, y []float32) {
	if len(z) != len(y) || len(y)%int(l) != 0 {
		panic(fmt.Sprintf("kernel: %d values for %d: they must be whole blocks of %d", len(z), len(y), int(l)))
	}
}

// Box is the points of a lattice in the cube [-q, q]^n; see [lattice.Box].
type Box struct {
	lattice Lattice
	box     lattice.Box
	inside  float32 // blocks of magnitudes below stay in the box by themselves
	tables  boxTables
}

// NewBox returns the box of half-width q; its error is that of
// [lattice.NewBox].
func NewBox(l Lattice, q int) (*Box, error) {
	box, err := lattice.NewBox(q)
	if err != nil {
		return nil, err
	}
	b := &Box{lattice: l, box: box, inside: float32(q) - 0.5}
	b.tables = newBoxTables(b)
	return b, nil
}

// Closest is [Lattice.Closest] within the box, as [lattice.Box.ClosestE8] and
// [lattice.Box.ClosestDn] find the points. Every finite y is valid.
func (b *Box) Closest(z, y []float32, factor float32) {
	checkBlocks(b.lattice, z, y)
	done := b.closestGroups(z, y, factor)
	z, y = z[done:], y[done:]
	if b.lattice == D4 {
		b.closestD4(z, y, factor)
		return
	}
	var peaks [32]float32
	for len(y) > 0 {
		p := peaks[:min(len(peaks), len(y)/8)]
		n := 8 * len(p)
		blockPeaks(p, y)
		b.closestE8(z[:n], y[:n], p, factor, 1)
		z, y = z[n:], y[n:]
	}
}

func (b *Box) closestD4(z, y []float32, factor float32) {
	scale(z, y, factor)
	for ; len(z) >= 4; z = z[4:] {
		b.box.ClosestDn(z[:4], z[:4])
	}
}

// closestE8 sets z to out times the closest points to in*y, all products
// rounded; peaks are the largest magnitudes of the blocks of y. z may be y.
func (b *Box) closestE8(z, y, peaks []float32, in, out float32) {
	size := float32(math.Abs(float64(in)))
	for len(peaks) > 0 {
		n := 0 // blocks that stay inside
		for n < len(peaks) && float32(peaks[n]*size) < b.inside {
			n++
		}
		if n > 0 {
			lattice.ClosestE8Blocks(z[:8*n], y[:8*n], in, out)
		} else {
			n = 1
			v := (*[8]float32)(z)
			scale(v[:], y[:8], in)
			b.box.ClosestE8(v, v)
			scale(v[:], v[:], out)
		}
		z, y, peaks = z[8*n:], y[8*n:], peaks[n:]
	}
}
