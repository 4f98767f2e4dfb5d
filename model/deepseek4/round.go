package deepseek4

import (
	"math"

	"kakeyalattice/internal/kernel"
	"kakeyalattice/minifloat"
)

// The group sizes and scale floors of the roundings. An FP8 scale is the
// smallest power of two at least max(amax, 1e-4)/448, an FP4 scale the smallest
// at least max(amax, 6*2^-126)/6; both quotients are float32 products with the
// inverse, as in the official kernels.
const (
	entryGroup      = 64  // of entries, without the rotary values
	activationGroup = 128 // of the input of an FP8 linear layer
	indexerGroup    = 32  // of indexer entries, rotary values included

	fp8Floor float32 = 1e-4
	fp4Floor float32 = 6 * 0x1p-126
)

// roundBF16 rounds to bfloat16, to the nearest, ties to even; finite values
// beyond the largest become the largest.
func roundBF16(x []float32) {
	const nearTop = 0x7f7f8000 // from here on values saturate, or are not finite
	for i, v := range x {
		b := math.Float32bits(v)
		if b&^(1<<31) >= nearTop {
			x[i] = minifloat.BF16ToFloat32(minifloat.BF16FromFloat32(v))
			continue
		}
		x[i] = math.Float32frombits((b + 1<<15 - 1 + b>>16&1) &^ (1<<16 - 1))
	}
}

// rounder rounds vectors to a narrow format and back, with one scale for each
// group of values. It owns scratch space: not for concurrent use.
type rounder struct {
	format  kernel.Format
	group   int
	scale   func(amax float32) float32
	scales  []float32
	encoded []byte
}

func powerOfTwoScale(floor, largest float32) func(float32) float32 {
	inverse := 1 / largest
	return func(amax float32) float32 {
		return minifloat.E8M0ToFloat32(minifloat.E8M0Ceil(max(amax, floor) * inverse))
	}
}

// newFP8Rounder rounds to E4M3 at power-of-two scales, newFP4Rounder to E2M1.
func newFP8Rounder(group int) *rounder {
	return &rounder{format: kernel.E4M3, group: group, scale: powerOfTwoScale(fp8Floor, minifloat.E4M3Max)}
}

func newFP4Rounder(group int) *rounder {
	return &rounder{format: kernel.E2M1, group: group, scale: powerOfTwoScale(fp4Floor, minifloat.E2M1Max)}
}

// newAmaxRounder rounds to E4M3 at the scale max(amax, 1e-4)/448 itself.
func newAmaxRounder(group int) *rounder {
	return &rounder{format: kernel.E4M3, group: group, scale: amaxScale}
}

func amaxScale(amax float32) float32 { return max(amax, fp8Floor) / minifloat.E4M3Max }

// round replaces the finite values x by code times scale. The last group may
// be short.
func (r *rounder) round(x []float32) {
	groups := (len(x) + r.group - 1) / r.group
	if cap(r.scales) < groups {
		r.scales = make([]float32, groups)
	}
	if n := r.format.Bytes(len(x)); cap(r.encoded) < n {
		r.encoded = make([]byte, n)
	}
	scales, encoded := r.scales[:groups], r.encoded[:r.format.Bytes(len(x))]
	kernel.GroupMaxAbs(scales, x, r.group)
	for i, amax := range scales {
		scales[i] = r.scale(amax)
	}
	r.format.Encode(encoded, x, scales, r.group)
	r.format.Decode(x, encoded, scales, r.group)
}

// roundUniform replaces the values of every group by the nearest of 255 evenly
// spaced ones from -amax to amax, by the operations of the published
// experiment's program: units of scale = amax/448, then steps of 448/127. What
// keep returns is the result of an operation in that program's arithmetic.
func roundUniform(x []float32, group int, keep func(float32) float32) {
	const step float32 = 448.0 / 127
	for len(x) > 0 {
		n := min(group, len(x))
		scale := keep(amaxScale(kernel.MaxAbs(x[:n])))
		for i, v := range x[:n] {
			units := min(max(keep(v/scale), -minifloat.E4M3Max), minifloat.E4M3Max)
			q := float32(math.RoundToEven(float64(keep(units / step))))
			x[i] = keep(keep(q*step) * scale)
		}
		x = x[n:]
	}
}

func keepBF16(v float32) float32    { return minifloat.BF16ToFloat32(minifloat.BF16FromFloat32(v)) }
func keepFloat32(v float32) float32 { return v }
