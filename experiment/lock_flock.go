//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package experiment

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes an advisory lock that ends when the file is closed or the
// process dies.
func lockFile(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return errors.New("another process is writing to it")
	case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOSYS):
		// Some network file systems have no locks; running without one is
		// better than not running.
		return nil
	}
	return err
}
