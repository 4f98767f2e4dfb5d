//go:build linux || darwin || windows

package machine

import (
	"os"
	"path/filepath"
)

// existing is the folder, or the nearest of its parents that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
