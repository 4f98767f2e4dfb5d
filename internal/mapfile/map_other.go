//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package mapfile

import "os"

func mapFile(*os.File, int) ([]byte, func([]byte) error, error) { return nil, nil, ErrUnsupported }
