package llama

import (
	"math"

	"kakeyalattice/internal/kernel"
	"kakeyalattice/matmul"
)

// attention is what a worker needs for the queries of a block that share a head
// of keys and values.
type attention struct {
	q, scores, out []float32
	lens           []int
	exp            []float64
}

// queryRows is about the number of queries that are done together: enough to
// make up for the packing of keys.
const queryRows = 128

// attend sets dst, [n, heads, dim], to the attention of the last n positions with
// queries q, [n, heads, dim], over all up to their own.
func (s *Session) attend(dst, q []float32, kv *cache, n int) {
	c := s.m.Config
	group := c.Heads / c.KVHeads
	block := max(1, queryRows/group)
	blocks := (n + block - 1) / block
	s.parallel(blocks*c.KVHeads, func(task int) {
		a := <-s.free
		first := task / c.KVHeads * block
		a.attend(c, dst, q, kv, task%c.KVHeads, s.positions-n, first, min(first+block, n))
		s.free <- a
	})
}

// attend does queries first to end-1, at positions from start on, of the heads that
// share head of keys and values.
func (a *attention) attend(c *Config, dst, q []float32, kv *cache, head, start, first, end int) {
	dim, group := c.HeadDim, c.Heads/c.KVHeads
	rows := (end - first) * group
	positions := start + end
	a.q, a.out = grow(a.q, rows*dim), grow(a.out, rows*dim)
	a.scores = grow(a.scores, rows*positions)
	a.lens = grow(a.lens, rows)
	a.exp = grow(a.exp, positions)
	// The heads of a token lie side by side, those of other groups between.
	at := func(x []float32, i int) []float32 { return row(x, i*c.KVHeads+head, group*dim) }
	for i := first; i < end; i++ {
		copy(row(a.q, i-first, group*dim), at(q, i))
		for g := range group {
			a.lens[(i-first)*group+g] = start + i + 1
		}
	}
	keys, values := kv.k[head][:positions*dim], kv.v[head][:positions*dim]
	matmul.MulT(a.scores, a.q, rows, dim, keys, positions, a.lens, 1) // scores [rows, positions]
	for r, n := range a.lens {
		kernel.Softmax(row(a.scores, r, positions)[:n], 1/math.Sqrt(float64(dim)), a.exp)
	}
	matmul.MulN(a.out, a.scores, rows, positions, values, dim, a.lens, 1) // out [rows, dim]
	for i := first; i < end; i++ {
		copy(at(dst, i), row(a.out, i-first, group*dim))
	}
}
