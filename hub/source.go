package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// blob is the content of a file: its name in the cache, and its size.
type blob struct {
	ETag string `json:"etag"` // git's SHA-1, or SHA-256 with Git LFS
	Size int64  `json:"size"`
}

// source is a file of a commit and where its bytes come from at the moment.
type source struct {
	blob
	s    *Snapshot
	name string

	mu     sync.Mutex
	url    *url.URL          // nil: to be asked for
	stored map[string]string // the ETag that a host calls the content by
}

// head asks the Hub what a file is and where it lies.
func (s *Snapshot) head(ctx context.Context, o op, name string) (b blob, at *url.URL, err error) {
	c := s.c
	u := c.endpoint.JoinPath(append([]string{s.ref.ID, "resolve", s.commit}, escapeSegments(name)...)...)
	err = c.retry(ctx, o, func() (bool, error) {
		// What the Hub says of the file may stand in any answer on the way.
		var etag, size, commit string
		look := func(resp *http.Response) {
			etag = first(etag, resp.Header.Get("X-Linked-Etag"))
			size = first(size, resp.Header.Get("X-Linked-Size"))
			commit = first(commit, resp.Header.Get("X-Repo-Commit"))
		}
		var target *url.URL
		resp, err := c.exchange(ctx, o, u, nil, func(resp *http.Response, next *url.URL) bool {
			look(resp)
			target = next
			return !sameOrigin(next, c.endpoint) && etag != "" && size != ""
		})
		if err != nil {
			return false, err
		}
		resp.Body.Close()
		look(resp)
		switch {
		case resp.StatusCode == http.StatusOK:
			target = resp.Request.URL
			if isHTML(resp) && etag == "" && !strings.HasSuffix(name, ".html") {
				return false, o.errorf(ErrBadResponse, "check HF_ENDPOINT and HTTPS_PROXY, and whether the network wants a login in a browser",
					"%s answered with an HTML page", target.Host)
			}
			etag = first(etag, resp.Header.Get("ETag"))
			size = first(size, resp.Header.Get("Content-Length"))
		case resp.StatusCode < 300 || resp.StatusCode > 399:
			return false, c.statusError(o, resp)
		}
		if commit != "" && commit != s.commit {
			return false, o.errorf(ErrChanged, "run again", "the Hub answered for commit %s", shortCommit(commit))
		}
		b.ETag, err = parseETag(etag)
		if err != nil {
			return false, o.errorf(ErrBadResponse, "check that HF_ENDPOINT is the address of a Hub, and HTTPS_PROXY", "%v", err)
		}
		if b.Size, err = strconv.ParseInt(size, 10, 64); err != nil || b.Size < 0 {
			return false, o.errorf(ErrBadResponse, "check that HF_ENDPOINT is the address of a Hub, and HTTPS_PROXY", "the size of the file is missing")
		}
		at = target
		return false, nil
	})
	return b, at, err
}

// escapeSegments splits a path, each part escaped for a URL.
func escapeSegments(name string) []string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return parts
}

// parseETag returns what an ETag quotes, and refuses what is no name of a file.
func parseETag(s string) (string, error) {
	t := strings.Trim(strings.TrimPrefix(s, "W/"), `"`)
	if t == "" {
		return "", errors.New("the answer has no ETag")
	}
	for _, r := range t {
		if !isAlnum(r) && r != '-' && r != '_' {
			return "", fmt.Errorf("the ETag %.80q is not a hash", s)
		}
	}
	if len(t) > 128 {
		return "", fmt.Errorf("the ETag has %d characters", len(t))
	}
	return t, nil
}

// locate returns the address of the content, and asks the Hub for it if there
// is none or the last has expired.
func (src *source) locate(ctx context.Context, o op) (*url.URL, error) {
	src.mu.Lock()
	defer src.mu.Unlock()
	if src.url != nil {
		return src.url, nil
	}
	o.verb = http.MethodHead
	b, u, err := src.s.head(ctx, o, src.name)
	if err != nil {
		return nil, err
	}
	if b != src.blob {
		return nil, src.changed(o, fmt.Sprintf("the Hub now names it %s of %d bytes, before %s of %d", b.ETag, b.Size, src.ETag, src.Size))
	}
	src.url = u
	return u, nil
}

// expire forgets an address that was refused.
func (src *source) expire(u *url.URL) {
	src.mu.Lock()
	defer src.mu.Unlock()
	if src.url == u {
		src.url = nil
	}
}

func (src *source) changed(o op, detail string) error {
	return o.errorf(ErrChanged, "nothing of the new content was kept; run again, and if that does not help remove "+src.s.dir, "the file changed meanwhile: %s", detail)
}

