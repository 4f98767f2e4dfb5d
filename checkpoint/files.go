package checkpoint

import (
	"context"
	"io"
)

// Files is where the files of a checkpoint lie: a folder ([Dir]), or a
// repository that is read by byte range. It may be used by several goroutines
// at once.
type Files interface {
	// Name is what messages call it.
	Name() string
	// ReadFile returns a small file whole. The error for one that is not there
	// wraps [fs.ErrNotExist].
	ReadFile(ctx context.Context, name string) ([]byte, error)
	// Open returns a file to read parts of. The error for one that is not
	// there wraps [fs.ErrNotExist].
	Open(ctx context.Context, name string) (File, error)
}

// File is an open file of a checkpoint. Its methods, Close aside, may be
// called at the same time.
type File interface {
	io.ReaderAt
	io.Closer
	Size() int64
	// Fetch makes the ranges quick to read: from then on ReadAt finds them on
	// this machine.
	Fetch(ctx context.Context, ranges []Range) error
	// Cached is how many bytes of the ranges are on this machine already.
	Cached(ranges []Range) int64
	// Discard removes what was fetched of the ranges since the file was opened, or a
	// little more; what was on this machine before stays.
	Discard(ranges []Range) error
}

// Range is the bytes from Begin to End, End not included.
type Range struct{ Begin, End int64 }

// Len is the number of bytes.
func (r Range) Len() int64 { return r.End - r.Begin }

// mapped is a File whose bytes are in memory: they need not be copied.
type mapped interface {
	// Bytes returns a range as it lies in the file, valid until Close and not
	// to be written to; nil if that cannot be done.
	Bytes(r Range) []byte
}

// appendRange adds a range to an ascending list and joins it to the last one
// where they touch or overlap.
func appendRange(list []Range, r Range) []Range {
	if r.Len() <= 0 {
		return list
	}
	if n := len(list); n > 0 && r.Begin <= list[n-1].End {
		list[n-1].End = max(list[n-1].End, r.End)
		return list
	}
	return append(list, r)
}
