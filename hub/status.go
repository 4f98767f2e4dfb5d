package hub

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// statusError is the error of an answer that is none of the wanted ones. It
// reads the body for the server's words.
func (c *Client) statusError(o op, resp *http.Response) error {
	said := serverMessage(resp)
	e := o.errorf(ErrBadResponse, againAdvice, "%s", said)
	e.Status = resp.StatusCode
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.Kind = ErrUnavailable
		if resp.StatusCode == http.StatusTooManyRequests && c.token == "" {
			e.Advice = "wait a few minutes, or set HF_TOKEN: requests with a token have a higher limit"
		}
		return transient(e, retryAfter(resp.Header, c.now()))
	}
	if !sameOrigin(resp.Request.URL, c.endpoint) {
		switch resp.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
			// A signed address expires within the hour; the next attempt asks
			// the Hub for another.
			e.Kind, e.Detail = ErrUnavailable, "the storage host "+resp.Request.URL.Host+" refused the address that the Hub gave: "+said
			return transient(e, 0)
		}
		return e
	}
	page := "https://huggingface.co/" + o.repo
	switch code := resp.Header.Get("X-Error-Code"); {
	case code == "GatedRepo":
		e.Kind = ErrGated
		e.Detail = "the model is gated and access has not been granted: " + said
		e.Advice = "accept the licence at " + page + ", then set HF_TOKEN or run `hf auth login`"
		if c.token != "" {
			e.Advice = "accept the licence at " + page + " with the account that the token belongs to, wait if its authors grant access by hand, and see that the token may read gated repositories"
		}
	case code == "RevisionNotFound":
		e.Kind, e.Detail = ErrRevisionNotFound, "no such revision"
		e.Advice = "the revisions are listed at " + page + "/tree/main"
	case code == "EntryNotFound":
		e.Kind, e.Detail = ErrFileNotFound, ""
		e.Advice = "the files are listed at " + page + "/tree/main"
	case code == "RepoNotFound":
		e.Kind, e.Detail = ErrRepositoryNotFound, "no such repository, or a private one"
		e.Advice = "check the name at " + page
		if c.token == "" {
			e.Advice += "; a private repository needs HF_TOKEN or `hf auth login`"
		}
	case resp.StatusCode == http.StatusUnauthorized && c.token != "":
		e.Kind, e.Detail = ErrUnauthorized, "the token was refused: "+said
		e.Advice = "make a new one at https://huggingface.co/settings/tokens and set HF_TOKEN or run `hf auth login`"
	case resp.StatusCode == http.StatusUnauthorized:
		e.Kind, e.Detail = ErrUnauthorized, "a token is needed: "+said
		e.Advice = "set HF_TOKEN or run `hf auth login`"
	case resp.StatusCode == http.StatusForbidden:
		e.Kind = ErrUnauthorized
		e.Advice = "see that the token may read this repository, at https://huggingface.co/settings/tokens"
	case resp.StatusCode == http.StatusNotFound:
		// The Hub says what is missing; somebody else answered.
		e.Detail = "not found, in words that are not the Hub's: " + said
		e.Advice = "check that HF_ENDPOINT is the address of a Hub, and HTTPS_PROXY"
	}
	return e
}

// serverMessage returns the server's own words, short and on one line.
func serverMessage(resp *http.Response) string {
	s := resp.Header.Get("X-Error-Message")
	if s == "" {
		data, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		var answer struct{ Error string }
		switch {
		case json.Unmarshal(data, &answer) == nil:
			s = answer.Error
		case isHTML(resp):
			s = "an HTML page"
		default:
			s = string(data)
		}
	}
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "..."
	}
	if s == "" {
		s = http.StatusText(resp.StatusCode)
	}
	if id := resp.Header.Get("X-Request-Id"); id != "" && len(id) < 100 {
		s += " (request " + id + ")"
	}
	return s
}

func isHTML(resp *http.Response) bool {
	return strings.Contains(strings.ToLower(resp.Header.Get("Content-Type")), "html")
}
