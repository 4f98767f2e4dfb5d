package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Measurer does tasks of a job, for one goroutine.
type Measurer interface {
	// Measure returns the result of a task. An error means that the task is given back,
	// and that nothing more of the job is taken.
	Measure(ctx context.Context, task []byte) (result []byte, err error)
	Close()
}

// Input is a job's input, opened.
type Input struct {
	New   func() (Measurer, error)
	Close func()
}

// Worker does tasks of whatever jobs there are.
type Worker struct {
	Conn    *Conn
	Name    string
	Version string // of the program
	Threads int    // tasks at a time
	// Open opens the input of a job; the coordinator is told if that fails.
	Open func(ctx context.Context, job Job) (*Input, error)
	// Only, if set, is the one job that is worked on; Run ends with it.
	Only string
	Note func(text string) // may be nil
}

func (w *Worker) note(format string, args ...any) {
	if w.Note != nil {
		w.Note(fmt.Sprintf(format, args...))
	}
}

// tell is note for the coordinator of a job too.
func (w *Worker) tell(job, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.note("%s", text)
	// A message that is lost is no loss.
	_ = w.Conn.nc.Publish(noteSubject(job), []byte(printable("worker "+w.Name+": "+text)))
}

// pollInterval is how often a worker looks for new jobs and for the end of its own.
const pollInterval = 500 * time.Millisecond

// Run works until ctx ends. Tasks under way are given back then.
func (w *Worker) Run(ctx context.Context) error {
	left := map[string]bool{} // jobs that this worker cannot do
	var lastErr string
	for {
		jobs, err := w.jobs(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			// No bucket yet, or no connection: both come.
			if text := err.Error(); text != lastErr && !errors.Is(err, jetstream.ErrBucketNotFound) {
				w.note("waiting: %v", explain(err))
				lastErr = text
			}
		}
		for _, job := range jobs {
			if left[job.ID] || w.Only != "" && job.ID != w.Only {
				continue
			}
			if err := w.do(ctx, job); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				left[job.ID] = true
				w.tell(job.ID, "leaves the run alone: %v", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pollInterval):
		}
	}
}

// jobs lists what there is.
func (w *Worker) jobs(ctx context.Context) ([]Job, error) {
	bucket, err := w.Conn.js.KeyValue(ctx, jobsBucket)
	if err != nil {
		return nil, err
	}
	keys, err := bucket.ListKeys(ctx)
	if err != nil {
		return nil, err
	}
	var jobs []Job
	for key := range keys.Keys() {
		e, err := bucket.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue
		}
		if err != nil {
			return jobs, err
		}
		var j Job
		if err := json.Unmarshal(e.Value(), &j); err != nil || j.ID != key || j.check() != nil {
			continue // not of this program
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// do works on a job until it is over.
func (w *Worker) do(ctx context.Context, job Job) error {
	if job.Version != w.Version {
		return fmt.Errorf("it is of kakeya %s, this is %s", job.Version, w.Version)
	}
	input, err := w.Open(ctx, job)
	if err != nil {
		return err
	}
	defer input.Close()
	consumer, err := w.Conn.js.Consumer(ctx, workStream(job.ID), workers)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil // over
	}
	if err != nil {
		return explain(err)
	}
	w.tell(job.ID, "joins with %d threads", w.Threads)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go w.watch(ctx, job.ID, cancel)
	errs := make([]error, w.Threads)
	var wait sync.WaitGroup
	for t := range w.Threads {
		m, err := input.New()
		if err != nil {
			cancel()
			wait.Wait()
			return err
		}
		wait.Go(func() {
			defer m.Close()
			if errs[t] = w.tasks(ctx, job.ID, consumer, m); errs[t] != nil {
				cancel()
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// watch cancels when the job is over.
func (w *Worker) watch(ctx context.Context, id string, cancel func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pollInterval):
		}
		bucket, err := w.Conn.js.KeyValue(ctx, jobsBucket)
		if err != nil {
			continue
		}
		if _, err := bucket.Get(ctx, id); errors.Is(err, jetstream.ErrKeyNotFound) {
			cancel()
			return
		}
	}
}

// tasks takes tasks one after the other until ctx ends.
func (w *Worker) tasks(ctx context.Context, id string, consumer jetstream.Consumer, m Measurer) error {
	for ctx.Err() == nil {
		batch, err := consumer.Fetch(1, jetstream.FetchMaxWait(time.Second))
		if err != nil {
			// The connection, or the end of the job: both show elsewhere.
			select {
			case <-ctx.Done():
			case <-time.After(pollInterval):
			}
			continue
		}
		for msg := range batch.Messages() {
			if err := w.task(ctx, id, msg, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// task does one task, stores its result and acknowledges it.
func (w *Worker) task(ctx context.Context, id string, msg jetstream.Msg, m Measurer) error {
	renewing, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		for {
			select {
			case <-renewing.Done():
				return
			case <-time.After(renewal):
				// Renewals that fail show as a task done twice, which counts once.
				_ = msg.InProgress()
			}
		}
	}()
	result, err := m.Measure(ctx, msg.Data())
	if err != nil {
		_ = msg.Nak()
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if err := w.store(ctx, id, msg.Data(), result); err != nil {
		_ = msg.Nak()
		return err
	}
	// If it is lost the task is done twice, which counts once.
	_ = msg.DoubleAck(ctx)
	return nil
}

// renewal is how often leases are renewed: several times in the shortest that anybody
// has use for.
const renewal = 500 * time.Millisecond

// store keeps a result, however long the connection is gone or the store full.
func (w *Worker) store(ctx context.Context, id string, task, result []byte) error {
	if len(result) > maxResult {
		return fmt.Errorf("a result of %d bytes, at most %d can be", len(result), maxResult)
	}
	told := false
	for {
		_, err := w.Conn.js.Publish(ctx, doneSubject(id, task), result)
		switch {
		case err == nil, isThere(err): // stored, by somebody
			return nil
		case ctx.Err() != nil: // or the job is over
			return nil
		}
		if !told {
			w.tell(id, "a result cannot be stored yet: %v", explain(err))
			told = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pollInterval):
		}
	}
}
