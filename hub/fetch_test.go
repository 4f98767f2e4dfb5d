package hub

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakeyalattice/internal/fakehub"
)

// extents lists the range files on disk.
func (w *world) extents() []string {
	list, err := filepath.Glob(w.repoFile(rangesDir, "blobs", "*", "*"))
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func TestOnlyTheWantedBytesAreFetched(t *testing.T) {
	w := newWorld(t)
	f := w.open(w.client(), "model.safetensors")
	want := []Range{{100_000, 100_500}, {0, 8}, {200_000, 250_000}, {249_000, 260_000}, {300_000, 300_000}}
	const bytesWanted = 500 + 8 + 60_000
	if got := f.Cached(want); got != 0 {
		t.Errorf("%d bytes are cached at first", got)
	}
	if n, requests := f.Cost(want); n != bytesWanted || requests != 3 {
		t.Errorf("cost %d bytes in %d requests", n, requests)
	}
	if err := f.Fetch(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if sent, n := w.hub.BytesSent(fakehub.StorageHost), w.requests(fakehub.StorageHost); sent != bytesWanted || n != 3 {
		t.Errorf("%d bytes in %d requests", sent, n)
	}
	if got := f.Cached(append(want, Range{150_000, 150_100}, Range{-5, -1}, Range{1 << 40, 1 << 41})); got != bytesWanted {
		t.Errorf("%d bytes are cached", got)
	}
	w.hub.ResetLog()
	for _, r := range want {
		got := make([]byte, r.Len())
		if n, err := f.ReadAt(got, r.Begin); n != len(got) || err != nil && r.Len() > 0 || !bytes.Equal(got, w.large[r.Begin:r.End]) {
			t.Errorf("%v: %d bytes, %v", r, n, err)
		}
	}
	if err := f.Fetch(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if n := len(w.hub.Requests()); n != 0 {
		t.Errorf("%d requests for what is there", n)
	}
}

func TestNeighbouringRangesComeInOneRequest(t *testing.T) {
	w := newWorld(t)
	f := w.open(w.client(), "model.safetensors")
	want := []Range{{0, 1000}, {1000 + mergeGap, 20_000}, {20_001 + mergeGap, 40_000}}
	if err := f.Fetch(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if n := w.requests(fakehub.StorageHost); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestReadAtFetchesWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	f := w.open(w.client(), "model.safetensors")
	size := int64(len(w.large))
	for _, tt := range []struct {
		off, n int64
		err    error
	}{{0, 8, nil}, {100, 70_000, nil}, {4, 200, nil}, {size - 10, 10, nil}, {size - 5, 20, io.EOF}, {size, 1, io.EOF}, {size + 9, 1, io.EOF}, {10, 0, nil}} {
		p := make([]byte, tt.n)
		n, err := f.ReadAt(p, tt.off)
		want := w.large[min(tt.off, size):min(tt.off+tt.n, size)]
		if err != tt.err || !bytes.Equal(p[:n], want) {
			t.Errorf("ReadAt(%d bytes, %d): %d, %v", tt.n, tt.off, n, err)
		}
	}
	if _, err := f.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("a negative offset is accepted")
	}
	if sent := w.hub.BytesSent(fakehub.StorageHost); sent != 70_100+10 {
		t.Errorf("%d bytes were sent", sent)
	}
}

func TestRangesOutsideTheFileAreRefused(t *testing.T) {
	w := newWorld(t)
	f := w.open(w.client(), "model.safetensors")
	for _, r := range []Range{{-1, 5}, {5, 4}, {0, f.Size() + 1}, {1 << 62, 1<<62 + 1}} {
		if err := f.Fetch(t.Context(), []Range{{0, 1}, r}); err == nil || !strings.Contains(err.Error(), "not inside the file of 300000 bytes") {
			t.Errorf("%v: %v", r, err)
		}
	}
}

func TestRangesAreThereForTheNextProcessAndOffline(t *testing.T) {
	w := newWorld(t)
	f := w.open(w.client(), "model.safetensors")
	if err := f.Fetch(t.Context(), []Range{{10, 100_000}}); err != nil {
		t.Fatal(err)
	}
	w.hub.ResetLog()
	s, err := w.client(offline).Snapshot(t.Context(), repoID+"@"+w.commit)
	if err != nil {
		t.Fatal(err)
	}
	g, err := s.Open(t.Context(), "model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if g.Size() != int64(len(w.large)) || g.Cached([]Range{{0, g.Size()}}) != 99_990 {
		t.Errorf("size %d, cached %d", g.Size(), g.Cached([]Range{{0, g.Size()}}))
	}
	p := make([]byte, 99_990)
	if _, err := g.ReadAt(p, 10); err != nil || !bytes.Equal(p, w.large[10:100_000]) {
		t.Error(err)
	}
	_, err = g.ReadAt(make([]byte, 20), 0)
	wantError(t, err, ErrOffline, "10 bytes of it are not in the cache", "the first at 0", "hf download")
	if n := len(w.hub.Requests()); n != 0 {
		t.Errorf("%d requests offline", n)
	}
	// Online the note of the file spares the question what it is.
	s, _ = w.client().Snapshot(t.Context(), repoID+"@"+w.commit)
	if g, err = s.Open(t.Context(), "model.safetensors"); err != nil {
		t.Fatal(err)
	}
	g.ReadAt(p, 10)
	if n := len(w.hub.Requests()); n != 0 {
		t.Errorf("%d requests for what is there", n)
	}
}

func TestABrokenRangeIsContinued(t *testing.T) {
	w := newWorld(t)
	for i := range 4 {
		w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost, Skip: i, Times: 1}, []fakehub.Fault{
			fakehub.Truncate(70_000), fakehub.Status(503), fakehub.Reset(), fakehub.Truncate(70_000)}[i])
	}
	f := w.open(w.client(), "model.safetensors")
	if err := f.Fetch(t.Context(), []Range{{50_000, 250_000}}); err != nil {
		t.Fatal(err)
	}
	var content int64 // without the words of the 503
	for _, r := range w.hub.Requests() {
		if r.Host == fakehub.StorageHost && r.Status == http.StatusPartialContent {
			content += r.Bytes
		}
	}
	if content != 200_000 {
		t.Errorf("%d bytes were sent for 200000", content)
	}
	readAll(t, f, w.large)
}

func TestAnswersThatAreNotTheRangeAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault fakehub.Fault
		kind  error
		words []string
	}{
		{"another range", fakehub.Header("Content-Range", "bytes 0-99/300000"), ErrBadResponse, []string{"Content-Range", "bytes 0-99/300000"}},
		{"no Content-Range", fakehub.Header("Content-Range", ""), ErrBadResponse, []string{"Content-Range"}},
		{"nonsense", fakehub.Header("Content-Range", "bytes x"), ErrBadResponse, []string{"Content-Range"}},
		{"several parts", fakehub.Header("Content-Range", "bytes 100-199/300000, 0-1/2"), ErrBadResponse, []string{"Content-Range"}},
		{"a shorter body", fakehub.WrongLength(-1), ErrBadResponse, []string{"99 bytes were announced, 100 expected"}},
		{"a longer body", fakehub.WrongLength(1), ErrBadResponse, []string{"101 bytes"}},
		{"the whole file", fakehub.IgnoreRange(), ErrBadResponse, []string{"the whole file came"}},
		{"a page", fakehub.HTML(), ErrBadResponse, []string{"HTML page"}},
		{"416", fakehub.Status(416, "Content-Range", "bytes */300000"), ErrBadResponse, []string{"416", "refused"}},
		{"416 of a smaller file", fakehub.Status(416, "Content-Range", "bytes */7"), ErrChanged, []string{"7 bytes"}},
		{"a larger file", fakehub.Header("Content-Range", "bytes 100-199/300001"), ErrChanged, []string{"300001"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost}, tt.fault)
			f := w.open(w.client(), "model.safetensors")
			_, err := f.ReadAt(make([]byte, 100), 100)
			wantError(t, err, tt.kind, tt.words...)
			if list := w.extents(); len(list) != 0 {
				t.Errorf("on disk: %q", list)
			}
			w.hub.ClearFaults()
			readAll(t, f, w.large)
		})
	}
}

