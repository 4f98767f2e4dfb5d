package fakemodel

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteDir writes the files of a model into a folder. With a filter, only the
// values of the tensors that it accepts are written: a shard without any is
// left out, and the others are as long as they should be, with holes that take
// no room, and read as zero, where the other tensors would be.
func (m *Model) WriteDir(dir string, filter func(tensor string) bool) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, file := range m.Files() {
		if err := file.write(filepath.Join(dir, file.Name), filter); err != nil {
			return err
		}
	}
	return nil
}

// piece is a part of a file to write.
type piece struct{ begin, end int64 }

// pieces is the parts of a file that a filter keeps; none if it has tensors,
// and none of them is kept.
func (f File) pieces(filter func(tensor string) bool) []piece {
	s, ok := f.ReaderAt.(*shard)
	if !ok || filter == nil {
		return []piece{{0, f.Size}}
	}
	list := []piece{{0, int64(len(s.header))}}
	for _, t := range s.placed {
		if filter(t.Name) {
			list = append(list, piece{int64(len(s.header)) + t.Begin, int64(len(s.header)) + t.End})
		}
	}
	if len(list) == 1 {
		return nil
	}
	return list
}

func (f File) write(path string, filter func(tensor string) bool) (err error) {
	pieces := f.pieces(filter)
	if pieces == nil {
		return nil
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closed := out.Close(); err == nil {
			err = closed
		}
	}()
	if err := out.Truncate(f.Size); err != nil {
		return err
	}
	for _, p := range pieces {
		w := bufio.NewWriterSize(io.NewOffsetWriter(out, p.begin), 1<<20)
		if _, err := io.Copy(w, io.NewSectionReader(f, p.begin, p.end-p.begin)); err != nil {
			return fmt.Errorf("fakemodel: %s: %w", path, err)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}
