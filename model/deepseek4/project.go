package deepseek4

import (
	"fmt"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/kernel"
	"kakeyalattice/matmul"
)

// Norm returns attn_norm of n hidden states, [n, hidden], rounded to bfloat16:
// the input of [KVLayer.Project]. In layer 0 the hidden state of a token is its
// row of the embedding: the hyper-connections multiply it by a positive number,
// which the norm removes.
func (l *KVLayer) Norm(hidden []float32) []float32 {
	x := make([]float32, len(hidden))
	copy(x, hidden)
	if !l.switches.NoAttnNorm {
		h := l.cfg.HiddenSize
		for at := 0; at+h <= len(x); at += h {
			rmsNorm(x[at:at+h], x[at:at+h], l.attnNorm, l.cfg.NormEps)
		}
	}
	l.roundBF16(x)
	return x
}

func (l *KVLayer) roundBF16(x []float32) {
	if !l.switches.Float32 {
		roundBF16(x)
	}
}

// Projected is what a layer makes of tokens before their position matters.
type Projected struct {
	n           int
	window      []float32 // [n, head_dim], after kv_norm
	main, index gated
}

// Tokens is the number of tokens that were projected.
func (p *Projected) Tokens() int { return p.n }

// NonFiniteError says that hidden states or weights led to a NaN or infinity.
type NonFiniteError struct {
	Layer int
	What  string // which values
	Index int    // of the token or entry
	Value float32
}

func (e *NonFiniteError) Error() string {
	return fmt.Sprintf("deepseek4: layer %d: %s %d holds %v: check the hidden states and the weights", e.Layer, e.What, e.Index, e.Value)
}

func (l *KVLayer) checkFinite(what string, x []float32, width int) error {
	if i := kernel.NonFinite(x); i >= 0 {
		return &NonFiniteError{l.layer, what, i / width, x[i]}
	}
	return nil
}

// checkProducts blames the weights of a product that is not finite, if it can.
func (l *KVLayer) checkProducts(x []float32, w *checkpoint.Matrix) error {
	err := l.checkFinite(w.Name+": the product with token", x, w.Rows)
	if err == nil {
		return nil
	}
	if bad := w.Validate(); bad != nil {
		return fmt.Errorf("deepseek4: layer %d: %w", l.layer, bad)
	}
	return err
}

// tile is a number of tokens whose inputs are rounded and multiplied at a time,
// to bound the memory of the rounded copy.
const tile = 1024

// Project computes the linear part of the KV path for n tokens, from their
// hidden states after attn_norm, x [n, hidden]: what [KVLayer.Norm] returns. A
// caller whose hidden states depend on the token alone projects every distinct
// token once. It uses up to workers goroutines.
func (l *KVLayer) Project(x []float32, n, workers int) (*Projected, error) {
	h := l.cfg.HiddenSize
	if len(x) != n*h {
		return nil, fmt.Errorf("deepseek4: %d values for %d tokens of %d", len(x), n, h)
	}
	if err := l.checkFinite("hidden state", x, h); err != nil {
		return nil, err
	}
	p := &Projected{n: n}
	if l.streams&Window != 0 {
		d := l.cfg.HeadDim
		p.window = make([]float32, n*d)
		for at := 0; at < n; at += tile {
			end := min(at+tile, n)
			if err := l.projectWindow(p.window[at*d:end*d], x[at*h:end*h], workers); err != nil {
				return nil, err
			}
		}
	}
	var err error
	if l.main != nil {
		p.main, err = l.projectGated(l.main, x, n, workers)
	}
	if l.index != nil && err == nil {
		p.index, err = l.projectGated(l.index, x, n, workers)
	}
	return p, err
}

// projectGated multiplies by the weights of a compressor, in float32.
func (l *KVLayer) projectGated(c *compressor, x []float32, n, workers int) (gated, error) {
	p := gated{make([]float32, n*c.width()), make([]float32, n*c.width())}
	matmul.Mul(p.kv, x, n, c.wkv, workers)
	matmul.Mul(p.gate, x, n, c.wgate, workers)
	if err := l.checkProducts(p.kv, c.wkv); err != nil {
		return p, err
	}
	return p, l.checkProducts(p.gate, c.wgate)
}

// projectWindow sets dst to kv_norm(wkv x). wkv is an FP8 linear layer: it
// rounds its input to E4M3 in groups of 128 at power-of-two scales and its
// output to bfloat16. Products of the rounded values are exact in float32, so
// that scaling before the sum or after, as an FP8 kernel does, is the same.
func (l *KVLayer) projectWindow(dst, x []float32, workers int) error {
	h, d := l.cfg.HiddenSize, l.cfg.HeadDim
	n := len(x) / h
	if !l.switches.ExactWKV {
		rounded := make([]float32, len(x))
		copy(rounded, x)
		fp8 := newFP8Rounder(activationGroup)
		for at := 0; at < len(x); at += h {
			fp8.round(rounded[at : at+h])
		}
		x = rounded
	}
	matmul.Mul(dst, x, n, l.wkv, workers)
	if err := l.checkProducts(dst, l.wkv); err != nil {
		return err
	}
	if !l.switches.ExactWKV {
		l.roundBF16(dst)
	}
	for at := 0; at < len(dst); at += d {
		rmsNorm(dst[at:at+d], dst[at:at+d], l.kvNorm, l.cfg.NormEps)
	}
	l.roundBF16(dst)
	return l.checkFinite("the window entry of token", dst, d)
}
