package fakehub

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (h *Hub) serveHub(w http.ResponseWriter, r *http.Request) {
	part := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	for i, p := range part {
		part[i], _ = url.PathUnescape(p) // the server has parsed it before
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	switch {
	case len(part) >= 4 && part[0] == "api" && part[1] == "models":
		h.serveModel(w, r, part[2]+"/"+part[3], part[4:])
	case len(part) >= 7 && part[0] == "api" && part[1] == "resolve-cache" && part[2] == "models":
		h.serveFile(w, r, part[3]+"/"+part[4], part[5], strings.Join(part[6:], "/"), true)
	case len(part) >= 5 && part[2] == "resolve":
		h.serveFile(w, r, part[0]+"/"+part[1], part[3], strings.Join(part[4:], "/"), false)
	default:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, "<!DOCTYPE html><title>404</title>")
	}
}

// serveModel answers with the metadata of a repository at a revision, or with
// the list of its files.
func (h *Hub) serveModel(w http.ResponseWriter, r *http.Request, id string, rest []string) {
	rev, tree := "main", len(rest) > 0 && rest[0] == "tree"
	if len(rest) == 2 && (tree || rest[0] == "revision") {
		rev = rest[1]
	} else if len(rest) != 0 {
		(&refusal{http.StatusNotFound, "", "Not Found"}).answer(w)
		return
	}
	h.mu.Lock()
	repo, commit, refused := h.find(bearer(r), id, rev)
	var info any
	var files Files
	switch {
	case refused != nil:
	case tree:
		files = repo.trees[commit]
	default:
		siblings := []map[string]string{}
		for _, name := range slices.Sorted(maps.Keys(repo.trees[commit])) {
			siblings = append(siblings, map[string]string{"rfilename": name})
		}
		info = map[string]any{
			"id": repo.id, "modelId": repo.id, "sha": commit, "private": repo.private,
			"gated": map[bool]any{true: "manual", false: false}[repo.gated], "siblings": siblings,
		}
	}
	h.mu.Unlock()
	if refused != nil {
		refused.answer(w)
		return
	}
	if tree {
		info = treeOf(files) // needs hashes, which may take long
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(w).Encode(info)
}

// treeOf lists files, all of them in one page, as with ?recursive=true.
func treeOf(files Files) any {
	list := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f := files[name]
		entry := map[string]any{"type": "file", "path": name, "size": f.size, "oid": f.hash()}
		if f.large {
			// The pointer that git keeps instead has a hash of its own.
			pointer := fmt.Appendf(nil, "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", f.hash(), f.size)
			entry["oid"] = Small(pointer).hash()
			entry["lfs"] = map[string]any{"oid": f.hash(), "size": f.size, "pointerSize": len(pointer)}
		}
		list = append(list, entry)
	}
	return list
}

// serveFile answers a request for a file: with a redirect to the storage host
// if it is large, to resolve-cache if it is small, and there with the content.
func (h *Hub) serveFile(w http.ResponseWriter, r *http.Request, id, rev, name string, cache bool) {
	token := bearer(r)
	var file *File
	var gated bool
	h.mu.Lock()
	repo, commit, refused := h.find(token, id, rev)
	if refused == nil {
		file = repo.trees[commit][name]
		gated = repo.gated && !repo.members[token]
	}
	h.mu.Unlock()
	if refused != nil {
		refused.answer(w)
		return
	}

	w.Header().Set("X-Repo-Commit", commit)
	switch {
	case gated && token == "":
		(&refusal{http.StatusUnauthorized, "GatedRepo", "Access to model " + id +
			" is restricted. You must have access to it and be authenticated to access it. Please log in."}).answer(w)
		return
	case gated:
		(&refusal{http.StatusForbidden, "GatedRepo", "Access to model " + id +
			" is restricted and you are not in the authorized list. Visit https://huggingface.co/" + id + " to ask for access."}).answer(w)
		return
	case file == nil:
		(&refusal{http.StatusNotFound, "EntryNotFound", "Entry not found"}).answer(w)
		return
	}
	etag := `"` + file.hash() + `"`
	switch {
	case file.large:
		w.Header().Set("X-Linked-Size", strconv.FormatInt(file.size, 10))
		w.Header().Set("X-Linked-Etag", etag)
		redirect(w, http.StatusFound, h.sign(repo, commit, name, file))
	case !cache:
		w.Header().Set("ETag", etag)
		redirect(w, http.StatusTemporaryRedirect, (&url.URL{
			Path:     "/api/resolve-cache/models/" + id + "/" + commit + "/" + name,
			RawQuery: "etag=" + url.QueryEscape(etag),
		}).String())
	default:
		w.Header().Set("Content-Disposition", "inline")
		serveContent(w, r, etag, file)
	}
}

