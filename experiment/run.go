package experiment

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// ErrInterrupted marks a run that was cancelled. What it finished is in the
// journal, if it has one.
var ErrInterrupted = errors.New("interrupted")

// Options are the choices of a run that do not change its outcome.
type Options struct {
	Workers int      // 0: one a processor
	Journal *Journal // nil: nothing is kept, nothing is resumed
	// Elsewhere measures the units in other places; nil: they are measured here.
	Elsewhere Elsewhere
	// Progress is told how many of the plan's units are done: at the start,
	// where those of an earlier run count, and whenever one ends. Calls come
	// from several goroutines, one at a time, with done ascending.
	Progress func(done, total int)
}

// Run measures a plan. The outcome is the same for any number of workers, and
// for a run that was interrupted and resumed.
//
// The first unit that fails ends the run; the error is that of the first in
// the plan's order. Cancelling ctx ends it once the units under way have, with
// an error that wraps [ErrInterrupted].
func Run(ctx context.Context, plan *Plan, opt Options) (*Outcome, error) {
	s, err := newSchedule(plan)
	if err != nil {
		return nil, err
	}
	r := &run{schedule: s, journal: opt.Journal, progress: opt.Progress}
	if err := r.measureAll(ctx, opt.Workers, opt.Elsewhere); err != nil {
		return nil, fmt.Errorf("experiment: %w", err)
	}
	return s.outcome(), nil
}

// run is the state of one Run.
type run struct {
	*schedule
	journal *Journal
	free    buffers
	found   func(entry) // is told about constants, where there is no journal

	mu       sync.Mutex
	done     int
	progress func(done, total int)
}

func (r *run) measureAll(ctx context.Context, workers int, elsewhere Elsewhere) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if r.journal != nil {
		r.done = r.adopt(r.journal.entries)
		r.journal.resumed = r.done
	}
	var pending []*unit
	for _, u := range r.units {
		if !u.done() {
			pending = append(pending, u)
			u.passage.pending.Add(1)
		}
	}
	if r.progress != nil {
		r.progress(r.done, len(r.units))
	}
	var err error
	if elsewhere != nil {
		err = r.elsewhere(ctx, elsewhere, pending)
	} else {
		own := make([]worker, workers)
		err = runPool(ctx, workers, len(pending), func(w, i int) error {
			u := pending[i]
			defer u.passage.done(&r.free)
			if err := r.measure(ctx, &own[w], u); err != nil {
				return err
			}
			return r.finish(u)
		})
	}
	if r.journal != nil {
		if syncErr := r.journal.sync(); err == nil && syncErr != nil {
			err = fmt.Errorf("journal: %w", syncErr)
		}
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		next := ""
		if r.journal != nil {
			next = "; continue with --resume"
		}
		return fmt.Errorf("%w after %d of %d units: %w%s", ErrInterrupted, r.done, len(r.units), context.Cause(ctx), next)
	}
	return err
}

// record writes a line to the journal, if there is one.
func (r *run) record(e entry) error {
	if r.found != nil {
		r.found(e)
	}
	if r.journal == nil {
		return nil
	}
	if err := r.journal.append(e); err != nil {
		return fmt.Errorf("journal: %w; see to the disk, then continue with --resume", err)
	}
	return nil
}

// finish records a unit that is done.
func (r *run) finish(u *unit) error {
	if err := r.record(u.entry()); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	if r.progress != nil {
		r.progress(r.done, len(r.units))
	}
	return nil
}
