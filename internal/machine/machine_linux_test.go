package machine

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestTheSystemTells(t *testing.T) {
	if n, ok := AvailableMemory(); !ok || n <= 0 {
		t.Errorf("memory %d, known %v", n, ok)
	}
	dir := t.TempDir()
	n, ok := FreeDisk(dir)
	if !ok || n <= 0 {
		t.Errorf("disk %d, known %v", n, ok)
	}
	if _, ok := FreeDisk(filepath.Join(dir, "not", "there")); !ok {
		t.Error("the disk of a folder to be made is not known")
	}
}

func TestMemoryIsReadFromItsLine(t *testing.T) {
	for text, want := range map[string]int64{
		"MemTotal:       100 kB\nMemAvailable:    20 kB\nX: 1\n": 20 << 10,
		"MemAvailable: 3 kB": 3 << 10,
		"MemAvailable: x kB": -1,
		"MemFree: 1 kB":      -1,
		"":                   -1,
	} {
		if n, ok := memAvailable([]byte(text)); ok != (want >= 0) || ok && n != want {
			t.Errorf("%q: %d, %v", text, n, ok)
		}
	}
}

func TestEveryGroupAboveLimits(t *testing.T) {
	files := map[string]string{
		"/sys/fs/cgroup/a/b/memory.max": "max\n", "/sys/fs/cgroup/a/b/memory.current": "10\n",
		"/sys/fs/cgroup/a/memory.max": "100\n", "/sys/fs/cgroup/a/memory.current": "40\n",
	}
	read := func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, errors.New("no such file")
	}
	for self, want := range map[string]int64{"0::/a/b\n": 60, "0::/a\n": 60, "0::/\n": 1000, "12:memory:/a\n": 1000} {
		if n := groupLimit(read, []byte(self), 1000); n != want {
			t.Errorf("%q: %d, want %d", self, n, want)
		}
	}
}
