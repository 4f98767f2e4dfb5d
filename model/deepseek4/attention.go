package deepseek4

import (
	"math"
	"sync"

	"kakeyalattice/internal/elementary"
	"kakeyalattice/internal/kernel"
	"kakeyalattice/matmul"
)

// attender is what a worker needs for the queries of some tokens.
type attender struct {
	sin       []float32 // of the angles that undo a token's rotary position
	near, far []float32 // scores, then weights, of window and compressed entries
	nearEnd   []int     // of each query, in the window entries of the tokens
	farEnd    []int     // of each query, in the compressed entries
	total     []float64 // of each query, the sum of the weights
	sum       []float32 // [queries, head_dim] over compressed entries
	entries   []float32 // the compressed entries that a token has chosen
	exp       []float64
}

// queryRows is about the number of queries that are done together: enough to make
// up for the packing of entries.
const queryRows = 1024

// attend replaces q, [n, heads, head_dim], the products with wq_b, by the attention
// of tokens from position first on. chosen are the compressed entries that each
// reads.
func (l *Layer) attend(r *Run, cache *Cache, q []float32, chosen [][]int, first, n int) {
	width := l.cfg.Heads * l.cfg.HeadDim
	r.chunks(n, func(from, end int) {
		for i := from; i < end; i++ {
			cos, sin := cache.state.angles(first + i)
			l.turnQueries(row(q, i, width), cos, sin)
		}
	})
	r.tap(l, Query, q[:n*width])

	// Tokens that read all compressed entries go together, others one by one.
	var tasks [][2]int
	most := max(1, queryRows/l.cfg.Heads)
	for i := 0; i < n; {
		end := i + 1
		for chosen[i] == nil && end < n && end < i+most && chosen[end] == nil {
			end++
		}
		tasks = append(tasks, [2]int{i, end})
		i = end
	}
	r.each(len(tasks), func(task int) {
		a := r.attender()
		from, end := tasks[task][0], tasks[task][1]
		a.attend(l, cache, q[from*width:end*width], chosen[from], first+from, end-from)
		r.release(a)
	})
	r.tap(l, Attended, q[:n*width])
}

// turnQueries norms the queries of a token, [heads, head_dim], and gives them their
// rotary position.
func (l *Layer) turnQueries(q, cos, sin []float32) {
	c := l.cfg
	for h := range c.Heads {
		q := row(q, h, c.HeadDim)
		if l.mode == AsServed {
			unitBF16(q, c.NormEps)
		} else {
			factor := float32(1 / math.Sqrt(kernel.SumSquares(q)/float64(len(q))+c.NormEps))
			for i := range q {
				q[i] *= factor
			}
		}
		tail := q[c.HeadDim-c.RopeDim:]
		rotate(tail, cos, sin)
		l.mode.bf16(tail)
	}
}

// unitBF16 divides q by its root mean square as the official program does, with
// every result in bfloat16.
func unitBF16(q []float32, eps float64) {
	sum := 0.0
	for _, v := range q {
		sum += float64(keepBF16(v * v))
	}
	mean := keepBF16(float32(sum / float64(len(q))))
	mean = keepBF16(mean + float32(eps))
	factor := keepBF16(float32(1 / math.Sqrt(float64(mean))))
	for i, v := range q {
		q[i] = v * factor
	}
	roundBF16(q)
}

