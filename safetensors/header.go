package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// ReadHeader reads and checks the header of a file of size bytes, wherever it
// lies: 8 bytes, then the header and no more, so that a file can be known
// before its data is there. start is where the data begins. What breaks the
// format is a [*FormatError] without a file name; other errors are r's.
func ReadHeader(r io.ReaderAt, size int64) (h *Header, start int64, err error) {
	refuse := func(format string, args ...any) (*Header, int64, error) {
		return nil, 0, &FormatError{Reason: fmt.Sprintf(format, args...)}
	}
	if size < prefix {
		return refuse("%d bytes are too short for a safetensors file", size)
	}
	var field [prefix]byte
	if err := readFull(r, field[:], 0); err != nil {
		return nil, 0, err
	}
	if what := foreign(field[:]); what != "" {
		return refuse("%s", what)
	}
	n := binary.LittleEndian.Uint64(field[:])
	switch {
	case n > MaxHeader:
		return refuse("header length %d is above the limit of %d: not a safetensors file", n, MaxHeader)
	case n > uint64(size-prefix):
		return refuse("header length %d is beyond the end of the file, %d bytes: the file is truncated or no safetensors file", n, size)
	}
	header := make([]byte, n)
	if err := readFull(r, header, prefix); err != nil {
		return nil, 0, err
	}
	start = prefix + int64(n)
	h, err = Parse(header, size-start)
	return h, start, err
}

// readFull fills b from an offset. An end that the size did not announce is an
// unexpected one.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == io.EOF || err == nil:
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read the header, %d of %d bytes at byte %d: %w", n, len(b), off, err)
}

// foreign says what a file is instead, by its first 8 bytes, for the kinds
// that are found under a tensor file's name.
func foreign(first []byte) string {
	text := bytes.TrimLeft(first, " \t\r\n\ufeff")
	switch {
	case bytes.HasPrefix(text, []byte("<")):
		return "an HTML or XML page, not tensors: a proxy, a login or an error answered in its place; delete the file and fetch it again"
	case bytes.HasPrefix(first, []byte("version ")):
		return "a Git LFS pointer, not the tensors it stands for: run git lfs pull"
	case bytes.HasPrefix(first, []byte("PK\x03\x04")):
		return "a zip archive, as PyTorch saves: convert it to safetensors"
	case bytes.HasPrefix(first, []byte("GGUF")):
		return "a GGUF file, not safetensors"
	}
	return ""
}
