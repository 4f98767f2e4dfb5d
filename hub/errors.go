package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Kinds of [Error], to be told apart with errors.Is.
var (
	ErrRepositoryNotFound = errors.New("no such repository")
	ErrRevisionNotFound   = errors.New("no such revision")
	// ErrFileNotFound is also an fs.ErrNotExist. The other kinds are not: that
	// a file could not be had is no proof that there is none.
	ErrFileNotFound = fmt.Errorf("no such file in the repository: %w", fs.ErrNotExist)
	ErrGated        = errors.New("access must be granted first")
	ErrUnauthorized = errors.New("access denied")
	ErrOffline      = errors.New("not in the cache, and offline")
	ErrChanged      = errors.New("the file changed meanwhile")
	ErrCorrupt      = errors.New("the content does not match its hash")
	ErrBadResponse  = errors.New("unusable answer")
	ErrRedirects    = errors.New("redirected in circles")
	ErrUnavailable  = errors.New("out of reach")
	ErrDiskFull     = errors.New("disk full")
)

// Error is what went wrong with one request or one file of the cache.
type Error struct {
	Op     string // "GET resolve/1a2b3c4d5e6f/config.json"
	Repo   string // "ORG/NAME"
	Status int    // of HTTP; 0 where there was no answer
	Kind   error  // one of the Err values; nil where none fits
	Detail string // what happened
	Advice string // what to do next
	Err    error  // the cause, if it is another error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "hub: %s of %s: ", e.Op, e.Repo)
	if e.Status != 0 {
		fmt.Fprintf(&b, "%d: ", e.Status)
	}
	switch {
	case e.Detail != "":
		b.WriteString(e.Detail)
	case e.Kind == ErrFileNotFound: // without the words of fs.ErrNotExist
		b.WriteString("no such file in the repository")
	case e.Kind != nil:
		b.WriteString(e.Kind.Error())
	}
	if e.Err != nil {
		if e.Detail != "" || e.Kind != nil {
			b.WriteString(": ")
		}
		b.WriteString(e.Err.Error())
	}
	if e.Advice != "" {
		b.WriteString("; " + e.Advice)
	}
	return b.String()
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	var list []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			list = append(list, err)
		}
	}
	return list
}

// op is what is being done, for errors and progress.
type op struct {
	verb, target string // "GET", "resolve/1a2b3c4d5e6f/config.json"
	repo         string
	track        *tracker // nil: nobody watches
}

// errorf makes an error of a kind with a detail.
func (o op) errorf(kind error, advice, detail string, args ...any) *Error {
	return &Error{Op: o.verb + " " + o.target, Repo: o.repo, Kind: kind, Detail: fmt.Sprintf(detail, args...), Advice: advice}
}

// canceled is the error of a call whose context has ended.
func (o op) canceled(ctx context.Context) *Error {
	return &Error{Op: o.verb + " " + o.target, Repo: o.repo, Err: context.Cause(ctx)}
}

// disk is the error of a file of the cache.
func (o op) disk(c *Client, err error) *Error {
	e := &Error{Op: o.verb + " " + o.target, Repo: o.repo, Err: err}
	switch {
	case isDiskFull(err):
		e.Kind = ErrDiskFull
		e.Advice = "make room under " + c.cache + " or set HF_HUB_CACHE to a larger disk, then run again: what has arrived is kept"
	case errors.Is(err, fs.ErrPermission):
		e.Detail = "the cache cannot be used"
		e.Advice = "set HF_HUB_CACHE to a folder that you may write"
	default:
		e.Detail = "the cache cannot be used"
		e.Advice = "check the folder " + c.cache + " or set HF_HUB_CACHE to another"
	}
	return e
}

// shortCommit is a commit as errors show it.
func shortCommit(commit string) string { return commit[:min(12, len(commit))] }
