package experiment

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"kakeyalattice/codec"
	"kakeyalattice/kv"
)

// coder is a codec on one stream.
type coder struct {
	stream    *kv.Stream
	requested codec.Spec
	sim       codec.Simulator // set for a simulated codec
	codec     codec.Codec     // set for any other, once it has its constant
	// unfitted is the codec that finds the constant; nil where there is none.
	unfitted codec.Fitter
	fit      sync.Once
	fitErr   error
}

// newCoder makes a spec's codec for a stream; see [codec.New] for its errors.
func newCoder(spec codec.Spec, stream *kv.Stream) (*coder, error) {
	c := &coder{stream: stream, requested: spec}
	var err error
	if spec.Simulated() {
		c.sim, err = codec.NewSimulator(spec, stream.Dim)
		return c, err
	}
	if c.codec, err = codec.New(spec, stream.Dim); err != nil {
		return nil, err
	}
	if f, ok := c.codec.(codec.Fitter); ok && !f.Fitted() {
		c.unfitted, c.codec = f, nil
	}
	return c, nil
}

// ensureFitted gives the codec its constant, over all passages of the stream.
// The first call finds it and hands it to found, others wait for that. It reads
// passages into the buffer.
func (c *coder) ensureFitted(ctx context.Context, buffer *[]float32, found func(codec.Spec) error) error {
	if c.unfitted == nil {
		return nil
	}
	c.fit.Do(func() {
		if c.complete() { // adopted from a journal
			return
		}
		var spec codec.Spec
		if spec, c.fitErr = c.findConstant(ctx, buffer); c.fitErr != nil {
			return
		}
		if c.fitErr = found(spec); c.fitErr != nil {
			return
		}
		c.codec, c.fitErr = codec.New(spec, c.stream.Dim)
	})
	return c.fitErr
}

// findConstant fits the codec to the passages of the stream, one after the
// other in the buffer.
func (c *coder) findConstant(ctx context.Context, buffer *[]float32) (codec.Spec, error) {
	var failed error
	spec, err := c.unfitted.Fit(func(yield func([]float32) bool) {
		for p := range c.stream.Passages() {
			if failed = ctx.Err(); failed != nil {
				return
			}
			if *buffer, failed = readPassage(*buffer, c.stream, p); failed != nil || !yield(*buffer) {
				return
			}
		}
	})
	if failed == nil && err != nil {
		failed = fmt.Errorf("stream %s: %w", c.stream.Name, err)
	}
	return spec, failed
}

// slotted says whether vectors of the codec have slots that they may overflow.
func (c *coder) slotted() bool {
	_, ok := c.codec.(codec.Overflower)
	return ok
}

// complete says whether the codec has all it needs to code.
func (c *coder) complete() bool { return c.codec != nil || c.sim != nil }

// fitted returns the spec with the constant that was found for the stream; nil
// where there is none.
func (c *coder) fitted() *codec.Spec {
	if c.unfitted == nil {
		return nil
	}
	spec := c.codec.Spec()
	return &spec
}

// sideBits is what the constant costs the stream, found or given.
func (c *coder) sideBits() int {
	if f, ok := c.codec.(codec.Fitter); ok {
		return f.SideBits()
	}
	return 0
}

// roundTrip encodes x, decodes dst from those very bytes and records how many
// there are, and how many vectors overflowed their slots. The codec has its
// constant.
func (c *coder) roundTrip(w *worker, dst, x []float32) (r streamRecord, err error) {
	if c.sim != nil {
		return r, c.sim.RoundTrip(dst, x)
	}
	encoded, err := c.codec.AppendEncode(w.bytes[:0], x)
	if err != nil {
		return r, err
	}
	w.bytes = encoded
	n, err := c.codec.Decode(dst, encoded)
	if err != nil {
		return r, err
	}
	if n != len(encoded) {
		return r, fmt.Errorf("codec %s: decoding consumed %d of %d bytes: the codec is broken", c.codec.Spec(), n, len(encoded))
	}
	r.Bytes = int64(n)
	if s, ok := c.codec.(codec.Overflower); ok {
		r.Overflows = s.Overflows(encoded)
	}
	return r, nil
}

// worker holds the buffers of one worker of the pool, which grow to the
// largest passage it meets.
type worker struct {
	bytes   []byte
	decoded [][]float32 // per stream of a group
}

// room returns the worker's buffer for stream i of a group, grown to n values.
func (w *worker) room(i, n int) *[]float32 {
	for len(w.decoded) <= i {
		w.decoded = append(w.decoded, nil)
	}
	w.decoded[i] = slices.Grow(w.decoded[i][:0], n)[:n]
	return &w.decoded[i]
}
