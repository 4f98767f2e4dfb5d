//go:build !linux

package machine

// AvailableMemory is not known on this system.
func AvailableMemory() (n int64, ok bool) { return 0, false }
