package deepseek4

import (
	"fmt"
	"slices"

	"kakeyalattice/internal/kernel"
)

// Entries are what a layer writes for consecutive tokens: the vectors that a
// cache format rounds, which have been rounded to bfloat16 only. A stream that
// the layer was not loaded for is empty.
type Entries struct {
	Window     []float32 // [tokens, head_dim]
	Compressed []float32 // [blocks of ratio tokens completed, head_dim]
	Indexer    []float32 // [blocks of 4 tokens completed, index_head_dim], after the Hadamard transform
}

// stream is where the entries of one stream are.
func (e *Entries) stream(s Streams) *[]float32 {
	switch s {
	case Window:
		return &e.Window
	case Compressed:
		return &e.Compressed
	default:
		return &e.Indexer
	}
}

// Entries computes those of a passage: token t is row rows[t] of p. Tokens
// after the last complete block have a window entry only. Concurrent calls may
// share p.
func (l *KVLayer) Entries(p *Projected, rows []int) (*Entries, error) {
	return l.NewState(len(rows)).append(p, rows)
}

// State is what a layer keeps of a passage that it reads in parts: the
// position and the tokens that compressed entries to come draw on.
type State struct {
	l           *KVLayer
	pos         int
	window      rope
	compressed  rope
	main, index *rolling
	// cos and sin are of the angles that the window entries of the last tokens were
	// turned by, [tokens, rope_dim/2], turned the position of the first of them.
	cos, sin []float32
	turned   int
}

// NewState begins a passage. length is the number of tokens that it will have;
// only [Switches.YarnBeyondOriginal] asks for it.
func (l *KVLayer) NewState(length int) *State {
	s := &State{l: l}
	s.window, s.compressed = l.ropes(length)
	if l.main != nil {
		s.main = l.main.roll()
	}
	if l.index != nil {
		s.index = l.index.roll()
	}
	return s
}

// ropes are the rotary positions of the layer: one for window entries, one for
// compressed ones. Only the switches make them differ.
func (l *KVLayer) ropes(length int) (window, compressed rope) {
	plain := newRope(l.cfg.RopeDim, l.cfg.RopeTheta, nil)
	if l.cfg.Ratio(l.layer) == RatioSWA {
		return plain, rope{}
	}
	yarn := &l.cfg.RopeScaling
	if *yarn == (RopeScaling{}) || l.switches.YarnBeyondOriginal && length <= yarn.OriginalPosition {
		yarn = nil
	}
	compressed = newRope(l.cfg.RopeDim, l.cfg.CompressRopeTheta, yarn)
	if l.switches.WindowMainRope {
		return plain, compressed
	}
	return compressed, compressed
}

// Tokens is the number of tokens read.
func (s *State) Tokens() int { return s.pos }

// Append reads the next tokens of the passage, token i of them being row
// rows[i] of p, and returns the entries that they complete: the same, however
// the passage is split. After an error the state is as it was.
func (s *State) Append(p *Projected, rows []int) (*Entries, error) {
	e, err := s.append(p, rows)
	if err != nil {
		return nil, err
	}
	next := s.pos + len(rows)
	if s.main != nil {
		s.main.keep(next, s.pos, p.main, rows)
	}
	if s.index != nil {
		s.index.keep(next, s.pos, p.index, rows)
	}
	s.pos = next
	return e, nil
}

// append computes the entries of the next tokens. Of the state it changes the angles
// alone.
func (s *State) append(p *Projected, rows []int) (*Entries, error) {
	l := s.l
	if i := slices.IndexFunc(rows, func(r int) bool { return r < 0 || r >= p.n }); i >= 0 {
		return nil, fmt.Errorf("deepseek4: token %d is row %d of %d projected tokens", s.pos+i, rows[i], p.n)
	}
	if most := l.cfg.MaxPositions; most > 0 && len(rows) > most-s.pos {
		return nil, fmt.Errorf("deepseek4: %w: %d tokens; the model has %d positions", ErrTooLong, s.pos+len(rows), most)
	}
	e := &Entries{}
	if l.streams&Window != 0 {
		e.Window = s.windowEntries(p, rows)
	}
	var err error
	if s.main != nil {
		e.Compressed, err = s.compressedEntries(s.main, "compressed entry", p.main, rows, l.preQuantize())
	}
	if s.index != nil && err == nil {
		e.Indexer, err = s.compressedEntries(s.index, "indexer entry", p.index, rows, l.spread)
	}
	return e, err
}

func (s *State) windowEntries(p *Projected, rows []int) []float32 {
	d := s.l.cfg.HeadDim
	entries := make([]float32, len(rows)*d)
	finish := s.l.preQuantize()
	half := s.l.cfg.RopeDim / 2
	s.cos, s.sin, s.turned = grow(s.cos, len(rows)*half), grow(s.sin, len(rows)*half), s.pos
	for i, from := range rows {
		entry := row(entries, i, d)
		copy(entry, row(p.window, from, d))
		cos, sin := s.angles(s.pos + i)
		s.window.at(s.pos+i, cos, sin)
		s.turn(entry, cos, sin)
		finish(entry)
	}
	return entries
}

// angles are the cosines and sines for the window entry of a position, one of the
// last tokens.
func (s *State) angles(position int) (cos, sin []float32) {
	half := s.l.cfg.RopeDim / 2
	return row(s.cos, position-s.turned, half), row(s.sin, position-s.turned, half)
}

// compressedEntries are those whose last token is among rows; finish is what
// comes after the rotary position.
func (s *State) compressedEntries(r *rolling, what string, p gated, rows []int, finish func([]float32)) ([]float32, error) {
	first, next := s.pos/r.ratio, (s.pos+len(rows))/r.ratio
	entries := make([]float32, (next-first)*r.dim)
	cos, sin := make([]float32, s.l.cfg.RopeDim/2), make([]float32, s.l.cfg.RopeDim/2)
	for j := first; j < next; j++ {
		entry := entries[(j-first)*r.dim : (j-first+1)*r.dim]
		r.pool(entry, (j+1)*r.ratio-1, s.pos, p, rows)
		s.l.roundBF16(entry)
		rmsNorm(entry, entry, r.norm, s.l.cfg.NormEps)
		s.l.roundBF16(entry)
		s.compressed.at(j*r.ratio, cos, sin)
		s.turn(entry, cos, sin)
		finish(entry)
		if i := kernel.NonFinite(entry); i >= 0 {
			return nil, &NonFiniteError{s.l.layer, what, j, entry[i]}
		}
	}
	return entries, nil
}

// turn gives the last values of an entry their rotary position.
func (s *State) turn(entry, cos, sin []float32) {
	tail := entry[len(entry)-s.l.cfg.RopeDim:]
	rotate(tail, cos, sin)
	s.l.roundBF16(tail)
}