func TestRangesOfTwoContentsAreNeverMixed(t *testing.T) {
	w := newWorld(t)
	f := w.open(w.client(), "model.safetensors")
	if err := f.Fetch(t.Context(), []Range{{0, 1000}}); err != nil {
		t.Fatal(err)
	}
	w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost}, fakehub.ChangedETag())
	err := f.Fetch(t.Context(), []Range{{0, 100_000}})
	wantError(t, err, ErrChanged, "ETag", "run again")
	if got := f.Cached([]Range{{0, f.Size()}}); got != 1000 {
		t.Errorf("%d bytes are cached", got)
	}
	last := w.hub.Requests()[len(w.hub.Requests())-1]
	if last.Header.Get("If-Range") == "" {
		t.Errorf("no If-Range in %v", last.Header)
	}
}

func TestAStorageHostThatRefusesIsAskedForANewAddress(t *testing.T) {
	w := newWorld(t)
	f := w.open(w.client(), "model.safetensors")
	w.hub.ExpireURLs()
	readAll(t, f, w.large)
	w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost}, fakehub.Status(403))
	_, err := w.open(w.client(func(o *Options) { o.Cache = t.TempDir() }), "model.safetensors").ReadAt(make([]byte, 5), 5)
	wantError(t, err, ErrUnavailable, "403", "refused the address", "6 attempts")
}

