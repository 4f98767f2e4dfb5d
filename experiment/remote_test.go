package experiment

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// elsewhere measures tasks on benches of their own, in random order, some of them more
// than once, and delivers rubbish in between.
func elsewhere(t *testing.T, plan func() *Plan, benches int) Elsewhere {
	return func(ctx context.Context, tasks []Task, deliver func([]byte) error) error {
		r := rand.New(rand.NewPCG(1, 2))
		r.Shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
		next := make(chan Task, 2*len(tasks))
		for i, task := range tasks {
			next <- task
			if i%3 == 0 {
				next <- task
			}
		}
		close(next)
		var wait sync.WaitGroup
		for range benches {
			b, err := NewBench(plan())
			if err != nil {
				return err
			}
			wait.Go(func() {
				defer b.Release()
				for task := range next {
					result, err := b.Measure(ctx, task)
					if err != nil {
						t.Error(err)
						return
					}
					if err := deliver(result[:len(result)-1]); !errors.Is(err, ErrResult) {
						t.Errorf("half a result: %v", err)
					}
					if err := deliver(bytes.Replace(result, []byte(`"passage":`), []byte(`"passage":9`), 1)); !errors.Is(err, ErrResult) {
						t.Errorf("a result of another task: %v", err)
					}
					if err := deliver(result); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		return nil
	}
}

func TestUnitsMeasuredElsewhereGiveTheSameOutcome(t *testing.T) {
	plan := func() *Plan {
		p := testPlan(t, nil)
		p.Codecs = append(p.Codecs, specs(t, "fp8-tensor e8-gs:delta=0.09,slot=auto")...)
		return p
	}
	want := render(mustRun(t, plan(), Options{}))
	for _, benches := range []int{1, 3} {
		dir := t.TempDir()
		journal := mustOpen(t, dir, false)
		last := 0
		progress := func(done, total int) {
			if done < last || done > total {
				t.Errorf("%d units after %d of %d", done, last, total)
			}
			last = done
		}
		got := render(mustRun(t, plan(), Options{Journal: journal, Elsewhere: elsewhere(t, plan, benches), Progress: progress}))
		mustClose(t, journal)
		if got != want {
			t.Errorf("%d benches: the outcome differs", benches)
		}
		units, err := plan().Units()
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, JournalName))
		if err != nil {
			t.Fatal(err)
		}
		checkEachUnitOnce(t, string(text), units)
		journal = mustOpen(t, dir, true)
		nowhere := func(_ context.Context, tasks []Task, _ func([]byte) error) error {
			if len(tasks) > 0 {
				t.Errorf("%d tasks are left", len(tasks))
			}
			return nil
		}
		if render(mustRun(t, plan(), Options{Journal: journal, Elsewhere: nowhere})) != want {
			t.Error("the journal holds another outcome")
		}
		mustClose(t, journal)
	}
}

func TestAUnitThatCannotBeMeasuredEndsTheRun(t *testing.T) {
	plan := func() *Plan {
		return &Plan{Source: sourceOf(tooLarge("x")), Codecs: specs(t, "int8:group=8"), Named: true}
	}
	_, want := Run(t.Context(), plan(), Options{})
	if want == nil {
		t.Fatal("the codec takes everything")
	}
	_, err := Run(t.Context(), plan(), Options{Elsewhere: func(ctx context.Context, tasks []Task, deliver func([]byte) error) error {
		b, err := NewBench(plan())
		if err != nil {
			return err
		}
		for _, task := range tasks {
			result, err := b.Measure(ctx, task)
			if err != nil {
				return err
			}
			if err := deliver(result); err != nil {
				return err
			}
		}
		return nil
	}})
	var failed *TaskError
	if !errors.As(err, &failed) || !strings.Contains(want.Error(), failed.Reason) {
		t.Errorf("%v, want %v", err, want)
	}
	_, err = Run(t.Context(), plan(), Options{Elsewhere: func(context.Context, []Task, func([]byte) error) error { return nil }})
	if err == nil || !strings.Contains(err.Error(), "was not measured") {
		t.Errorf("nothing was delivered: %v", err)
	}
}

// FuzzResult gives arbitrary bytes as a result.
func FuzzResult(f *testing.F) {
	plan := testPlan(f, nil)
	b, err := NewBench(plan)
	if err != nil {
		f.Fatal(err)
	}
	for _, u := range b.units[:3] {
		result, err := b.Measure(f.Context(), u.task())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(result)
	}
	s, err := newSchedule(plan)
	if err != nil {
		f.Fatal(err)
	}
	units := map[key]*unit{}
	for _, u := range s.units {
		units[u.key] = u
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		u, lines, err := readResult(units, data)
		var task *TaskError
		if err != nil && !errors.Is(err, ErrResult) && !errors.As(err, &task) {
			t.Errorf("%v", err)
		}
		if err == nil && len(lines) > 0 {
			u.fits(lines[len(lines)-1])
		}
	})
}
