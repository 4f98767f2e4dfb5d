package corpus

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// FormatError says why a file is no text, or no list of texts.
type FormatError struct {
	File   string
	Line   int   // from 1; 0 where the fault is that of the whole file
	Offset int64 // in bytes from the start of the file, where Line is not 0
	Reason string
}

func (e *FormatError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("corpus: %s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("corpus: %s, line %d, offset %d: %s", e.File, e.Line, e.Offset, e.Reason)
}

// faultAt is a fault at an offset of a file's content.
func faultAt(file string, data []byte, offset int, format string, args ...any) *FormatError {
	offset = min(max(offset, 0), len(data))
	return &FormatError{
		File:   file,
		Line:   1 + bytes.Count(data[:offset], []byte{'\n'}),
		Offset: int64(offset),
		Reason: fmt.Sprintf(format, args...),
	}
}

const byteOrderMark = "\ufeff"

// checkText refuses content that is not UTF-8 text, and returns how long its
// byte-order mark is.
func checkText(file string, data []byte) (mark int, err error) {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return 0, faultAt(file, data, 0, "the text is UTF-16; convert it to UTF-8")
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return 0, faultAt(file, data, i, "a zero byte: this is a binary file, not text")
	}
	if i := firstInvalid(data); i < len(data) {
		return 0, faultAt(file, data, i, "byte %#02x is not UTF-8: this is a binary file, or text in an encoding that must be converted to UTF-8", data[i])
	}
	if bytes.HasPrefix(data, []byte(byteOrderMark)) {
		return len(byteOrderMark), nil
	}
	return 0, nil
}

// firstInvalid is the offset of the first byte that is not UTF-8, or the
// length.
func firstInvalid(data []byte) int {
	if utf8.Valid(data) {
		return len(data)
	}
	i := 0
	for {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
}

// decodeText is the text of a file: without a byte-order mark and with line
// ends of one byte, so that a text has the same tokens on every system.
func decodeText(file string, data []byte) (string, error) {
	mark, err := checkText(file, data)
	if err != nil {
		return "", err
	}
	return strings.ReplaceAll(string(data[mark:]), "\r\n", "\n"), nil
}
