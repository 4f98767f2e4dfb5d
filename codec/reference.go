package codec

import (
	"fmt"
	"math"

	"kakeyalattice/hadamard"
	"kakeyalattice/internal/kernel"
	"kakeyalattice/lattice"
	"kakeyalattice/minifloat"
)

// reference reproduces the arithmetic of the reference system's v1.4 (D4) and
// v1.5 (E8): unit norm, Hadamard rotation, scale by the largest coordinate,
// closest lattice point, and a clamp of every coordinate to [-q, q]. The clamp
// leaves points that are in neither coset, so that the bits it claims cannot
// represent what it returns: it is simulated, and e8 and d4 are its encodable
// counterparts.
//
// Two departures: norms that overflow fp16 saturate instead of turning the
// vector into NaN, and the norm is summed in float64.
type reference struct {
	spec  Spec
	dim   int
	q     float32
	bits  int
	block int
	// closest sets z to the reference's choice for one block.
	closest func(z, y []float32)
}

func newRefD4(spec Spec, dim int) (Simulator, error) {
	n := float64(2*spec.integer("q") + 1)
	return newReference(spec, dim, 4, int(math.Ceil(4*math.Log2(n)-1)), lattice.ClosestDn)
}

func newRefE8(spec Spec, dim int) (Simulator, error) {
	n := float64(2*spec.integer("q") + 1)
	return newReference(spec, dim, 8, int(math.Ceil(8*math.Log2(n))), closestE8BySquares)
}

func newReference(spec Spec, dim, block, bits int, closest func(z, y []float32)) (Simulator, error) {
	if !hadamard.Valid(dim) || dim < block {
		return nil, dimError(spec, dim, fmt.Sprintf("a power of two from %d to 4096", block))
	}
	q := spec.integer("q")
	return &reference{spec, dim, float32(q), dim/block*bits + 32, block, closest}, nil
}

func (r *reference) Spec() Spec       { return r.spec }
func (r *reference) Dim() int         { return r.dim }
func (r *reference) ClaimedBits() int { return r.bits }

func (r *reference) RoundTrip(dst, x []float32) error {
	return simulate(r.spec, r.dim, dst, x, r.vector)
}

// simulate checks the arguments of a simulator and calls vector for every
// vector.
func simulate(spec Spec, dim int, dst, x []float32, vector func(dst, x []float32)) error {
	n, err := vectors(spec, dim, len(x))
	if err != nil {
		return err
	}
	if len(dst) != len(x) {
		return fmt.Errorf("codec %s: %d values for %d", spec, len(dst), len(x))
	}
	for i := range n {
		v := x[i*dim : (i+1)*dim]
		if k := firstNonFinite(v); k >= 0 {
			return &ValueError{Codec: spec.String(), Vector: i, Coord: k, Value: v[k]}
		}
		vector(dst[i*dim:(i+1)*dim], v)
	}
	return nil
}

// epsilon is the float32 machine epsilon, the reference's floor of norms.
const epsilon = 0x1p-23

func (r *reference) vector(dst, x []float32) {
	var energy float64
	for _, v := range x {
		energy += float64(v) * float64(v)
	}
	norm := max(math.Sqrt(energy), epsilon)
	gain := minifloat.FP16ToFloat32(minifloat.FP16FromFloat32(float32(min(norm, math.MaxFloat32))))
	for i, v := range x {
		dst[i] = float32(float64(v) / norm)
	}
	kernel.Hadamard(dst)
	peak := minifloat.FP16ToFloat32(minifloat.FP16FromFloat32(max(maxAbs(dst), epsilon)))
	s := peak / r.q
	var z [8]float32
	for b := 0; b < len(dst); b += r.block {
		y := dst[b : b+r.block]
		for i := range y {
			y[i] /= s
		}
		r.closest(z[:r.block], y)
		for i := range y {
			y[i] = max(-r.q, min(r.q, z[i])) * s
		}
	}
	kernel.Hadamard(dst)
	for i := range dst {
		dst[i] *= gain
	}
}

// closestE8BySquares decides between the cosets by squared distances, as the
// reference does; [lattice.ClosestE8] decides by sums of magnitudes.
func closestE8BySquares(z, y []float32) {
	var a, b, shifted [8]float32
	lattice.ClosestDn(a[:], y)
	for i := range shifted {
		shifted[i] = y[i] - 0.5
	}
	lattice.ClosestDn(b[:], shifted[:])
	var da, db float32
	for i := range b {
		b[i] += 0.5
		da += float32((y[i] - a[i]) * (y[i] - a[i]))
		db += float32((y[i] - b[i]) * (y[i] - b[i]))
	}
	if da <= db {
		copy(z, a[:])
	} else {
		copy(z, b[:])
	}
}
