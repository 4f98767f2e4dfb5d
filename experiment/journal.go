package experiment

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"kakeyalattice/internal/filelock"
)

// JournalName is the name of the journal inside an output directory.
const JournalName = "journal.jsonl"

// syncInterval bounds the work that a power cut can lose. A crash of the
// process alone loses none: every unit is written as it finishes.
const syncInterval = time.Second

// Journal is the list of finished units in an output directory: a header with
// the settings of the run, then one JSON line a unit. [Run] takes over what is
// in it and appends what it finishes. It is safe for concurrent use.
type Journal struct {
	path    string
	entries []entry // found when it was opened
	resumed int

	mu     sync.Mutex
	file   *os.File
	synced time.Time
	err    error // of the write that failed: nothing is written after it
}

// ErrSettings marks a journal that a run with other settings made.
var ErrSettings = errors.New("made with other settings")

// OpenJournal opens the journal of the output directory dir, which must
// exist, and locks it against other processes until [Journal.Close].
//
// A new journal starts with the settings. One that exists is refused unless
// resume is set and its settings are the same; a last line that was torn by a
// crash is cut off. With resume, a missing journal is made.
func OpenJournal(dir string, plan []Setting, resume bool) (*Journal, error) {
	for i, s := range plan {
		if slices.ContainsFunc(plan[:i], func(x Setting) bool { return x.Name == s.Name }) {
			return nil, fmt.Errorf("experiment: setting %q is given twice", s.Name)
		}
	}
	path := filepath.Join(dir, JournalName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, fmt.Errorf("experiment: journal: %w; choose another --out", err)
	}
	j := &Journal{path: path, file: file, synced: time.Now()}
	if err := j.begin(plan, resume); err != nil {
		file.Close()
		return nil, fmt.Errorf("experiment: journal %s: %w", path, err)
	}
	return j, nil
}

// begin locks the file, reads what is there and writes the header if it is new.
func (j *Journal) begin(plan settings, resume bool) error {
	locked, err := filelock.TryLock(j.file)
	if err != nil {
		return err
	}
	if !locked {
		return errors.New("another process is writing to it; wait for that run to end or use another --out")
	}
	data, err := io.ReadAll(j.file)
	if err != nil {
		return err
	}
	if len(data) > 0 && !resume {
		return errors.New("a run is recorded there; continue it with --resume or use another --out")
	}
	found, err := parseJournal(data)
	// The settings come first: lines of another version may well be unreadable.
	if found.header != nil {
		if diff := differences(found.header.Plan, plan); len(diff) > 0 {
			return fmt.Errorf("%w: %s; use another --out or the same flags", ErrSettings, strings.Join(diff, "; "))
		}
	}
	if err != nil {
		return fmt.Errorf("%w; delete the file or use another --out", err)
	}
	if found.size < len(data) {
		if err := j.file.Truncate(int64(found.size)); err != nil {
			return err
		}
	}
	j.entries = found.entries
	if found.header == nil {
		return j.append(header{Format: journalFormat, Plan: plan})
	}
	return nil
}

// Resumed is the number of units that [Run] took over instead of measuring them.
func (j *Journal) Resumed() int { return j.resumed }

// append writes one line with one call, so that a crash tears at most the
// last line.
func (j *Journal) append(v any) error {
	b, err := marshalLine(v)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if _, j.err = j.file.Write(b); j.err != nil {
		return j.err
	}
	if now := time.Now(); now.Sub(j.synced) >= syncInterval {
		j.synced = now
		j.err = j.file.Sync()
	}
	return j.err
}

// sync brings everything that was written to the disk.
func (j *Journal) sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.err = j.file.Sync()
	}
	return j.err
}

// Close brings the journal to the disk and unlocks it.
func (j *Journal) Close() error {
	err := j.sync()
	if closeErr := j.file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("experiment: journal: %w", err)
	}
	return nil
}
