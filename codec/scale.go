package codec

import (
	"encoding/binary"
	"fmt"
	"math"

	"kakeyalattice/internal/kernel"
	"kakeyalattice/minifloat"
)

// groupScale is the rule by which groups of values get the scales that their
// codes are multiplied with.
type groupScale interface {
	// width is the number of bytes of a scale's field.
	width() int
	// put writes the fields of groups and replaces their largest magnitudes, in
	// scales, by the scales that get will read. A scale of 0 asks for codes of 0.
	put(fields []byte, scales []float32) error
	// get sets the scales, finite and not negative, by their fields.
	get(scales []float32, fields []byte) error
}

// fp16Scale is amax/levels in half precision, rounded up so that the largest
// value of a group is never clipped.
type fp16Scale struct {
	levels float32 // the largest code's value
	try    string  // a spec for groups whose scale does not fit
}

func (fp16Scale) width() int { return 2 }

func (s fp16Scale) put(fields []byte, scales []float32) error {
	for i, amax := range scales {
		code, ok := minifloat.FP16FromFloat32Up(amax / s.levels)
		if !ok {
			return s.tooLarge(float64(amax / s.levels))
		}
		binary.LittleEndian.PutUint16(fields[2*i:], code)
		scales[i] = minifloat.FP16ToFloat32(code)
	}
	return nil
}

func (s fp16Scale) tooLarge(scale float64) error {
	return &ScaleError{Scale: scale, Max: float64(minifloat.FP16Max), Try: s.try}
}

func (fp16Scale) get(scales []float32, fields []byte) error {
	for i := range scales {
		code := binary.LittleEndian.Uint16(fields[2*i:])
		if code >= fp16Inf {
			return fmt.Errorf("group %d: its scale has the code %#04x, which is negative or not finite: %w", i, code, ErrCorrupt)
		}
		scales[i] = minifloat.FP16ToFloat32(code)
	}
	return nil
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

func (s ue8m0Scale) put(fields []byte, scales []float32) error {
	fields = fields[:len(scales)]
	floor := math.Float32bits(s.floor)
	for i, amax := range scales {
		// Magnitudes order like their bits, whose larger needs no look at signs.
		larger := math.Float32frombits(max(math.Float32bits(amax), floor))
		code := minifloat.E8M0Ceil(larger * s.inverse)
		fields[i], scales[i] = code, minifloat.E8M0ToFloat32(code)
	}
	return nil
}

func (ue8m0Scale) get(scales []float32, fields []byte) error {
	for i, code := range fields {
		if code == minifloat.E8M0NaN {
			return fmt.Errorf("group %d: its scale has the code 0xff, a NaN: %w", i, ErrCorrupt)
		}
		scales[i] = minifloat.E8M0ToFloat32(code)
	}
	return nil
}

// e4m3Scale is amax/levels in units of a scale of the whole stream, rounded to
// the nearest E4M3 value above 0.
type e4m3Scale struct {
	levels float32
	stream float32
}

func (e4m3Scale) width() int { return 1 }

func (s e4m3Scale) put(fields []byte, scales []float32) error {
	if amax := maxAbs(scales); amax/s.levels/s.stream > minifloat.E4M3Max*fitSlack {
		return &ScaleError{
			Scale: float64(amax) / float64(s.levels),
			Max:   float64(minifloat.E4M3Max) * float64(s.stream),
		}
	}
	for i, amax := range scales {
		if amax > 0 {
			scales[i] = max(amax/s.levels, math.SmallestNonzeroFloat32)
		}
	}
	kernel.E4M3.Encode(fields, scales, []float32{s.stream}, len(scales))
	for i, scale := range scales {
		if scale > 0 && fields[i] == 0 {
			fields[i] = 1 // rounding to 0 would drop the whole group
		}
	}
	return s.get(scales, fields)
}

func (s e4m3Scale) get(scales []float32, fields []byte) error {
	for i, code := range fields {
		if code >= 0x7f {
			return fmt.Errorf("group %d: its scale has the code %#02x, which is negative or a NaN: %w", i, code, ErrCorrupt)
		}
	}
	kernel.E4M3.Decode(scales, fields, []float32{s.stream}, len(scales))
	return nil
}

// streamScale is a scale of the whole stream; it has no field.
type streamScale struct {
	levels float32
	stream float32
}

func (streamScale) width() int { return 0 }

func (s streamScale) put(_ []byte, scales []float32) error {
	if amax := maxAbs(scales); amax/s.stream > s.levels*fitSlack {
		return &ScaleError{Scale: float64(amax) / float64(s.levels), Max: float64(s.stream)}
	}
	return s.get(scales, nil)
}

func (s streamScale) get(scales []float32, _ []byte) error {
	for i := range scales {
		scales[i] = s.stream
	}
	return nil
}

// fitSlack is what the largest value of a stream may exceed the range that was
// fitted to it: a few roundings of float32.
const fitSlack = 1 + 0x1p-20
