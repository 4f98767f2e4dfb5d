package filelock

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestASecondOpenWaitsForTheFirstToClose(t *testing.T) {
	switch runtime.GOOS {
	case "linux", "darwin", "freebsd", "netbsd", "openbsd", "dragonfly", "windows":
	default:
		t.Skip("no locks on " + runtime.GOOS)
	}
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first, second := open(), open()
	defer second.Close()
	for _, step := range []struct {
		file *os.File
		want bool
	}{{first, true}, {second, false}} {
		if got, err := TryLock(step.file); got != step.want || err != nil {
			t.Fatalf("TryLock: %t, %v; want %t", got, err, step.want)
		}
	}
	if _, err := os.ReadFile(path); err != nil {
		t.Errorf("a locked file cannot be read: %v", err)
	}
	first.Close()
	if got, err := TryLock(second); !got || err != nil {
		t.Errorf("TryLock after the holder closed: %t, %v", got, err)
	}
}
