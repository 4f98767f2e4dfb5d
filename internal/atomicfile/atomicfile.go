// Package atomicfile writes files that are either complete or not there.
package atomicfile

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
)

// Write makes the file path of what fill writes. The bytes go to a temporary
// name in the same directory, reach the disk, and take the name path last: a
// reader never sees a part of them, and after an error path is as it was.
func Write(path string, fill func(w io.Writer) error) (err error) {
	// The random part lets two processes write the same path; os.CreateTemp
	// would do that too, but makes the file private to the user.
	f, err := os.OpenFile(fmt.Sprintf("%s.%08x.tmp", path, rand.Uint32()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close() // a second Close is harmless
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
