package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"kakeyalattice/internal/kernel"
)

// repeats is how often a case is timed.
const repeats = 5

// A timing is nanoseconds per batch, by repeat, of all threads together.
type timing []float64

// best is the lowest of the repeats.
func (t timing) best() float64 { return slices.Min(t) }

// A timedCase is the timings of one operation at one level.
type timedCase struct {
	op     operation
	level  kernel.Level
	batch  timing
	single timing // vector by vector; empty on several threads
}

// timings are those of one workload on one number of threads.
type timings struct {
	memcpy timing
	cases  []*timedCase
}

// baseline is the case of plain Go that c is compared with.
func (t *timings) baseline(c *timedCase) *timedCase {
	i := slices.IndexFunc(t.cases, func(b *timedCase) bool { return b.op.name == c.op.name && b.level == kernel.Go })
	return t.cases[i]
}

// A meter times cases.
type meter struct {
	ctx         context.Context
	perRepeat   time.Duration
	progress    func(done, total int)
	done, total int
}

// measure times all cases of a workload by turns.
func (m *meter) measure(w *workload, levels []kernel.Level, threads int) (*timings, error) {
	t := &timings{}
	for _, op := range operations {
		for _, l := range levels {
			t.cases = append(t.cases, &timedCase{op: op, level: l})
		}
	}
	workers := make([]*worker, threads)
	for i := range workers {
		workers[i] = w.newWorker(i)
	}
	for range repeats {
		if err := m.time(&t.memcpy, workers, (*worker).copy, m.perRepeat); err != nil {
			return nil, err
		}
		m.step()
		for _, c := range t.cases {
			if err := m.timeCase(c, workers); err != nil {
				return nil, err
			}
			m.step()
		}
	}
	return t, nil
}

// timeCase times a case once.
func (m *meter) timeCase(c *timedCase, workers []*worker) error {
	defer kernel.Use(c.level)()
	if err := m.time(&c.batch, workers, c.op.batch, m.perRepeat); err != nil {
		return err
	}
	if len(workers) > 1 {
		return nil
	}
	return m.time(&c.single, workers, c.op.each, m.perRepeat/4)
}

// step counts a case that was timed once.
func (m *meter) step() {
	m.done++
	if m.progress != nil {
		m.progress(m.done, m.total)
	}
}

// time adds to t the time of f on a batch, over all workers at once.
func (m *meter) time(t *timing, workers []*worker, f func(*worker) error, d time.Duration) error {
	var wg sync.WaitGroup
	medians, errs := make([]float64, len(workers)), make([]error, len(workers))
	deadline := time.Now().Add(d)
	for i, w := range workers {
		wg.Go(func() { medians[i], errs[i] = m.median(w, f, deadline) })
	}
	wg.Wait()
	rate := 0.0 // batches per nanosecond
	for i, median := range medians {
		if errs[i] != nil {
			return errs[i]
		}
		rate += 1 / median
	}
	*t = append(*t, 1/rate)
	return nil
}

// median returns the median time of f on a batch in nanoseconds, of as many
// batches as begin before the deadline, at least one.
func (m *meter) median(w *worker, f func(*worker) error, deadline time.Time) (float64, error) {
	var samples []time.Duration
	for len(samples) == 0 || time.Now().Before(deadline) {
		if err := m.ctx.Err(); err != nil {
			return 0, fmt.Errorf("bench: interrupted: %w", err)
		}
		d, err := w.timed(f)
		if err != nil {
			return 0, fmt.Errorf("bench: %w", err)
		}
		samples = append(samples, d)
	}
	slices.Sort(samples)
	// A clock may be too coarse for a short batch.
	return max(1, float64(samples[len(samples)/2])), nil
}

// result is the result of a case next to a copy at memcpy GB/s.
func (c *timedCase) result(w *workload, threads int, t *timings, memcpy float64) Result {
	best, vectors := c.batch.best(), float64(w.pool.batch)
	r := Result{
		Codec:       w.codec.Spec().String(),
		Op:          c.op.name,
		Dim:         w.dim,
		Kernel:      c.level.String(),
		Threads:     threads,
		NsPerVector: best / vectors,
		VectorsPerS: 1e9 * vectors / best,
		GBPerS:      float64(w.storedBytes()) / best,
		RatioToGo:   t.baseline(c).batch.best() / best,
		Spread:      slices.Max(c.batch)/best - 1,
	}
	r.RatioToMemcpy = r.GBPerS / memcpy
	for _, b := range w.encoded {
		r.BytesPerVector += float64(len(b)) / float64(w.batch*len(w.encoded))
	}
	if len(c.single) > 0 {
		r.SingleVectorNs = c.single.best() / vectors
	}
	return r
}
