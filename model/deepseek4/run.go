package deepseek4

import (
	"runtime"
	"sync"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/kernel"
	"kakeyalattice/matmul"
)

// Point is a place in a layer where a [Tap] looks.
type Point int

const (
	// AttentionInput is the input of attention after its norm, [n, hidden].
	AttentionInput Point = iota
	// Query is the queries after their norm and rotary position, [n, heads,
	// head_dim]; of a long block some tokens at a time.
	Query
	// Attended is what attention reads from the cache, its rotary position
	// undone, [n, heads, head_dim]; of a long block some tokens at a time.
	Attended
	// AttentionOutput is the output of attention, [n, hidden].
	AttentionOutput
	// ExpertsInput is the input of the experts after its norm, [n, hidden].
	ExpertsInput
	// ExpertsOutput is the sum of the routed experts and the shared one, [n, hidden].
	ExpertsOutput
)

// Tap is given values of a layer to look at, for the tokens of a block in order,
// valid during the call.
type Tap func(layer int, p Point, x []float32)

// Run is how layers are computed, and memory that they share. It is for one
// goroutine at a time; the zero value is ready for use.
type Run struct {
	// Workers is the number of cores to use, 0 for all. Results do not depend on
	// it.
	Workers int
	// Tap, if not nil, is called from the goroutine that runs a layer.
	Tap Tap

	mix, post, comb        []float32 // of hyper-connections
	hidden, out            []float32 // [n, hidden]
	rounded, inputs        []float32 // inputs of a linear layer, and of all experts
	qr, q, group, low, up  []float32
	indexQ, indexW, scores []float32
	logits                 []float32
	gathered, gate         []float32
	free                   []*attender
	mu                     sync.Mutex // of free
}

func (r *Run) workers() int {
	if r.Workers > 0 {
		return r.Workers
	}
	return runtime.GOMAXPROCS(0)
}

func (r *Run) tap(l *Layer, p Point, x []float32) {
	if r.Tap != nil {
		r.Tap(l.index, p, x)
	}
}

// mul sets dst, [n, w.Rows], to the products of x, [n, w.Cols], with the rows of w.
func (r *Run) mul(l *Layer, dst, x []float32, n int, w *checkpoint.Matrix) error {
	matmul.Mul(dst, x, n, w, r.workers())
	if kernel.NonFinite(dst) < 0 {
		return nil
	}
	return l.kv.checkProducts(dst, w)
}

// linear is mul as a layer of the model computes it: [AsServed] rounds the input
// of quantised weights to E4M3 and the output to bfloat16.
func (r *Run) linear(l *Layer, dst, x []float32, n int, w *checkpoint.Matrix) error {
	if w.Format == checkpoint.FP8 || w.Format == checkpoint.MXFP4 {
		x = l.activations(r, &r.rounded, x, w.Cols)
	}
	err := r.mul(l, dst, x, n, w)
	l.mode.bf16(dst)
	return err
}

// activations is x, [n, width], as a layer with quantised weights reads it: x itself,
// or rounded in the memory of to.
func (l *Layer) activations(r *Run, to *[]float32, x []float32, width int) []float32 {
	if l.mode != AsServed {
		return x
	}
	*to = grow(*to, len(x))
	copy(*to, x)
	r.chunks(len(x)/width, func(first, end int) {
		fp8 := newFP8Rounder(activationGroup)
		for i := first; i < end; i++ {
			fp8.round(row(*to, i, width))
		}
	})
	return *to
}

// chunks calls f for parts of 0 to n-1, on several cores if they are many.
func (r *Run) chunks(n int, f func(first, end int)) {
	workers := min(r.workers(), n)
	if workers <= 1 {
		f(0, n)
		return
	}
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() { f(w*n/workers, (w+1)*n/workers) })
	}
	wait.Wait()
}

// row is row i of x, [..., width].
func row(x []float32, i, width int) []float32 { return x[i*width : (i+1)*width] }

// grow returns a slice of n values, b if it is large enough; they are undefined.
func grow[T any](b []T, n int) []T {
	if cap(b) < n {
		return make([]T, n)
	}
	return b[:n]
}
