package checkpoint

import (
	"bytes"
	"context"
	"io"
	"io/fs"
)

// Memory is files that are in memory, by their names. Their bytes are not copied and
// must not change.
func Memory(name string, files map[string][]byte) Files { return memory{name, files} }

type memory struct {
	name  string
	files map[string][]byte
}

func (m memory) Name() string { return m.name }

func (m memory) find(name string) ([]byte, error) {
	data, ok := m.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: m.name + "/" + name, Err: fs.ErrNotExist}
	}
	return data, nil
}

func (m memory) ReadFile(_ context.Context, name string) ([]byte, error) {
	data, err := m.find(name)
	return bytes.Clone(data), err
}

func (m memory) Open(_ context.Context, name string) (File, error) {
	data, err := m.find(name)
	if err != nil {
		return nil, err
	}
	return &memoryFile{bytes.NewReader(data), local{m.name + "/" + name, int64(len(data)), data}}, nil
}

type memoryFile struct {
	io.ReaderAt
	local
}

func (f *memoryFile) Close() error { return nil }
