package machine

import (
	"bytes"
	"os"
	"path"
	"strconv"
	"strings"
)

// AvailableMemory is the bytes that programs can have without swapping, files in the
// page cache given up, within the limits of the control groups; ok says that it is
// known.
func AvailableMemory() (n int64, ok bool) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	n, ok = memAvailable(text)
	if group, err := os.ReadFile("/proc/self/cgroup"); ok && err == nil {
		n = min(n, groupLimit(os.ReadFile, group, n))
	}
	return n, ok
}

// memAvailable reads the line of /proc/meminfo.
func memAvailable(text []byte) (int64, bool) {
	_, rest, ok := bytes.Cut(text, []byte("MemAvailable:"))
	if !ok {
		return 0, false
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(string(line)), "kB")), 10, 64)
	return kib << 10, err == nil && kib >= 0
}

// groupLimit is what the group of /proc/self/cgroup and those above it, version 2,
// leave of n bytes.
func groupLimit(read func(string) ([]byte, error), self []byte, n int64) int64 {
	_, group, ok := strings.Cut(strings.TrimSpace(string(self)), "0::")
	if !ok {
		return n
	}
	number := func(group, file string) (int64, bool) {
		text, err := read(path.Join("/sys/fs/cgroup", group, file))
		if err != nil {
			return 0, false
		}
		v, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		return v, err == nil // "max" is no limit
	}
	for group = path.Join("/", group); ; group = path.Dir(group) {
		limit, limited := number(group, "memory.max")
		used, known := number(group, "memory.current")
		if limited && known {
			n = min(n, max(0, limit-used))
		}
		if group == "/" {
			return n
		}
	}
}
