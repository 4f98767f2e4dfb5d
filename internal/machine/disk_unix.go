//go:build linux || darwin

package machine

import "golang.org/x/sys/unix"

// FreeDisk is the bytes that can be written where a folder lies, or its nearest
// parent that is there; ok says that it is known.
func FreeDisk(dir string) (n int64, ok bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(existing(dir), &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
