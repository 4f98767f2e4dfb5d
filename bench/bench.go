// Package bench measures how fast codecs are on this machine: time per vector
// for each set of kernels, as ratios to plain Go and to a memory copy that were
// timed in the same run.
//
//	report, err := bench.Run(ctx, bench.Options{Codecs: specs, Dim: 512, Kernels: bench.Kernels(), Threads: []int{1, 2}})
//
// # What is timed
//
// One call of the codec on a batch of vectors that lie in the second-level
// cache, a quarter of a MiB of float32 values (at least 16 vectors, so that
// batches of more than 4096 values a vector are larger). The values are
// standard normal. Batches are copied, untimed, from a pool of 4 MiB or more
// just before the call, so that a call sees data that it has not seen lately
// and no branch predictor knows.
//
// On several threads every goroutine has buffers of its own; rates add up.
//
// # How
//
// A case is timed in several repeats, the cases of a codec by turns, so that
// what else the machine does hits all of them alike. Of a repeat the median
// over its calls counts, of the repeats the lowest median: on a shared machine
// that is what varies least.
package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"kakeyalattice/codec"
	"kakeyalattice/internal/kernel"
)

// Options say what Run measures.
type Options struct {
	Codecs  []codec.Spec
	Dim     int
	Kernels []string // of Kernels; plain Go is timed in any case, for the ratios
	Threads []int    // numbers of goroutines, 1 to GOMAXPROCS
	// PerCase is how long a case is timed: a codec, operation, kernel and number
	// of threads. 0 means DefaultPerCase.
	PerCase time.Duration
	// LeaveOut skips codecs that are not defined for Dim instead of failing; the
	// report lists them.
	LeaveOut bool
	// Progress, if set, is told the number of cases done of all.
	Progress func(done, total int)
}

// DefaultPerCase is long enough for repeats that agree within a few percent on
// a quiet machine.
const DefaultPerCase = 250 * time.Millisecond

// ErrOptions marks options that Run cannot follow.
var ErrOptions = errors.New("bench")

// Report is what Run found.
type Report struct {
	Dim          int      `json:"dim"`
	BatchVectors int      `json:"batch_vectors"` // of a timed call
	BatchBytes   int      `json:"batch_bytes"`   // of its float32 values
	PoolVectors  int      `json:"pool_vectors"`  // that batches are taken from
	Memcpy       []Memcpy `json:"memcpy"`
	LeftOut      []string `json:"left_out,omitempty"` // codecs that are not defined for Dim
	Results      []Result `json:"results"`
}

// Memcpy is the rate at which batches of vectors in bfloat16 are copied within
// the cache: the highest of the run. Ratios are to that measured by turns with
// the codec.
type Memcpy struct {
	Threads int     `json:"threads"`
	GBPerS  float64 `json:"gb_per_s"`
}

// Result is what one case took.
type Result struct {
	Codec   string `json:"codec"`
	Op      string `json:"op"` // encode, decode or roundtrip
	Dim     int    `json:"dim"`
	Kernel  string `json:"kernel"` // go, avx2 or avx512
	Threads int    `json:"threads"`
	// NsPerVector is the time of calls over their vectors, what lies between the
	// calls not counted; on several threads, the inverse of the sum of their rates.
	NsPerVector float64 `json:"ns_per_vector"`
	VectorsPerS float64 `json:"vectors_per_s"`
	// GBPerS counts vectors as bfloat16: 2*Dim bytes each, whatever the codec.
	GBPerS        float64 `json:"gb_per_s"`
	RatioToGo     float64 `json:"ratio_to_go"`     // how many times as fast as plain Go
	RatioToMemcpy float64 `json:"ratio_to_memcpy"` // GBPerS over that of a copy
	// Spread is how much slower the slowest repeat was than the one that counts:
	// 0.1 is 10 %.
	Spread float64 `json:"spread"`
	// SingleVectorNs is the time of a call with one vector, on one thread; 0 on
	// several.
	SingleVectorNs float64 `json:"single_vector_ns,omitempty"`
	// BytesPerVector is what the codec made of the vectors, on average.
	BytesPerVector float64 `json:"bytes_per_vector"`
}

// Kernels lists what this machine can use, plain Go first.
func Kernels() []string {
	var names []string
	for l := kernel.Go; l <= kernel.Best(); l++ {
		names = append(names, l.String())
	}
	return names
}

// Run measures. It returns an error that wraps the context's where that ends
// before the last case.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.PerCase == 0 {
		o.PerCase = DefaultPerCase
	}
	levels, err := o.levels()
	if err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	pool := newPool(o.Dim)
	r := &Report{
		Dim:          o.Dim,
		BatchVectors: pool.batch,
		BatchBytes:   4 * o.Dim * pool.batch,
		PoolVectors:  pool.batch * len(pool.vectors),
	}
	var loads []*workload
	for _, spec := range o.Codecs {
		w, err := newWorkload(spec, pool)
		switch {
		case err == nil:
			loads = append(loads, w)
		case o.LeaveOut && errors.Is(err, codec.ErrDim):
			r.LeftOut = append(r.LeftOut, spec.String())
		default:
			return nil, fmt.Errorf("bench: %w", err)
		}
	}
	m := &meter{ctx: ctx, perRepeat: o.PerCase / repeats, progress: o.Progress}
	m.total = repeats * len(o.Threads) * len(loads) * (1 + len(operations)*len(levels))
	for _, threads := range o.Threads {
		r.Memcpy = append(r.Memcpy, Memcpy{Threads: threads})
	}
	for _, w := range loads {
		for i, threads := range o.Threads {
			timings, err := m.measure(w, levels, threads)
			if err != nil {
				return nil, err
			}
			copied := float64(pool.storedBytes()) / timings.memcpy.best()
			r.Memcpy[i].GBPerS = max(r.Memcpy[i].GBPerS, copied)
			for _, c := range timings.cases {
				if slices.Contains(o.Kernels, c.level.String()) {
					r.Results = append(r.Results, c.result(w, threads, timings, copied))
				}
			}
		}
	}
	return r, nil
}

// levels are those to time: the ones asked for, and plain Go.
func (o *Options) levels() ([]kernel.Level, error) {
	for _, name := range o.Kernels {
		if !slices.Contains(Kernels(), name) {
			return nil, fmt.Errorf("%w: kernel %q: this machine has %s", ErrOptions, name, strings.Join(Kernels(), ", "))
		}
	}
	var levels []kernel.Level
	for l := kernel.Go; l <= kernel.Best(); l++ {
		if l == kernel.Go || slices.Contains(o.Kernels, l.String()) {
			levels = append(levels, l)
		}
	}
	return levels, nil
}

func (o *Options) check() error {
	cores := runtime.GOMAXPROCS(0)
	for _, n := range o.Threads {
		if n < 1 || n > cores {
			return fmt.Errorf("%w: %d threads: this process has 1 to %d", ErrOptions, n, cores)
		}
	}
	switch {
	case len(o.Codecs) == 0 || len(o.Kernels) == 0 || len(o.Threads) == 0:
		return fmt.Errorf("%w: name at least one codec, kernel and number of threads", ErrOptions)
	case o.Dim < 1 || o.Dim > maxDim:
		return fmt.Errorf("%w: dimension %d: give 1 to %d", ErrOptions, o.Dim, maxDim)
	case o.PerCase < repeats:
		return fmt.Errorf("%w: %v a case: give a positive time", ErrOptions, o.PerCase)
	}
	return nil
}

// maxDim is the largest dimension of any codec.
const maxDim = 1 << 16
