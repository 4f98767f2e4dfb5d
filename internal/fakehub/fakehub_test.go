package fakehub

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func start(t *testing.T) (*Hub, *Repo, string) {
	h := Start()
	t.Cleanup(h.Close)
	r := h.Add("acme/toy")
	return h, r, r.Commit("main", Files{"config.json": Small([]byte("{}\n")), "w.safetensors": Large([]byte("hello\n"))})
}

// plain follows no redirect.
var plain = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// get returns an answer and its body; headers are pairs.
func get(t *testing.T, method, url string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := plain.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// The hashes are those of sha256sum and git hash-object.
const (
	helloSHA256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
	emptySHA1   = "0967ef424bce6791893e9a57bb952f80fd536e93"
)

func TestLargeFilesLieBehindASignedAddressOnAnotherHost(t *testing.T) {
	h, _, commit := start(t)
	resp, _ := get(t, "HEAD", h.URL+"/acme/toy/resolve/main/w.safetensors")
	want := map[string]string{"X-Linked-Etag": `"` + helloSHA256 + `"`, "X-Linked-Size": "6", "X-Repo-Commit": commit}
	for name, value := range want {
		if got := resp.Header.Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	location := resp.Header.Get("Location")
	if resp.StatusCode != 302 || !strings.HasPrefix(location, h.StorageURL+"/") || h.StorageURL == h.URL {
		t.Fatalf("%s to %q", resp.Status, location)
	}
	if resp, body := get(t, "GET", location); resp.StatusCode != 200 || body != "hello\n" || strings.Contains(resp.Header.Get("ETag"), helloSHA256) {
		t.Errorf("%s %q, ETag %s", resp.Status, body, resp.Header.Get("ETag"))
	}
	if resp, body := get(t, "GET", location, "Range", "bytes=1-3"); resp.StatusCode != 206 || body != "ell" || resp.Header.Get("Content-Range") != "bytes 1-3/6" {
		t.Errorf("%s %q", resp.Status, body)
	}
	if resp, _ := get(t, "GET", location, "Range", "bytes=9-"); resp.StatusCode != 416 || resp.Header.Get("Content-Range") != "bytes */6" {
		t.Errorf("%s", resp.Status)
	}
	if resp, body := get(t, "GET", location, "Range", "bytes=1-3", "If-Range", `"other"`); resp.StatusCode != 200 || body != "hello\n" {
		t.Errorf("If-Range: %s %q", resp.Status, body)
	}
	if resp, _ := get(t, "GET", location, "Authorization", "Bearer hf_x"); resp.StatusCode != 400 {
		t.Errorf("with a token: %s", resp.Status)
	}
	h.ExpireURLs()
	if resp, _ := get(t, "GET", location); resp.StatusCode != 403 {
		t.Errorf("expired: %s", resp.Status)
	}
}

func TestSmallFilesAreServedByTheHub(t *testing.T) {
	h, _, commit := start(t)
	resp, _ := get(t, "GET", h.URL+"/acme/toy/resolve/"+commit+"/config.json")
	location := resp.Header.Get("Location")
	if resp.StatusCode != 307 || !strings.HasPrefix(location, "/api/resolve-cache/models/acme/toy/"+commit+"/config.json?") {
		t.Fatalf("%s to %q", resp.Status, location)
	}
	resp, body := get(t, "GET", h.URL+location)
	if resp.StatusCode != 200 || body != "{}\n" || resp.Header.Get("ETag") != `"`+emptySHA1+`"` || resp.Header.Get("X-Repo-Commit") != commit {
		t.Errorf("%s %q %v", resp.Status, body, resp.Header)
	}
}

func TestMetadata(t *testing.T) {
	h, r, commit := start(t)
	pr := r.Commit("refs/pr/1", Files{})
	for path, want := range map[string]string{"": commit, "/revision/main": commit, "/revision/" + commit: commit, "/revision/refs%2Fpr%2F1": pr} {
		_, body := get(t, "GET", h.URL+"/api/models/acme/toy"+path)
		var info struct {
			SHA, ID  string
			Siblings []struct{ RFilename string }
		}
		if err := json.Unmarshal([]byte(body), &info); err != nil || info.SHA != want || info.ID != "acme/toy" {
			t.Errorf("%s: %s", path, body)
		}
		if want == commit && len(info.Siblings) != 2 {
			t.Errorf("%s: %s", path, body)
		}
	}
	_, body := get(t, "GET", h.URL+"/api/models/acme/toy/tree/main")
	for _, part := range []string{`"path":"config.json"`, `"oid":"` + emptySHA1, `"lfs":{"oid":"` + helloSHA256} {
		if !strings.Contains(body, part) {
			t.Errorf("tree %s has no %s", body, part)
		}
	}
}

func TestRefusalsHaveTheHubsCodes(t *testing.T) {
	h, r, _ := start(t)
	r.Gate("hf_member")
	h.AllowTokens("hf_stranger")
	h.Add("acme/secret").Private("hf_member")
	for _, tt := range []struct {
		path, token string
		status      int
		code        string
	}{
		{"/acme/toy/resolve/main/none", "hf_member", 404, "EntryNotFound"},
		{"/acme/toy/resolve/none/config.json", "hf_member", 404, "RevisionNotFound"},
		{"/acme/toy/resolve/main/config.json", "", 401, "GatedRepo"},
		{"/acme/toy/resolve/main/config.json", "hf_stranger", 403, "GatedRepo"},
		{"/acme/toy/resolve/main/config.json", "hf_unknown", 401, ""},
		{"/acme/toy/resolve/main/config.json", "hf_member", 307, ""},
		{"/api/models/acme/toy", "", 200, ""},
		{"/api/models/acme/none", "", 401, "RepoNotFound"},
		{"/api/models/acme/none", "hf_member", 404, "RepoNotFound"},
		{"/api/models/acme/secret", "hf_stranger", 404, "RepoNotFound"},
		{"/api/models/acme/toy/likes", "", 404, ""},
		{"/nothing", "", 404, ""},
	} {
		var header []string
		if tt.token != "" {
			header = []string{"Authorization", "Bearer " + tt.token}
		}
		resp, _ := get(t, "GET", h.URL+tt.path, header...)
		if resp.StatusCode != tt.status || resp.Header.Get("X-Error-Code") != tt.code {
			t.Errorf("%s with %q: %s %q", tt.path, tt.token, resp.Status, resp.Header.Get("X-Error-Code"))
		}
	}
	if resp, _ := get(t, "POST", h.URL+"/acme/toy/resolve/main/config.json"); resp.StatusCode != 405 {
		t.Errorf("POST: %s", resp.Status)
	}
}

func TestFaultsBefallTheRequestsOfTheirRule(t *testing.T) {
	h, _, _ := start(t)
	h.Inject(Rule{Host: HubHost, Method: "GET", Path: "/api/", Skip: 1, Times: 2}, Status(503, "Retry-After", "3"))
	var got []int
	for range 4 {
		resp, _ := get(t, "GET", h.URL+"/api/models/acme/toy")
		got = append(got, resp.StatusCode)
	}
	if want := []int{200, 503, 503, 200}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if resp, _ := get(t, "HEAD", h.URL+"/acme/toy/resolve/main/config.json"); resp.StatusCode != 307 {
		t.Errorf("another request: %s", resp.Status)
	}
	h.ClearFaults()
	h.Inject(Rule{}, HTML())
	if resp, body := get(t, "GET", h.URL+"/api/models/acme/toy"); !strings.Contains(resp.Header.Get("Content-Type"), "html") || !strings.Contains(body, "<html>") {
		t.Errorf("%q", body)
	}
}

func TestBodiesThatGoWrong(t *testing.T) {
	h, r, _ := start(t)
	body := strings.Repeat("0123456789", 100)
	r.Commit("main", Files{"w.safetensors": Large([]byte(body))})
	resp, _ := get(t, "HEAD", h.URL+"/acme/toy/resolve/main/w.safetensors")
	url := resp.Header.Get("Location")
	for name, tt := range map[string]struct {
		fault  Fault
		length int64 // announced
		got    int
		broken bool
	}{
		"truncated": {Truncate(300), 1000, 300, true},
		"shorter":   {WrongLength(-1), 999, 999, false},
		"longer":    {WrongLength(5), 1005, 1005, false},
		"slow":      {Slow(300, time.Millisecond), 1000, 1000, false},
		"changed":   {ChangedETag(), 1000, 1000, false},
		"relabeled": {Header("ETag", `"x"`), 1000, 1000, false},
	} {
		h.ClearFaults()
		h.Inject(Rule{Host: StorageHost}, tt.fault)
		resp, err := plain.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.ContentLength != tt.length || len(data) != tt.got || (err != nil) != tt.broken {
			t.Errorf("%s: announced %d, got %d, %v", name, resp.ContentLength, len(data), err)
		}
	}
	h.ClearFaults()
	h.Inject(Rule{Times: 1}, Reset())
	if _, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url); err == nil {
		t.Error("a reset connection answers")
	}
}

func TestAStalledAnswerEndsWithTheHub(t *testing.T) {
	h := Start()
	h.Add("a/b").Commit("main", Files{"x": Small([]byte("0123456789"))})
	h.Inject(Rule{Path: "resolve-cache"}, h.Stall(4))
	resp, err := http.Get(h.URL + "/a/b/resolve/main/x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	p := make([]byte, 4)
	if _, err := io.ReadFull(resp.Body, p); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, h.Close)
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the answer was completed")
	}
}

