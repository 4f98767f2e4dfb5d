package fakehub

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Rule says which requests a fault befalls. Empty fields match everything.
type Rule struct {
	Host   Host
	Method string
	Path   string // a part of the escaped path
	Skip   int    // so many matching requests pass first
	Times  int    // then so many are befallen; 0: all
}

// Fault makes a request go wrong. Next is the answer without the fault.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

type fault struct {
	rule Rule
	seen int
	do   Fault
}

// Inject adds a fault. Of several that apply to a request the first added acts.
func (h *Hub) Inject(rule Rule, do Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, &fault{rule: rule, do: do})
}

// ClearFaults removes all faults.
func (h *Hub) ClearFaults() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = nil
}

func (h *Hub) faulty(host Host, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if do := h.fault(host, r); do != nil {
			do(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fault returns what befalls a request, counting it for every rule it matches.
func (h *Hub) fault(host Host, r *http.Request) (do Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.faults {
		if f.rule.Host != "" && f.rule.Host != host || f.rule.Method != "" && f.rule.Method != r.Method ||
			!strings.Contains(r.URL.EscapedPath(), f.rule.Path) {
			continue
		}
		f.seen++
		n := f.seen - f.rule.Skip
		if do == nil && n > 0 && (f.rule.Times == 0 || n <= f.rule.Times) {
			do = f.do
		}
	}
	return do
}

// Status answers with a status and pairs of header fields: Status(503),
// Status(429, "Retry-After", "1").
func Status(status int, header ...string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, http.StatusText(status))
	}
}

// HTML answers with a page, as the login of a captive network does.
func HTML() Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!DOCTYPE html><html><title>Sign in to continue</title></html>")
	}
}

// RedirectLoop redirects to the same address.
func RedirectLoop() Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		redirect(w, http.StatusFound, r.URL.RequestURI())
	}
}

// RedirectChain redirects to a longer address each time.
func RedirectChain() Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		redirect(w, http.StatusFound, r.URL.RequestURI()+"x")
	}
}

// RedirectTo redirects to another address.
func RedirectTo(location string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		redirect(w, http.StatusFound, location)
	}
}

// Reset breaks the connection before an answer.
func Reset() Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { reset(w) }
}

// reset closes the connection so that the client sees a reset, where the
// connection is one that can.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// Truncate announces the whole answer and breaks the connection after n bytes.
func Truncate(n int64) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&edited{ResponseWriter: w, body: cut(w, n, func() {})}, r)
	}
}

// cut passes n bytes on, calls then and breaks the connection.
func cut(w http.ResponseWriter, n int64, then func()) editBody {
	return func(write func([]byte) (int, error), p []byte) (int, error) {
		if int64(len(p)) <= n {
			n -= int64(len(p))
			return write(p)
		}
		write(p[:n])
		http.NewResponseController(w).Flush()
		then()
		panic(http.ErrAbortHandler)
	}
}

// WrongLength announces and sends delta bytes more, or fewer, than it should,
// under an unchanged Content-Range.
func WrongLength(delta int64) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		left := int64(-1)
		e := &edited{ResponseWriter: w}
		e.header = func(int) {
			n, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64)
			if err == nil {
				left = n + delta
				w.Header().Set("Content-Length", strconv.FormatInt(left, 10))
			}
		}
		e.body = func(write func([]byte) (int, error), p []byte) (int, error) {
			n := max(0, min(int64(len(p)), left))
			left -= n
			write(p[:n])
			return len(p), nil
		}
		next.ServeHTTP(e, r)
		for ; left > 0 && r.Method != http.MethodHead; left-- {
			w.Write([]byte{0})
		}
	}
}

// Header answers as usual, but with another value of a header field; "" removes it.
func Header(name, value string) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&edited{ResponseWriter: w, header: func(int) {
			if value == "" {
				w.Header().Del(name)
			} else {
				w.Header().Set(name, value)
			}
		}}, r)
	}
}

// IgnoreRange answers a request for a part with the whole.
func IgnoreRange() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		r.Header.Del("Range")
		next.ServeHTTP(w, r)
	}
}

// etagFault carries another ETag to where ranges are compared with it. A client
// has no reason to send the field.
const etagFault = "X-Fakehub-Etag"

// ChangedETag answers as if the content had been replaced: If-Range with the
// former ETag gets the whole file, a plain range gets a part of the new one.
func ChangedETag() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		r.Header.Set(etagFault, `"0123456789abcdef0123456789abcdef"`)
		next.ServeHTTP(w, r)
	}
}

// Slow sends the body in pieces of n bytes with a pause between them.
func Slow(n int, pause time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&edited{ResponseWriter: w, body: func(write func([]byte) (int, error), p []byte) (int, error) {
			for i := 0; i < len(p); i += n {
				if _, err := write(p[i:min(i+n, len(p))]); err != nil {
					return i, err
				}
				http.NewResponseController(w).Flush()
				time.Sleep(pause)
			}
			return len(p), nil
		}}, r)
	}
}

// Stall sends n bytes of the body and then nothing, until the client gives up
// or the Hub is closed.
func (h *Hub) Stall(n int64) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&edited{ResponseWriter: w, body: cut(w, n, func() {
			select {
			case <-r.Context().Done():
			case <-h.done:
			}
		})}, r)
	}
}

// editBody stands in for Write; write is the original.
type editBody func(write func([]byte) (int, error), p []byte) (int, error)

// edited lets a fault change the header just before it is sent, and the body.
type edited struct {
	http.ResponseWriter
	header func(status int)
	body   editBody
	sent   bool
}

func (e *edited) WriteHeader(status int) {
	if !e.sent && e.header != nil {
		e.header(status)
	}
	e.sent = true
	e.ResponseWriter.WriteHeader(status)
}

func (e *edited) Write(p []byte) (int, error) {
	if !e.sent {
		e.WriteHeader(http.StatusOK)
	}
	if e.body == nil {
		return e.ResponseWriter.Write(p)
	}
	return e.body(e.ResponseWriter.Write, p)
}

func (e *edited) Unwrap() http.ResponseWriter { return e.ResponseWriter }
