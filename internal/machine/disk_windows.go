package machine

import "golang.org/x/sys/windows"

// FreeDisk is the bytes that can be written where a folder lies, or its nearest
// parent that is there; ok says that it is known.
func FreeDisk(dir string) (n int64, ok bool) {
	path, err := windows.UTF16PtrFromString(existing(dir))
	if err != nil {
		return 0, false
	}
	var free, total, all uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, &total, &all); err != nil {
		return 0, false
	}
	return int64(free), true
}
