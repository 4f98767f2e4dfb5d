package hub

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// Ref names a repository and a revision of it.
type Ref struct {
	ID       string // "ORG/NAME"
	Revision string // a branch, a tag, refs/pr/N or a commit; "main" where none was given
}

// String is the form that ParseRef reads.
func (r Ref) String() string { return r.ID + "@" + r.Revision }

// ParseRef reads "ORG/NAME" or "ORG/NAME@REV". The rules for names are the
// Hub's: letters, digits, '-', '_' and '.', no '-' or '.' at either end, no
// "--" or "..", at most 96 characters, not ending in ".git".
func ParseRef(s string) (Ref, error) {
	id, rev, found := strings.Cut(s, "@")
	org, name, slash := strings.Cut(id, "/")
	if !slash || strings.Contains(name, "/") {
		return Ref{}, fmt.Errorf("hub: %q is not a repository; write ORG/NAME or ORG/NAME@REVISION, as in Qwen/Qwen2-0.5B@main", s)
	}
	for _, part := range []string{org, name} {
		if reason := badName(part); reason != "" {
			return Ref{}, fmt.Errorf("hub: %q is not a repository: %q %s; write ORG/NAME as the address of the model's page has it", s, part, reason)
		}
	}
	if strings.HasSuffix(name, ".git") {
		return Ref{}, fmt.Errorf("hub: %q is not a repository; leave out .git", s)
	}
	if !found {
		rev = "main"
	}
	if reason := badRevision(rev); reason != "" {
		return Ref{}, fmt.Errorf("hub: %q: the revision %q %s; write a branch, a tag or a commit after the @", s, rev, reason)
	}
	return Ref{ID: id, Revision: rev}, nil
}

func badName(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > 96:
		return "has more than 96 characters"
	case strings.Contains(s, "--") || strings.Contains(s, ".."):
		return `has "--" or ".."`
	case strings.ContainsAny(s[:1]+s[len(s)-1:], "-."):
		return "begins or ends with '-' or '.'"
	}
	for _, r := range s {
		if !isAlnum(r) && !strings.ContainsRune("-_.", r) {
			return fmt.Sprintf("has the character %q", r)
		}
	}
	return ""
}

// badRevision accepts what git allows in a reference and what is safe as a
// path below refs/.
func badRevision(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > 200:
		return "has more than 200 characters"
	case !fs.ValidPath(s) || !filepath.IsLocal(filepath.FromSlash(s)) || s == ".":
		return "is not a reference of git"
	}
	for _, r := range s {
		if r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\"<>|@`, r) {
			return fmt.Sprintf("has the character %q", r)
		}
	}
	return ""
}

// badFile accepts paths inside a repository that are safe below a folder.
func badFile(name string) string {
	switch {
	case !fs.ValidPath(name) || name == "." || !filepath.IsLocal(filepath.FromSlash(name)):
		return "is not a path inside a repository"
	case strings.ContainsAny(name, "\\\x00\r\n"):
		return "has a character that no file there has"
	}
	return ""
}

// isCommit reports whether s is a full commit hash.
func isCommit(s string) bool { return isHex(s, 40) }

func isHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'f') {
			return false
		}
	}
	return true
}

func isAlnum(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
