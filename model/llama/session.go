package llama

import (
	"errors"
	"fmt"
	"runtime"

	"kakeyalattice/internal/kernel"
)

// ErrTooLong is what the error of a text that needs more positions than the model
// was made for wraps.
var ErrTooLong = errors.New("the text is longer than the model's positions")

// ErrNotFinite is what the error of a result that is infinite or NaN wraps: a
// weight is not finite, or a hook wrote something that is not.
var ErrNotFinite = errors.New("a value is not finite")

// Hook is given the key and the value of every token, [KVHeads*HeadDim] each, the
// key after its norm and rotation, before they are cached. What it leaves there is
// what attention reads. Positions of a layer come in order.
type Hook func(layer, position int, k, v []float32)

// Tap is given vectors to look at, valid during the call. Positions of a layer come
// in order.
type Tap func(layer, position int, x []float32)

// Options are what a session does beside the model's own arithmetic; the zero
// value is nothing.
type Options struct {
	// Workers is the number of cores to use, 0 for all. Results do not depend on
	// it. Hook and taps are called from one goroutine.
	Workers int
	// Layers is the number of layers to run, 0 for all. With fewer than all there
	// are no logits.
	Layers int

	Hook Hook
	// Hidden is given the hidden states [HiddenSize] before layer 0, which are the
	// embeddings, up to those before layer Layers, which are the output of the last
	// layer, before the final norm.
	Hidden Tap
	// Query is given the queries [Heads*HeadDim] of each layer after their norm and
	// rotation.
	Query Tap
	// Attention is given the output of the attention of each layer [HiddenSize],
	// before it joins the hidden states.
	Attention Tap
}

// Session is one text on its way through a model. It is for one goroutine.
type Session struct {
	m         *Model
	o         Options
	positions int     // tokens so far
	cache     []cache // of each layer
	cos, sin  []float32

	// [n, ...] for the tokens of a block
	x, h, q, k, v, attended, gate, up []float32
	logits                            []float32
	free                              chan *attention
}

// cache holds the keys and values of a layer: [positions, HeadDim] for each head
// of them.
type cache struct{ k, v [][]float32 }

// NewSession begins a text.
func (m *Model) NewSession(o Options) *Session {
	if o.Workers < 1 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Layers < 1 || o.Layers > len(m.layers) {
		o.Layers = len(m.layers)
	}
	s := &Session{m: m, o: o, cache: make([]cache, o.Layers), free: make(chan *attention, o.Workers)}
	for i := range s.cache {
		s.cache[i] = cache{make([][]float32, m.Config.KVHeads), make([][]float32, m.Config.KVHeads)}
	}
	for range o.Workers {
		s.free <- new(attention)
	}
	return s
}

// Reset begins another text, with the memory of the one before.
func (s *Session) Reset() {
	s.positions = 0
	for _, c := range s.cache {
		for h := range c.k {
			c.k[h], c.v[h] = c.k[h][:0], c.v[h][:0]
		}
	}
}

// Positions is the number of tokens so far.
func (s *Session) Positions() int { return s.positions }

// Forward continues the text and returns the logits after each of the tokens,
// [len(tokens), VocabSize], valid until the next call. Memory grows with the
// number of tokens: blocks of a few hundred are fast. After an error other than
// one of the tokens themselves the session is of no use before Reset.
func (s *Session) Forward(tokens []int32) ([]float32, error) {
	if err := s.whole(); err != nil {
		return nil, err
	}
	if err := s.run(tokens); err != nil {
		return nil, err
	}
	return s.head(tokens, s.x)
}

// Last is Forward for the logits after the last of the tokens alone, of which
// there must be one.
func (s *Session) Last(tokens []int32) ([]float32, error) {
	if err := s.whole(); err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return nil, errors.New("llama: no tokens")
	}
	if err := s.run(tokens); err != nil {
		return nil, err
	}
	return s.head(tokens[len(tokens)-1:], s.x[len(s.x)-s.m.Config.HiddenSize:])
}

// Hidden is Forward for the output of the last layer that the session runs, before
// the final norm: [len(tokens), HiddenSize], valid until the next call.
func (s *Session) Hidden(tokens []int32) ([]float32, error) {
	if err := s.run(tokens); err != nil {
		return nil, err
	}
	return s.x, s.finite("the hidden state", s.x, s.m.Config.HiddenSize)
}

func (s *Session) whole() error {
	if s.o.Layers < len(s.m.layers) {
		return fmt.Errorf("llama: a session of %d of %d layers has no logits: use Hidden", s.o.Layers, len(s.m.layers))
	}
	return nil
}

// check refuses tokens that cannot follow.
func (s *Session) check(tokens []int32) error {
	c := s.m.Config
	for i, t := range tokens {
		if t < 0 || int(t) >= c.VocabSize {
			return fmt.Errorf("llama: token %d of the text is %d, the model knows 0 to %d: is the tokenizer that of this model?",
				s.positions+i, t, c.VocabSize-1)
		}
	}
	if n := s.positions + len(tokens); n > c.MaxPositions {
		return fmt.Errorf("llama: %w: %d tokens, max_position_embeddings is %d: cut the text into parts", ErrTooLong, n, c.MaxPositions)
	}
	return nil
}

// finite refuses rows of width values that are not finite; the last row is that of
// the last position.
func (s *Session) finite(what string, x []float32, width int) error {
	at := kernel.NonFinite(x)
	if at < 0 {
		return nil
	}
	position := s.positions - len(x)/width + at/width
	return fmt.Errorf("llama: %s at position %d: %w: value %d is %v; look at the weights and at what the hook writes",
		what, position, ErrNotFinite, at%width, x[at])
}

// grow returns a slice of n values, b if it is large enough; they are undefined.
func grow[T any](b []T, n int) []T {
	if cap(b) < n {
		return make([]T, n)
	}
	return b[:n]
}
