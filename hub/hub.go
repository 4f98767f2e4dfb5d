// Package hub reads model files from the Hugging Face Hub: whole small files,
// and just the wanted bytes of large ones.
//
// A [Client] resolves "ORG/NAME@REV" to one commit, a [Snapshot], and every
// later read is pinned to it, so that what is read belongs together. Whole
// files go through the official cache (refs, snapshots, blobs): what other
// programs have downloaded is found, and they find what this one downloads.
// [Snapshot.Open] gives random access to a file that is not there as a whole;
// the ranges that were read are kept beside it, with checksums, and are local
// the next time. docs/hub.md says what lies where.
//
// Requests that fail for a passing reason are repeated, and a body that breaks
// off is continued where it stopped. What is left is an [*Error] that says what
// to do; its Kind is one of the Err values of this package:
//
//	if errors.Is(err, hub.ErrGated) { ... }
package hub

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultEndpoint is the public Hub.
const DefaultEndpoint = "https://huggingface.co"

// Options configure a [Client]. A zero field takes its value from the
// environment, where there is one, and else a default.
type Options struct {
	Endpoint string // HF_ENDPOINT, else DefaultEndpoint
	Cache    string // HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub
	Token    string // HF_TOKEN, else the file HF_TOKEN_PATH, else $HF_HOME/token
	Offline  bool   // also HF_HUB_OFFLINE: nothing but the cache is used

	// HTTP gives the transport and cookies. Its Timeout and CheckRedirect are
	// not used: a large file may take its time, and redirects decide who sees
	// the token.
	HTTP *http.Client
	// Progress, if set, is called while bytes arrive, about ten times a
	// second and at the end, never by two goroutines at once.
	Progress func(Progress)

	Connections int           // parallel requests of one Fetch; default 16
	Idle        time.Duration // how long a connection may be silent; default 30 s
	Backoff     time.Duration // first pause before a request is repeated; default 500 ms
}

// Client talks to one Hub and one cache. It is safe for concurrent use.
type Client struct {
	endpoint    *url.URL
	cache       string
	token       string
	offline     bool
	http        *http.Client
	progress    func(Progress)
	progressMu  sync.Mutex
	connections int
	idle        time.Duration
	backoff     time.Duration

	requests, bytes, retries atomic.Int64

	rangesMu sync.Mutex
	ranges   map[string]*rangeCache // by directory

	// Tests replace these.
	sleep   func(context.Context, time.Duration) error
	now     func() time.Time
	symlink func(target, path string) error
}

// New makes a client. It does not touch the network or the disk, but for the
// token file.
func New(opt Options) (*Client, error) {
	c := &Client{
		offline:     opt.Offline,
		progress:    opt.Progress,
		connections: opt.Connections,
		idle:        opt.Idle,
		backoff:     opt.Backoff,
		ranges:      map[string]*rangeCache{},
		sleep:       sleep,
		now:         time.Now,
		symlink:     makeSymlink,
	}
	if err := c.fromEnvironment(opt); err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	if c.connections <= 0 {
		c.connections = 16
	}
	if c.idle <= 0 {
		c.idle = 30 * time.Second
	}
	if c.backoff <= 0 {
		c.backoff = 500 * time.Millisecond
	}
	c.http = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if opt.HTTP != nil {
		c.http.Transport, c.http.Jar = opt.HTTP.Transport, opt.HTTP.Jar
	}
	if c.http.Transport == nil {
		c.http.Transport = newTransport(c.connections)
	}
	return c, nil
}

// newTransport is Go's default but for HTTP/2, which would send all parallel
// ranges through one TCP connection and so through one congestion window.
func newTransport(connections int) http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = nil
	if t.TLSClientConfig != nil {
		t.TLSClientConfig.NextProtos = nil
	}
	t.MaxIdleConnsPerHost = connections
	return t
}

// Stats counts what a client has done so far.
type Stats struct {
	Requests int64 // HTTP requests sent, redirects and repetitions included
	Bytes    int64 // received in bodies, those of failed requests included
	Retries  int64 // pauses before a repetition
}

// Cache is the folder that files and ranges are kept in.
func (c *Client) Cache() string { return c.cache }

// Stats returns the counts so far.
func (c *Client) Stats() Stats {
	return Stats{Requests: c.requests.Load(), Bytes: c.bytes.Load(), Retries: c.retries.Load()}
}

// repoDir is the folder of a repository in the official cache.
func repoDir(id string) string { return "models--" + strings.ReplaceAll(id, "/", "--") }
