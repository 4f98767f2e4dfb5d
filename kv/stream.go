// Package kv holds the data that codecs are judged on: streams of KV vectors,
// cut into passages, and the dumps they are read from and written to.
package kv

import "fmt"

// Kind is the component of a cache that a stream belongs to.
type Kind string

// The kinds of streams. Query streams are not cache contents: they are never
// coded, they serve the attention-output error.
const (
	Key     Kind = "k"
	Value   Kind = "v"
	Query   Kind = "q"
	SWA     Kind = "swa" // sliding-window entries, key and value at once
	CSA     Kind = "csa" // compressed entries, ratio 4, key and value at once
	HCA     Kind = "hca" // compressed entries, ratio 128, key and value at once
	Indexer Kind = "indexer"
	Other   Kind = "other" // any tensor of vectors, under its own name
)

// Stream is the vectors of one layer and component, [N, Dim] float32 in
// passages.
//
// The values of a passage are token-major: token, head, coordinate. A vector
// is one head of one token (Dim = HeadDim) or all heads of a token
// (Dim = Heads*HeadDim); the memory layout is the same.
type Stream struct {
	Name     string
	Kind     Kind
	Layer    int // -1 where the name states none
	Dim      int // values in a vector
	Heads    int // attention heads in a token
	HeadDim  int
	RopeDims int // trailing dimensions of a vector that carry the rotary position; 0 where unknown

	tokens []int // per passage
	load   Loader
	files  []string // per passage, for errors; nil where it is from no file
}

// Loader fills dst with the values of one passage.
type Loader func(dst []float32, passage int) error

// NewStream returns s, its passages of the given numbers of tokens read by
// load. It panics if the shape is inconsistent: a programming error.
func NewStream(s Stream, tokens []int, load Loader) *Stream {
	if s.Dim <= 0 || s.Heads <= 0 || s.HeadDim <= 0 || (s.Heads*s.HeadDim)%s.Dim != 0 || len(tokens) == 0 {
		panic(fmt.Sprintf("kv: stream %q: dim %d, %d heads of %d, %d passages", s.Name, s.Dim, s.Heads, s.HeadDim, len(tokens)))
	}
	s.tokens, s.load = tokens, load
	return &s
}

// Passages is the number of passages.
func (s *Stream) Passages() int { return len(s.tokens) }

// Tokens is the number of tokens (entries of the first axis) of passage p.
func (s *Stream) Tokens(p int) int { return s.tokens[p] }

// Vectors is the number of vectors of passage p.
func (s *Stream) Vectors(p int) int { return s.tokens[p] * (s.Heads * s.HeadDim / s.Dim) }

// Read returns the values of passage p, Vectors(p)*Dim of them, in dst if its
// capacity suffices. The values may be non-finite: see [FindNonFinite].
func (s *Stream) Read(dst []float32, p int) ([]float32, error) {
	n := s.Vectors(p) * s.Dim
	if cap(dst) < n {
		dst = make([]float32, n)
	}
	dst = dst[:n]
	if err := s.load(dst, p); err != nil {
		return nil, err
	}
	return dst, nil
}

// Source is a set of streams with the passages they share.
type Source struct {
	Input    Input
	Streams  []*Stream
	Passages []Passage
	// Blocks says that the passages are cut from one text: blocks, not
	// independent passages.
	Blocks bool
	// Protocol, where the source states one, and the choices in it.
	Protocol string
	Choices  []Choice
	// Config is the config.json of the model behind the streams, where one is
	// known.
	Config []byte
	// Counts says which layers of a model the streams stand for.
	Counts Counts
	// Notices are things a reader of the results must know: tensors left out,
	// values dropped.
	Notices []string
	// Close releases the files; never nil.
	Close func() error
}

// Input says where a source came from.
type Input struct {
	Kind      string `json:"kind"` // dump, checkpoint, synthetic
	Name      string `json:"name"`
	SHA256    string `json:"sha256,omitempty"`
	Synthetic bool   `json:"synthetic"`
	// Fed is what the model's layers were fed where that is not what the whole
	// model would feed them, such as "its own embeddings".
	Fed string `json:"fed,omitempty"`
}

// Passage is one independent text (or one block of a text).
type Passage struct {
	ID     int    `json:"id"`
	Title  string `json:"title"`
	Tokens int    `json:"tokens"`
}

// Choice is one choice of a protocol, such as padding = none.
type Choice struct{ Name, Value string }

// Counts is the layers of a model behind streams that were captured from some
// of them; the zero value where the streams stand for themselves alone.
type Counts struct {
	Layers map[Kind]int // layers of the kind
	Caches map[Kind]int // layers that hold such entries: every DeepSeek-V4 layer keeps a window
}
