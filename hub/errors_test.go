package hub

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"kakeyalattice/internal/fakehub"
)

func TestErrorsSayWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	_, err := c.Snapshot(t.Context(), repoID+"@nope")
	wantError(t, err, ErrRevisionNotFound, "GET revision nope", "404", "huggingface.co/acme/toy")

	s := w.snapshot(c)
	_, err = s.ReadFile(t.Context(), "absent.json")
	wantError(t, err, ErrFileNotFound, "HEAD resolve/"+w.commit[:12]+"/absent.json", "404", "no such file")
	_, err = s.Open(t.Context(), "../../secret")
	wantError(t, err, ErrFileNotFound, "not a path inside a repository")

	_, err = c.Snapshot(t.Context(), "acme/none")
	if !errors.Is(err, ErrRepositoryNotFound) || !strings.Contains(err.Error(), "HF_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
	w.hub.AllowTokens("hf_good")
	_, err = w.client(func(o *Options) { o.Token = "hf_good" }).Snapshot(t.Context(), "acme/none")
	if !errors.Is(err, ErrRepositoryNotFound) || strings.Contains(err.Error(), "HF_TOKEN") {
		t.Errorf("with a token: %v", err)
	}
}

func TestErrorsSayHowToGetAccess(t *testing.T) {
	w := newWorld(t)
	w.repo.Gate("hf_member")
	w.hub.AllowTokens("hf_stranger")
	for _, tt := range []struct {
		name, token string
		kind        error
		words       []string
	}{
		{"without a token", "", ErrGated, []string{"401", "accept the licence at https://huggingface.co/acme/toy", "HF_TOKEN", "hf auth login"}},
		{"with another's token", "hf_stranger", ErrGated, []string{"403", "accept the licence at https://huggingface.co/acme/toy", "token"}},
		{"with a token that nobody knows", "hf_wrong", ErrUnauthorized, []string{"401", "refused", "settings/tokens"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := w.client(func(o *Options) { o.Token = tt.token }).Snapshot(t.Context(), repoID)
			if err == nil {
				_, err = s.ReadFile(t.Context(), "config.json")
			}
			wantError(t, err, tt.kind, tt.words...)
		})
	}
	s := w.snapshot(w.client(func(o *Options) { o.Token = "hf_member" }))
	if _, err := s.ReadFile(t.Context(), "config.json"); err != nil {
		t.Errorf("a member: %v", err)
	}
	w.repo.Private("hf_member")
	_, err := w.client().Snapshot(t.Context(), repoID)
	wantError(t, err, ErrRepositoryNotFound, "private")
}

func TestAnswersThatAreNotTheHubsAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rule  fakehub.Rule
		fault fakehub.Fault
		kind  error
		words []string
	}{
		{"a page instead of JSON", fakehub.Rule{Path: "/api/models"}, fakehub.HTML(), ErrBadResponse, []string{"HTML page instead of JSON", "HF_ENDPOINT"}},
		{"text instead of JSON", fakehub.Rule{Path: "/api/models"}, fakehub.Status(200), ErrBadResponse, []string{"no JSON"}},
		{"a page instead of metadata", fakehub.Rule{Method: http.MethodHead}, fakehub.HTML(), ErrBadResponse, []string{"HTML page", "login"}},
		{"a page instead of the content", fakehub.Rule{Host: fakehub.StorageHost}, fakehub.HTML(), ErrBadResponse, []string{"HTML page"}},
		{"an ETag that would leave the cache", fakehub.Rule{Method: http.MethodHead}, fakehub.Header("X-Linked-Etag", `"../../x"`), ErrBadResponse, []string{"not a hash"}},
		{"a size that is no number", fakehub.Rule{Method: http.MethodHead}, fakehub.Header("X-Linked-Size", "-1"), ErrBadResponse, []string{"size"}},
		{"another commit", fakehub.Rule{Method: http.MethodHead}, fakehub.Header("X-Repo-Commit", strings.Repeat("0", 40)), ErrChanged, []string{"000000000000"}},
		{"a body that is too short", fakehub.Rule{Host: fakehub.StorageHost}, fakehub.WrongLength(-10), ErrBadResponse, []string{"299990 bytes were announced, 300000 expected"}},
		{"a body that is too long", fakehub.Rule{Host: fakehub.StorageHost}, fakehub.WrongLength(10), ErrBadResponse, []string{"300010"}},
		{"a compressed body", fakehub.Rule{Host: fakehub.StorageHost}, fakehub.Header("Content-Encoding", "br"), ErrBadResponse, []string{`"br"`}},
		{"a redirect to itself", fakehub.Rule{Method: http.MethodHead}, fakehub.RedirectLoop(), ErrRedirects, []string{"redirected"}},
		{"redirects without end", fakehub.Rule{Path: "/api/models"}, fakehub.RedirectChain(), ErrRedirects, []string{"11 times"}},
		{"a redirect to a file", fakehub.Rule{Path: "/api/models"}, fakehub.RedirectTo("file:///etc/passwd"), ErrBadResponse, []string{"file"}},
		{"a redirect to nowhere", fakehub.Rule{Path: "/api/models"}, fakehub.Status(302), ErrBadResponse, []string{"Location"}},
		{"404 without the Hub's words", fakehub.Rule{Method: http.MethodHead}, fakehub.Status(404), ErrBadResponse, []string{"404", "HF_ENDPOINT"}},
		{"a status of no use", fakehub.Rule{Host: fakehub.StorageHost}, fakehub.Status(418), ErrBadResponse, []string{"418"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.hub.Inject(tt.rule, tt.fault)
			c := w.client()
			s, err := c.Snapshot(t.Context(), repoID)
			if err == nil {
				_, err = s.Path(t.Context(), "model.safetensors")
			}
			wantError(t, err, tt.kind, tt.words...)
			if list, _ := filepath.Glob(filepath.Join(w.cache, "*", "snapshots", "*", "*")); len(list) != 0 {
				t.Errorf("the cache has %q", list)
			}
			w.hub.ClearFaults()
			if data, err := w.snapshot(c).ReadFile(t.Context(), "model.safetensors"); err != nil || hexSHA256(data) != hexSHA256(w.large) {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestPassingFaultsPass(t *testing.T) {
	for name, fault := range map[string]fakehub.Fault{
		"429":        fakehub.Status(429),
		"500":        fakehub.Status(500),
		"502":        fakehub.Status(502),
		"503":        fakehub.Status(503),
		"504":        fakehub.Status(504),
		"a reset":    fakehub.Reset(),
		"truncation": fakehub.Truncate(10),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, rule := range []fakehub.Rule{
				{Path: "/api/models/", Times: 2}, {Method: http.MethodHead, Times: 2}, {Host: fakehub.StorageHost, Times: 3},
			} {
				w.hub.Inject(rule, fault)
			}
			c := w.client()
			data, err := w.snapshot(c).ReadFile(t.Context(), "model.safetensors")
			if err != nil || string(data) != string(w.large) {
				t.Fatalf("%d bytes, %v", len(data), err)
			}
			if c.Stats().Retries == 0 {
				t.Error("no pause was made")
			}
		})
	}
}

func TestFaultsThatStayEndInAnError(t *testing.T) {
	w := newWorld(t)
	w.hub.Inject(fakehub.Rule{Path: "/api/models"}, fakehub.Status(503))
	_, err := w.client().Snapshot(t.Context(), repoID)
	wantError(t, err, ErrUnavailable, "503", "6 attempts", "run again")
	if n := len(w.hub.Requests()); n != maxAttempts {
		t.Errorf("%d requests", n)
	}
	for i, d := range w.pauses { // half of 500 ms, doubling, to the whole of it
		full := 500 * time.Millisecond << i
		if d < full/2 || d > full {
			t.Errorf("pause %d is %v, want %v to %v", i, d, full/2, full)
		}
	}
	w.hub.ClearFaults()
	w.hub.Inject(fakehub.Rule{Path: "/api/models"}, fakehub.Status(429))
	_, err = w.client().Snapshot(t.Context(), repoID)
	wantError(t, err, ErrUnavailable, "429", "HF_TOKEN")
}

func TestRetryAfterIsHonoured(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		name, field, value string
		want               time.Duration
	}{
		{"seconds", "Retry-After", "7", 7 * time.Second},
		{"a date", "Retry-After", now.Add(40 * time.Second).Format(http.TimeFormat), 40 * time.Second},
		{"more than anyone would wait", "Retry-After", "86400", maxPause},
		{"a date far off", "Retry-After", now.Add(999 * time.Hour).Format(http.TimeFormat), maxPause},
		{"the Hub's own header", "RateLimit", `"resolvers";r=0;t=55`, 55 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.hub.Inject(fakehub.Rule{Path: "/api/models", Times: 1}, fakehub.Status(429, tt.field, tt.value))
			c := w.client()
			c.now = func() time.Time { return now }
			w.snapshot(c)
			if len(w.pauses) != 1 || w.pauses[0] != tt.want {
				t.Errorf("pauses %v, want %v", w.pauses, tt.want)
			}
		})
	}
}

