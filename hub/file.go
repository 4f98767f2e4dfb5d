package hub

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
)

// File is random access to a file of a snapshot. It is safe for concurrent use.
type File struct {
	ctx  context.Context
	snap *Snapshot
	name string
	size int64

	whole  *os.File    // the file in the official cache, or
	src    *source     // where its bytes come from, and
	ranges *rangeCache // what of them is on disk
}

// Open gives random access to a file. If the cache has it as a whole, that is
// read; else only ranges of it, which are fetched when they are needed and kept.
// The context is that of requests which ReadAt makes later.
func (s *Snapshot) Open(ctx context.Context, name string) (*File, error) {
	o, err := s.op(http.MethodGet, name)
	if err != nil {
		return nil, err
	}
	f := &File{ctx: ctx, snap: s, name: name}
	path, ok := s.cached(name)
	if !ok {
		if f.src, err = s.source(ctx, name); err != nil {
			return nil, err
		}
		f.size = f.src.Size
		path, ok = s.blobPath(f.src.blob), s.hasBlob(f.src.blob)
	}
	if !ok {
		f.ranges = s.rangeCache(f.src.blob)
		if err := f.ranges.scan(); err != nil {
			return nil, o.disk(s.c, err)
		}
		return f, nil
	}
	if f.whole, err = os.Open(path); err != nil {
		return nil, o.disk(s.c, err)
	}
	info, err := f.whole.Stat()
	if err != nil {
		f.whole.Close()
		return nil, o.disk(s.c, err)
	}
	f.size = info.Size()
	s.writeRef()
	return f, nil
}

// Size is the length of the file in bytes.
func (f *File) Size() int64 { return f.size }

// Local returns the path of the whole file, if the cache has it.
func (f *File) Local() (path string, ok bool) {
	if f.whole == nil {
		return "", false
	}
	return f.whole.Name(), true
}

// ReadAt reads len(p) bytes at off, as io.ReaderAt has it. What is not on disk
// is fetched, exactly and in one request for each gap; to read many places call
// Fetch first.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if f.whole != nil {
		return f.whole.ReadAt(p, off)
	}
	if off < 0 {
		return 0, fmt.Errorf("hub: %s of %s: read at offset %d", f.name, f.snap.ref.ID, off)
	}
	if off >= f.size {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), f.size-off)]
	n := 0
	// Once more than needed: what was fetched may be damaged or removed before
	// it is read.
	for try := 0; ; try++ {
		n += f.ranges.readAt(want[n:], off+int64(n))
		if n == len(want) {
			break
		}
		if try == 3 {
			o, _ := f.snap.op(http.MethodGet, f.name)
			return n, o.errorf(ErrCorrupt, "check the disk, or set HF_HUB_CACHE to another", "what was just written to %s cannot be read back", f.ranges.dir)
		}
		if err := f.Fetch(f.ctx, []Range{{off + int64(n), off + int64(len(want))}}); err != nil {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Cached returns how many bytes of the ranges are on disk; bytes that several
// ranges have in common count once. Ranges outside the file count nothing.
func (f *File) Cached(ranges []Range) int64 {
	want := union(ranges, 0)
	if f.whole != nil {
		return total(want) - total(subtract(want, []Range{{0, f.size}}))
	}
	return total(want) - total(f.ranges.missing(want))
}

// Discard removes from disk what this client fetched of the ranges, by whichever of
// its files, and a little more: what came in the same pieces. It does not touch what
// was there before, nor a file that is there as a whole.
func (f *File) Discard(ranges []Range) error {
	if f.whole != nil {
		return nil
	}
	return f.ranges.discard(union(ranges, 0))
}

// Cost returns what Fetch would have to do for the ranges: bytes to transfer,
// small gaps between ranges included, and requests to make.
func (f *File) Cost(ranges []Range) (bytes int64, requests int) {
	if f.whole != nil {
		return 0, 0
	}
	jobs := f.jobs(f.ranges.missing(union(ranges, 0)))
	return total(jobs), len(jobs)
}

// Close ends the use of the file.
func (f *File) Close() error {
	if f.whole != nil {
		return f.whole.Close()
	}
	return nil
}
