package hub

import (
	"bytes"
	"strings"
	"testing"

	"kakeyalattice/internal/fakehub"
)

// benchFile opens a file of the given size on a fake Hub.
func benchFile(b *testing.B, size int64, cache string) *File {
	h := fakehub.Start()
	b.Cleanup(h.Close)
	h.Add(repoID).Commit("main", fakehub.Files{"x": fakehub.LargeReader(bytes.NewReader(make([]byte, size)), size, strings.Repeat("d", 64))})
	c, err := New(Options{Endpoint: h.URL, Cache: cache})
	if err != nil {
		b.Fatal(err)
	}
	s, err := c.Snapshot(b.Context(), repoID)
	if err != nil {
		b.Fatal(err)
	}
	f, err := s.Open(b.Context(), "x")
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// Loopback, server in the same process: the client's share is below this.
func BenchmarkFetchLarge(b *testing.B) {
	const size = 64 << 20
	b.SetBytes(size)
	for b.Loop() {
		if err := benchFile(b, size, b.TempDir()).Fetch(b.Context(), []Range{{0, size}}); err != nil {
			b.Fatal(err)
		}
	}
}

// The rows of an embedding that a text needs: 1,000 of 8 KiB, all apart.
func BenchmarkFetchRows(b *testing.B) {
	const row, rows = 8 << 10, 1000
	var want []Range
	for i := range int64(rows) {
		want = append(want, Range{i * 5 * row, i*5*row + row})
	}
	b.SetBytes(row * rows)
	for b.Loop() {
		if err := benchFile(b, 5*row*rows, b.TempDir()).Fetch(b.Context(), want); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadCached(b *testing.B) {
	const size = 64 << 20
	f := benchFile(b, size, b.TempDir())
	if err := f.Fetch(b.Context(), []Range{{0, size}}); err != nil {
		b.Fatal(err)
	}
	p := make([]byte, size)
	b.SetBytes(size)
	for b.Loop() {
		if _, err := f.ReadAt(p, 0); err != nil {
			b.Fatal(err)
		}
	}
}
