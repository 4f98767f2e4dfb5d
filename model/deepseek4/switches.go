package deepseek4

import "fmt"

// Switches are deviations from what a serving engine writes. The zero value has
// none: the official code's rules as docs/deepseek-v4.md lists them. Most
// reproduce what the published experiment did otherwise, so that a report can
// show what each of them does to a figure.
type Switches struct {
	// YarnBeyondOriginal leaves YaRN out unless the passage is longer than
	// original_max_position_embeddings. V4 applies it always in layers that
	// compress.
	YarnBeyondOriginal bool `json:"yarn_beyond_original"`
	// WindowMainRope gives the window entries of every layer the rotary
	// position of layers that do not compress: rope_theta, no YaRN.
	WindowMainRope bool `json:"window_main_rope"`
	// PreQuantize rounds entries before any codec sees them.
	PreQuantize PreQuantizer `json:"pre_quantize"`
	// NoAttnNorm makes [KVLayer.Norm] leave out attn_norm: hidden states of
	// another model are fed to the projections as they are.
	NoAttnNorm bool `json:"no_attn_norm"`
	// ExactWKV leaves out the FP8 rounding of wkv's input and the bfloat16
	// rounding of its output.
	ExactWKV bool `json:"exact_wkv"`
	// Float32 leaves out every rounding to bfloat16.
	Float32 bool `json:"float32"`
	// PlainIndexer leaves out the Hadamard transform of indexer entries, as
	// vLLM and Hugging Face transformers do.
	PlainIndexer bool `json:"plain_indexer"`
}

// ReferenceSwitches are those of the published experiment on its GPU path.
func ReferenceSwitches() Switches {
	return Switches{
		YarnBeyondOriginal: true,
		WindowMainRope:     true,
		PreQuantize:        PreUniform127,
		NoAttnNorm:         true,
		ExactWKV:           true,
	}
}

// PreQuantizer is a rounding of the dimensions without rotary position, in
// groups of 64, before any codec.
type PreQuantizer int

const (
	// PreNone: a codec sees the entry that a cache would round, once.
	PreNone PreQuantizer = iota
	// PreE4M3 is the cache's own rounding: E4M3 at power-of-two scales.
	PreE4M3
	// PreE4M3Amax is E4M3 at the scale amax/448: what the published
	// experiment's program means to do.
	PreE4M3Amax
	// PreUniform127 is 127 even steps to either side: what that program falls
	// back to on a CPU, and also on a GPU, where its own check of E4M3 fails.
	PreUniform127
)

var preQuantizers = [...]string{"none", "e4m3", "e4m3-amax", "uniform-127"}

func (p PreQuantizer) String() string {
	if p < 0 || int(p) >= len(preQuantizers) {
		return fmt.Sprintf("PreQuantizer(%d)", int(p))
	}
	return preQuantizers[p]
}

// MarshalText gives the name that [PreQuantizer.UnmarshalText] reads.
func (p PreQuantizer) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads none, e4m3, e4m3-amax or uniform-127.
func (p *PreQuantizer) UnmarshalText(text []byte) error {
	for i, name := range preQuantizers {
		if string(text) == name {
			*p = PreQuantizer(i)
			return nil
		}
	}
	return fmt.Errorf("pre-quantizer %q is not one of %v", text, preQuantizers)
}
