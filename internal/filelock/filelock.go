// Package filelock keeps two processes from writing the same file at once.
//
// A lock is advisory: it binds those who ask for it. It belongs to the open
// file, so two opens of one file in one process exclude each other too, and it
// ends when the file is closed or the process dies. No lock file is ever stale.
package filelock

import "os"

// TryLock takes an exclusive lock on f without waiting, and reports whether it
// has it; false without an error means that somebody else does. Where the
// system or the file system has no locks it reports true: running without one
// is better than not running.
func TryLock(f *os.File) (bool, error) { return tryLock(f) }
