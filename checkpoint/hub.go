package checkpoint

import (
	"context"

	"kakeyalattice/hub"
)

// FromHub is the files of a model on the Hugging Face Hub, at the commit of the
// snapshot. Small files are read whole, through the Hub's cache; of files of
// tensors only the bytes that are needed are fetched and kept, unless the cache
// has the whole file: then it is read as in a folder.
func FromHub(s *hub.Snapshot) Files { return fromHub{s} }

type fromHub struct{ *hub.Snapshot }

func (h fromHub) Name() string { return h.ID() + "@" + h.Commit()[:min(8, len(h.Commit()))] }

func (h fromHub) Open(ctx context.Context, name string) (File, error) {
	f, err := h.Snapshot.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	if path, ok := f.Local(); ok {
		f.Close()
		return openPath(path)
	}
	return hubFile{f}, nil
}

// hubFile is a file of which parts are on this machine.
type hubFile struct{ *hub.File }

func (f hubFile) Fetch(ctx context.Context, ranges []Range) error {
	return f.File.Fetch(ctx, hubRanges(ranges))
}

func (f hubFile) Cached(ranges []Range) int64 { return f.File.Cached(hubRanges(ranges)) }

func (f hubFile) Discard(ranges []Range) error { return f.File.Discard(hubRanges(ranges)) }

func hubRanges(ranges []Range) []hub.Range {
	list := make([]hub.Range, len(ranges))
	for i, r := range ranges {
		list[i] = hub.Range(r)
	}
	return list
}