// storedETag is what a host calls the content by; it serves for If-Range.
func (src *source) storedETag(host string) string {
	src.mu.Lock()
	defer src.mu.Unlock()
	return src.stored[host]
}

// checkStored compares the ETag of an answer with earlier ones of the same
// host. Hosts have their own ETags, so nothing can be said across hosts.
func (src *source) checkStored(o op, resp *http.Response) error {
	etag := resp.Header.Get("ETag")
	if etag == "" || strings.HasPrefix(etag, "W/") {
		return nil
	}
	src.mu.Lock()
	defer src.mu.Unlock()
	host := resp.Request.URL.Host
	if before := src.stored[host]; before != "" && before != etag {
		return src.changed(o, fmt.Sprintf("its ETag at %s is now %s, before %s", host, etag, before))
	}
	if src.stored == nil {
		src.stored = map[string]string{}
	}
	src.stored[host] = etag
	return nil
}

// open begins to read the bytes [begin, end) of the content.
func (src *source) open(ctx context.Context, o op, begin, end int64) (*http.Response, error) {
	c := src.s.c
	u, err := src.locate(ctx, o)
	if err != nil {
		return nil, err
	}
	whole := begin == 0 && end == src.Size
	header := http.Header{}
	if !whole {
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", begin, end-1))
		if etag := src.storedETag(u.Host); etag != "" {
			header.Set("If-Range", etag)
		}
	}
	resp, err := c.exchange(ctx, o, u, header, follow)
	if err != nil {
		return nil, err
	}
	if err := src.check(o, resp, begin, end, whole); err != nil {
		resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
			src.expire(u)
		}
		return nil, err
	}
	return resp, nil
}

// check sees that an answer is the bytes [begin, end) of the content and
// nothing else.
func (src *source) check(o op, resp *http.Response, begin, end int64, whole bool) error {
	bad := func(format string, args ...any) error {
		e := o.errorf(ErrBadResponse, "check HTTPS_PROXY: something between here and the Hub alters answers", format, args...)
		e.Status = resp.StatusCode
		return e
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
	case http.StatusRequestedRangeNotSatisfiable:
		if _, _, total, err := parseContentRange(resp.Header.Get("Content-Range")); err == nil && total >= 0 && total != src.Size {
			return src.changed(o, fmt.Sprintf("it has %d bytes, before %d", total, src.Size))
		}
		return bad("bytes %d to %d of %d were refused", begin, end, src.Size)
	default:
		return src.s.c.statusError(o, resp)
	}
	if err := src.checkStored(o, resp); err != nil {
		return err
	}
	if enc := resp.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return bad("the body is encoded as %.40q, which nobody asked for", enc)
	}
	if resp.StatusCode == http.StatusPartialContent {
		field := resp.Header.Get("Content-Range")
		first, last, total, err := parseContentRange(field)
		if err != nil || first != begin || last != end-1 {
			return bad("Content-Range is %.80q for bytes %d to %d", field, begin, end-1)
		}
		if total >= 0 && total != src.Size {
			return src.changed(o, fmt.Sprintf("it has %d bytes, before %d", total, src.Size))
		}
	} else if !whole {
		if isHTML(resp) {
			return bad("an HTML page came instead of bytes %d to %d", begin, end-1)
		}
		return bad("the whole file came instead of bytes %d to %d", begin, end-1)
	}
	if n := resp.ContentLength; n >= 0 && n != end-begin {
		if isHTML(resp) {
			return bad("an HTML page came instead of the file")
		}
		return bad("%d bytes were announced, %d expected", n, end-begin)
	}
	return nil
}

// stream hands the bytes [begin, end) to sink, in order, over as many
// connections as it takes. An error of sink ends it.
func (src *source) stream(ctx context.Context, o op, begin, end int64, sink func(p []byte) error) error {
	c := src.s.c
	pos := begin
	var buf []byte
	return c.retry(ctx, o, func() (progress bool, err error) {
		start := pos
		resp, err := src.open(ctx, o, pos, end)
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		if buf == nil {
			buf = make([]byte, min(end-pos, 128<<10))
		}
		for pos < end {
			n, err := resp.Body.Read(buf[:min(int64(len(buf)), end-pos)])
			if n > 0 {
				if err := sink(buf[:n]); err != nil {
					return true, err
				}
				pos += int64(n)
				o.track.add(n)
			}
			switch {
			case pos == end:
			case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
				return pos > start, transient(o.errorf(ErrUnavailable, againAdvice, "the connection broke off after %d of %d bytes", pos-begin, end-begin), 0)
			case err != nil:
				return pos > start, c.networkError(ctx, resp.Request.Context(), o, resp.Request.URL.Host, err)
			}
		}
		return true, nil
	})
}
