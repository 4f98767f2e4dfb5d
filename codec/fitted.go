package codec

import (
	"fmt"
	"iter"
	"strconv"
)

// fitted is a grouped code with one scale for the whole stream, the parameter
// "scale" of its spec: a [Fitter].
type fitted struct {
	*fixed
	head  int     // values of a vector that the scale is for
	reach float32 // the largest magnitude that a scale of 1 can code
}

// newFitted makes the codec; its vectors are padded to a multiple of align
// bytes.
func newFitted(spec Spec, c *grouped, dim, align int, reach float32) *fitted {
	return &fitted{newFixed(spec, dim, roundUp(c.end, align), c.groups(), c), c.head, reach}
}

func (c *fitted) Fitted() bool {
	_, ok := c.spec.value("scale")
	return ok
}

func (c *fitted) SideBits() int { return 32 }

// Fit sets the scale by the largest magnitude of the stream; a stream of zeros
// gets the scale 1.
func (c *fitted) Fit(parts iter.Seq[[]float32]) (Spec, error) {
	var amax float32
	seen := 0 // vectors of the parts before
	for x := range parts {
		n, err := vectors(c.spec, c.dim, len(x))
		if err != nil {
			return Spec{}, err
		}
		for i := range n {
			v := x[i*c.dim : (i+1)*c.dim]
			if k := firstNonFinite(v); k >= 0 {
				return Spec{}, &ValueError{Codec: c.spec.String(), Vector: seen + i, Coord: k, Value: v[k]}
			}
			amax = max(amax, maxAbs(v[:c.head]))
		}
		seen += n
	}
	return c.withReach(amax)
}

// withReach returns the spec whose scale lets it code magnitudes up to amax.
func (c *fitted) withReach(amax float32) (Spec, error) {
	scale := float32(1)
	if amax > 0 {
		// A subnormal scale would be too coarse, or 0.
		scale = max(amax/c.reach, 0x1p-126)
	}
	return c.spec.With("scale", strconv.FormatFloat(float64(scale), 'g', -1, 32))
}

func (c *fitted) AppendEncode(dst []byte, x []float32) ([]byte, error) {
	if !c.Fitted() {
		return dst, c.unfitted()
	}
	out, err := c.fixed.AppendEncode(dst, x)
	if se, ok := err.(*ScaleError); ok {
		v := x[se.Vector*c.dim : se.Vector*c.dim+c.head]
		if spec, err := c.withReach(maxAbs(v)); err == nil {
			se.Try = spec.String()
		}
	}
	return out, err
}

func (c *fitted) Decode(dst []float32, src []byte) (int, error) {
	if !c.Fitted() {
		return 0, c.unfitted()
	}
	return c.fixed.Decode(dst, src)
}

func (c *fitted) unfitted() error {
	return fmt.Errorf("codec %s: %w: kakeya fits it per stream; from Go call Fit and make the codec of the spec it returns", c.spec, ErrUnfitted)
}
