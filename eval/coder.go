package eval

import (
	"errors"
	"fmt"
	"iter"

	"kakeyalattice/codec"
	"kakeyalattice/internal/kernel"
	"kakeyalattice/kv"
)

// coder is a codec for the vectors of one stream.
type coder struct {
	spec  codec.Spec // with its per-stream constant, where it has one
	dim   int
	codec codec.Codec // nil: simulated
	sim   codec.Simulator
	side  int
}

// newCoder makes a coder; needsFit says that it lacks its per-stream constant.
func newCoder(spec codec.Spec, dim int) (c *coder, needsFit bool, err error) {
	c = &coder{spec: spec, dim: dim}
	if spec.Simulated() {
		c.sim, err = codec.NewSimulator(spec, dim)
		return c, false, err
	}
	if c.codec, err = codec.New(spec, dim); err != nil {
		return nil, false, err
	}
	if f, ok := c.codec.(codec.Fitter); ok {
		c.side = f.SideBits()
		return c, !f.Fitted(), nil
	}
	return c, false, nil
}

// headroom is what per-stream constants leave above the exact model's largest
// values where an arm's own go through the codec: codecs refuse what does not fit,
// and errors of the layers below may add to a value. A power of two moves nothing
// else in the floating-point formats that have such constants.
const headroom = 2

// fit gives the coder the constant that suits the parts of its stream, times
// margin.
func (c *coder) fit(parts iter.Seq[[]float32], margin float32) (*coder, error) {
	if margin != 1 {
		whole := parts
		parts = func(yield func([]float32) bool) {
			var scaled []float32
			for part := range whole {
				scaled = append(scaled[:0], part...)
				for i := range scaled {
					scaled[i] *= margin
				}
				if !yield(scaled) {
					return
				}
			}
		}
	}
	spec, err := c.codec.(codec.Fitter).Fit(parts)
	if err != nil {
		return nil, err
	}
	fitted, _, err := newCoder(spec, c.dim)
	return fitted, err
}

// margin is the headroom that the plan's mode asks for.
func (p *Plan) margin() float32 {
	if p.Mode == Snapshot {
		return 1 // what is coded is what was fitted to
	}
	return headroom
}

// FitNotice says what per-stream constants are fitted to.
func (p *Plan) FitNotice() string {
	text := "per-stream constants are fitted to what the exact model writes to the stream over all passages"
	if m := p.margin(); m != 1 {
		text += fmt.Sprintf(", times %v: the codecs refuse larger values than the constant allows, and errors of the layers below may add to a value", m)
	}
	return text
}

// armState is an arm under way.
type armState struct {
	out     *ArmOutcome
	kinds   map[kv.Kind]*Written
	bytes   digest
	encoded []byte
	decoded []float32
	// attention is the error of each layer's attention output.
	attention []LayerError
	failed    error // why the arm ended before the others
}

// states begins the arms. dims are the dimensions of the vectors of each kind. An
// arm is left out where its codec supports none of its kinds, and a kind of an arm
// where it does not support that one.
func (p *Plan) states(dims map[kv.Kind]int, layers int, out *Outcome) ([]*armState, error) {
	var states []*armState
	for _, arm := range p.Arms {
		a := &armState{out: &ArmOutcome{Arm: arm, Texts: make([]Scored, len(p.Texts))}, kinds: map[kv.Kind]*Written{}, bytes: newDigest()}
		a.out.Kinds = nil
		for l := range layers {
			a.attention = append(a.attention, LayerError{l, make([]float64, len(p.Texts)), make([]float64, len(p.Texts))})
		}
		var reasons []Skipped
		for _, kind := range arm.Kinds {
			dim, ok := dims[kind]
			if !ok {
				reasons = append(reasons, Skipped{arm, kind, "the model has no layer of the kind"})
				continue
			}
			if _, _, err := newCoder(arm.Spec(kind), dim); errors.Is(err, codec.ErrDim) {
				reasons = append(reasons, Skipped{arm, kind, err.Error()})
				continue
			} else if err != nil {
				return nil, err
			}
			a.out.Kinds = append(a.out.Kinds, kind)
			a.kinds[kind] = &Written{Kind: kind, Dim: dim, Simulated: arm.Spec(kind).Simulated(),
				Error: make([]float64, len(p.Texts)), Energy: make([]float64, len(p.Texts))}
		}
		out.Skipped = append(out.Skipped, reasons...)
		if len(a.out.Kinds) > 0 {
			states = append(states, a)
		}
	}
	if len(states) == 0 {
		return nil, &noneFits{out.Skipped}
	}
	return states, nil
}

// noneFits is the error of arms that would all code nothing.
type noneFits struct{ skipped []Skipped }

func (e *noneFits) Error() string {
	return fmt.Sprintf("eval: %v: no codec supports the vectors of this cache: %s", codec.ErrDim, e.skipped[0].Reason)
}

func (e *noneFits) Unwrap() error { return codec.ErrDim }

// code replaces x, vectors of a text, by what the codec makes of them.
func (a *armState) code(c *coder, kind kv.Kind, text int, x []float32) error {
	if cap(a.decoded) < len(x) {
		a.decoded = make([]float32, len(x))
	}
	y := a.decoded[:len(x)]
	w := a.kinds[kind]
	n := len(x) / c.dim
	if c.sim != nil {
		if err := c.sim.RoundTrip(y, x); err != nil {
			return err
		}
		w.Claimed += int64(n) * int64(c.sim.ClaimedBits())
	} else {
		var err error
		if a.encoded, err = c.codec.AppendEncode(a.encoded[:0], x); err != nil {
			return err
		}
		if _, err = c.codec.Decode(y, a.encoded); err != nil {
			return err
		}
		w.Bytes += int64(len(a.encoded))
		a.bytes.Write(a.encoded)
	}
	w.Vectors += int64(n)
	w.Energy[text] += kernel.SumSquares(x)
	for i, v := range y {
		x[i] -= v
	}
	w.Error[text] += kernel.SumSquares(x)
	copy(x, y)
	return nil
}

// attended sets attention outputs of a text in a layer beside those of the exact
// model.
func (a *armState) attended(layer, text int, exact, x []float32) {
	s := kernel.ComparePair(x, exact)
	a.attention[layer].Error[text] += s.Err
	a.attention[layer].Energy[text] += s.YY
}

// fail ends the arm; the others go on.
func (a *armState) fail(err error) {
	if a.failed == nil {
		a.failed = err
	}
}

// someLeft is the error of arms that have all failed.
func (p *Plan) someLeft(arms []*armState) error {
	for _, a := range arms {
		if a.failed == nil {
			return nil
		}
	}
	return arms[0].failed
}

// end closes the arms.
func (out *Outcome) end(arms []*armState) error {
	for _, a := range arms {
		if a.failed != nil {
			out.Failed = append(out.Failed, Failed{a.out.Arm, a.failed})
			continue
		}
		out.Arms = append(out.Arms, a.end())
	}
	if len(out.Arms) == 0 {
		return out.Failed[0].Err
	}
	return nil
}

// end closes the arm.
func (a *armState) end() ArmOutcome {
	a.out.Attention = a.attention
	for _, k := range a.out.Kinds {
		a.out.Written = append(a.out.Written, *a.kinds[k])
	}
	if !a.out.Simulated() {
		a.out.SHA256 = a.bytes.hex()
	}
	return *a.out
}

// wrap says which arm met an error.
func (a *armState) wrap(kind kv.Kind, layer int, err error) error {
	return fmt.Errorf("eval: %s, stream %s.%d: %w", a.out.Spec(kind), kind, layer, err)
}