// redirect is http.Redirect without its HTML: the Hub's are plain text, of a
// length that has nothing to do with that of the file.
func redirect(w http.ResponseWriter, status int, to string) {
	w.Header().Set("Location", to)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, http.StatusText(status)+". Redirecting to "+to)
}

// serveContent answers with the content, or the part that Range asks for.
func serveContent(w http.ResponseWriter, r *http.Request, etag string, f *File) {
	if to := r.Header.Get(etagFault); to != "" {
		etag = to
	}
	w.Header().Set("ETag", etag)
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(f.content, 0, f.size))
}

// find returns the repository and commit, or the error that the Hub gives. The
// caller holds the mutex.
func (h *Hub) find(token, id, rev string) (*Repo, string, *refusal) {
	if token != "" && !h.tokens[token] {
		return nil, "", &refusal{http.StatusUnauthorized, "", "Invalid credentials in Authorization header"}
	}
	repo := h.repos[id]
	if repo == nil || repo.private && !repo.members[token] {
		// Strangers cannot tell a private repository from a missing one.
		if token == "" {
			return nil, "", &refusal{http.StatusUnauthorized, "RepoNotFound", "Invalid username or password."}
		}
		return nil, "", &refusal{http.StatusNotFound, "RepoNotFound", "Repository not found"}
	}
	if commit, ok := repo.refs[rev]; ok {
		return repo, commit, nil
	}
	if _, ok := repo.trees[rev]; ok {
		return repo, rev, nil
	}
	return nil, "", &refusal{http.StatusNotFound, "RevisionNotFound", "Invalid rev id: " + rev}
}

func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// refusal is an error in the Hub's form.
type refusal struct {
	status        int
	code, message string // X-Error-Code, X-Error-Message
}

func (e *refusal) answer(w http.ResponseWriter) {
	if e.code != "" {
		w.Header().Set("X-Error-Code", e.code)
	}
	w.Header().Set("X-Error-Message", e.message)
	w.Header().Set("X-Request-Id", "Root=1-fake")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(e.status)
	json.NewEncoder(w).Encode(map[string]string{"error": e.message})
}

// sign returns a storage URL that is valid until ExpireURLs. Its path names the
// content, as the real ones do.
func (h *Hub) sign(repo *Repo, commit, name string, file *File) string {
	sum := sha256.Sum256([]byte(repo.id))
	path := "/repos/" + hex.EncodeToString(sum[:12]) + "/" + file.hash()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.blobs[path] = file
	query := url.Values{
		"X-Amz-Algorithm":              {"AWS4-HMAC-SHA256"},
		"X-Amz-Expires":                {"3600"},
		"X-Amz-Signature":              {h.signature(path)},
		"response-content-disposition": {fmt.Sprintf("inline; filename=%q", name)},
		"x-id":                         {"GetObject"},
	}
	return h.StorageURL + path + "?" + query.Encode()
}

// signature needs the mutex.
func (h *Hub) signature(path string) string {
	mac := hmac.New(sha256.New, h.key)
	io.WriteString(mac, path)
	return hex.EncodeToString(mac.Sum(nil))
}

func (h *Hub) serveStorage(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	h.mu.Lock()
	file := h.blobs[path]
	valid := hmac.Equal([]byte(r.URL.Query().Get("X-Amz-Signature")), []byte(h.signature(path)))
	h.mu.Unlock()
	refuse := func(status int, code, message string) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
	}
	switch {
	case r.Header.Get("Authorization") != "":
		refuse(http.StatusBadRequest, "InvalidArgument", "Only one auth mechanism allowed")
	case !valid:
		refuse(http.StatusForbidden, "AccessDenied", "Request has expired")
	case file == nil:
		refuse(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	default:
		// The store has an ETag of its own, which is not the file's hash.
		sum := sha256.Sum256([]byte("stored " + file.hash()))
		serveContent(w, r, `"`+hex.EncodeToString(sum[:16])+`"`, file)
	}
}
