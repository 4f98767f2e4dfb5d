package lattice

import "math"

// Normalised second moments: the mean squared quantisation error per dimension
// of a lattice with unit volume per point. (Conway and Sloane, "Voronoi regions
// of lattices, second moments of polytopes, and quantization", IEEE Trans.
// Inform. Theory 28, 1982.)
const (
	SecondMomentZ  = 1.0 / 12
	SecondMomentD4 = 13 / (120 * math.Sqrt2)
	SecondMomentE8 = 929.0 / 12960
)

// Volumes per lattice point: the square root of the determinant.
const (
	VolumeZ  = 1
	VolumeD4 = 2
	VolumeE8 = 1
)

// Covering radii: the largest distance of any vector from the lattice.
// (Conway and Sloane, Sphere Packings, Lattices and Groups, chapter 4.)
const (
	CoveringRadiusZ  = 0.5 // of Z^1; sqrt(n)/2 for Z^n
	CoveringRadiusD4 = 1
	CoveringRadiusE8 = 1
)
