package hub

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kakeyalattice/internal/fakehub"
)

const repoID = "acme/toy"

// world is a fake Hub with one repository, a client and an empty cache.
type world struct {
	t      *testing.T
	hub    *fakehub.Hub
	repo   *fakehub.Repo
	commit string
	cache  string
	large  []byte // model.safetensors

	mu     sync.Mutex
	pauses []time.Duration
}

// newWorld also empties the environment, so that the developer's own settings
// change nothing.
func newWorld(t *testing.T) *world {
	for _, name := range []string{"HF_ENDPOINT", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HF_TOKEN",
		"HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_IMPLICIT_TOKEN",
		"HF_HUB_DOWNLOAD_TIMEOUT", "HTTP_PROXY", "http_proxy"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	w := &world{t: t, hub: fakehub.Start(), cache: t.TempDir(), large: make([]byte, 300_000)}
	t.Cleanup(w.hub.Close)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(w.large)
	w.repo = w.hub.Add(repoID)
	w.commit = w.repo.Commit("main", fakehub.Files{
		"config.json":         fakehub.Small([]byte(`{"model_type":"toy"}`)),
		"sub/tokenizer.json":  fakehub.Small([]byte(`{}`)),
		"empty.txt":           fakehub.Small(nil),
		"model.safetensors":   fakehub.Large(w.large),
		"odd name +%?#é.json": fakehub.Small([]byte("odd")),
	})
	return w
}

// client makes a client that never really waits.
func (w *world) client(change ...func(*Options)) *Client {
	w.t.Helper()
	opt := Options{Endpoint: w.hub.URL, Cache: w.cache, Idle: 10 * time.Second}
	for _, f := range change {
		f(&opt)
	}
	c, err := New(opt)
	if err != nil {
		w.t.Fatal(err)
	}
	c.sleep = func(ctx context.Context, d time.Duration) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.pauses = append(w.pauses, d)
		return ctx.Err()
	}
	return c
}

func (w *world) snapshot(c *Client) *Snapshot {
	w.t.Helper()
	s, err := c.Snapshot(w.t.Context(), repoID)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) open(c *Client, name string) *File {
	w.t.Helper()
	f, err := w.snapshot(c).Open(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { f.Close() })
	return f
}

// requests counts what arrived at a host.
func (w *world) requests(host fakehub.Host) (n int) {
	for _, r := range w.hub.Requests() {
		if r.Host == host {
			n++
		}
	}
	return n
}

func offline(o *Options) { o.Offline = true }

// wantError checks kind and words of an error, and that it has the form of all.
func wantError(t *testing.T, err, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error is %v, want kind %v", err, kind)
	}
	for _, word := range append(words, "hub: ", " of "+repoID+": ") {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
	for _, secret := range []string{"X-Amz-Signature", "hf_"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("error %q gives away %s", err, secret)
		}
	}
	if !errors.Is(kind, fs.ErrNotExist) && errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %q passes for a missing file", err)
	}
}

func TestSnapshotPinsACommit(t *testing.T) {
	w := newWorld(t)
	s := w.snapshot(w.client())
	if s.Commit() != w.commit || s.ID() != repoID {
		t.Fatalf("%s at %s, want %s", s.ID(), s.Commit(), w.commit)
	}
	later := w.repo.Commit("main", fakehub.Files{"config.json": fakehub.Small([]byte("new"))})
	data, err := s.ReadFile(t.Context(), "config.json")
	if err != nil || string(data) != `{"model_type":"toy"}` {
		t.Errorf("after a new commit the snapshot reads %q, %v", data, err)
	}
	if s := w.snapshot(w.client()); s.Commit() != later {
		t.Errorf("a new snapshot is at %s, want %s", s.Commit(), later)
	}
}

func TestRevisionsOfEveryForm(t *testing.T) {
	w := newWorld(t)
	pr := w.repo.Commit("refs/pr/1", fakehub.Files{"config.json": fakehub.Small([]byte("pr"))})
	tag := w.repo.Commit("v1.0", fakehub.Files{"config.json": fakehub.Small([]byte("tag"))})
	for ref, want := range map[string]string{"": w.commit, "@main": w.commit, "@refs/pr/1": pr, "@v1.0": tag, "@" + tag: tag} {
		c := w.client()
		s, err := c.Snapshot(t.Context(), repoID+ref)
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		if s.Commit() != want {
			t.Errorf("%s is %s, want %s", ref, s.Commit(), want)
		}
		if ref == "@"+tag && c.Stats().Requests != 0 {
			t.Errorf("a commit was asked for")
		}
		if _, err := s.ReadFile(t.Context(), "config.json"); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
	for name, want := range map[string]string{"refs/pr/1": pr, "v1.0": tag, "main": w.commit} {
		got, err := os.ReadFile(filepath.Join(w.cache, "models--acme--toy", "refs", filepath.FromSlash(name)))
		if err != nil || string(got) != want {
			t.Errorf("refs/%s holds %q, %v; want %s", name, got, err, want)
		}
	}
}

func TestFilesOfEveryKindAreRead(t *testing.T) {
	w := newWorld(t)
	s := w.snapshot(w.client())
	for name, want := range map[string]string{"config.json": `{"model_type":"toy"}`, "sub/tokenizer.json": "{}", "empty.txt": "",
		"model.safetensors": string(w.large), "odd name +%?#é.json": "odd"} {
		if got, err := s.ReadFile(t.Context(), name); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(want))
		}
	}
}