func TestRangesInSmallFilesComeFromTheHubItself(t *testing.T) {
	w := newWorld(t)
	w.repo.Gate("hf_good")
	f := w.open(w.client(func(o *Options) { o.Token = "hf_good" }), "config.json")
	p := make([]byte, 5)
	if _, err := f.ReadAt(p, 2); err != nil || string(p) != "model" {
		t.Errorf("%q, %v", p, err)
	}
	if n := w.requests(fakehub.StorageHost); n != 0 {
		t.Errorf("%d requests to the storage host", n)
	}
}

func TestALargeRangeIsSharedByConnections(t *testing.T) {
	w := newWorld(t)
	big := bytes.Repeat(w.large, 100) // 30 MB: 28.6 MiB in pieces of 4
	w.repo.Commit("main", fakehub.Files{"big.safetensors": fakehub.LargeReader(bytes.NewReader(big), int64(len(big)), strings.Repeat("c", 64))})
	f := w.open(w.client(func(o *Options) { o.Connections = 4 }), "big.safetensors")
	if err := f.Fetch(t.Context(), []Range{{0, f.Size()}}); err != nil {
		t.Fatal(err)
	}
	if n := w.requests(fakehub.StorageHost); n != 4 {
		t.Errorf("%d requests", n)
	}
	for _, path := range w.extents() {
		if info, err := os.Stat(path); err != nil || info.Size() > extentSize(maxExtent) {
			t.Errorf("%s: %v", path, err)
		}
	}
	readAll(t, f, big)
}

func TestProgressOfRangesCountsThem(t *testing.T) {
	w := newWorld(t)
	var last Progress
	f := w.open(w.client(func(o *Options) { o.Progress = func(p Progress) { last = p } }), "model.safetensors")
	if err := f.Fetch(t.Context(), []Range{{0, 1000}, {100_000, 101_000}}); err != nil {
		t.Fatal(err)
	}
	if last.Done != 2000 || last.Total != 2000 || last.Fetched != 2000 {
		t.Errorf("%+v", last)
	}
}

func TestAnInterruptedFetchKeepsWhatArrived(t *testing.T) {
	w := newWorld(t)
	w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost, Times: 1}, fakehub.Truncate(100_000))
	w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost}, fakehub.Status(418))
	f := w.open(w.client(), "model.safetensors")
	if err := f.Fetch(t.Context(), []Range{{0, f.Size()}}); !errors.Is(err, ErrBadResponse) {
		t.Fatal(err)
	}
	if got := f.Cached([]Range{{0, f.Size()}}); got != 100_000 {
		t.Errorf("%d bytes were kept", got)
	}
}
