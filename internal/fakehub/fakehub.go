// Package fakehub is a Hugging Face Hub inside the process, for tests and for
// runs without a network. It answers like the real one where a client can tell
// the difference:
//
//   - two hosts: the Hub, and a storage host for large files, reached through a
//     redirect to a signed URL that refuses an Authorization header;
//   - /api/models/ORG/NAME[/revision/REV|/tree/REV], /ORG/NAME/resolve/REV/FILE
//     and the relative redirect of small files to /api/resolve-cache;
//   - X-Repo-Commit, X-Linked-Etag, X-Linked-Size, X-Error-Code; git's SHA-1 as
//     the ETag of a small file, SHA-256 as that of a large one;
//   - gated and private repositories and tokens;
//   - byte ranges, If-Range and 416.
//
// Contents are read through io.ReaderAt and never loaded, so a checkpoint of
// many gigabytes may be made up as it is read. [Hub.Inject] makes any request
// go wrong, and [Hub.Requests] tells what was asked and how much was sent.
package fakehub

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// Host is one of the two servers.
type Host string

const (
	HubHost     Host = "hub"
	StorageHost Host = "storage"
)

// Hub is a running fake Hub. Its methods are safe for concurrent use.
type Hub struct {
	URL        string // for HF_ENDPOINT
	StorageURL string

	hub, storage *httptest.Server
	done         chan struct{} // closed by Close, ends stalled answers

	mu     sync.Mutex
	repos  map[string]*Repo
	tokens map[string]bool
	key    []byte // signs storage URLs
	blobs  map[string]*File
	faults []*fault
	log    []*Request
}

// Start runs a Hub without repositories on two ports of the loopback device.
// The caller must Close it.
func Start() *Hub {
	h := &Hub{
		done:   make(chan struct{}),
		repos:  map[string]*Repo{},
		tokens: map[string]bool{},
		key:    newKey(),
		blobs:  map[string]*File{},
	}
	serve := func(host Host, handler http.HandlerFunc) *httptest.Server {
		s := httptest.NewUnstartedServer(h.logged(host, h.faulty(host, handler)))
		s.Config.ErrorLog = log.New(io.Discard, "", 0) // aborted answers are the point
		s.Start()
		return s
	}
	h.hub = serve(HubHost, h.serveHub)
	h.storage = serve(StorageHost, h.serveStorage)
	h.URL, h.StorageURL = h.hub.URL, h.storage.URL
	return h
}

// Close stops both servers.
func (h *Hub) Close() {
	close(h.done)
	for _, s := range []*httptest.Server{h.hub, h.storage} {
		s.CloseClientConnections()
		s.Close()
	}
}

// AllowTokens makes tokens that the Hub knows; any other is refused with 401.
func (h *Hub) AllowTokens(tokens ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range tokens {
		h.tokens[t] = true
	}
}

// ExpireURLs makes every signed storage URL given out so far invalid.
func (h *Hub) ExpireURLs() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.key = newKey()
}

func newKey() []byte {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return key
}

// Add makes an empty repository called "ORG/NAME".
func (h *Hub) Add(id string) *Repo {
	if strings.Count(id, "/") != 1 {
		panic("fakehub: not ORG/NAME: " + id)
	}
	r := &Repo{hub: h, id: id, refs: map[string]string{}, trees: map[string]Files{}, members: map[string]bool{}}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.repos[id] = r
	return r
}

// Repo is a repository of the Hub.
type Repo struct {
	hub *Hub
	id  string

	// The hub's mutex guards what follows.
	refs    map[string]string // branch, tag or refs/pr/N to commit
	trees   map[string]Files  // by commit
	gated   bool
	private bool
	members map[string]bool // tokens that may read
}

// Commit makes files the content of a branch, as a new commit whose hash it
// returns. Older commits stay readable.
func (r *Repo) Commit(branch string, files Files) string {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	sum := sha1.Sum(fmt.Appendf(nil, "%s %s %d", r.id, branch, len(r.trees)))
	commit := hex.EncodeToString(sum[:])
	r.trees[commit] = files
	r.refs[branch] = commit
	return commit
}

// Gate makes the files, though not the metadata, readable to these tokens only,
// as for a model whose licence must be accepted.
func (r *Repo) Gate(tokens ...string) {
	r.hub.AllowTokens(tokens...)
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	r.gated = true
	for _, t := range tokens {
		r.members[t] = true
	}
}

// Private hides the repository from all but these tokens.
func (r *Repo) Private(tokens ...string) {
	r.Gate(tokens...)
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	r.gated, r.private = false, true
}

// Request is one request that arrived.
type Request struct {
	Host   Host
	Method string
	Path   string // escaped, without the query
	Header http.Header
	Status int   // 0 where the connection was broken before an answer
	Bytes  int64 // of the body, as handed to the network
}

// Requests returns what arrived since Start or ResetLog, in order of arrival.
func (h *Hub) Requests() []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Request, len(h.log))
	for i, r := range h.log {
		list[i] = *r
	}
	return list
}

// BytesSent returns the bytes of all bodies that a host sent.
func (h *Hub) BytesSent(host Host) int64 {
	var n int64
	for _, r := range h.Requests() {
		if r.Host == host {
			n += r.Bytes
		}
	}
	return n
}

// ResetLog forgets the requests so far.
func (h *Hub) ResetLog() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = nil
}

func (h *Hub) logged(host Host, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entry := &Request{Host: host, Method: r.Method, Path: r.URL.EscapedPath(), Header: r.Header.Clone()}
		h.mu.Lock()
		h.log = append(h.log, entry)
		h.mu.Unlock()
		next.ServeHTTP(&meter{ResponseWriter: w, hub: h, entry: entry}, r)
	})
}

// meter counts what an answer sends, before it is sent: a client that has seen
// the bytes finds them counted.
type meter struct {
	http.ResponseWriter
	hub   *Hub
	entry *Request
}

func (m *meter) WriteHeader(status int) {
	m.hub.mu.Lock()
	m.entry.Status = status
	m.hub.mu.Unlock()
	m.ResponseWriter.WriteHeader(status)
}

func (m *meter) Write(p []byte) (int, error) {
	m.hub.mu.Lock()
	if m.entry.Status == 0 {
		m.entry.Status = http.StatusOK
	}
	if m.entry.Method != http.MethodHead {
		m.entry.Bytes += int64(len(p))
	}
	m.hub.mu.Unlock()
	return m.ResponseWriter.Write(p)
}

func (m *meter) Unwrap() http.ResponseWriter { return m.ResponseWriter }
