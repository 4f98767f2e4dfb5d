package hub

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"kakeyalattice/internal/fakehub"
)

// repoFile is a path below the folder that other programs expect.
func (w *world) repoFile(part ...string) string {
	return filepath.Join(append([]string{w.cache, "models--acme--toy"}, part...)...)
}

func (w *world) write(path string, data []byte) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		w.t.Fatal(err)
	}
}

// The layout is that of https://huggingface.co/docs/hub/local-cache; the
// hashes were made with sha256sum and `git hash-object`.
func TestOthersFindWhatIsCachedHere(t *testing.T) {
	w := newWorld(t)
	w.commit = w.repo.Commit("main", fakehub.Files{
		"config.json":    fakehub.Small([]byte("{}\n")),
		"a/b/weights.gg": fakehub.Large([]byte("hello\n")),
	})
	s := w.snapshot(w.client())
	for name, etag := range map[string]string{
		"config.json":    "0967ef424bce6791893e9a57bb952f80fd536e93",
		"a/b/weights.gg": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
	} {
		path, err := s.Path(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if want := w.repoFile("snapshots", w.commit, filepath.FromSlash(name)); path != want {
			t.Errorf("%s is at %s, want %s", name, path, want)
		}
		want := strings.Repeat("../", 2+strings.Count(name, "/")) + "blobs/" + etag
		if link, err := os.Readlink(path); err != nil || filepath.ToSlash(link) != want {
			t.Errorf("%s links to %q, %v; want %q", name, link, err, want)
		}
		if _, err := os.Stat(filepath.Join(w.cache, ".locks", "models--acme--toy", etag+".lock")); err != nil {
			t.Error(err)
		}
	}
	if ref, err := os.ReadFile(w.repoFile("refs", "main")); err != nil || string(ref) != w.commit {
		t.Errorf("refs/main holds %q, %v", ref, err)
	}
	if _, err := s.Path(t.Context(), "none.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if info, err := os.Stat(w.repoFile(".no_exist", w.commit, "none.json")); err != nil || info.Size() != 0 {
		t.Errorf("the mark of a missing file: %v", err)
	}
}

func TestWhatOthersCachedIsFoundHere(t *testing.T) {
	w := newWorld(t)
	w.write(w.repoFile("blobs", "0123"), []byte("theirs"))
	w.write(w.repoFile("refs", "main"), []byte(w.commit))
	w.write(w.repoFile(".no_exist", w.commit, "none.json"), nil)
	w.write(w.repoFile("snapshots", w.commit, "copied.json"), []byte("copied"))
	if err := os.Symlink("../../blobs/0123", w.repoFile("snapshots", w.commit, "linked.json")); err != nil {
		t.Skip(err)
	}
	c := w.client(offline)
	s := w.snapshot(c)
	for name, want := range map[string]string{"linked.json": "theirs", "copied.json": "copied"} {
		if got, err := s.ReadFile(t.Context(), name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		f := w.open(c, name)
		readAll(t, f, []byte(want))
	}
	_, err := s.ReadFile(t.Context(), "none.json")
	wantError(t, err, ErrFileNotFound)
	if n := len(w.hub.Requests()); n != 0 {
		t.Errorf("%d requests were made offline", n)
	}
}

func TestOfflineWhatIsMissingIsNamed(t *testing.T) {
	w := newWorld(t)
	c := w.client(offline)
	_, err := c.Snapshot(t.Context(), repoID)
	wantError(t, err, ErrOffline, "revision main", w.cache, "HF_HUB_OFFLINE", "hf download acme/toy")
	s, err := c.Snapshot(t.Context(), repoID+"@"+w.commit)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.ReadFile(t.Context(), "config.json")
	wantError(t, err, ErrOffline, "config.json", "hf download acme/toy config.json --revision "+w.commit)
	_, err = s.Open(t.Context(), "model.safetensors")
	wantError(t, err, ErrOffline, "model.safetensors")
	if n := len(w.hub.Requests()); n != 0 {
		t.Errorf("%d requests were made offline", n)
	}
}

func TestARefIsWrittenOnlyWithAFileOfItsCommit(t *testing.T) {
	w := newWorld(t)
	w.snapshot(w.client()).Path(t.Context(), "config.json")
	before := w.commit
	w.repo.Commit("main", fakehub.Files{"model.safetensors": fakehub.Large(w.large)})
	f := w.open(w.client(), "model.safetensors") // ranges alone: others could not use the new commit
	if err := f.Fetch(t.Context(), []Range{{0, 10}}); err != nil {
		t.Fatal(err)
	}
	if ref, _ := os.ReadFile(w.repoFile("refs", "main")); string(ref) != before {
		t.Errorf("refs/main is %s", ref)
	}
}

func TestABlobServesEveryCommitThatHasIt(t *testing.T) {
	w := newWorld(t)
	w.snapshot(w.client()).Path(t.Context(), "model.safetensors")
	w.repo.Commit("main", fakehub.Files{"renamed.safetensors": fakehub.Large(w.large)})
	w.hub.ResetLog()
	c := w.client()
	s := w.snapshot(c)
	f, err := s.Open(t.Context(), "renamed.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, f, w.large)
	f.Close()
	if _, err := s.Path(t.Context(), "renamed.safetensors"); err != nil {
		t.Fatal(err)
	}
	if n := w.requests(fakehub.StorageHost); n != 0 {
		t.Errorf("%d requests to the storage host", n)
	}
}

func TestADownloadIsContinuedWhereItStopped(t *testing.T) {
	w := newWorld(t)
	w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost}, fakehub.Truncate(100_000))
	c := w.client()
	s := w.snapshot(c)
	if _, err := s.Path(t.Context(), "model.safetensors"); err != nil { // three pieces of 100,000
		t.Fatal(err)
	}
	sent := w.hub.BytesSent(fakehub.StorageHost)
	if sent != 300_000 {
		t.Errorf("%d bytes were sent for a file of 300000", sent)
	}
	var ranges []string
	for _, r := range w.hub.Requests() {
		if r.Host == fakehub.StorageHost {
			ranges = append(ranges, r.Header.Get("Range"))
			if got := r.Header.Get("If-Range"); (got != "") != (r.Header.Get("Range") != "") {
				t.Errorf("Range %q with If-Range %q", r.Header.Get("Range"), got)
			}
		}
	}
	if len(ranges) != 3 || ranges[0] != "" || ranges[1] != "bytes=100000-299999" || ranges[2] != "bytes=200000-299999" {
		t.Errorf("ranges %q", ranges)
	}
}

func TestThePartOfAnEarlierProcessIsContinued(t *testing.T) {
	for name, tt := range map[string]struct {
		part func(whole []byte) []byte
		sent int64
	}{
		"a sound part":               {func(b []byte) []byte { return b[:250_000] }, 50_000},
		"all of it":                  {func(b []byte) []byte { return b }, 0},
		"more than all":              {func(b []byte) []byte { return append(bytes.Clone(b), 1) }, 300_000},
		"a part of something else":   {func(b []byte) []byte { return make([]byte, 250_000) }, 350_000},
		"a whole file full of holes": {func(b []byte) []byte { return make([]byte, 300_000) }, 300_000},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			etag := hexSHA256(w.large)
			w.write(w.repoFile("blobs", etag+".incomplete"), tt.part(w.large))
			data, err := w.snapshot(w.client()).ReadFile(t.Context(), "model.safetensors")
			if err != nil || !bytes.Equal(data, w.large) {
				t.Fatalf("%d bytes, %v", len(data), err)
			}
			if sent := w.hub.BytesSent(fakehub.StorageHost); sent != tt.sent {
				t.Errorf("%d bytes sent, want %d", sent, tt.sent)
			}
			if list, _ := filepath.Glob(w.repoFile("blobs", "*.incomplete")); len(list) != 0 {
				t.Errorf("left behind: %q", list)
			}
		})
	}
}

