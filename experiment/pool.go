package experiment

import (
	"context"
	"sync"
)

// runPool calls do(worker, i) for i = 0 ... n-1 on the given number of workers,
// which take the next i in ascending order.
//
// After the first error, or once ctx is cancelled, no further call begins;
// those under way run to their end. The error returned is that of the lowest i
// that failed, and hence the same for any number of workers: all below it had
// begun before it.
func runPool(ctx context.Context, workers, n int, do func(worker, i int) error) error {
	var (
		mu     sync.Mutex
		next   int
		failed = n
		first  error
		wg     sync.WaitGroup
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == n || first != nil || ctx.Err() != nil {
			return 0, false
		}
		next++
		return next - 1, true
	}
	fail := func(i int, err error) {
		mu.Lock()
		defer mu.Unlock()
		if i < failed {
			failed, first = i, err
		}
	}
	for w := range min(workers, n) {
		wg.Go(func() {
			for {
				i, ok := take()
				if !ok {
					return
				}
				if err := do(w, i); err != nil {
					fail(i, err)
				}
			}
		})
	}
	wg.Wait()
	if first == nil && next < n {
		return ctx.Err()
	}
	return first
}
