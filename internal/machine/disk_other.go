//go:build !linux && !darwin && !windows

package machine

// FreeDisk is not known on this system.
func FreeDisk(string) (n int64, ok bool) { return 0, false }