// attend replaces the queries q, [n, heads, head_dim], of tokens from position first
// on by what they read: with scores s = q . entry / sqrt(head_dim) and a score for
// nothing, the sink of the head,
//
//	sum e^s entry / (sum e^s + e^sink)
//
// over the entries of the window and compressed ones, the chosen or all that are
// complete; then its rotary position is undone.
func (a *attender) attend(l *Layer, cache *Cache, q []float32, chosen []int, first, n int) {
	c := l.cfg
	dim, rows := c.HeadDim, n*c.Heads

	// Window entries from those of the first token to that of the last.
	start := max(0, first+1-c.Window)
	window := cache.window[(start-cache.windowAt)*dim : (first+n-cache.windowAt)*dim]
	width := len(window) / dim
	// Compressed entries, of which a token reads those complete at its end.
	var far []float32
	farWidth := 0
	if ratio := c.Ratio(l.index); chosen != nil {
		farWidth = len(chosen)
		far = a.gather(cache.compressed, chosen, dim)
	} else if ratio != RatioSWA {
		farWidth = (first + n) / ratio
		far = cache.compressed[:farWidth*dim]
	}
	a.nearEnd, a.farEnd = grow(a.nearEnd, rows), grow(a.farEnd, rows)
	for i := range rows {
		position := first + i/c.Heads
		a.nearEnd[i] = position + 1 - start
		a.farEnd[i] = farWidth
		if chosen == nil && farWidth > 0 {
			a.farEnd[i] = (position + 1) / c.Ratio(l.index)
		}
	}

	a.near, a.far = grow(a.near, rows*width), grow(a.far, rows*farWidth)
	matmul.MulT(a.near, q, rows, dim, window, width, a.nearEnd, 1)
	matmul.MulT(a.far, q, rows, dim, far, farWidth, a.farEnd, 1)
	a.total = grow(a.total, rows)
	scale := 1 / math.Sqrt(float64(dim))
	for i := range rows {
		near, far := row(a.near, i, width)[:a.nearEnd[i]], row(a.far, i, farWidth)[:a.farEnd[i]]
		out := max(0, len(near)-c.Window) // entries that have left the window
		clear(near[:out])
		a.total[i] = a.weigh(l.mode, near[out:], far, float64(l.sink[i%c.Heads]), scale)
	}

	// q is done with: it takes the sums.
	matmul.MulN(q, a.near, rows, width, window, dim, a.nearEnd, 1)
	a.sum = grow(a.sum, rows*dim)
	matmul.MulN(a.sum, a.far, rows, farWidth, far, dim, a.farEnd, 1)
	a.sin = grow(a.sin, c.RopeDim/2)
	var cos []float32
	for i := range rows {
		if i%c.Heads == 0 {
			var sin []float32
			cos, sin = cache.state.angles(first + i/c.Heads)
			for j, v := range sin {
				a.sin[j] = -v
			}
		}
		o, more := row(q, i, dim), row(a.sum, i, dim)
		inverse := float32(1 / a.total[i])
		for j, v := range more {
			o[j] = (o[j] + v) * inverse
		}
		l.mode.bf16(o)
		tail := o[dim-c.RopeDim:]
		rotate(tail, cos, a.sin)
		l.mode.bf16(tail)
	}
}

// gather copies the chosen rows of entries, [_, dim].
func (a *attender) gather(entries []float32, chosen []int, dim int) []float32 {
	a.entries = grow(a.entries, len(chosen)*dim)
	for i, j := range chosen {
		copy(row(a.entries, i, dim), row(entries, j, dim))
	}
	return a.entries
}

// weigh replaces the scores of a query by their exponentials, relative to the
// highest, and returns the sum of these and that of the sink.
func (a *attender) weigh(m Mode, near, far []float32, sink, scale float64) (total float64) {
	a.exp = grow(a.exp, max(len(near), len(far)))
	top := float64(float64(max(kernel.Largest(near), kernel.Largest(far))) * scale)
	total = kernel.ExpAbout(near, scale, top, a.exp) + kernel.ExpAbout(far, scale, top, a.exp)
	m.bf16(near)
	m.bf16(far)
	return total + elementary.Exp(sink-top)
}

// attender is one that is free.
func (r *Run) attender() *attender {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.free); n > 0 {
		a := r.free[n-1]
		r.free = r.free[:n-1]
		return a
	}
	return new(attender)
}

func (r *Run) release(a *attender) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, a)
}

// each calls f for 0 to n-1, on several cores if they are many.
func (r *Run) each(n int, f func(i int)) {
	workers := min(r.workers(), n)
	var wait sync.WaitGroup
	for w := 1; w < workers; w++ {
		wait.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	for i := 0; i < n; i += max(workers, 1) {
		f(i)
	}
	wait.Wait()
}
