package deepseek4

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// The tokens of [Texts] that go through a part of a layer at a time: of one text
// through attention, of any texts through the experts, where each expert gets its
// share of them.
const (
	attentionBlock = 1024
	ExpertBlock    = 4096
)

// Texts is the tokens of several texts, which go through layers side by side so that
// weights are read once. Their residual streams are [tokens, hc_mult, hidden].
type Texts struct {
	IDs  []int32
	Ends []int // of each text in IDs
	// Titles are what errors call the texts.
	Titles []string
}

// Add appends a text.
func (t *Texts) Add(title string, ids []int32) {
	t.IDs = append(t.IDs, ids...)
	t.Ends = append(t.Ends, len(t.IDs))
	t.Titles = append(t.Titles, title)
}

// Begin is the place of the first token of text i in IDs.
func (t *Texts) Begin(i int) int {
	if i == 0 {
		return 0
	}
	return t.Ends[i-1]
}

// Visit gives the hook and the tap of a text; either may be nil.
type Visit func(text int) (Hook, Tap)

// Forward takes the residual streams x of all texts through the layer. As many texts
// are under way at a time as there are runs, each with the cores of its own; visit,
// which may be nil, and what it gives are called for them at the same time. After an
// error, that of a canceled context included, x is of no use.
func (t *Texts) Forward(ctx context.Context, runs []*Run, l *Layer, x []float32, visit Visit) error {
	width := l.cfg.HCMult * l.cfg.HiddenSize
	err := OnRuns(runs, len(t.Ends), func(r *Run, i int) error {
		var hook Hook
		if r.Tap = nil; visit != nil {
			hook, r.Tap = visit(i)
		}
		cache := l.NewCache(hook)
		for at, end := t.Begin(i), t.Ends[i]; at < end; at += attentionBlock {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := min(attentionBlock, end-at)
			if err := l.Attention(r, cache, x[at*width:(at+n)*width], n); err != nil {
				return fmt.Errorf("passage %q: %w", t.Titles[i], err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	blocks := (len(t.IDs) + ExpertBlock - 1) / ExpertBlock
	return OnRuns(runs, blocks, func(r *Run, i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := i * ExpertBlock
		n := min(ExpertBlock, len(t.IDs)-at)
		r.Tap = nil
		return l.Experts(r, x[at*width:(at+n)*width], t.IDs[at:at+n])
	})
}

// OnRuns calls f for 0 to n-1, at the same time on all runs, until an error; of
// several it returns the one of the smallest number.
func OnRuns(runs []*Run, n int, f func(r *Run, i int) error) error {
	errs := make([]error, n)
	var failed atomic.Bool
	next := make(chan int)
	var wait sync.WaitGroup
	for _, r := range runs[:max(1, min(len(runs), n))] {
		wait.Go(func() {
			for i := range next {
				if errs[i] = f(r, i); errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	for i := 0; i < n && !failed.Load(); i++ {
		next <- i
	}
	close(next)
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Runs shares workers, 0 for all cores, among the texts that go through a layer at a
// time: at most a few, for each has memory of its own. Beside one another they use the
// cores better than all cores use themselves on one.
func Runs(workers, texts int) []*Run {
	const most = 4
	all := &Run{Workers: workers}
	n := max(1, min(most, texts, all.workers()))
	runs := make([]*Run, n)
	for i := range runs {
		runs[i] = &Run{Workers: (all.workers() + n - 1) / n}
	}
	return runs
}
