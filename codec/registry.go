package codec

import (
	"fmt"
	"slices"
	"strings"

	"kakeyalattice/internal/kernel"
)

// family is the entry of one codec name.
type family struct {
	name   string
	about  string
	params []paramDef
	// Exactly one of the two is set.
	codec func(Spec, int) (Codec, error)
	sim   func(Spec, int) (Simulator, error)
}

func (f *family) keys() string {
	if len(f.params) == 0 {
		return "none"
	}
	keys := make([]string, len(f.params))
	for i, d := range f.params {
		keys[i] = d.key
	}
	return strings.Join(keys, ", ")
}

var (
	groupParam = func(def string) paramDef {
		return paramDef{key: "group", kind: isInt, def: def, min: 1, max: maxDim, about: "values that share a scale"}
	}
	scaleParam    = paramDef{key: "scale", kind: isFloat, about: "per-stream scale; fitted to the stream where absent"}
	hadamardParam = paramDef{key: "hadamard", kind: isSwitch, about: "rotate by the Walsh-Hadamard transform first"}
	levelsParam   = paramDef{key: "q", kind: isInt, def: "38", min: 1, max: maxQ, about: "box half-width: coordinates lie in [-q, q]"}
)

var gainShapeParams = []paramDef{
	{key: "delta", kind: isFloat, def: "0.09", min: 0.01, max: 2, about: "step in units of a coordinate's standard deviation"},
	{key: "slot", kind: isInt, min: 1, max: 1 << 20, word: autoSlot, about: "bytes of a vector, or the fewest that nearly all vectors fit; absent: vectors of varying length"},
}

// autoSlot asks for slots that nearly all vectors fit; the codec's own spec has
// the number.
const autoSlot = "auto"

// maxDim bounds the dimension of a vector; it keeps a spec from asking for
// absurd memory.
const maxDim = 1 << 16

// families lists every codec, storage formats first.
// It is a function, not a variable, because the constructors' methods refer
// back to it through Spec.
func families() []family {
	return []family{
		{name: "bf16", about: "bfloat16, saturating", codec: newBF16},
		{name: "fp16", about: "IEEE half, saturating", codec: newFP16},
		{name: "fp8", about: "E4M3, one fp16 scale (amax/448, rounded up) a group", params: []paramDef{groupParam("64")}, codec: newFP8},
		{name: "fp8-v4", about: "DeepSeek-V4 cache: E4M3 in groups of 64 with UE8M0 scales, last 64 dims BF16", codec: newFP8V4},
		{name: "fp8-v41", about: "DeepSeek-V4.1 cache: E4M3 in groups of 32 with UE8M0 scales", codec: newFP8V41},
		{name: "fp8-tensor", about: "E4M3, one float32 scale a stream", params: []paramDef{scaleParam}, codec: newFP8Tensor},
		{name: "fp8-rans", about: "fp8:group=64 entropy coded without loss; vectors of varying length", codec: newFP8Rans},
		{name: "nvfp4", about: "E2M1, groups of 16 with E4M3 scales, one float32 scale a stream", params: []paramDef{scaleParam}, codec: newNVFP4},
		{name: "mxfp4", about: "E2M1, groups of 32 with UE8M0 scales rounded up", codec: newMXFP4},
		{name: "nvfp4-v4", about: "nvfp4 on all but the last 64 dims, those in BF16; padded to 16 bytes", params: []paramDef{scaleParam}, codec: newNVFP4V4},
		{name: "mxfp4-v4", about: "mxfp4 on all but the last 64 dims, those in BF16; padded to 16 bytes", codec: newMXFP4V4},
		{name: "int8", about: "integers, one fp16 scale a group", params: []paramDef{groupParam("64"), hadamardParam}, codec: newInt(kernel.Int8)},
		{name: "int6", about: "integers, one fp16 scale a group", params: []paramDef{groupParam("64"), hadamardParam}, codec: newInt(kernel.Int6)},
		{name: "int4", about: "integers, one fp16 scale a group", params: []paramDef{groupParam("64"), hadamardParam}, codec: newInt(kernel.Int4)},
		{name: "q8_0", about: "ggml Q8_0: blocks of 32, fp16 scale", codec: newQ80},
		{name: "q4_0", about: "ggml Q4_0: blocks of 32, fp16 scale", codec: newQ40},
		{name: "d4", about: "D4 lattice points in a box, after rotation; closest point inside the box", params: []paramDef{levelsParam}, codec: newD4},
		{name: "e8", about: "E8 lattice points in a box, after rotation; closest point inside the box", params: []paramDef{levelsParam}, codec: newE8},
		{name: "e8-gs", about: "gain and entropy-coded E8 lattice points of the rotated shape; vectors of varying length, or in slots", params: gainShapeParams, codec: newE8GS},
		{name: "d4-gs", about: "as e8-gs with D4 lattice points", params: gainShapeParams, codec: newD4GS},
		{name: "z-gs", about: "as e8-gs with integers", params: gainShapeParams, codec: newZGS},
		{name: "ref-d4", about: "the reference's v1.4 arithmetic, clamp and all; no bytes exist", params: []paramDef{levelsParam}, sim: newRefD4},
		{name: "ref-e8", about: "the reference's v1.5 arithmetic, clamp and all; no bytes exist", params: []paramDef{levelsParam}, sim: newRefE8},
		{name: "ref-fp8", about: "the reference's baseline: E4M3 in groups of 64, scales that 16 bits do not hold; no bytes exist", sim: newRefFP8},
	}
}