func TestAServerThatIsNotThereIsOutOfReach(t *testing.T) {
	w := newWorld(t)
	w.snapshot(w.client()).ReadFile(t.Context(), "config.json")
	_, err := w.client(func(o *Options) { o.Endpoint = "http://127.0.0.1:1" }).Snapshot(t.Context(), repoID)
	wantError(t, err, ErrUnavailable, "127.0.0.1:1", "HF_HUB_OFFLINE=1 to use commit "+w.commit[:12])
}

func TestACertificateThatIsNotTrustedIsNotTriedAgain(t *testing.T) {
	newWorld(t)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	c, err := New(Options{Endpoint: server.URL, Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Snapshot(t.Context(), repoID)
	wantError(t, err, ErrUnavailable, "certificate", "SSL_CERT_FILE")
	if n := c.Stats().Requests; n != 1 {
		t.Errorf("%d requests", n)
	}
}

// failing is a network on which every request fails.
type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestAHostWithoutAnAddressIsNotTriedAgain(t *testing.T) {
	w := newWorld(t)
	c := w.client(func(o *Options) {
		o.HTTP = &http.Client{Transport: failing{&net.DNSError{Err: "no such host", Name: "huggingface.co", IsNotFound: true}}}
	})
	_, err := c.Snapshot(t.Context(), repoID)
	wantError(t, err, ErrUnavailable, "no such host", "HF_HUB_OFFLINE")
	if n := c.Stats().Requests; n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestARedirectMustNotGiveUpEncryption(t *testing.T) {
	from, _ := parseEndpoint("https://huggingface.co/x")
	resp := &http.Response{StatusCode: 302, Header: http.Header{"Location": {"http://huggingface.co/x"}}}
	if _, err := redirectTarget(resp, from); err == nil || !strings.Contains(err.Error(), "encryption") {
		t.Errorf("error is %v", err)
	}
}

func TestProgressSaysWhyNothingMoves(t *testing.T) {
	w := newWorld(t)
	w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost, Times: 1}, fakehub.Status(429, "Retry-After", "9"))
	var waits []string
	c := w.client(func(o *Options) {
		o.Progress = func(p Progress) {
			if p.Waiting != "" {
				waits = append(waits, p.Waiting)
			}
		}
	})
	s := w.snapshot(c)
	if _, err := s.Path(t.Context(), "model.safetensors"); err != nil {
		t.Fatal(err)
	}
	if len(waits) != 1 || waits[0] != "429 Too Many Requests; next attempt in 9s" {
		t.Errorf("%q", waits)
	}

	// Another process holds the lock of a file.
	src, err := s.source(t.Context(), "config.json")
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := s.lock(t.Context(), op{}, "config.json", src.blob)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 2*lockPoll)
	defer cancel()
	waits = nil
	if _, err := s.Path(ctx, "config.json"); !errors.Is(err, context.DeadlineExceeded) {
		t.Skip("no file locks on this system")
	}
	if len(waits) == 0 || waits[0] != "another process is fetching it" {
		t.Errorf("%q", waits)
	}
}

