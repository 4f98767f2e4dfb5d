package main

import (
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"kakeyalattice/hub"
)

// stages shows the parts of a longer work on a terminal, and nothing in a pipe:
// a bar a file that is being fetched, and one for the layers.
type stages struct {
	hubOpener
	container *mpb.Progress

	mu   sync.Mutex
	bars map[string]*mpb.Bar
}

func newStages(w io.Writer, quiet bool) *stages {
	s := &stages{bars: map[string]*mpb.Bar{}}
	if quiet || !isTerminal(w) {
		return s
	}
	s.container = mpb.New(mpb.WithOutput(w), mpb.WithWidth(48))
	s.hubOpener.progress = s.fetching
	return s
}

// bar returns the bar of a name, made when it is first asked for.
func (s *stages) bar(name string, total int64, counters decor.Decorator, left decor.Decorator) *mpb.Bar {
	b := s.bars[name]
	if b == nil || b.Completed() {
		b = s.container.AddBar(total,
			mpb.PrependDecorators(decor.Name(name+" "), counters),
			mpb.AppendDecorators(left),
			mpb.BarRemoveOnComplete(),
		)
		s.bars[name] = b
	}
	return b
}

// smallTransfer is the bytes below which a transfer has no bar: it is over
// before anybody reads it.
const smallTransfer = 1 << 20

// fetching is told by the hub.
func (s *stages) fetching(p hub.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.container == nil || p.Total < smallTransfer {
		return
	}
	left := func(decor.Statistics) string {
		if p.Waiting != "" {
			return p.Waiting
		}
		return p.Left().Round(time.Second).String() + " left"
	}
	b := s.bar(p.File, p.Total, decor.CountersKibiByte("% .1f / % .1f"), decor.Any(left))
	b.SetCurrent(p.Done)
}

// step is told by a capture.
func (s *stages) step(stage string, done, total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.container == nil || total <= 0 {
		return
	}
	b := s.bar(stage, int64(total), decor.CountersNoUnit("%d / %d"), decor.AverageETA(decor.ET_STYLE_GO))
	b.SetCurrent(int64(done))
}

// finish leaves the terminal clean, also after an error.
func (s *stages) finish() {
	if s.container == nil {
		return
	}
	s.mu.Lock()
	for _, b := range s.bars {
		b.Abort(true)
	}
	s.mu.Unlock()
	s.container.Wait()
	s.container = nil
}
