package llama

import (
	"encoding/json"
	"fmt"
	"math"

	"kakeyalattice/internal/elementary"
)

// maxPositions is where the reduction of angles ends.
const maxPositions = 1 << 20

// Rope is how positions become rotations: the pair of coordinates i and
// i + HeadDim/2 of a head turns by position times Frequencies[i].
type Rope struct {
	Kind        string // default, linear or llama3
	Frequencies []float64
}

// ropeParameters are what config.json says, under rope_parameters or
// rope_scaling.
type ropeParameters struct {
	Type     string  `json:"rope_type"`
	OldType  string  `json:"type"`
	Theta    float64 `json:"rope_theta"`
	Factor   float64 `json:"factor"`
	Low      float64 `json:"low_freq_factor"`
	High     float64 `json:"high_freq_factor"`
	Original float64 `json:"original_max_position_embeddings"`
	Partial  float64 `json:"partial_rotary_factor"`
}

func parseRope(c *Config) (Rope, error) {
	field, text := "rope_scaling", c.RopeScaling
	if isAbsent(text) {
		field, text = "rope_parameters", c.RopeParameters
	}
	p := ropeParameters{}
	if !isAbsent(text) {
		if err := json.Unmarshal(text, &p); err != nil {
			return Rope{}, fmt.Errorf("%s: %w", field, err)
		}
	}
	if p.Theta != 0 {
		c.RopeTheta = p.Theta
	}
	if !(c.RopeTheta > 1 && c.RopeTheta <= math.MaxFloat64) {
		return Rope{}, fmt.Errorf("rope_theta is %v", c.RopeTheta)
	}
	if p.Partial != 0 && p.Partial != 1 {
		return Rope{}, fmt.Errorf("%s: partial_rotary_factor %v is not supported", field, p.Partial)
	}
	kind := p.Type
	if kind == "" {
		kind = p.OldType
	}
	if kind == "" {
		kind = "default"
	}
	half := c.HeadDim / 2
	r := Rope{Kind: kind, Frequencies: make([]float64, half)}
	ln := elementary.Ln(c.RopeTheta)
	for i := range r.Frequencies {
		r.Frequencies[i] = elementary.Exp(-ln * float64(i) / float64(half))
	}
	switch kind {
	case "default":
		return r, nil
	case "linear":
		if err := atLeast(1, field, "factor", p.Factor); err != nil {
			return Rope{}, err
		}
		for i := range r.Frequencies {
			r.Frequencies[i] /= p.Factor
		}
		return r, nil
	case "llama3":
		for _, x := range []struct {
			least float64
			name  string
			value float64
		}{{1, "factor", p.Factor}, {0, "low_freq_factor", p.Low}, {0, "high_freq_factor", p.High}, {1, "original_max_position_embeddings", p.Original}} {
			if err := atLeast(x.least, field, x.name, x.value); err != nil {
				return Rope{}, err
			}
		}
		if p.High <= p.Low {
			return Rope{}, fmt.Errorf("%s: high_freq_factor %v is not above low_freq_factor %v", field, p.High, p.Low)
		}
		for i, f := range r.Frequencies {
			r.Frequencies[i] = p.llama3(f)
		}
		return r, nil
	}
	return Rope{}, fmt.Errorf("%s: rope_type %q is not one of default, linear, llama3", field, kind)
}

// llama3 scales a frequency as Llama 3.1 does: those with few turns in the
// original context by the factor, those with many not at all, those between in
// between.
func (p *ropeParameters) llama3(f float64) float64 {
	turns := p.Original * f / (2 * math.Pi)
	slow := f / p.Factor
	switch {
	case turns <= p.Low:
		return slow
	case turns >= p.High:
		return f
	}
	share := (turns - p.Low) / (p.High - p.Low)
	return float64((1-share)*slow) + float64(share*f)
}

func isAbsent(text json.RawMessage) bool { return len(text) == 0 || string(text) == "null" }

func atLeast(least float64, field, name string, v float64) error {
	if v >= least && v <= math.MaxFloat64 {
		return nil
	}
	return fmt.Errorf("%s: %s is %v", field, name, v)
}

// rotations appends cosine and sine of a position's angles.
func (r *Rope) rotations(cos, sin []float32, position int) (_, _ []float32) {
	for _, f := range r.Frequencies {
		s, c := elementary.SinCos(float64(float64(position) * f))
		cos, sin = append(cos, float32(c)), append(sin, float32(s))
	}
	return cos, sin
}

// rotate turns every head of x, whose coordinates i and i + len(cos) are a pair.
func rotate(x, cos, sin []float32) {
	half := len(cos)
	sin = sin[:half]
	for ; len(x) > 0; x = x[2*half:] {
		a, b := x[:half], x[half:2*half]
		for i, c := range cos {
			s, u, v := sin[i], a[i], b[i]
			a[i] = float32(u*c) - float32(v*s) // converted: not fused
			b[i] = float32(v*c) + float32(u*s)
		}
	}
}
