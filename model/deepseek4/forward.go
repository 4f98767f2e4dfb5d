package deepseek4

import (
	"fmt"
)

// Forward takes tokens through the layer: it replaces their residual streams x,
// [n, hc_mult, hidden]. They continue the passage of cache; the result of a token
// does not depend on how many of them come at a time. It is [Layer.Attention] and
// then [Layer.Experts]. After an error x and the cache are of no use.
func (l *Layer) Forward(r *Run, cache *Cache, x []float32, tokens []int32) error {
	if err := l.Attention(r, cache, x, len(tokens)); err != nil {
		return err
	}
	return l.Experts(r, x, tokens)
}

// queryTokens is the number of tokens whose queries are there at a time: 32 MiB of
// them in V4-Flash.
const queryTokens = 256

// Attention is the first half of the layer, for the next n tokens of a passage.
func (l *Layer) Attention(r *Run, cache *Cache, x []float32, n int) error {
	if err := l.check(x, n); err != nil {
		return err
	}
	c := l.cfg
	first := cache.Tokens() // position of the first of the tokens

	r.hidden = grow(r.hidden, n*c.HiddenSize)
	if err := r.read(l, &l.hcAttention, r.hidden, x, n); err != nil {
		return err
	}
	in := l.kv.Norm(r.hidden) // in [n, hidden]
	r.tap(l, AttentionInput, in)

	// Keys and values are the same entries: of the window and the compressed ones.
	if err := cache.write(in, n, r.workers()); err != nil {
		return err
	}

	r.qr = grow(r.qr, n*c.QLoraRank)
	if err := r.linear(l, r.qr, in, n, l.wqA); err != nil {
		return err
	}
	r.normRows(l, r.qr, l.qNorm) // qr [n, q_lora]

	r.low = grow(r.low, n*c.OGroups*c.OLoraRank)
	for at := 0; at < n; at += queryTokens {
		m := min(queryTokens, n-at)
		qr := r.qr[at*c.QLoraRank : (at+m)*c.QLoraRank]
		chosen, err := l.choose(r, cache, in[at*c.HiddenSize:(at+m)*c.HiddenSize], qr, first+at, m)
		if err != nil {
			return err
		}
		r.q = grow(r.q, m*c.Heads*c.HeadDim)
		if err := r.linear(l, r.q, qr, m, l.wqB); err != nil {
			return err
		}
		l.attend(r, cache, r.q, chosen, first+at, m) // q, then what attention reads, [m, heads, head_dim]
		if err := l.project(r, r.low[at*c.OGroups*c.OLoraRank:], r.q, m); err != nil {
			return err
		}
	}
	r.out = grow(r.out, n*c.HiddenSize)
	if err := r.linear(l, r.out, r.low, n, l.woB); err != nil { // low [n, groups, o_lora]
		return err
	}
	r.tap(l, AttentionOutput, r.out)
	r.write(l, x, r.out, n)
	return nil
}

// Hidden sets h, [n, hidden], to what attention reads of the residual streams x of n
// tokens, before its norm.
func (l *Layer) Hidden(r *Run, h, x []float32, n int) error {
	if err := l.check(x, n); err != nil {
		return err
	}
	if len(h) != n*l.cfg.HiddenSize {
		return fmt.Errorf("deepseek4: layer %d: room for %d values, %d tokens have %d each", l.index, len(h), n, l.cfg.HiddenSize)
	}
	return r.read(l, &l.hcAttention, h, x, n)
}

// project sets low, [n, groups, o_lora], to the products of the heads of each group,
// o [n, heads, head_dim], with the matrix of the group.
func (l *Layer) project(r *Run, low, o []float32, n int) error {
	c := l.cfg
	width := c.Heads * c.HeadDim / c.OGroups
	r.group, r.up = grow(r.group, n*width), grow(r.up, n*c.OLoraRank)
	for g, w := range l.woA {
		for i := range n {
			copy(row(r.group, i, width), row(o, i*c.OGroups+g, width))
		}
		if err := r.mul(l, r.up, r.group, n, w); err != nil {
			return err
		}
		for i := range n {
			copy(row(low, i*c.OGroups+g, c.OLoraRank), row(r.up, i, c.OLoraRank))
		}
	}
	l.mode.bf16(low[:n*c.OGroups*c.OLoraRank])
	return nil
}

// Experts is the second half of the layer. Tokens need no passage here: those of
// many may be done together, and the more, the faster.
func (l *Layer) Experts(r *Run, x []float32, tokens []int32) error {
	n := len(tokens)
	if err := l.check(x, n); err != nil {
		return err
	}
	c := l.cfg
	r.hidden = grow(r.hidden, n*c.HiddenSize)
	if err := r.read(l, &l.hcExperts, r.hidden, x, n); err != nil {
		return err
	}
	r.normRows(l, r.hidden, l.ffnNorm) // hidden [n, hidden]
	r.tap(l, ExpertsInput, r.hidden)

	routes, err := l.route(r, r.hidden, tokens)
	if err != nil {
		return err
	}
	in := l.activations(r, &r.inputs, r.hidden, c.HiddenSize)
	r.out = grow(r.out, n*c.HiddenSize)
	clear(r.out)
	for e, route := range routes {
		if err := l.expert(r, &l.routed[e], r.out, in, route); err != nil {
			return err
		}
	}
	if err := l.expert(r, &l.shared, r.out, in, all(n)); err != nil {
		return err
	}
	l.mode.bf16(r.out)
	r.tap(l, ExpertsOutput, r.out)
	r.write(l, x, r.out, n)
	return nil
}

// check refuses streams that are not those of n tokens.
func (l *Layer) check(x []float32, n int) error {
	width := l.cfg.HCMult * l.cfg.HiddenSize
	if len(x) != n*width {
		return fmt.Errorf("deepseek4: layer %d: %d values for %d tokens of %d streams of %d", l.index, len(x), n, l.cfg.HCMult, l.cfg.HiddenSize)
	}
	return l.kv.checkFinite("residual stream of token", x, width)
}

// normRows replaces the rows of x by their norm times w.
func (r *Run) normRows(l *Layer, x, w []float32) {
	r.chunks(len(x)/len(w), func(first, end int) {
		for i := first; i < end; i++ {
			x := row(x, i, len(w))
			rmsNorm(x, x, w, l.cfg.NormEps)
			l.mode.bf16(x)
		}
	})
}
