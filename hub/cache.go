package hub

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"kakeyalattice/internal/atomicfile"
)

// The official cache, as https://huggingface.co/docs/hub/local-cache describes
// it. Below the folder of a repository:
//
//	refs/<revision>             the commit of a branch or tag
//	blobs/<etag>                contents; <etag>.incomplete while one arrives
//	snapshots/<commit>/<file>   a link to the content
//	.no_exist/<commit>/<file>   empty: the commit has no such file
//
// and of this package, in a folder that other programs pass over and that goes
// when they remove the repository:
//
//	.kakeya-ranges/files/<commit>/<file>          what the file is, as JSON
//	.kakeya-ranges/blobs/<etag>/<begin>-<end>     a range of its content
const rangesDir = ".kakeya-ranges"

// cached returns the path of a file that is in the cache as a whole.
func (s *Snapshot) cached(name string) (string, bool) {
	path := filepath.Join(s.dir, "snapshots", s.commit, filepath.FromSlash(name))
	return path, isFile(path)
}

func isFile(path string) bool {
	info, err := os.Stat(path) // follows the link into blobs
	return err == nil && info.Mode().IsRegular()
}

func (s *Snapshot) blobPath(b blob) string { return filepath.Join(s.dir, "blobs", b.ETag) }

// hasBlob reports whether the whole content is there, perhaps for another commit.
func (s *Snapshot) hasBlob(b blob) bool {
	info, err := os.Stat(s.blobPath(b))
	return err == nil && info.Mode().IsRegular() && info.Size() == b.Size
}

func (s *Snapshot) refPath() string {
	return filepath.Join(s.dir, "refs", filepath.FromSlash(s.ref.Revision))
}

// cachedRef returns the commit that the cache has for the revision, or "".
func (s *Snapshot) cachedRef() string {
	data, err := os.ReadFile(s.refPath())
	if commit := strings.TrimSpace(string(data)); err == nil && isCommit(commit) {
		return commit
	}
	return ""
}

// writeRef notes the commit of the revision, once a file of that commit is
// there: a ref without its snapshot would hide an older one that other programs
// could use. A cache that cannot be written still serves, so errors do not
// count.
func (s *Snapshot) writeRef() {
	if !s.fresh || s.cachedRef() == s.commit {
		return
	}
	if os.MkdirAll(filepath.Dir(s.refPath()), 0o777) == nil {
		atomicfile.Write(s.refPath(), func(w io.Writer) error {
			_, err := io.WriteString(w, s.commit) // no newline: others compare the whole file
			return err
		})
	}
}

func (s *Snapshot) missingPath(name string) string {
	return filepath.Join(s.dir, ".no_exist", s.commit, filepath.FromSlash(name))
}

// knownMissing reports whether the Hub has said that the commit has no such file.
func (s *Snapshot) knownMissing(name string) bool { return isFile(s.missingPath(name)) }

// noteMissing spares the next request; it may fail, as writeRef may.
func (s *Snapshot) noteMissing(name string) {
	path := s.missingPath(name)
	if os.MkdirAll(filepath.Dir(path), 0o777) == nil {
		if f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666); err == nil {
			f.Close()
		}
	}
}

func (s *Snapshot) notePath(name string) string {
	return filepath.Join(s.dir, rangesDir, "files", s.commit, filepath.FromSlash(name))
}

// readNote returns what a file is, if writeNote has noted it.
func (s *Snapshot) readNote(name string) (b blob, err error) {
	data, err := os.ReadFile(s.notePath(name))
	if err != nil {
		return b, err
	}
	if err := json.Unmarshal(data, &b); err != nil {
		return b, err
	}
	if etag, err := parseETag(b.ETag); err != nil || etag != b.ETag || b.Size < 0 {
		return blob{}, errors.New("not a note")
	}
	return b, nil
}

// writeNote notes what a file is, so that its ranges serve without the Hub.
func (s *Snapshot) writeNote(name string, b blob) error {
	if old, err := s.readNote(name); err == nil && old == b {
		return nil
	}
	// Other programs report a repository without this folder as broken.
	if err := os.MkdirAll(filepath.Join(s.dir, "snapshots"), 0o777); err != nil {
		return err
	}
	path := s.notePath(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(b) })
}

// link makes the content blobs/<etag> appear as a file of the snapshot. Where
// there are no symbolic links the file itself goes there, as the official
// client has it: moved if it has just come, copied if other snapshots may
// link to it.
func (s *Snapshot) link(name string, b blob, arrived bool) (string, error) {
	path, ok := s.cached(name)
	if ok {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return "", err
	}
	blobPath := s.blobPath(b)
	target, err := filepath.Rel(filepath.Dir(path), blobPath)
	if err != nil {
		return "", err
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		os.Remove(path) // its content is gone
	}
	err = s.c.symlink(target, path)
	if err == nil || isFile(path) { // or another process was faster
		return path, nil
	}
	if arrived {
		return path, os.Rename(blobPath, path)
	}
	f, err := os.Open(blobPath)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return path, atomicfile.Write(path, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}

func makeSymlink(target, path string) error { return os.Symlink(target, path) }
