package codec

import (
	"encoding/binary"
	"fmt"
	"math"

	"kakeyalattice/minifloat"
)

// groupScale is the rule by which a group of values gets the scale that its
// codes are multiplied with.
type groupScale interface {
	// width is the number of bytes of the scale's field.
	width() int
	// put writes the field for a group whose largest magnitude is amax and
	// returns the scale that get will read. A scale of 0 asks for codes of 0.
	put(field []byte, amax float32) (float32, error)
	// get returns the scale, finite and not negative.
	get(field []byte) (float32, error)
}

// fp16Scale is amax/levels in half precision, rounded up so that the largest
// value of a group is never clipped.
type fp16Scale struct {
	levels float32 // the largest code's value
	try    string  // a spec for groups whose scale does not fit
}

func (fp16Scale) width() int { return 2 }

func (s fp16Scale) put(field []byte, amax float32) (float32, error) {
	code, ok := minifloat.FP16FromFloat32Up(amax / s.levels)
	if !ok {
		return 0, s.tooLarge(float64(amax / s.levels))
	}
	binary.LittleEndian.PutUint16(field, code)
	return minifloat.FP16ToFloat32(code), nil
}

func (s fp16Scale) tooLarge(scale float64) error {
	return &ScaleError{Scale: scale, Max: float64(minifloat.FP16Max), Try: s.try}
}

func (fp16Scale) get(field []byte) (float32, error) {
	code := binary.LittleEndian.Uint16(field)
	if code >= fp16Inf {
		return 0, fmt.Errorf("its scale has the code %#04x, which is negative or not finite: %w", code, ErrCorrupt)
	}
	return minifloat.FP16ToFloat32(code), nil
}

// fp16Inf is the first code of half precision that is not a finite scale;
// negative ones follow above.
const fp16Inf = 0x7c00

// ue8m0Scale is the smallest power of two that is at least
// max(amax, floor)*inverse, one byte. The product is formed in float32, as the
// engines do; for the inverses in use the result is that of exact arithmetic.
type ue8m0Scale struct {
	floor   float32
	inverse float32 // 1/(the largest code's value)
}

func (ue8m0Scale) width() int { return 1 }

func (s ue8m0Scale) put(field []byte, amax float32) (float32, error) {
	field[0] = minifloat.E8M0Ceil(max(amax, s.floor) * s.inverse)
	return minifloat.E8M0ToFloat32(field[0]), nil
}

func (ue8m0Scale) get(field []byte) (float32, error) {
	if field[0] == minifloat.E8M0NaN {
		return 0, fmt.Errorf("its scale has the code 0xff, a NaN: %w", ErrCorrupt)
	}
	return minifloat.E8M0ToFloat32(field[0]), nil
}

// e4m3Scale is amax/levels in units of a scale of the whole stream, rounded to
// the nearest E4M3 value above 0.
type e4m3Scale struct {
	levels float32
	stream float32
}

func (e4m3Scale) width() int { return 1 }

func (s e4m3Scale) put(field []byte, amax float32) (float32, error) {
	if amax == 0 {
		field[0] = 0
		return 0, nil
	}
	t := amax / s.levels / s.stream
	if t > minifloat.E4M3Max*fitSlack {
		return 0, &ScaleError{
			Scale: float64(amax) / float64(s.levels),
			Max:   float64(minifloat.E4M3Max) * float64(s.stream),
		}
	}
	// Rounding to 0 would drop the whole group.
	field[0] = max(minifloat.E4M3FromFloat32(t), 1)
	return minifloat.E4M3ToFloat32(field[0]) * s.stream, nil
}

func (s e4m3Scale) get(field []byte) (float32, error) {
	if field[0] >= 0x7f {
		return 0, fmt.Errorf("its scale has the code %#02x, which is negative or a NaN: %w", field[0], ErrCorrupt)
	}
	return saturate(minifloat.E4M3ToFloat32(field[0]) * s.stream), nil
}

// streamScale is a scale of the whole stream; it has no field.
type streamScale struct {
	levels float32
	stream float32
}

func (streamScale) width() int { return 0 }

func (s streamScale) put(_ []byte, amax float32) (float32, error) {
	if amax/s.stream > s.levels*fitSlack {
		return 0, &ScaleError{Scale: float64(amax) / float64(s.levels), Max: float64(s.stream)}
	}
	return s.stream, nil
}

func (s streamScale) get([]byte) (float32, error) { return s.stream, nil }

// fitSlack is what the largest value of a stream may exceed the range that was
// fitted to it: a few roundings of float32.
const fitSlack = 1 + 0x1p-20

// saturate brings an infinite product of finite factors back to the largest
// finite value.
func saturate(v float32) float32 {
	if v > math.MaxFloat32 {
		return math.MaxFloat32
	}
	if v < -math.MaxFloat32 {
		return -math.MaxFloat32
	}
	return v
}
