package codec

import (
	"fmt"
	"slices"
)

// Trip is what became of vectors that went through a codec.
type Trip struct {
	Decoded []float32
	Bytes   *int   // written by AppendEncode; nil where the codec is simulated
	Fitted  string // the spec with its per-stream constant; empty where it has none
	// BitsPerVector counts the bytes and the per-stream constant; claimed where
	// the codec is simulated. 0 for no vectors.
	BitsPerVector float64
}

// RoundTrip sends the vectors x, one stream, through a codec: fits it if it
// needs that, encodes, and decodes from those very bytes.
func RoundTrip(spec Spec, dim int, x []float32) (*Trip, error) {
	trip := &Trip{Decoded: make([]float32, len(x))}
	if spec.Simulated() {
		sim, err := NewSimulator(spec, dim)
		if err != nil {
			return nil, err
		}
		trip.BitsPerVector = float64(sim.ClaimedBits())
		return trip, sim.RoundTrip(trip.Decoded, x)
	}
	c, err := New(spec, dim)
	if err != nil {
		return nil, err
	}
	side := 0
	if f, ok := c.(Fitter); ok {
		if !f.Fitted() {
			if spec, err = f.Fit(slices.Values([][]float32{x})); err != nil {
				return nil, err
			}
			if c, err = New(spec, dim); err != nil {
				return nil, err
			}
		}
		side, trip.Fitted = f.SideBits(), c.Spec().String()
	}
	b, err := c.AppendEncode(nil, x)
	if err != nil {
		return nil, err
	}
	n, err := c.Decode(trip.Decoded, b)
	if err != nil {
		return nil, err
	}
	if n != len(b) {
		return nil, fmt.Errorf("codec %s: decoding read %d of %d bytes", spec, n, len(b))
	}
	trip.Bytes = &n
	if len(x) > 0 {
		trip.BitsPerVector = float64(8*len(b)+side) / float64(len(x)/dim)
	}
	return trip, nil
}

// BitsPerVector is the rate of a spec at a dimension, per-stream constants left
// out: the size of a vector, at most where it varies, or the claimed bits of a
// simulated codec.
func BitsPerVector(spec Spec, dim int) (int, error) {
	if spec.Simulated() {
		sim, err := NewSimulator(spec, dim)
		if err != nil {
			return 0, err
		}
		return sim.ClaimedBits(), nil
	}
	c, err := New(spec, dim)
	if err != nil {
		return 0, err
	}
	return 8 * c.Size().Bytes, nil
}
