package hub

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Snapshot is a repository at one commit. Everything read through it belongs to
// that commit. It is safe for concurrent use.
type Snapshot struct {
	c      *Client
	ref    Ref
	commit string
	dir    string // the repository's folder in the cache
	fresh  bool   // the Hub has just said what commit ref is
}

// Snapshot resolves "ORG/NAME" or "ORG/NAME@REV" to a commit. A full commit
// hash needs no request. Offline, the cache says what commit a branch had when
// it was last used.
func (c *Client) Snapshot(ctx context.Context, ref string) (*Snapshot, error) {
	r, err := ParseRef(ref)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{c: c, ref: r, dir: filepath.Join(c.cache, repoDir(r.ID))}
	o := op{verb: http.MethodGet, target: "revision " + r.Revision, repo: r.ID}
	switch {
	case isCommit(r.Revision):
		s.commit = r.Revision
	case c.offline:
		if s.commit = s.cachedRef(); s.commit == "" {
			return nil, o.errorf(ErrOffline, "unset HF_HUB_OFFLINE, or fetch the model where there is a network, with `kakeya fetch` or `hf download "+r.ID+"`, and copy the cache",
				"the cache %s does not know this revision, and offline nothing else is asked", c.cache)
		}
	default:
		if s.commit, err = c.resolve(ctx, o, r); err != nil {
			var e *Error
			if cached := s.cachedRef(); cached != "" && errors.As(err, &e) && e.Kind == ErrUnavailable {
				e.Advice = strings.TrimSuffix(e.Advice, offlineAdvice) + ", or set HF_HUB_OFFLINE=1 to use commit " + shortCommit(cached) + " from the cache"
			}
			return nil, err
		}
		s.fresh = true
	}
	return s, nil
}

// ID is "ORG/NAME".
func (s *Snapshot) ID() string { return s.ref.ID }

// Commit is the full hash of the commit.
func (s *Snapshot) Commit() string { return s.commit }

// maxInfo bounds the answer about a repository, which lists all its files.
const maxInfo = 64 << 20

// resolve asks the Hub for the commit of a revision.
func (c *Client) resolve(ctx context.Context, o op, r Ref) (commit string, err error) {
	u := c.endpoint.JoinPath("api/models", r.ID, "revision")
	u.Path, u.RawPath = u.Path+"/"+r.Revision, u.EscapedPath()+"/"+url.PathEscape(r.Revision)
	err = c.retry(ctx, o, func() (bool, error) {
		resp, err := c.exchange(ctx, o, u, http.Header{"Accept": {"application/json"}}, follow)
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return false, c.statusError(o, resp)
		}
		var info struct{ SHA string }
		data, err := io.ReadAll(io.LimitReader(resp.Body, maxInfo))
		if err != nil {
			return false, c.networkError(ctx, resp.Request.Context(), o, resp.Request.URL.Host, err)
		}
		if err := json.Unmarshal(data, &info); err != nil || !isCommit(info.SHA) {
			what := "JSON without a commit"
			switch {
			case isHTML(resp) || strings.HasPrefix(strings.TrimSpace(string(data)), "<"):
				what = "an HTML page instead of JSON"
			case err != nil:
				what = "no JSON"
			}
			return false, o.errorf(ErrBadResponse, "check HF_ENDPOINT and HTTPS_PROXY, and whether the network wants a login in a browser",
				"%s answered with %s", resp.Request.URL.Host, what)
		}
		commit = info.SHA
		return false, nil
	})
	return commit, err
}

// maxReadFile bounds what ReadFile loads; the largest tokenizers are a tenth of it.
const maxReadFile = 256 << 20

// ReadFile returns the content of a small file, through the official cache. The
// error is an fs.ErrNotExist where the repository has no such file, and only
// there.
func (s *Snapshot) ReadFile(ctx context.Context, name string) ([]byte, error) {
	o, err := s.op(http.MethodGet, name)
	if err != nil {
		return nil, err
	}
	path, err := s.Path(ctx, name)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.Size() > maxReadFile {
		return nil, o.errorf(nil, "open it and read what is needed", "%d bytes are too many to load at once", info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, o.disk(s.c, err)
	}
	return data, nil
}

// Path returns the path of the whole file in the official cache, and fetches
// the file if it is not there.
func (s *Snapshot) Path(ctx context.Context, name string) (string, error) {
	o, err := s.op(http.MethodGet, name)
	if err != nil {
		return "", err
	}
	if path, ok := s.cached(name); ok {
		s.writeRef()
		return path, nil
	}
	src, err := s.source(ctx, name)
	if err != nil {
		return "", err
	}
	path, err := s.download(ctx, o, name, src)
	if err != nil {
		return "", err
	}
	s.writeRef()
	return path, nil
}

// op describes an action on a file, and refuses names that no repository has.
func (s *Snapshot) op(verb, name string) (op, error) {
	o := op{verb: verb, target: "resolve/" + shortCommit(s.commit) + "/" + name, repo: s.ref.ID}
	if reason := badFile(name); reason != "" {
		o.target = "a file"
		return o, o.errorf(ErrFileNotFound, "write the path as the model's page lists it", "%q %s", name, reason)
	}
	return o, nil
}

// source says what a file is: from the cache's notes where it has been asked
// before, for a commit never changes, else from the Hub.
func (s *Snapshot) source(ctx context.Context, name string) (*source, error) {
	o, err := s.op(http.MethodHead, name)
	if err != nil {
		return nil, err
	}
	src := &source{s: s, name: name}
	if src.blob, err = s.readNote(name); err == nil {
		return src, nil
	}
	if s.knownMissing(name) {
		return nil, o.errorf(ErrFileNotFound, "the files are listed at https://huggingface.co/"+s.ref.ID+"/tree/main", "")
	}
	if s.c.offline {
		return nil, s.offlineError(o, name)
	}
	b, u, err := s.head(ctx, o, name)
	if err != nil {
		if errors.Is(err, ErrFileNotFound) {
			s.noteMissing(name)
		}
		return nil, err
	}
	src.blob, src.url = b, u
	return src, nil
}

func (s *Snapshot) offlineError(o op, name string) error {
	return o.errorf(ErrOffline, "unset HF_HUB_OFFLINE, or fetch the file where there is a network, with `kakeya fetch` or `hf download "+s.ref.ID+" "+name+" --revision "+s.commit+"`, and copy the cache",
		"it is not in the cache %s, and offline nothing else is asked", s.c.cache)
}
