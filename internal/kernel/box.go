package kernel

//go:generate go run -C _generate . box

import (
	"fmt"

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
	z = z[done:]
	scale(z, y[done:], factor)
	for ; len(z) >= int(l); z = z[l:] {
		if l == E8 {
			b := (*[8]float32)(z)
			lattice.ClosestE8(b, b)
		} else {
			lattice.ClosestDn(z[:4], z[:4])
		}
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
	tables  boxTables
}

// NewBox returns the box of half-width q; its error is that of
// [lattice.NewBox].
func NewBox(l Lattice, q int) (*Box, error) {
	box, err := lattice.NewBox(q)
	if err != nil {
		return nil, err
	}
	b := &Box{lattice: l, box: box}
	b.tables = newBoxTables(b)
	return b, nil
}

// Closest is [Lattice.Closest] within the box, as [lattice.Box.ClosestE8] and
// [lattice.Box.ClosestDn] find the points. Every finite y is valid.
func (b *Box) Closest(z, y []float32, factor float32) {
	l := b.lattice
	checkBlocks(l, z, y)
	done := b.closestGroups(z, y, factor)
	z = z[done:]
	scale(z, y[done:], factor)
	for ; len(z) >= int(l); z = z[l:] {
		if l == E8 {
			v := (*[8]float32)(z)
			b.box.ClosestE8(v, v)
		} else {
			b.box.ClosestDn(z[:4], z[:4])
		}
	}
}
