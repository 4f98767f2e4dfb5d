package hub

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kakeyalattice/internal/fakehub"
)

func TestAnEmptyOrDamagedNoteIsIgnored(t *testing.T) {
	for _, note := range []string{"", "{}", `{"etag":"../x","size":1}`, `{"etag":"ab","size":-1}`, "\x00\x00"} {
		w := newWorld(t)
		w.write(w.repoFile(rangesDir, "files", w.commit, "model.safetensors"), []byte(note))
		readAll(t, w.open(w.client(), "model.safetensors"), w.large)
	}
}

// Every damage befalls the one extent of a file of which everything was fetched.
func TestDamageOnDiskIsFoundAndMended(t *testing.T) {
	flip := func(at int) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if at < 0 {
				at += len(data)
			}
			data[at] ^= 1
			if err := os.WriteFile(path, data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	damages := map[string]func(*testing.T, string){
		"the magic":      flip(0),
		"the offset":     flip(9),
		"the length":     flip(16),
		"the chunk size": flip(21),
		"the ETag":       flip(24),
		"the header sum": flip(30),
		"a chunk sum":    flip(extentHeader + 5),
		"the first byte": flip(extentHeader + 4*5),
		"the last byte":  flip(-1),
		"cut short":      func(t *testing.T, path string) { os.Truncate(path, 1000) },
		"emptied":        func(t *testing.T, path string) { os.Truncate(path, 0) },
		"removed":        func(t *testing.T, path string) { os.Remove(path) },
		"full of zeros":  func(t *testing.T, path string) { os.Truncate(path, 0); os.Truncate(path, extentSize(300_000)) },
		"of another file": func(t *testing.T, path string) {
			data := make([]byte, 300_000)
			os.WriteFile(path, append(encodeExtentHeader("other", 0, data), data...), 0o666)
		},
	}
	for name, damage := range damages {
		for _, reopened := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, reopened %t", name, reopened), func(t *testing.T) {
				w := newWorld(t)
				f := w.open(w.client(), "model.safetensors")
				if err := f.Fetch(t.Context(), []Range{{0, f.Size()}}); err != nil {
					t.Fatal(err)
				}
				list := w.extents()
				if len(list) != 1 {
					t.Fatalf("extents %q", list)
				}
				damage(t, list[0])
				if reopened {
					f = w.open(w.client(), "model.safetensors")
				}
				readAll(t, f, w.large)
				readAll(t, f, w.large)
			})
		}
	}
}

func TestADirectoryInTheWayEndsInAnError(t *testing.T) {
	w := newWorld(t)
	w.write(w.repoFile(rangesDir), []byte("a file where a folder should be"))
	s := w.snapshot(w.client())
	f, err := s.Open(t.Context(), "model.safetensors")
	if err == nil {
		err = f.Fetch(t.Context(), []Range{{0, 1}})
	}
	wantError(t, err, syscall.ENOTDIR, "HF_HUB_CACHE")

	w = newWorld(t)
	f = w.open(w.client(), "model.safetensors")
	w.write(filepath.Join(f.ranges.dir, extentName(Range{0, 5}), "in the way"), nil)
	if err := f.Fetch(t.Context(), []Range{{0, 5}}); err == nil {
		t.Error("a range could be stored in a folder")
	}
	if list := w.extents(); len(list) != 1 {
		t.Errorf("left behind: %q", list)
	}
}

