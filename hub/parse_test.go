package hub

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseRef(t *testing.T) {
	for s, want := range map[string]Ref{
		"Qwen/Qwen2-0.5B":            {"Qwen/Qwen2-0.5B", "main"},
		"a/b@v1.0":                   {"a/b", "v1.0"},
		"a_1/b.c@refs/pr/12":         {"a_1/b.c", "refs/pr/12"},
		"_a/b_@" + sha:               {"_a/b_", sha},
		"deepseek-ai/DeepSeek-V4@x+": {"deepseek-ai/DeepSeek-V4", "x+"},
	} {
		if got, err := ParseRef(s); got != want || err != nil {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
	for s, word := range map[string]string{
		"":                                "ORG/NAME",
		"gpt2":                            "write ORG/NAME",
		"a/b/c":                           "write ORG/NAME",
		"/b":                              "is empty",
		"a/":                              "is empty",
		"-a/b":                            "begins or ends",
		"a/b.":                            "begins or ends",
		"a/b--c":                          `"--"`,
		"a/..":                            `".."`,
		"a/b c":                           `' '`,
		"a/b%2f":                          `'%'`,
		"a/b.git":                         "leave out .git",
		"a/é":                             `'é'`,
		"a/" + strings.Repeat("x", 97):    "96 characters",
		"a/b@":                            "is empty",
		"a/b@../x":                        "not a reference",
		"a/b@/x":                          "not a reference",
		"a/b@x y":                         `' '`,
		"a/b@a@b":                         `'@'`,
		"a/b@x\x00":                       "character",
		"a/b@" + strings.Repeat("x", 201): "200 characters",
	} {
		if ref, err := ParseRef(s); err == nil || !strings.Contains(err.Error(), word) || !strings.HasPrefix(err.Error(), "hub: ") {
			t.Errorf("%q: %+v, error %v, want one with %q", s, ref, err, word)
		}
	}
}

const sha = "0123456789abcdef0123456789abcdef01234567"

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"a/b", "a/b@refs/pr/1", "Qwen/Qwen2-0.5B@" + sha, "a/b@..", "@", "a/b@\\x", "a/b@c:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRef(s)
		if err != nil {
			return
		}
		if again, err := ParseRef(r.String()); err != nil || again != r {
			t.Errorf("%q: %+v, again %+v, %v", s, r, again, err)
		}
		if dir := repoDir(r.ID); !filepath.IsLocal(dir) || strings.ContainsAny(dir, `/\`) || strings.Count(dir, "--") != 2 {
			t.Errorf("%q: folder %q", s, dir)
		}
		if !fs.ValidPath(r.Revision) || !filepath.IsLocal(filepath.FromSlash(r.Revision)) {
			t.Errorf("%q: revision %q would leave the cache", s, r.Revision)
		}
	})
}

func TestParseContentRange(t *testing.T) {
	for s, want := range map[string][3]int64{
		"bytes 0-99/1000": {0, 99, 1000},
		"bytes 5-5/6":     {5, 5, 6},
		"bytes 0-99/*":    {0, 99, -1},
		"bytes */1000":    {-1, -1, 1000},
		"bytes */0":       {-1, -1, 0},
		"bytes 0-9223372036854775806/9223372036854775807": {0, 1<<63 - 2, 1<<63 - 1},
	} {
		first, last, total, err := parseContentRange(s)
		if got := [3]int64{first, last, total}; got != want || err != nil {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "bytes", "bytes 0-99", "bytes 99-0/100", "bytes 0-100/100", "bytes -1-5/10", "bytes +1-5/10",
		"bytes 0x1-5/10", "bytes a-b/c", "bytes */*", "items 0-1/2", "bytes 0-1/2, 3-4/5", "bytes 0-9223372036854775808/*", "bytes 1-/5", "bytes -/5", "bytes  0-1/2"} {
		if _, _, _, err := parseContentRange(s); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}
}

func FuzzParseContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-99/1000", "bytes */5", "bytes 1-2/*", "bytes 2-1/3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		first, last, total, err := parseContentRange(s)
		switch {
		case err != nil:
		case first == -1 && last == -1 && total >= 0:
		case first < 0 || last < first || total != -1 && last >= total:
			t.Errorf("%q: %d-%d/%d", s, first, last, total)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, s := range []string{"3", "99999999999999999999", "-1", "Fri, 02 Jan 2026 03:05:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", `"api";r=0;t=55`} {
		f.Add(s, "")
		f.Add("", s)
	}
	f.Fuzz(func(t *testing.T, after, limit string) {
		d := retryAfter(http.Header{"Retry-After": {after}, "Ratelimit": {limit}}, now)
		if d < 0 || d > maxPause {
			t.Errorf("%q, %q: %v", after, limit, d)
		}
	})
}

func TestRetryAfterThatCannotBeReadIsNone(t *testing.T) {
	for _, s := range []string{"", "soon", "-5", "1.5", "1 2", "+3", "Fri, 99 Jan 2026 03:05:00 GMT"} {
		if d := retryAfter(http.Header{"Retry-After": {s}}, time.Now()); d != 0 {
			t.Errorf("%q: %v", s, d)
		}
	}
}

func TestParseETag(t *testing.T) {
	for s, want := range map[string]string{`"abc"`: "abc", `W/"abc"`: "abc", "abc": "abc", `"d41d8cd9-5"`: "d41d8cd9-5"} {
		if got, err := parseETag(s); got != want || err != nil {
			t.Errorf("%s: %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", `""`, `"../x"`, `"a/b"`, `"a\b"`, `"a.lock"`, `"a b"`, strings.Repeat("a", 129)} {
		if got, err := parseETag(s); err == nil {
			t.Errorf("%q is accepted as %q", s, got)
		}
	}
}

// FuzzReadExtent reads from a file that may hold anything. Whatever it holds,
// the bytes that come out have the checksums that the file states.
func FuzzReadExtent(f *testing.F) {
	data := bytes.Repeat([]byte("range"), 20_000)
	whole := append(encodeExtentHeader("etag", 1000, data), data...)
	f.Add(whole, int64(1000), int64(1000+len(data)), int64(1000), 100)
	f.Add(whole, int64(1000), int64(1000+len(data)), int64(60_000), 40_000)
	f.Add(whole[:500], int64(1000), int64(1000+len(data)), int64(1000), 100)
	f.Add([]byte{}, int64(0), int64(1), int64(0), 1)
	f.Fuzz(func(t *testing.T, file []byte, begin, end, off int64, n int) {
		ext, ok := parseExtentName(extentName(Range{begin, end}))
		if !ok || n < 0 || n > 1<<20 {
			return
		}
		p := make([]byte, n)
		got, err := readExtent(bytes.NewReader(file), "etag", ext, p, off)
		if err != nil || got == 0 {
			return
		}
		if got > n || off < ext.Begin || off+int64(got) > ext.End {
			t.Fatalf("%d bytes at %d from %v", got, off, ext)
		}
		start := extentHeader + 4*chunks(ext.Len()) + off - ext.Begin
		if !bytes.Equal(p[:got], file[start:start+int64(got)]) {
			t.Error("other bytes than the file's")
		}
	})
}

// FuzzParseExtentName also covers what a name may do to sizes and offsets.
func FuzzParseExtentName(f *testing.F) {
	for _, s := range []string{extentName(Range{0, 1}), extentName(Range{1 << 50, 1<<50 + maxExtent}), "0-1", "x", "-", "000000000000-000000000001.12.tmp"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, ok := parseExtentName(s); ok && (r.Begin < 0 || r.Len() <= 0 || r.Len() > maxExtent || extentName(r) != s) {
			t.Errorf("%q: %v", s, r)
		}
	})
}

func TestAnExtentGivesBackWhatWasStored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(1, 300), rapid.SampledFrom([]int{chunkSize - 1, chunkSize, chunkSize + 1, 3*chunkSize - 1, 3 * chunkSize})).Draw(t, "n")
		begin := rapid.Int64Range(0, 1<<40).Draw(t, "begin")
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(i*7 + i>>8)
		}
		file := append(encodeExtentHeader("etag", begin, data), data...)
		if int64(len(file)) != extentSize(int64(n)) {
			t.Fatalf("%d bytes, want %d", len(file), extentSize(int64(n)))
		}
		ext := Range{begin, begin + int64(n)}
		from := rapid.IntRange(0, n-1).Draw(t, "from")
		p := make([]byte, rapid.IntRange(1, n+10).Draw(t, "length"))
		damaged := rapid.Bool().Draw(t, "damaged")
		if damaged {
			file[rapid.IntRange(0, len(file)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "xor"))
		}
		got, err := readExtent(bytes.NewReader(file), "etag", ext, p, begin+int64(from))
		want := data[from:min(from+len(p), n)]
		switch {
		case err != nil && !damaged:
			t.Fatal(err)
		case err == nil && !bytes.Equal(p[:got], want):
			t.Fatal("wrong bytes")
		}
	})
}

func TestUnionAndSubtractAreThoseOfSets(t *testing.T) {
	const span = 40
	draw := func(t *rapid.T, label string) ([]Range, [span]bool) {
		var list []Range
		var set [span]bool
		for i := range rapid.IntRange(0, 6).Draw(t, label) {
			r := Range{int64(rapid.IntRange(0, span).Draw(t, fmt.Sprint(label, i))), int64(rapid.IntRange(0, span).Draw(t, fmt.Sprint(label, i)))}
			list = append(list, r)
			for b := r.Begin; b < r.End; b++ {
				set[b] = true
			}
		}
		return list, set
	}
	check := func(t *rapid.T, list []Range, want [span]bool) {
		var got [span]bool
		last := int64(-1)
		for _, r := range list {
			if r.Begin <= last || r.Len() <= 0 {
				t.Fatalf("%v is no union", list)
			}
			last = r.End
			for b := r.Begin; b < r.End; b++ {
				got[b] = true
			}
		}
		if got != want {
			t.Fatalf("%v", list)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, setA := draw(t, "a")
		b, setB := draw(t, "b")
		ua, ub := union(a, 0), union(b, 0)
		check(t, ua, setA)
		check(t, ub, setB)
		for i := range setA {
			setA[i] = setA[i] && !setB[i]
		}
		rest := subtract(ua, ub)
		check(t, rest, setA)
		var grown []Range
		for _, r := range a {
			if r.Len() > 0 {
				grown = add(grown, r)
			}
		}
		if !slices.Equal(grown, ua) {
			t.Fatalf("one by one %v is %v", a, grown)
		}
		pieces := split(rest, 3)
		if total(pieces) != total(rest) {
			t.Fatalf("%v split into %v", rest, pieces)
		}
		check(t, union(pieces, 0), setA)
		gap := union(a, 3)
		if total(subtract(ua, gap)) != 0 {
			t.Fatalf("merging lost bytes: %v, %v", ua, gap)
		}
		for i := 1; i < len(gap); i++ {
			if gap[i].Begin-gap[i-1].End <= 3 {
				t.Fatalf("not merged: %v", gap)
			}
		}
	})
}
