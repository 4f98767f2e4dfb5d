package checkpoint

import (
	"context"
	"fmt"
)

// local is the part of a [File] that those have in common whose bytes are all on
// this machine.
type local struct {
	name string
	size int64
	data []byte // nil where the file is not in memory
}

func (f *local) Size() int64 { return f.size }

func (f *local) Fetch(_ context.Context, ranges []Range) error {
	for _, r := range ranges {
		if r.Begin < 0 || r.End > f.size {
			return fmt.Errorf("%s: bytes %d to %d are not in a file of %d", f.name, r.Begin, r.End, f.size)
		}
	}
	return nil
}

func (f *local) Cached(ranges []Range) int64 {
	var n int64
	for _, r := range ranges {
		n += r.Len()
	}
	return n
}

func (f *local) Discard([]Range) error { return nil }

// Bytes implements [mapped].
func (f *local) Bytes(r Range) []byte {
	if r.Begin < 0 || r.Begin > r.End || r.End > int64(len(f.data)) {
		return nil
	}
	return f.data[r.Begin:r.End:r.End]
}
