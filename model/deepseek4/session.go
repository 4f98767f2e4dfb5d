package deepseek4

import (
	"errors"
	"fmt"
)

// ErrTooLong is what the error of a text that needs more positions than the model
// was made for wraps.
var ErrTooLong = errors.New("the text is longer than the model's positions")

// Options are what a session does beside the model's own arithmetic; the zero value
// is nothing, in [Exact] arithmetic.
type Options struct {
	Mode Mode
	// Workers is the number of cores to use, 0 for all. Results do not depend on
	// it. Hook and taps are called from one goroutine.
	Workers int
	Hook    Hook
	Tap     Tap
	// Streams is given the residual streams [n, hc_mult, hidden] before each layer
	// and, as those before layer Layers, after the last.
	Streams func(layer int, x []float32)
}

// Session is one text on its way through a model. It is for one goroutine.
type Session struct {
	m         *Model
	o         Options
	run       Run
	ends      *Ends
	layers    []*Layer
	caches    []*Cache
	positions int
	x         []float32 // [n, hc_mult, hidden]
}

// NewSession begins a text.
func (m *Model) NewSession(o Options) *Session {
	s := &Session{m: m, o: o, run: Run{Workers: o.Workers, Tap: o.Tap}, ends: m.ends.With(o.Mode)}
	for _, l := range m.layers {
		s.layers = append(s.layers, l.With(o.Mode))
	}
	s.Reset()
	return s
}

// Reset begins another text.
func (s *Session) Reset() {
	s.positions, s.caches = 0, nil
	for _, l := range s.layers {
		s.caches = append(s.caches, l.NewCache(s.o.Hook))
	}
}

// Positions is the number of tokens so far.
func (s *Session) Positions() int { return s.positions }

// Forward continues the text and returns the logits after each of the tokens,
// [len(tokens), vocab], valid until the next call. Memory grows with the number of
// tokens: blocks of a few hundred are fast. After an error other than one of the
// tokens themselves the session is of no use before Reset.
func (s *Session) Forward(tokens []int32) ([]float32, error) {
	if err := s.advance(tokens); err != nil {
		return nil, err
	}
	return s.ends.Logits(&s.run, s.x, len(tokens))
}

// Last is Forward for the logits after the last of the tokens alone, of which there
// must be one.
func (s *Session) Last(tokens []int32) ([]float32, error) {
	if len(tokens) == 0 {
		return nil, errors.New("deepseek4: no tokens")
	}
	if err := s.advance(tokens); err != nil {
		return nil, err
	}
	return s.ends.Logits(&s.run, s.x[len(s.x)-s.m.Config.HCMult*s.m.Config.HiddenSize:], 1)
}

// advance takes tokens through the layers, to s.x.
func (s *Session) advance(tokens []int32) error {
	c := s.m.Config
	if most := c.MaxPositions; most > 0 && len(tokens) > most-s.positions {
		return fmt.Errorf("deepseek4: %w: %d tokens, max_position_embeddings is %d: cut the text into parts", ErrTooLong, s.positions+len(tokens), most)
	}
	s.x = grow(s.x, len(tokens)*c.HCMult*c.HiddenSize)
	if err := s.ends.Embed(s.x, tokens); err != nil {
		return err
	}
	for i, l := range s.layers {
		s.tap(i)
		if err := l.Forward(&s.run, s.caches[i], s.x, tokens); err != nil {
			return err
		}
	}
	s.tap(len(s.layers))
	s.positions += len(tokens)
	return nil
}

func (s *Session) tap(layer int) {
	if s.o.Streams != nil {
		s.o.Streams(layer, s.x)
	}
}
