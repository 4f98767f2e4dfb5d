package hub

import (
	"sync"
	"time"
)

// Progress says how far the transfer of one file, or of ranges of it, has come.
type Progress struct {
	Repo, File  string
	Done, Total int64         // bytes; Done begins with what was there before
	Fetched     int64         // of Done, what came over the network in this transfer
	Elapsed     time.Duration // since the transfer began
	Waiting     string        // why nothing moves at the moment; mostly ""
}

// Left estimates the time left from the mean speed so far; 0 where nothing can
// be said yet.
func (p Progress) Left() time.Duration {
	if p.Fetched <= 0 || p.Done >= p.Total {
		return 0
	}
	return time.Duration(float64(p.Elapsed) / float64(p.Fetched) * float64(p.Total-p.Done))
}

// progressEvery is the pause between two reports.
const progressEvery = 100 * time.Millisecond

// tracker reports the progress of one transfer. A nil tracker does nothing.
type tracker struct {
	c     *Client
	start time.Time

	mu   sync.Mutex
	p    Progress
	last time.Time
}

// track begins a transfer of total bytes of which done are there already.
func (c *Client) track(repo, file string, done, total int64) *tracker {
	if c.progress == nil {
		return nil
	}
	t := &tracker{c: c, start: c.now(), p: Progress{Repo: repo, File: file, Done: done, Total: total}}
	t.update(func(*Progress) {}, true)
	return t
}

// add counts n bytes from the network.
func (t *tracker) add(n int) {
	if t != nil {
		t.update(func(p *Progress) { p.Done += int64(n); p.Fetched += int64(n); p.Waiting = "" }, false)
	}
}

// wait says why nothing moves.
func (t *tracker) wait(why string) {
	if t != nil {
		t.update(func(p *Progress) { p.Waiting = why }, true)
	}
}

// finish reports the last state.
func (t *tracker) finish() {
	if t != nil {
		t.update(func(p *Progress) { p.Waiting = "" }, true)
	}
}

// update holds the lock while it reports, so that reports come in order.
func (t *tracker) update(change func(*Progress), always bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.p)
	now := t.c.now()
	t.p.Elapsed = now.Sub(t.start)
	if !always && now.Sub(t.last) < progressEvery {
		return
	}
	t.last = now
	t.c.progressMu.Lock()
	defer t.c.progressMu.Unlock()
	t.c.progress(t.p)
}