func lookup(name string) (*family, error) {
	if f := find(name); f != nil {
		return f, nil
	}
	names := Names()
	if near := nearest(name, names); near != "" {
		return nil, fmt.Errorf("unknown codec %q; did you mean %q? (kakeya codec list shows all)", name, near)
	}
	return nil, fmt.Errorf("unknown codec %q; known are %s", name, strings.Join(names, ", "))
}

func find(name string) *family {
	fs := families()
	for i := range fs {
		if fs[i].name == name {
			return &fs[i]
		}
	}
	return nil
}

// nearest returns the known name that shares the longest prefix with the given
// one, at least two letters.
func nearest(name string, names []string) string {
	best, length := "", 1
	for _, n := range names {
		k := 0
		for k < len(n) && k < len(name) && n[k] == name[k] {
			k++
		}
		if k > length {
			best, length = n, k
		}
	}
	return best
}

// Names lists the codec names, storage formats first, simulated ones last.
func Names() []string {
	fs := families()
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.name
	}
	return names
}

// About is the one-line description of a codec name; empty if unknown.
func About(name string) string {
	if f := find(name); f != nil {
		return f.about
	}
	return ""
}

// ParamHelp describes the parameters of a codec name, one line each; nil if
// it has none or is unknown.
func ParamHelp(name string) []string {
	f := find(name)
	if f == nil {
		return nil
	}
	var lines []string
	for _, d := range f.params {
		lines = append(lines, d.help())
	}
	return lines
}

func (d paramDef) help() string {
	values := ""
	switch {
	case d.kind == isSwitch:
		return d.key + ": " + d.about
	case d.max == 0:
		values = "NUMBER"
	default:
		values = fmt.Sprintf("%.10g..%.10g", d.min, d.max)
	}
	if d.word != "" {
		values += "|" + d.word
	}
	if d.def != "" {
		values += ", default " + d.def
	}
	return fmt.Sprintf("%s=%s: %s", d.key, values, d.about)
}

// New makes a codec for vectors of dim values. It returns an error that wraps
// [ErrDim] where the codec does not support the dimension, and
// [ErrSimulated] where the spec has no bytes.
func New(spec Spec, dim int) (Codec, error) {
	f, spec, err := prepare(spec, dim)
	if err != nil {
		return nil, err
	}
	if f.codec == nil {
		return nil, fmt.Errorf("codec %s: %w", spec, ErrSimulated)
	}
	return f.codec(spec, dim)
}

// NewSimulator makes the simulator of a simulated spec.
func NewSimulator(spec Spec, dim int) (Simulator, error) {
	f, spec, err := prepare(spec, dim)
	if err != nil {
		return nil, err
	}
	if f.sim == nil {
		return nil, fmt.Errorf("codec %s is not simulated", spec)
	}
	return f.sim(spec, dim)
}

func prepare(spec Spec, dim int) (*family, Spec, error) {
	f, err := lookup(spec.Name)
	if err != nil {
		return nil, Spec{}, err
	}
	// A Spec may be built by hand: bring it to canonical form.
	spec, err = canonical(spec.Name, slices.Clone(spec.Params))
	if err != nil {
		return nil, Spec{}, fmt.Errorf("codec %s: %w", spec.Name, err)
	}
	if dim < 1 || dim > maxDim {
		return nil, Spec{}, dimError(spec, dim, fmt.Sprintf("1 to %d", maxDim))
	}
	return f, spec, nil
}

func dimError(spec Spec, dim int, want string) error {
	return fmt.Errorf("codec %s: dimension %d: %w: it needs %s", spec, dim, ErrDim, want)
}