func TestContentThatDoesNotMatchItsHashIsRefused(t *testing.T) {
	for _, name := range []string{"model.safetensors", "config.json"} {
		w := newWorld(t)
		wrong := strings.Repeat("a", map[string]int{"model.safetensors": 64, "config.json": 40}[name])
		w.hub.Inject(fakehub.Rule{Method: http.MethodHead}, fakehub.Header(map[string]string{
			"model.safetensors": "X-Linked-Etag", "config.json": "ETag"}[name], `"`+wrong+`"`))
		_, err := w.snapshot(w.client()).Path(t.Context(), name)
		wantError(t, err, ErrCorrupt, wrong, "run again")
		if list, _ := filepath.Glob(w.repoFile("blobs", "*")); len(list) != 0 {
			t.Errorf("left behind: %q", list)
		}
	}
}

func TestAMirrorWithoutTheHubsETagsStillServes(t *testing.T) {
	w := newWorld(t)
	w.hub.Inject(fakehub.Rule{Host: fakehub.HubHost, Method: http.MethodHead}, fakehub.Header("X-Linked-Etag", ""))
	data, err := w.snapshot(w.client()).ReadFile(t.Context(), "model.safetensors")
	if err != nil || !bytes.Equal(data, w.large) {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
}

func TestAFileThatChangesMidwayIsRefused(t *testing.T) {
	for name, inject := range map[string]func(*world){
		"at the storage host": func(w *world) {
			w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost, Skip: 1}, fakehub.ChangedETag())
		},
		"at the Hub": func(w *world) {
			w.hub.Inject(fakehub.Rule{Host: fakehub.HubHost, Method: http.MethodHead, Skip: 1}, fakehub.Header("X-Linked-Etag", `"`+strings.Repeat("b", 64)+`"`))
			w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost, Skip: 1}, fakehub.Status(403))
		},
		"in its length": func(w *world) {
			w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost, Skip: 1}, fakehub.Header("Content-Range", "bytes 100000-299999/300001"))
		},
		"so that the range lies outside": func(w *world) {
			w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost, Skip: 1}, fakehub.Status(416, "Content-Range", "bytes */17"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost, Times: 1}, fakehub.Truncate(100_000))
			inject(w)
			_, err := w.snapshot(w.client()).Path(t.Context(), "model.safetensors")
			wantError(t, err, ErrChanged, "changed meanwhile", "run again")
			w.hub.ClearFaults()
			data, err := w.snapshot(w.client()).ReadFile(t.Context(), "model.safetensors")
			if err != nil || !bytes.Equal(data, w.large) {
				t.Errorf("afterwards: %d bytes, %v", len(data), err)
			}
		})
	}
}

