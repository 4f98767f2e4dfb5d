package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"kakeyalattice/internal/mapfile"
)

// Dir is the files of a folder, a snapshot in the cache of the Hugging Face
// Hub included. They are mapped into memory where the system can, and must not
// be cut short while the checkpoint is open.
func Dir(path string) Files { return dir(path) }

type dir string

func (d dir) Name() string { return string(d) }

// maxWhole bounds what ReadFile takes into memory; an index of a million
// tensors has 100 MB.
const maxWhole = 256 << 20

func (d dir) ReadFile(_ context.Context, name string) ([]byte, error) {
	path, err := d.path(name)
	if err != nil {
		return nil, err
	}
	f, info, err := openRegular(path)
	if err != nil {
		return nil, d.explain(err)
	}
	defer f.Close()
	if info.Size() > maxWhole {
		return nil, fmt.Errorf("%s: %d bytes are more than the %d that such a file may have", f.Name(), info.Size(), maxWhole)
	}
	return io.ReadAll(io.LimitReader(f, maxWhole))
}

func (d dir) Open(_ context.Context, name string) (File, error) {
	path, err := d.path(name)
	if err != nil {
		return nil, err
	}
	file, err := openPath(path)
	if err != nil {
		return nil, d.explain(err)
	}
	return file, nil
}

// openPath maps a file into memory, or reads it where that cannot be.
func openPath(path string) (File, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	opened := &dirFile{f, local{f.Name(), info.Size(), nil}, func([]byte) error { return nil }}
	if info.Size() == 0 || info.Size() > math.MaxInt {
		return opened, nil
	}
	data, unmap, err := mapfile.Map(f, int(info.Size()))
	switch {
	case errors.Is(err, mapfile.ErrUnsupported):
		return opened, nil
	case err != nil:
		f.Close()
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	opened.data, opened.unmap = data, unmap
	return opened, nil
}

func (d dir) path(name string) (string, error) {
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("the name %q leads out of the folder", name)
	}
	return filepath.Join(string(d), name), nil
}

// explain replaces the error about a file by the one about the folder, if that
// is the reason.
func (d dir) explain(err error) error {
	info, statErr := os.Stat(string(d))
	switch {
	case statErr != nil:
		return statErr
	case !info.IsDir():
		return errors.New("not a folder: name the folder that the checkpoint's files are in")
	}
	return err
}

// openRegular opens a regular file, through links: the Hub's cache has folders
// of links.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// dirFile is a file that is mapped, or read where that cannot be.
type dirFile struct {
	*os.File
	local
	unmap func([]byte) error
}

func (f *dirFile) Close() error {
	var err error
	if f.data != nil {
		err = f.unmap(f.data)
		f.data = nil
	}
	return errors.Join(err, f.File.Close())
}