func TestNothingIsFetchedTwice(t *testing.T) {
	w := newWorld(t)
	s := w.snapshot(w.client())
	for range 2 {
		for _, name := range []string{"config.json", "model.safetensors"} {
			if _, err := s.ReadFile(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.ReadFile(t.Context(), "absent.json"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		f, err := s.Open(t.Context(), "model.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		if path, ok := f.Local(); !ok || f.Cached([]Range{{0, f.Size()}}) != int64(len(w.large)) {
			t.Errorf("the whole file is not used: %q", path)
		}
		f.Close()
		// HEAD and its relative redirect, GET of what that led to; HEAD and GET
		// of the large file; HEAD of the absent one; and the revision.
		if n := len(w.hub.Requests()); n != 1+3+2+1 {
			t.Fatalf("%d requests: %+v", n, w.hub.Requests())
		}
	}
}

func TestTheTokenGoesToTheHubAlone(t *testing.T) {
	w := newWorld(t)
	w.repo.Gate("hf_good")
	other := fakehub.Start() // a third host, behind a second redirect
	defer other.Close()
	w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost, Times: 1}, fakehub.RedirectTo(other.URL+"/elsewhere"))
	c := w.client(func(o *Options) { o.Token = "hf_good" })
	s := w.snapshot(c)
	s.Path(t.Context(), "model.safetensors") // fails at the third host
	w.hub.ClearFaults()
	if _, err := s.Path(t.Context(), "model.safetensors"); err != nil {
		t.Fatal(err)
	}
	f := w.open(w.client(func(o *Options) { o.Token, o.Cache = "hf_good", t.TempDir() }), "model.safetensors")
	if err := f.Fetch(t.Context(), []Range{{5, 10}}); err != nil {
		t.Fatal(err)
	}
	seen := map[fakehub.Host]int{}
	for _, r := range w.hub.Requests() {
		seen[r.Host]++
		if got := r.Header.Get("Authorization"); (got == "Bearer hf_good") != (r.Host == fakehub.HubHost) {
			t.Errorf("%s %s%s: Authorization %q", r.Method, r.Host, r.Path, got)
		}
	}
	if seen[fakehub.HubHost] == 0 || seen[fakehub.StorageHost] < 3 {
		t.Errorf("requests: %v", seen)
	}
	if list := other.Requests(); len(list) == 0 || list[0].Header.Get("Authorization") != "" {
		t.Errorf("the third host saw %+v", list)
	}
}

func TestOriginsAreTheSameOnlyInSchemeHostAndPort(t *testing.T) {
	base, _ := parseEndpoint("https://huggingface.co")
	for address, want := range map[string]bool{
		"https://huggingface.co/x":          true,
		"https://HUGGINGFACE.co:443/x":      true,
		"http://huggingface.co/x":           false,
		"https://huggingface.co:444/x":      false,
		"https://cdn.huggingface.co/x":      false,
		"https://huggingface.co.evil.com/x": false,
	} {
		u, err := base.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if sameOrigin(u, base) != want {
			t.Errorf("%s: %t", address, !want)
		}
	}
}

func TestStatsCountWhatTheNetworkCarried(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	if _, err := w.snapshot(c).Path(t.Context(), "model.safetensors"); err != nil {
		t.Fatal(err)
	}
	if got, want := c.Stats(), w.hub.BytesSent(fakehub.StorageHost); got.Bytes < want || got.Bytes > want+2000 || got.Requests != 3 {
		t.Errorf("%+v; the storage host sent %d", got, want)
	}
}

func TestProgressEndsWithEverything(t *testing.T) {
	w := newWorld(t)
	var all []Progress
	c := w.client(func(o *Options) { o.Progress = func(p Progress) { all = append(all, p) } })
	if _, err := w.snapshot(c).Path(t.Context(), "model.safetensors"); err != nil {
		t.Fatal(err)
	}
	size := int64(len(w.large))
	if first, last := all[0], all[len(all)-1]; first.Done != 0 || last.Done != size || last.Total != size || last.Fetched != size ||
		last.File != "model.safetensors" || last.Repo != repoID || last.Left() != 0 {
		t.Errorf("first %+v, last %+v", first, last)
	}
	half := Progress{Done: 600, Fetched: 500, Total: 1100, Elapsed: time.Second}
	if got := half.Left(); got != time.Second {
		t.Errorf("time left is %v", got)
	}
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func readAll(t *testing.T, f *File, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := f.ReadAt(got, 0); n != len(want) || err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v; equal: %t", n, err, bytes.Equal(got, want))
	}
}
