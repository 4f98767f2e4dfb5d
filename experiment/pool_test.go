package experiment

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
)

func TestPoolDoesEveryUnitOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 5, 100} {
		for _, n := range []int{0, 1, 7, 64} {
			calls := make([]atomic.Int32, n)
			err := runPool(t.Context(), workers, n, func(w, i int) error {
				if w < 0 || w >= workers {
					t.Errorf("worker %d of %d", w, workers)
				}
				calls[i].Add(1)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range calls {
				if c := calls[i].Load(); c != 1 {
					t.Errorf("%d workers: unit %d of %d was done %d times", workers, i, n, c)
				}
			}
		}
	}
}

// The second failure in the plan's order is let happen first.
func TestPoolReturnsTheErrorOfTheLowestUnit(t *testing.T) {
	for range 50 {
		late := make(chan struct{})
		var after atomic.Int32
		err := runPool(t.Context(), 2, 100, func(_, i int) error {
			switch {
			case i == 3:
				<-late
				return fmt.Errorf("unit %d", i)
			case i == 4:
				close(late)
				return fmt.Errorf("unit %d", i)
			case i > 4:
				after.Add(1)
			}
			return nil
		})
		if err == nil || err.Error() != "unit 3" {
			t.Fatalf("error is %v, want that of unit 3", err)
		}
		if n := after.Load(); n != 0 {
			t.Fatalf("%d units began after the failure", n)
		}
	}
}

func TestPoolStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var began atomic.Int32
	err := runPool(ctx, 1, 100, func(_, i int) error {
		began.Add(1)
		if i == 4 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || began.Load() != 5 {
		t.Errorf("%v after %d units, want %v after 5", err, began.Load(), context.Canceled)
	}
}

func TestPoolCancelledAfterItsLastUnitHasSucceeded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := runPool(ctx, 2, 3, func(_, i int) error {
		if i == 2 {
			cancel()
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