func TestTemporaryFilesOfTheDeadAreSweptUp(t *testing.T) {
	w := newWorld(t)
	f := w.open(w.client(), "model.safetensors")
	old, young := filepath.Join(f.ranges.dir, "x.1.tmp"), filepath.Join(f.ranges.dir, "x.2.tmp")
	w.write(old, nil)
	w.write(young, nil)
	yesterday := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(old, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	w.open(w.client(), "model.safetensors")
	if list := w.extents(); len(list) != 1 || list[0] != young {
		t.Errorf("left: %q", list)
	}
}

func TestGoroutinesShareWhatTheyFetch(t *testing.T) {
	w := newWorld(t)
	w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost}, fakehub.Slow(50_000, 5*time.Millisecond))
	c := w.client()
	var wg sync.WaitGroup
	for i := range 8 {
		f := w.open(c, "model.safetensors")
		wg.Go(func() {
			r := Range{int64(i) * 10_000, 200_000 + int64(i)*10_000}
			if err := f.Fetch(t.Context(), []Range{r}); err != nil {
				t.Error(err)
			}
			p := make([]byte, r.Len())
			if _, err := f.ReadAt(p, r.Begin); err != nil || !bytes.Equal(p, w.large[r.Begin:r.End]) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if sent := w.hub.BytesSent(fakehub.StorageHost); sent != 270_000 {
		t.Errorf("%d bytes were sent for 270000", sent)
	}
}

func TestAFailedFetchDoesNotHoldUpOthers(t *testing.T) {
	w := newWorld(t)
	w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost, Times: 1}, fakehub.Header("Content-Range", "bytes 0-0/1"))
	f := w.open(w.client(), "model.safetensors")
	errs := make(chan error, 2)
	for range 2 {
		go func() { errs <- f.Fetch(t.Context(), []Range{{0, 1000}}) }()
	}
	if a, b := <-errs, <-errs; (a == nil) == (b == nil) {
		t.Errorf("%v and %v", a, b)
	}
}

// TestProcessesShareTheCache runs this test binary several times at once.
func TestProcessesShareTheCache(t *testing.T) {
	const variable = "KAKEYA_HUB_TEST"
	if arg := os.Getenv(variable); arg != "" {
		part := strings.Split(arg, " ")
		c, err := New(Options{Endpoint: part[0], Cache: part[1]})
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.Snapshot(t.Context(), repoID)
		if err != nil {
			t.Fatal(err)
		}
		f, err := s.Open(t.Context(), "model.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		if err != nil || hexSHA256(data) != part[2] {
			t.Fatalf("ranges: %v", err)
		}
		if data, err = s.ReadFile(t.Context(), "other.safetensors"); err != nil || hexSHA256(data) != part[3] {
			t.Fatalf("whole: %v", err)
		}
		return
	}
	w := newWorld(t)
	other := bytes.Repeat([]byte("other"), 50_000)
	w.repo.Commit("main", fakehub.Files{"model.safetensors": fakehub.Large(w.large), "other.safetensors": fakehub.Large(other)})
	w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost}, fakehub.Slow(50_000, 2*time.Millisecond))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestProcessesShareTheCache$")
			cmd.Env = append(os.Environ(), variable+"="+strings.Join([]string{w.hub.URL, w.cache, hexSHA256(w.large), hexSHA256(other)}, " "))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	if list, _ := filepath.Glob(w.repoFile("blobs", "*.incomplete")); len(list) != 0 {
		t.Errorf("left behind: %q", list)
	}
}

func TestOnlyWhatThisClientFetchedIsDiscarded(t *testing.T) {
	w := newWorld(t)
	before := w.open(w.client(), "model.safetensors")
	if err := before.Fetch(t.Context(), []Range{{0, 1000}}); err != nil {
		t.Fatal(err)
	}
	f := w.open(w.client(), "model.safetensors")
	if err := f.Fetch(t.Context(), []Range{{0, 1000}, {100_000, 110_000}, {200_000, 210_000}}); err != nil {
		t.Fatal(err)
	}
	if err := f.Discard([]Range{{0, 1000}, {105_000, 106_000}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		Range
		want int64
	}{{Range{0, 1000}, 1000}, {Range{100_000, 110_000}, 0}, {Range{200_000, 210_000}, 10_000}} {
		if got := f.Cached([]Range{c.Range}); got != c.want {
			t.Errorf("%d bytes of %v are here, want %d", got, c.Range, c.want)
		}
		if got := w.open(w.client(), "model.safetensors").Cached([]Range{c.Range}); got != c.want {
			t.Errorf("on disk are %d bytes of %v, want %d", got, c.Range, c.want)
		}
	}
	readAll(t, f, w.large)
}
