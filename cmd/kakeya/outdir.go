package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"kakeyalattice/experiment"
)

// outDir is the folder of one run.
type outDir struct {
	path    string
	created []string // folders made for it, outermost first
}

// makeOutDir returns the folder to write to: the one named, or
// kakeya-out/<command>-<time>. A folder that holds anything is refused unless
// the run resumes; then it must hold a journal.
func makeOutDir(named, command string, resume bool) (*outDir, error) {
	path := named
	if path == "" {
		if resume {
			return nil, usagef("--resume needs the folder of the interrupted run; add --out DIR")
		}
		path = filepath.Join("kakeya-out", command+"-"+time.Now().Format("20060102-150405"))
	}
	entries, err := os.ReadDir(path)
	switch {
	case resume && err != nil:
		return nil, usagef("--resume: no run to resume in %s: %v; check --out, or leave --resume out", path, cause(err))
	case resume:
		if _, err := os.Stat(filepath.Join(path, experiment.JournalName)); err != nil {
			return nil, usagef("--resume: %s holds no %s; check --out, or leave --resume out", path, experiment.JournalName)
		}
	case err == nil && len(entries) > 0:
		return nil, usagef("%s is not empty; add --resume to continue the run in it, or choose another --out", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("cannot use %s as output folder: %w; choose another --out", path, cause(err))
	}
	d := &outDir{path: path}
	for p := filepath.Clean(path); ; p = filepath.Dir(p) {
		if _, err := os.Stat(p); err == nil || p == filepath.Dir(p) {
			break
		}
		d.created = append([]string{p}, d.created...)
	}
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, fmt.Errorf("cannot make output folder %s: %w; choose another --out", path, cause(err))
	}
	return d, nil
}

// discard removes the journal and the folders that were made, if nothing else
// is in them: a run that failed before its first unit leaves nothing behind.
func (d *outDir) discard() {
	if len(d.created) > 0 {
		os.Remove(filepath.Join(d.path, experiment.JournalName))
	}
	for i := len(d.created) - 1; i >= 0; i-- {
		if os.Remove(d.created[i]) != nil {
			return
		}
	}
}

// cause strips the operation and path from a file error whose message already
// names the path.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
