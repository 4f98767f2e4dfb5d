package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxRedirects is what browsers and the official client allow too.
const maxRedirects = 10

var errIdle = errors.New("the connection fell silent")

// exchange sends one request and follows its redirects. It asks before each
// whether to stop there, and then returns the redirect itself. The token goes
// to the endpoint's own host and to no other. Closing the body frees everything;
// a body that is silent for too long ends in errIdle.
func (c *Client) exchange(ctx context.Context, o op, u *url.URL, header http.Header,
	stop func(resp *http.Response, next *url.URL) bool) (*http.Response, error) {
	inner, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.idle, func() { cancel(errIdle) })
	give := func(err error) (*http.Response, error) {
		timer.Stop()
		cancel(nil)
		return nil, err
	}
	for seen := map[string]bool{}; ; {
		if seen[u.String()] || len(seen) > maxRedirects {
			return give(o.errorf(ErrRedirects, "check HF_ENDPOINT and HTTPS_PROXY: what answers at "+u.Host+" is not the Hub",
				"redirected %d times without an end", len(seen)))
		}
		seen[u.String()] = true
		req, err := http.NewRequestWithContext(inner, o.verb, u.String(), nil)
		if err != nil {
			return give(o.errorf(ErrBadResponse, "", "redirected to an unusable address"))
		}
		for k, v := range header {
			req.Header[k] = v
		}
		req.Header.Set("User-Agent", "kakeya")
		// A compressed body has neither the file's length nor its offsets.
		req.Header.Set("Accept-Encoding", "identity")
		if c.token != "" && sameOrigin(u, c.endpoint) {
			req.Header.Set("Authorization", "Bearer "+c.token)
		}
		timer.Reset(c.idle)
		c.requests.Add(1)
		resp, err := c.http.Do(req)
		timer.Stop()
		if err != nil {
			return give(c.networkError(ctx, inner, o, u.Host, err))
		}
		next, err := redirectTarget(resp, u)
		if err != nil {
			resp.Body.Close()
			return give(o.errorf(ErrBadResponse, "", "%v", err))
		}
		if next == nil || stop(resp, next) {
			resp.Body = &body{ReadCloser: resp.Body, c: c, ctx: inner, timer: timer, cancel: cancel}
			resp.Request = req
			return resp, nil
		}
		resp.Body.Close()
		u = next
	}
}

// follow is a stop function that follows every redirect.
func follow(*http.Response, *url.URL) bool { return false }

// redirectTarget returns where an answer redirects to, nil where it does not.
func redirectTarget(resp *http.Response, from *url.URL) (*url.URL, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	to, err := from.Parse(resp.Header.Get("Location"))
	switch {
	case resp.Header.Get("Location") == "" || err != nil:
		return nil, errors.New("a redirect without a usable Location")
	case to.Scheme != "http" && to.Scheme != "https" || to.Host == "":
		return nil, fmt.Errorf("a redirect to a %q address", to.Scheme)
	case from.Scheme == "https" && to.Scheme == "http":
		return nil, fmt.Errorf("a redirect to %s without encryption", to.Host)
	}
	to.Fragment = ""
	return to, nil
}

// sameOrigin reports whether two addresses have scheme, host and port in common.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// networkError tells what may pass from what will not. Outer is the caller's
// context, inner the request's.
func (c *Client) networkError(outer, inner context.Context, o op, host string, err error) error {
	if outer.Err() != nil {
		return o.canceled(outer)
	}
	if context.Cause(inner) == errIdle {
		return transient(o.errorf(ErrUnavailable, againAdvice, "%s sent no answer and no data for %v", host, c.idle), 0)
	}
	var asURL *url.Error
	if errors.As(err, &asURL) { // its text has the signed address of the file
		err = asURL.Err
	}
	e := o.errorf(ErrUnavailable, againAdvice, "%s is out of reach", host)
	e.Err = err
	var cert *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case errors.As(err, &cert):
		e.Advice = "where a proxy inspects encrypted traffic, name its certificate in SSL_CERT_FILE"
		return e
	case errors.As(err, &dns) && dns.IsNotFound:
		e.Advice = "check the network and HF_ENDPOINT" + offlineAdvice
		return e
	}
	return transient(e, 0)
}

// offlineAdvice ends the advice where another attempt is no use.
const offlineAdvice = ", or set HF_HUB_OFFLINE=1 to use the cache alone"

const againAdvice = "check the network, HTTPS_PROXY and HF_ENDPOINT, then run again: what has arrived is kept"

// body counts what arrives and watches for silence, but only while somebody
// reads: a slow disk is not the network's fault.
type body struct {
	io.ReadCloser
	c      *Client
	ctx    context.Context
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(b.c.idle)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	b.c.bytes.Add(int64(n))
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}