func TestSilenceIsATimeout(t *testing.T) {
	w := newWorld(t)
	w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost, Times: 1}, w.hub.Stall(1000))
	c := w.client(func(o *Options) { o.Idle = 200 * time.Millisecond })
	data, err := w.snapshot(c).ReadFile(t.Context(), "model.safetensors")
	if err != nil || len(data) != len(w.large) {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	if c.Stats().Retries == 0 {
		t.Error("nothing was retried")
	}
}

// drip is a network on which every byte of a body takes a pause.
type drip struct{ pause time.Duration }

func (d drip) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, ContentLength: 20, Body: io.NopCloser(&dripBody{d.pause, 20, r.Context()})}, nil
}

type dripBody struct {
	pause time.Duration
	left  int
	ctx   context.Context
}

func (b *dripBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if err := sleep(b.ctx, b.pause); err != nil {
		return 0, err
	}
	b.left--
	p[0] = 'x'
	return 1, nil
}

func TestSlownessIsNoTimeout(t *testing.T) {
	newWorld(t) // for the environment
	for pause, want := range map[time.Duration]int64{29 * time.Second: 1, 31 * time.Second: maxAttempts} {
		synctest.Test(t, func(t *testing.T) {
			c, err := New(Options{Cache: t.TempDir(), HTTP: &http.Client{Transport: drip{pause}}})
			if err != nil {
				t.Fatal(err)
			}
			src := &source{blob: blob{"x", 20}, s: &Snapshot{c: c, commit: "x"}, url: c.endpoint}
			err = src.stream(t.Context(), op{verb: "GET"}, 0, 20, func([]byte) error { return nil })
			if (err == nil) != (want == 1) || c.Stats().Requests != want {
				t.Errorf("with a byte every %v: %v after %d requests, want %d", pause, err, c.Stats().Requests, want)
			}
		})
	}
}

func TestACancelledContextEndsEverythingAtOnce(t *testing.T) {
	for name, prepare := range map[string]func(*world, *Client){
		"while a body is awaited": func(w *world, _ *Client) {
			w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost}, w.hub.Stall(10))
		},
		"between attempts": func(w *world, c *Client) {
			c.sleep, c.backoff = sleep, time.Hour
			w.hub.Inject(fakehub.Rule{Host: fakehub.StorageHost}, fakehub.Status(503))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.client(func(o *Options) { o.Idle = time.Hour })
			prepare(w, c)
			s := w.snapshot(c)
			for what, do := range map[string]func(context.Context) error{
				"Path": func(ctx context.Context) error { _, err := s.Path(ctx, "model.safetensors"); return err },
				"Fetch": func(ctx context.Context) error {
					f, err := s.Open(ctx, "model.safetensors")
					if err != nil {
						return err
					}
					return f.Fetch(ctx, []Range{{0, 1000}, {200_000, 300_000}})
				},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				if err := do(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v", what, err)
				}
				cancel()
			}
		})
	}
}

func TestAFullDiskIsNamed(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	o := op{verb: "GET", target: "x", repo: repoID}
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		wantError(t, o.disk(c, &os.PathError{Op: "write", Path: "/p", Err: cause}), ErrDiskFull, "make room", w.cache, "/p")
	}
	wantError(t, o.disk(c, &os.PathError{Op: "open", Path: "/p", Err: os.ErrPermission}), os.ErrPermission, "HF_HUB_CACHE")

	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no device that is always full")
	}
	s := w.snapshot(c)
	part := s.blobPath(blob{ETag: hexSHA256(w.large)}) + ".incomplete"
	if err := os.MkdirAll(s.blobPath(blob{}), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", part); err != nil {
		t.Fatal(err)
	}
	_, err := s.Path(t.Context(), "model.safetensors")
	wantError(t, err, ErrDiskFull, "make room")
	os.Remove(part)
	if _, err := s.Path(t.Context(), "model.safetensors"); err != nil {
		t.Errorf("with room again: %v", err)
	}
}
