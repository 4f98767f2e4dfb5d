package hub

import (
	"fmt"
	"strconv"
	"strings"
)

// parseContentRange reads "bytes 0-99/1000", "bytes 0-99/*" and "bytes */1000"
// (RFC 9110, 14.4). What is not given is -1.
func parseContentRange(s string) (first, last, total int64, err error) {
	bad := fmt.Errorf("not a Content-Range: %.80q", s)
	s, ok := strings.CutPrefix(s, "bytes ")
	if !ok {
		return 0, 0, 0, bad
	}
	span, size, ok := strings.Cut(s, "/")
	if !ok {
		return 0, 0, 0, bad
	}
	first, last, total = -1, -1, -1
	if size != "*" {
		if total, ok = digits(size); !ok {
			return 0, 0, 0, bad
		}
	}
	if span == "*" {
		if total < 0 {
			return 0, 0, 0, bad
		}
		return first, last, total, nil
	}
	from, to, _ := strings.Cut(span, "-")
	first, ok1 := digits(from)
	last, ok2 := digits(to)
	if !ok1 || !ok2 || last < first || total >= 0 && last >= total {
		return 0, 0, 0, bad
	}
	return first, last, total, nil
}

// digits reads a number that is nothing but digits.
func digits(s string) (int64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false // no sign
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
