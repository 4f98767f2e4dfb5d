package fakemodel

import (
	"context"
	"crypto/sha256"
	"fmt"

	"kakeyalattice/internal/fakehub"
)

// largest is the size up to which the true SHA-256 of a file is computed, which
// reads all of it.
const largest = 64 << 20

// HubFiles is the files of a model as the fake Hub serves them. The hashes of
// files above 64 MiB are made up: who downloads one whole finds it damaged.
func (m *Model) HubFiles() fakehub.Files {
	files := fakehub.Files{}
	for _, f := range m.files {
		content, isShard := f.ReaderAt.(*shard)
		switch {
		case !isShard:
			text, err := m.ReadFile(context.Background(), f.Name)
			if err != nil {
				panic(err) // it is in memory
			}
			files[f.Name] = fakehub.Small(text)
		case f.Size <= largest:
			files[f.Name] = fakehub.LargeReader(content, f.Size, "")
		default:
			sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", m.name, f.Name, f.Size))
			files[f.Name] = fakehub.LargeReader(content, f.Size, fmt.Sprintf("%x", sum))
		}
	}
	return files
}
