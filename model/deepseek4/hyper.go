package deepseek4

import (
	"math"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/elementary"
	"kakeyalattice/internal/kernel"
)

// hyper is what a sublayer reads the residual streams with, and writes to them
// (Xie et al., "mHC: Manifold-Constrained Hyper-Connections", 2025). A token has
// k = hc_mult streams of the hidden size. fn gives, of all of them, k weights to
// read with and, but for the head of the model, k to write with and a k x k matrix
// that mixes the streams.
type hyper struct {
	fn    *checkpoint.Matrix // [weights, k*hidden]
	base  []float32          // [weights]
	scale []float32          // of the weights to read, to write and to mix
}

func (r *reader) hyper(prefix string, c *Config, perStream, scales int) hyper {
	k := c.HCMult
	return hyper{
		fn:    r.matrix(prefix+"fn", perStream*k, k*c.HiddenSize),
		base:  r.vector(prefix+"base", perStream*k),
		scale: r.vector(prefix+"scale", scales),
	}
}

// read sets dst, [n, hidden], to the weighted sums of the streams x, [n, k,
// hidden]. It leaves in r.post, [n, k], and r.comb, [n, k, k], the weights to
// write with, if h has them.
func (r *Run) read(l *Layer, h *hyper, dst, x []float32, n int) error {
	c := l.cfg
	k, weights := c.HCMult, h.fn.Rows
	r.mix = grow(r.mix, n*weights)
	if err := r.mul(l, r.mix, x, n, h.fn); err != nil {
		return err
	}
	r.post, r.comb = grow(r.post, n*k), grow(r.comb, n*k*k)
	r.chunks(n, func(first, end int) {
		pre, comb := make([]float32, k), make([]float64, k*k)
		for i := first; i < end; i++ {
			streams, m := row(x, i, k*c.HiddenSize), row(r.mix, i, weights)
			norm := 1 / math.Sqrt(kernel.SumSquares(streams)/float64(len(streams))+c.NormEps)
			weight := func(j, part int) float64 {
				return float64(float64(float64(m[j])*norm)*float64(h.scale[part])) + float64(h.base[j])
			}
			for j := range pre {
				pre[j] = float32(sigmoid(weight(j, 0)) + c.HCEps)
			}
			if weights > k {
				for j := range k {
					r.post[i*k+j] = float32(2 * sigmoid(weight(k+j, 1)))
				}
				for j := range comb {
					comb[j] = weight(2*k+j, 2)
				}
				sinkhorn(comb, k, c.HCSinkhornIters, c.HCEps)
				for j, v := range comb {
					r.comb[i*k*k+j] = float32(v)
				}
			}
			y := row(dst, i, c.HiddenSize)
			clear(y)
			for j, p := range pre {
				kernel.AddScaled(y, p, row(streams, j, c.HiddenSize))
			}
			l.mode.bf16(y)
		}
	})
	return nil
}

// write replaces the streams x, [n, k, hidden], of a sublayer whose output is f,
// [n, hidden]: stream j becomes post_j f + sum_i comb_ij x_i. The sum is over the
// first index of comb.
func (r *Run) write(l *Layer, x, f []float32, n int) {
	k, hidden := l.cfg.HCMult, l.cfg.HiddenSize
	r.chunks(n, func(first, end int) {
		mixed := make([]float32, k*hidden)
		for i := first; i < end; i++ {
			streams, out := row(x, i, k*hidden), row(f, i, hidden)
			comb := row(r.comb, i, k*k)
			clear(mixed)
			for j := range k {
				y := row(mixed, j, hidden)
				for from := range k {
					kernel.AddScaled(y, comb[from*k+j], row(streams, from, hidden))
				}
				kernel.AddScaled(y, r.post[i*k+j], out)
			}
			l.mode.bf16(mixed)
			copy(streams, mixed)
		}
	})
}

// sinkhorn makes the rows and columns of c, [k, k], sum to 1: softmax of the rows,
// then columns and rows in turn over their sums, the columns iters times (Sinkhorn
// and Knopp, 1967).
func sinkhorn(c []float64, k, iters int, eps float64) {
	for i := range k {
		row := c[i*k : (i+1)*k]
		top := math.Inf(-1)
		for _, v := range row {
			top = max(top, v)
		}
		sum := 0.0
		for j, v := range row {
			row[j] = elementary.Exp(v - top)
			sum += row[j]
		}
		for j, v := range row {
			row[j] = v/sum + eps
		}
	}
	// A line of k values: the rows are stride 1 apart inside, the columns k.
	normalise := func(begin, step int) {
		for i := range k {
			sum := eps
			for j := range k {
				sum += c[i*begin+j*step]
			}
			for j := range k {
				c[i*begin+j*step] /= sum
			}
		}
	}
	normalise(1, k)
	for range iters - 1 {
		normalise(k, 1)
		normalise(1, k)
	}
}

func sigmoid(x float64) float64 { return 1 / (1 + elementary.Exp(-x)) }
