//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package mapfile

import (
	"fmt"
	"os"
	"syscall"
)

func mapFile(f *os.File, size int) (data []byte, unmap func([]byte) error, err error) {
	data, err = syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("mmap: %w", err)
	}
	return data, syscall.Munmap, nil
}
