package main

import (
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress shows finished units, their rate and the time left on a terminal,
// and nothing in a pipe.
type progress struct {
	container *mpb.Progress
	bar       *mpb.Bar
	last      time.Time
	done      int
}

// isTerminal says whether a person watches w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func newProgress(w io.Writer, quiet bool) *progress {
	if quiet || !isTerminal(w) {
		return &progress{}
	}
	return &progress{container: mpb.New(mpb.WithOutput(w), mpb.WithWidth(48))}
}

// update is the callback of the experiment.
func (p *progress) update(done, total int) {
	if p.container == nil {
		return
	}
	now := time.Now()
	if p.bar == nil {
		p.bar = p.container.AddBar(int64(total),
			mpb.PrependDecorators(decor.CountersNoUnit("%d / %d units")),
			mpb.AppendDecorators(
				decor.EwmaSpeed(0, "%.0f/s", 60),
				decor.Name(", "),
				decor.EwmaETA(decor.ET_STYLE_GO, 60),
				decor.Name(" left"),
			),
			mpb.BarRemoveOnComplete(),
		)
		// Units that an earlier run finished say nothing about the speed.
		p.bar.SetRefill(int64(done))
		p.bar.SetCurrent(int64(done))
		p.last, p.done = now, done
		return
	}
	if done-p.done > 0 {
		p.bar.EwmaIncrInt64(int64(done-p.done), now.Sub(p.last))
		p.last, p.done = now, done
	}
}

// finish leaves the terminal clean, also after an interrupt.
func (p *progress) finish() {
	if p.container == nil {
		return
	}
	if p.bar != nil {
		p.bar.Abort(true)
	}
	p.container.Wait()
}
