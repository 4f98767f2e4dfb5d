package codec

import (
	"kakeyalattice/internal/kernel"
	"kakeyalattice/lattice"
)

// The lattices of gain-shape codes. moment is the normalised second moment
// times the squared volume of a point per coordinate: for D4
// 13/(120*sqrt(2)) * sqrt(2).
var (
	gsE8 = gsLattice{
		block: 8, halves: true, even: true, closest: kernel.E8.Closest,
		moment: lattice.SecondMomentE8, cover: lattice.CoveringRadiusE8 * lattice.CoveringRadiusE8 / 8.0,
	}
	gsD4 = gsLattice{
		block: 4, even: true, closest: kernel.D4.Closest,
		moment: 13.0 / 120, cover: lattice.CoveringRadiusD4 * lattice.CoveringRadiusD4 / 4.0,
	}
	gsZ = gsLattice{
		block: 1, closest: closestIntegers,
		moment: lattice.SecondMomentZ, cover: lattice.CoveringRadiusZ * lattice.CoveringRadiusZ,
	}
)

func closestIntegers(z, y []float32, factor float32) {
	for i, v := range y {
		z[i] = v * factor
	}
	lattice.ClosestZn(z, z)
}

// A gsLattice is what a gain-shape code needs to know of its lattice.
type gsLattice struct {
	block int // coordinates of a block
	// halves: half of the points have coordinates that are halves of odd
	// integers, E8's second coset.
	halves bool
	// even: the whole parts of a block's coordinates have an even sum.
	even bool
	// moment is the mean squared error per coordinate at a step of 1, and cover
	// the largest: the squared covering radius over the block.
	moment, cover float64
	// closest sets z to the points closest to y*factor, block by block.
	closest func(z, y []float32, factor float32)
}

// cosets is the number of cosets that a block's bit tells apart.
func (l *gsLattice) cosets() int {
	if l.halves {
		return 2
	}
	return 1
}
