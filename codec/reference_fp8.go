package codec

import "kakeyalattice/minifloat"

// referenceFP8 is the baseline that the reference compares with. It counts a
// 16-bit scale a group and computes with one that has all the bits of a
// float32: simulated, and fp8:group=64 is its encodable counterpart.
type referenceFP8 struct {
	spec Spec
	dim  int
}

const (
	referenceFP8Group = 64
	// referenceFP8Floor is the smallest magnitude that a scale is made from.
	referenceFP8Floor = 1e-4
)

func newRefFP8(spec Spec, dim int) (Simulator, error) { return &referenceFP8{spec, dim}, nil }

func (r *referenceFP8) Spec() Spec { return r.spec }
func (r *referenceFP8) Dim() int   { return r.dim }
func (r *referenceFP8) ClaimedBits() int {
	return 8*r.dim + 16*((r.dim+referenceFP8Group-1)/referenceFP8Group)
}

func (r *referenceFP8) RoundTrip(dst, x []float32) error {
	return simulate(r.spec, r.dim, dst, x, r.vector)
}

func (r *referenceFP8) vector(dst, x []float32) {
	for at := 0; at < len(x); at += referenceFP8Group {
		end := min(at+referenceFP8Group, len(x))
		scale := max(maxAbs(x[at:end]), referenceFP8Floor) / minifloat.E4M3Max
		for i, v := range x[at:end] {
			dst[at+i] = minifloat.E4M3ToFloat32(minifloat.E4M3FromFloat32(v/scale)) * scale
		}
	}
}