func TestASignedAddressThatExpiresIsRenewed(t *testing.T) {
	w := newWorld(t)
	w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost, Times: 1}, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		defer w.hub.ExpireURLs()
		fakehub.Truncate(100_000)(rw, r, next)
	})
	data, err := w.snapshot(w.client()).ReadFile(t.Context(), "model.safetensors")
	if err != nil || !bytes.Equal(data, w.large) {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
}

func TestManyGoroutinesDownloadAFileOnce(t *testing.T) {
	w := newWorld(t)
	c, d := w.client(), w.client() // the second is like another process
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s, err := map[bool]*Client{true: c, false: d}[i%2 == 0].Snapshot(t.Context(), repoID)
			if err != nil {
				t.Error(err)
				return
			}
			if data, err := s.ReadFile(t.Context(), "model.safetensors"); err != nil || !bytes.Equal(data, w.large) {
				t.Errorf("%d bytes, %v", len(data), err)
			}
		})
	}
	wg.Wait()
	if runtime.GOOS == "linux" { // where there are locks
		if sent := w.hub.BytesSent(fakehub.StorageHost); sent != int64(len(w.large)) {
			t.Errorf("%d bytes sent", sent)
		}
	}
}

func TestWithoutSymlinksTheFileItselfIsInTheSnapshot(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	c.symlink = func(string, string) error { return errors.New("no symlinks here") }
	path, err := w.snapshot(c).Path(t.Context(), "model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(w.large)) {
		t.Errorf("%v, %v", info, err)
	}
	if list, _ := filepath.Glob(w.repoFile("blobs", "*")); len(list) != 0 {
		t.Errorf("the content is there twice: %q", list)
	}

	// With a blob that another snapshot links to, the file is a copy.
	d := w.client(func(o *Options) { o.Cache = t.TempDir() })
	first, err := w.snapshot(d).Path(t.Context(), "model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	d.symlink = c.symlink
	w.repo.Commit("main", fakehub.Files{"again.safetensors": fakehub.Large(w.large)})
	second, err := w.snapshot(d).Path(t.Context(), "again.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{first, second} {
		if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, w.large) {
			t.Errorf("%s: %d bytes, %v", path, len(data), err)
		}
	}
}

func TestALinkWithoutItsContentIsMended(t *testing.T) {
	w := newWorld(t)
	s := w.snapshot(w.client())
	path, err := s.Path(t.Context(), "config.json")
	if err != nil {
		t.Fatal(err)
	}
	link, err := filepath.EvalSymlinks(path)
	if err != nil || os.Remove(link) != nil {
		t.Fatal(err)
	}
	if data, err := s.ReadFile(t.Context(), "config.json"); err != nil || len(data) == 0 {
		t.Errorf("%q, %v", data, err)
	}
}

func TestReadFileRefusesToLoadALargeFile(t *testing.T) {
	w := newWorld(t)
	path := w.repoFile("snapshots", w.commit, "huge.bin")
	w.write(path, nil)
	if err := os.Truncate(path, maxReadFile+1); err != nil {
		t.Fatal(err)
	}
	_, err := w.snapshot(w.client()).ReadFile(t.Context(), "huge.bin")
	if err == nil || !strings.Contains(err.Error(), "too many to load at once") {
		t.Errorf("error is %v", err)
	}
}
