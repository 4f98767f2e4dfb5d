package hub

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// rangeCache is what is on disk of one blob: a folder of extents. Their files
// are written under another name first and never change afterwards, so
// processes need no lock: at worst two fetch the same bytes.
type rangeCache struct {
	dir  string
	etag string
	size int64
	now  func() time.Time

	mu      sync.Mutex
	extents []Range        // sorted by begin; they may overlap
	covered []Range        // the union of extents
	claims  []*claim       // what this process is fetching at the moment
	stored  map[Range]bool // the extents that this process wrote
}

// claim is bytes that a goroutine is fetching, so that others wait for them.
type claim struct {
	Range
	done chan struct{}
}

// rangeCache returns the one cache that the client has for a blob.
func (s *Snapshot) rangeCache(b blob) *rangeCache {
	dir := filepath.Join(s.dir, rangesDir, "blobs", b.ETag)
	s.c.rangesMu.Lock()
	defer s.c.rangesMu.Unlock()
	rc := s.c.ranges[dir]
	if rc == nil || rc.size != b.Size {
		rc = &rangeCache{dir: dir, etag: b.ETag, size: b.Size, now: s.c.now}
		s.c.ranges[dir] = rc
	}
	return rc
}

// abandoned is the age from which a temporary file belongs to nobody.
const abandoned = time.Hour

// scan looks what is on disk: other processes add to it, and people remove.
func (rc *rangeCache) scan() error {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	entries, err := os.ReadDir(rc.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	rc.extents = rc.extents[:0]
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // gone
		}
		ext, ok := parseExtentName(e.Name())
		switch {
		case ok && ext.End <= rc.size && info.Mode().IsRegular() && info.Size() == extentSize(ext.Len()):
			rc.extents = append(rc.extents, ext)
		case strings.HasSuffix(e.Name(), ".tmp") && rc.now().Sub(info.ModTime()) > abandoned:
			os.Remove(filepath.Join(rc.dir, e.Name()))
		}
	}
	slices.SortFunc(rc.extents, byBegin)
	rc.covered = union(rc.extents, 0)
	return nil
}

func byBegin(a, b Range) int { return cmp.Compare(a.Begin, b.Begin) }

// missing returns the bytes of a union that are not on disk.
func (rc *rangeCache) missing(want []Range) []Range {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return subtract(want, rc.covered)
}

// claim takes on the bytes of want that are neither on disk nor being fetched,
// and returns them with the function that gives them back. Where all that is
// missing is being fetched by others it returns a channel that closes when one
// of them is done, and where nothing is missing, nothing.
func (rc *rangeCache) claim(want []Range) (mine []Range, release func(), wait <-chan struct{}) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	missing := subtract(want, rc.covered)
	if len(missing) == 0 {
		return nil, nil, nil
	}
	busy := make([]Range, len(rc.claims))
	for i, c := range rc.claims {
		busy[i] = c.Range
	}
	mine = subtract(missing, union(busy, 0))
	if len(mine) == 0 {
		for _, c := range rc.claims {
			if c.Begin < missing[0].End && missing[0].Begin < c.End {
				return nil, nil, c.done
			}
		}
	}
	done := make(chan struct{})
	for _, r := range mine {
		rc.claims = append(rc.claims, &claim{r, done})
	}
	return mine, func() {
		rc.mu.Lock()
		defer rc.mu.Unlock()
		rc.claims = slices.DeleteFunc(rc.claims, func(c *claim) bool { return c.done == done })
		close(done)
	}, nil
}

// store keeps a run of at most maxExtent bytes.
func (rc *rangeCache) store(begin int64, data []byte) (err error) {
	if err := os.MkdirAll(rc.dir, 0o777); err != nil {
		return err
	}
	ext := Range{begin, begin + int64(len(data))}
	path := filepath.Join(rc.dir, extentName(ext))
	f, err := os.OpenFile(fmt.Sprintf("%s.%08x.tmp", path, rand.Uint32()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close() // a second Close is harmless
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(encodeExtentHeader(rc.etag, begin, data)); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		// On Windows a file that another process is reading cannot be replaced;
		// then it has the same bytes, or will be found to be damaged.
		if info, statErr := os.Stat(path); statErr != nil || info.Size() != extentSize(ext.Len()) {
			return err
		}
		os.Remove(f.Name())
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if i, found := slices.BinarySearchFunc(rc.extents, ext, byBegin); !found || rc.extents[i] != ext {
		rc.extents = slices.Insert(rc.extents, i, ext)
	}
	rc.covered = add(rc.covered, ext)
	if rc.stored == nil {
		rc.stored = map[Range]bool{}
	}
	rc.stored[ext] = true
	return nil
}

// discard removes the extents that this process wrote and that hold bytes of the
// ranges.
func (rc *rangeCache) discard(ranges []Range) error {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	var errs []error
	rc.extents = slices.DeleteFunc(rc.extents, func(ext Range) bool {
		overlaps := func(r Range) bool { return r.Begin < ext.End && ext.Begin < r.End }
		if !rc.stored[ext] || !slices.ContainsFunc(ranges, overlaps) {
			return false
		}
		if err := os.Remove(filepath.Join(rc.dir, extentName(ext))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
			return false
		}
		delete(rc.stored, ext)
		return true
	})
	rc.covered = union(rc.extents, 0)
	return errors.Join(errs...)
}

// readAt reads from disk as many bytes from off on as there are, up to len(p).
// A damaged extent is removed and counts as missing.
func (rc *rangeCache) readAt(p []byte, off int64) int {
	n := 0
	for n < len(p) {
		ext, ok := rc.find(off + int64(n))
		if !ok {
			break
		}
		k, err := rc.readExtent(ext, p[n:], off+int64(n))
		if err != nil {
			rc.drop(ext, errors.Is(err, errExtent))
			continue
		}
		n += k
	}
	return n
}

func (rc *rangeCache) readExtent(ext Range, p []byte, off int64) (int, error) {
	f, err := os.Open(filepath.Join(rc.dir, extentName(ext)))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return readExtent(f, rc.etag, ext, p, off)
}

// find returns an extent that has the byte at off, of several the one that
// reaches farthest.
func (rc *rangeCache) find(off int64) (best Range, ok bool) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	i, _ := slices.BinarySearchFunc(rc.extents, off+1, func(r Range, at int64) int { return cmp.Compare(r.Begin, at) })
	for i--; i >= 0 && rc.extents[i].Begin > off-maxExtent; i-- {
		if r := rc.extents[i]; r.End > off && r.End > best.End {
			best, ok = r, true
		}
	}
	return best, ok
}

// drop forgets an extent that cannot be read, and removes it if it is damaged.
// Were another process to replace it with a sound one just then, that would go
// too and be fetched again.
func (rc *rangeCache) drop(ext Range, remove bool) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if remove {
		os.Remove(filepath.Join(rc.dir, extentName(ext)))
	}
	rc.extents = slices.DeleteFunc(rc.extents, func(r Range) bool { return r == ext })
	rc.covered = union(rc.extents, 0)
}
