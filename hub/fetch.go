package hub

import (
	"context"
	"fmt"
	"net/http"
	"sync"
)

const (
	// mergeGap is how far apart two ranges may be to come in one request: a
	// request costs more time than as many bytes.
	mergeGap = 16 << 10
	// maxJob bounds one request, so that the work is spread over connections.
	maxJob = 32 << 20
)

// Fetch brings ranges of the file to disk, over several connections at once;
// reading them is then local. Neighbouring ranges come in one request. What
// arrived before an error or the end of the context is kept.
func (f *File) Fetch(ctx context.Context, ranges []Range) error {
	for _, r := range ranges {
		if r.Begin < 0 || r.End < r.Begin || r.End > f.size {
			return fmt.Errorf("hub: %s of %s: the range %d to %d is not inside the file of %d bytes", f.name, f.snap.ref.ID, r.Begin, r.End, f.size)
		}
	}
	want := union(ranges, 0)
	if f.whole != nil || len(f.ranges.missing(want)) == 0 {
		return nil
	}
	o, err := f.snap.op(http.MethodGet, f.name)
	if err != nil {
		return err
	}
	if err := f.ranges.scan(); err != nil { // another process may have been here
		return o.disk(f.snap.c, err)
	}
	for {
		mine, release, wait := f.ranges.claim(want)
		switch {
		case mine != nil:
			err := f.fetch(ctx, o, mine)
			release()
			if err != nil {
				return err
			}
		case wait != nil:
			select {
			case <-wait:
			case <-ctx.Done():
				return o.canceled(ctx)
			}
		default:
			return nil
		}
	}
}

// jobs plans the requests for bytes that are missing.
func (f *File) jobs(missing []Range) []Range {
	merged := union(missing, mergeGap)
	// Small enough for every connection to have work, large enough to be worth
	// a request.
	size := total(merged)/int64(f.snap.c.connections) + 1
	size = min(max(size, maxExtent), maxJob)
	return split(merged, (size+maxExtent-1)/maxExtent*maxExtent)
}

// fetch transfers ranges that are missing.
func (f *File) fetch(ctx context.Context, o op, missing []Range) error {
	c := f.snap.c
	if c.offline {
		e := f.snap.offlineError(o, f.name).(*Error)
		e.Detail = fmt.Sprintf("%d bytes of it are not in the cache %s (the first at %d), and offline nothing else is asked", total(missing), c.cache, missing[0].Begin)
		return e
	}
	if err := f.snap.writeNote(f.name, f.src.blob); err != nil {
		return o.disk(c, err)
	}
	jobs := f.jobs(missing)
	o.track = c.track(f.snap.ref.ID, f.name, 0, total(jobs))
	defer o.track.finish()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan Range, len(jobs))
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	for range min(c.connections, len(jobs)) {
		wg.Go(func() {
			for job := range queue {
				if ctx.Err() != nil {
					break
				}
				if err := f.fetchJob(ctx, o, job); err != nil {
					once.Do(func() { first = err })
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	if first == nil && ctx.Err() != nil {
		return o.canceled(ctx)
	}
	return first
}

// fetchJob transfers one range, an extent at a time, so that little is lost if
// the process dies. An error or the end of the context loses nothing.
func (f *File) fetchJob(ctx context.Context, o op, job Range) error {
	buf := make([]byte, 0, min(job.Len(), maxExtent))
	begin := job.Begin
	flush := func() error {
		if len(buf) == 0 {
			return nil
		}
		if err := f.ranges.store(begin, buf); err != nil {
			return o.disk(f.snap.c, err)
		}
		begin += int64(len(buf))
		buf = buf[:0]
		return nil
	}
	err := f.src.stream(ctx, o, job.Begin, job.End, func(p []byte) error {
		for len(p) > 0 {
			n := min(len(p), cap(buf)-len(buf))
			buf = append(buf, p[:n]...)
			p = p[n:]
			if len(buf) == cap(buf) {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		flush() // the error to report is the first one
		return err
	}
	return flush()
}
