package hub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxAttempts = 6
	// maxPause bounds what Retry-After may ask for. The Hub counts requests in
	// windows of five minutes, so nothing honest asks for more.
	maxPause = 5 * time.Minute
)

// passing is an error that may pass if the request is repeated.
type passing struct {
	err   *Error
	after time.Duration // what the server asked to wait; 0: nothing
}

func (p *passing) Error() string { return p.err.Error() }
func (p *passing) Unwrap() error { return p.err }

func transient(e *Error, after time.Duration) error { return &passing{e, after} }

// retry calls attempt until it succeeds, fails for good, or fails maxAttempts
// times in a row without progress.
func (c *Client) retry(ctx context.Context, o op, attempt func() (progress bool, err error)) error {
	for failures := 0; ; {
		progress, err := attempt()
		var p *passing
		if err == nil || !errors.As(err, &p) {
			return err
		}
		if progress {
			failures = 0
		}
		if failures++; failures == maxAttempts {
			e := *p.err
			e.Detail += fmt.Sprintf(" (%d attempts)", maxAttempts)
			return &e
		}
		pause := c.pause(failures, p.after)
		c.retries.Add(1)
		o.track.wait(fmt.Sprintf("%s; next attempt in %v", p.err.reason(), pause.Round(100*time.Millisecond)))
		if err := c.sleep(ctx, pause); err != nil {
			return o.canceled(ctx)
		}
	}
}

// reason is an error in a few words.
func (e *Error) reason() string {
	if e.Status != 0 {
		return strconv.Itoa(e.Status) + " " + http.StatusText(e.Status)
	}
	return e.Detail
}

// pause doubles from one failure to the next, with half of it left to chance
// so that clients that failed together do not come back together. It is never
// shorter than what the server asked for.
func (c *Client) pause(failures int, asked time.Duration) time.Duration {
	d := c.backoff << (failures - 1)
	d = d/2 + rand.N(d/2+1)
	return max(d, min(asked, maxPause))
}

// retryAfter reads what a server asks to wait: Retry-After in seconds or as a
// date, else the reset time of RateLimit, which the Hub sends with 429 as
// `"resolvers";r=0;t=55`. It returns 0 where there is nothing to read.
func retryAfter(h http.Header, now time.Time) time.Duration {
	s := strings.TrimSpace(h.Get("Retry-After"))
	if s != "" {
		if d, ok := seconds(s); ok {
			return d
		}
		if t, err := http.ParseTime(s); err == nil {
			return min(max(t.Sub(now), 0), maxPause)
		}
		return 0
	}
	for field := range strings.SplitSeq(h.Get("RateLimit"), ";") {
		if t, ok := strings.CutPrefix(strings.TrimSpace(field), "t="); ok {
			d, _ := seconds(t)
			return d
		}
	}
	return 0
}

// seconds reads a whole number of seconds, capped at maxPause.
func seconds(s string) (time.Duration, bool) {
	for _, r := range s {
		if r < '0' || r > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return maxPause, true
	}
	if err != nil {
		return 0, false
	}
	return min(time.Duration(min(n, int64(maxPause/time.Second)))*time.Second, maxPause), true
}

// sleep waits, or returns early with the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
