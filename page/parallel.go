package page

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// workersOr returns n, or the number of processors that Go uses where n is not
// positive.
func workersOr(n int) int {
	if n < 1 {
		return runtime.GOMAXPROCS(0)
	}
	return n
}

// each calls f(0) to f(n-1) on so many goroutines and returns the error of the
// lowest call that failed; calls above it may be left out.
func each(n, workers int, f func(i int) error) error {
	workers = min(workers, n)
	if workers <= 1 {
		for i := range n {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	}
	var (
		next, failed atomic.Int64
		mu           sync.Mutex
		first        error
		wg           sync.WaitGroup
	)
	failed.Store(int64(n))
	for range workers {
		wg.Go(func() {
			// Calls are handed out in order, so all below a failed one are made.
			for i := next.Add(1) - 1; i < failed.Load(); i = next.Add(1) - 1 {
				if err := f(int(i)); err != nil {
					mu.Lock()
					if i < failed.Load() {
						failed.Store(i)
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return first
}