// huge is as large as a checkpoint and takes no memory.
type huge struct{ size int64 }

func (h huge) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > h.size {
		return 0, errors.New("read past the end")
	}
	for i := range p {
		p[i] = byte(off + int64(i))
	}
	return len(p), nil
}

func TestContentsAreNotLoaded(t *testing.T) {
	h, r, _ := start(t)
	const size = 200 << 30
	r.Commit("main", Files{"w": LargeReader(huge{size}, size, strings.Repeat("a", 64))})
	resp, _ := get(t, "HEAD", h.URL+"/acme/toy/resolve/main/w")
	_, body := get(t, "GET", resp.Header.Get("Location"), "Range", "bytes=214748364700-214748364799")
	if want := string([]byte{0x9c, 0x9d}); len(body) != 100 || body[:2] != want {
		t.Errorf("%d bytes, %q", len(body), body[:2])
	}
	if n := h.BytesSent(StorageHost); n != 100 {
		t.Errorf("%d bytes sent", n)
	}
}

func TestFilesOfATree(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"model.safetensors", "sub/config.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	onDisk, err := FromFS(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	inMemory, err := FromFS(fstest.MapFS{"model.safetensors": {Data: []byte("{}\n")}, "sub/config.json": {Data: []byte("{}\n")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, files := range []Files{onDisk, inMemory} {
		if len(files) != 2 || !files["model.safetensors"].large || files["sub/config.json"].large || files["sub/config.json"].hash() != emptySHA1 {
			t.Errorf("%v", files)
		}
	}
	if _, err := FromFS(os.DirFS(filepath.Join(dir, "none"))); err == nil {
		t.Error("a missing folder is accepted")
	}
}

func TestTheLogTellsWhatArrived(t *testing.T) {
	h, _, _ := start(t)
	get(t, "GET", h.URL+"/acme/toy/resolve/main/config.json", "X-Mark", "7")
	list := h.Requests()
	if len(list) != 1 || list[0].Host != HubHost || list[0].Path != "/acme/toy/resolve/main/config.json" || list[0].Header.Get("X-Mark") != "7" || list[0].Status != 307 {
		t.Errorf("%+v", list)
	}
	h.ResetLog()
	if len(h.Requests()) != 0 {
		t.Error("the log was kept")
	}
}
