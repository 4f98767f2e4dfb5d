// Package mapfile maps files into memory, where the standard library can.
package mapfile

import (
	"errors"
	"os"
)

// ErrUnsupported means that files cannot be mapped on this system: the caller
// reads instead.
var ErrUnsupported = errors.New("this system maps no files")

// Map maps the first size bytes of f, at least one, read-only; unmap undoes
// it. f may be closed before. The file must not be cut short meanwhile: to
// read beyond its new end stops the program.
func Map(f *os.File, size int) (data []byte, unmap func([]byte) error, err error) {
	return mapFile(f, size)
}
