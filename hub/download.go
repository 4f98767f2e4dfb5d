package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"kakeyalattice/internal/filelock"
)

// lockPoll is how often a download looks whether another process has finished
// with the same file.
const lockPoll = 50 * time.Millisecond

// download brings the whole file into the cache and returns its path there.
func (s *Snapshot) download(ctx context.Context, o op, name string, src *source) (string, error) {
	c := s.c
	if c.offline && !s.hasBlob(src.blob) {
		return "", s.offlineError(o, name)
	}
	unlock, err := s.lock(ctx, o, name, src.blob)
	if err != nil {
		return "", err
	}
	defer unlock()
	arrived := false
	if !s.hasBlob(src.blob) {
		if err := s.fetchBlob(ctx, o, name, src); err != nil {
			return "", err
		}
		arrived = true
	}
	path, err := s.link(name, src.blob, arrived)
	if err != nil {
		return "", o.disk(c, err)
	}
	return path, nil
}

// lock keeps other programs that use the official cache from fetching the same
// content at once. The lock file stays, as theirs do.
func (s *Snapshot) lock(ctx context.Context, o op, name string, b blob) (unlock func(), err error) {
	path := filepath.Join(s.c.cache, ".locks", repoDir(s.ref.ID), b.ETag+".lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, o.disk(s.c, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, o.disk(s.c, err)
	}
	for {
		ok, err := filelock.TryLock(f)
		if err != nil {
			f.Close()
			return nil, o.disk(s.c, err)
		}
		if ok {
			return func() { f.Close() }, nil
		}
		if o.track == nil {
			o.track = s.c.track(s.ref.ID, name, 0, b.Size)
			o.track.wait("another process is fetching it")
		}
		if sleep(ctx, lockPoll) != nil {
			f.Close()
			return nil, o.canceled(ctx)
		}
	}
}

// fetchBlob makes blobs/<etag>, through <etag>.incomplete, which a later call
// continues. A part that another program left may hold anything; if the whole
// does not match its hash, one more attempt starts from nothing.
func (s *Snapshot) fetchBlob(ctx context.Context, o op, name string, src *source) error {
	blobPath := s.blobPath(src.blob)
	if err := os.MkdirAll(filepath.Dir(blobPath), 0o777); err != nil {
		return o.disk(s.c, err)
	}
	part := blobPath + ".incomplete"
	resumed, err := s.fetchPart(ctx, o, name, src, part)
	if resumed && errors.Is(err, ErrCorrupt) {
		_, err = s.fetchPart(ctx, o, name, src, part)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(part, blobPath); err != nil {
		return o.disk(s.c, err)
	}
	return nil
}

// fetchPart completes a partial file and sees that it is what it should be; a
// wrong one is removed.
func (s *Snapshot) fetchPart(ctx context.Context, o op, name string, src *source, part string) (resumed bool, err error) {
	c := s.c
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return false, o.disk(c, err)
	}
	defer f.Close()
	h, want := hasher(src.blob)
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return false, o.disk(c, err)
	}
	if have > src.Size || h == nil { // without a hash nobody knows what is there
		if err := f.Truncate(0); err != nil {
			return false, o.disk(c, err)
		}
		have = 0
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, o.disk(c, err)
	}
	sink := io.Writer(f)
	if h != nil {
		if _, err := io.CopyN(h, &cancelReader{ctx, f}, have); err != nil {
			if ctx.Err() != nil {
				return false, o.canceled(ctx)
			}
			return false, o.disk(c, err)
		}
		sink = io.MultiWriter(f, h)
	}

	o.track = c.track(s.ref.ID, name, have, src.Size)
	defer o.track.finish()
	if have < src.Size {
		err = src.stream(ctx, o, have, src.Size, func(p []byte) error {
			if _, err := sink.Write(p); err != nil {
				return o.disk(c, err)
			}
			return nil
		})
		if err != nil {
			return have > 0, err
		}
	}
	if h != nil {
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			f.Close()
			os.Remove(part)
			return have > 0, o.errorf(ErrCorrupt, "run again; what had arrived was removed", "the content has the hash %s, not %s", got, want)
		}
	}
	if err := f.Sync(); err != nil {
		return have > 0, o.disk(c, err)
	}
	if err := f.Close(); err != nil {
		return have > 0, o.disk(c, err)
	}
	return have > 0, nil
}

// hasher returns the hash that the ETag is of: SHA-256 of the content with Git
// LFS, else git's SHA-1 of a blob. A mirror may have ETags of its own, which
// say nothing about the content.
func hasher(b blob) (hash.Hash, string) {
	switch {
	case isHex(b.ETag, 2*sha256.Size):
		return sha256.New(), b.ETag
	case isHex(b.ETag, 2*sha1.Size):
		h := sha1.New()
		fmt.Fprintf(h, "blob %d\x00", b.Size)
		return h, b.ETag
	}
	return nil, ""
}

// cancelReader stops reading when its context ends.
type cancelReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *cancelReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
