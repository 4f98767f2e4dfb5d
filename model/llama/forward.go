package llama

import (
	"math"
	"sync"

	"kakeyalattice/internal/kernel"
	"kakeyalattice/matmul"
)

// run takes tokens through the layers, to s.x.
//
// In the shapes below n is the number of tokens of this block, positions that of
// the text with them.
func (s *Session) run(tokens []int32) error {
	if err := s.check(tokens); err != nil {
		return err
	}
	m, c := s.m, s.m.Config
	n := len(tokens)
	first := s.positions
	s.positions += n
	s.allocate(n)

	for i, t := range tokens { // x [n, hidden]
		m.embed.Row(row(s.x, i, c.HiddenSize), int(t))
	}
	s.tap(s.o.Hidden, 0, first, s.x, c.HiddenSize)

	for l := range s.cache {
		w := &m.layers[l]

		// Attention: x += o(attention(q(h), k(h), v(h))), h = norm(x).
		s.norm(s.h, s.x, w.attentionNorm) // h [n, hidden]
		s.linear(s.q, s.h, n, &w.q)       // q [n, heads, dim]
		s.linear(s.k, s.h, n, &w.k)       // k [n, kvHeads, dim]
		s.linear(s.v, s.h, n, &w.v)       // v [n, kvHeads, dim]
		if w.qNorm != nil {
			s.norm(s.q, s.q, w.qNorm) // each head on its own
			s.norm(s.k, s.k, w.kNorm)
		}
		half := c.HeadDim / 2
		for i := range n {
			cos, sin := row(s.cos, first+i, half), row(s.sin, first+i, half)
			rotate(row(s.q, i, c.Heads*c.HeadDim), cos, sin)
			rotate(row(s.k, i, c.KVHeads*c.HeadDim), cos, sin)
		}
		s.tap(s.o.Query, l, first, s.q, c.Heads*c.HeadDim)
		for i := range n {
			k, v := row(s.k, i, c.KVHeads*c.HeadDim), row(s.v, i, c.KVHeads*c.HeadDim)
			if s.o.Hook != nil {
				s.o.Hook(l, first+i, k, v)
			}
			s.cache[l].append(k, v, c.HeadDim)
		}
		s.attend(s.attended, s.q, &s.cache[l], n) // attended [n, heads, dim]
		s.linear(s.h, s.attended, n, &w.o)        // h [n, hidden]
		s.tap(s.o.Attention, l, first, s.h, c.HiddenSize)
		add(s.x, s.h)

		// MLP: x += down(silu(gate(h)) * up(h)), h = norm(x).
		s.norm(s.h, s.x, w.mlpNorm)
		s.linear(s.gate, s.h, n, &w.gate) // gate, up [n, intermediate]
		s.linear(s.up, s.h, n, &w.up)
		s.parallel(n, func(i int) {
			kernel.SiLUTimes(row(s.gate, i, c.IntermediateSize), row(s.up, i, c.IntermediateSize))
		})
		s.linear(s.h, s.gate, n, &w.down) // h [n, hidden]
		add(s.x, s.h)
		s.tap(s.o.Hidden, l+1, first, s.x, c.HiddenSize)
	}
	return nil
}

// head returns the logits of hidden states x, [len(tokens), hidden], the last of
// the text.
func (s *Session) head(tokens []int32, x []float32) ([]float32, error) {
	n := len(tokens)
	h := s.h[:len(x)]
	s.norm(h, x, s.m.norm)
	s.logits = grow(s.logits, n*s.m.Config.VocabSize) // [n, vocab]
	matmul.Mul(s.logits, h, n, s.m.head, s.o.Workers)
	return s.logits, s.finite("the logits", s.logits, s.m.Config.VocabSize)
}

// allocate makes room for n tokens.
func (s *Session) allocate(n int) {
	c := s.m.Config
	for _, b := range []struct {
		values *[]float32
		width  int
	}{
		{&s.x, c.HiddenSize}, {&s.h, c.HiddenSize},
		{&s.q, c.Heads * c.HeadDim}, {&s.attended, c.Heads * c.HeadDim},
		{&s.k, c.KVHeads * c.HeadDim}, {&s.v, c.KVHeads * c.HeadDim},
		{&s.gate, c.IntermediateSize}, {&s.up, c.IntermediateSize},
	} {
		*b.values = grow(*b.values, n*b.width)
	}
	for p := len(s.cos) * 2 / c.HeadDim; p < s.positions; p++ {
		s.cos, s.sin = c.Rope.rotations(s.cos, s.sin, p)
	}
}

// row is row i of x, [..., width].
func row(x []float32, i, width int) []float32 { return x[i*width : (i+1)*width] }

func (s *Session) tap(t Tap, layer, first int, x []float32, width int) {
	if t == nil {
		return
	}
	for i := range len(x) / width {
		t(layer, first+i, row(x, i, width))
	}
}

// append caches the key and value of a token, [kvHeads, dim].
func (c *cache) append(k, v []float32, dim int) {
	for h := range c.k {
		c.k[h] = append(c.k[h], row(k, h, dim)...)
		c.v[h] = append(c.v[h], row(v, h, dim)...)
	}
}

// linear sets dst, [n, outputs], to the linear map of x, [n, inputs].
func (s *Session) linear(dst, x []float32, n int, l *linear) {
	matmul.Mul(dst, x, n, l.w, s.o.Workers)
	if l.bias == nil {
		return
	}
	for i := range n {
		add(row(dst, i, len(l.bias)), l.bias)
	}
}

// norm sets every row of dst to that of x over its root mean square, times w
// (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019).
func (s *Session) norm(dst, x, w []float32) {
	for i := range len(x) / len(w) {
		x, dst := row(x, i, len(w)), row(dst, i, len(w))
		mean := kernel.SumSquares(x) / float64(len(w))
		scale := float32(1 / math.Sqrt(mean+s.m.Config.NormEps))
		for j, v := range x {
			dst[j] = float32(v*scale) * w[j]
		}
	}
}

// add sets x += y.
func add(x, y []float32) {
	y = y[:len(x)]
	for i := range x {
		x[i] += y[i]
	}
}

// parallel calls f for 0 to n-1, on several cores if they are many.
func (s *Session) parallel(n int, f func(i int)) {
	workers := min(s.o.Workers, n)
	if workers <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wait.Wait()
}
