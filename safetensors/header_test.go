package safetensors

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// recorder is a reader that remembers what was asked of it.
type recorder struct {
	io.ReaderAt
	asked [][2]int64 // offset and length
}

func (r *recorder) ReadAt(p []byte, off int64) (int, error) {
	r.asked = append(r.asked, [2]int64{off, int64(len(p))})
	return r.ReaderAt.ReadAt(p, off)
}

func TestReadHeaderReadsTheHeaderAndNoMore(t *testing.T) {
	header := `{"a":{"dtype":"F4","shape":[2,3],"data_offsets":[0,3]}}`
	r := &recorder{ReaderAt: bytes.NewReader(fileBytes(header, 3))}
	h, start, err := ReadHeader(r, int64(8+len(header)+3))
	if err != nil || start != int64(8+len(header)) || len(h.Tensors) != 1 {
		t.Fatalf("%v, data at %d (%v)", h, start, err)
	}
	if len(r.asked) != 2 || r.asked[0] != [2]int64{0, 8} || r.asked[1] != [2]int64{8, int64(len(header))} {
		t.Errorf("reads of %v", r.asked)
	}
}

func TestReadHeaderNamesWhatIsThereInstead(t *testing.T) {
	for _, tt := range []struct{ name, content, want string }{
		{"the page of a proxy", "<!DOCTYPE html><html><body>Sign in</body></html>", "an HTML or XML page"},
		{"a page after a byte order mark", "\ufeff\n<html></html>", "an HTML or XML page"},
		{"the error of a storage host", "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "an HTML or XML page"},
		{"a pointer of Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"},
		{"a PyTorch archive", "PK\x03\x04aaaaaaaaaaaa", "a zip archive"},
		{"a GGUF file", "GGUF\x03\x00\x00\x00aaaaaaaa", "a GGUF file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := ReadHeader(strings.NewReader(tt.content), int64(len(tt.content)))
			if _, ok := errors.AsType[*FormatError](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in a FormatError", err, tt.want)
			}
		})
	}
}

func TestReadHeaderReportsAReaderThatFails(t *testing.T) {
	content := fileBytes(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8)
	for _, end := range []int{4, 20} {
		_, _, err := ReadHeader(bytes.NewReader(content[:end]), int64(len(content)))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a reader that ends at byte %d: %v", end, err)
		}
	}
}

func TestBytesOfPackedTypes(t *testing.T) {
	for _, tt := range []struct {
		dtype DType
		n     int
		want  int64
		ok    bool
	}{
		{F4, 6, 3, true}, {F4, 5, 0, false}, {"F6_E2M3", 4, 3, true}, {"F6_E3M2", 2, 0, false},
		{BF16, 3, 6, true}, {"C64", 2, 16, true}, {"F9", 8, 0, false}, {F64, 1 << 62, 0, false}, {U8, -1, 0, false},
	} {
		if got, ok := tt.dtype.Bytes(tt.n); got != tt.want || ok != tt.ok {
			t.Errorf("%d of %s take %d, %v, want %d, %v", tt.n, tt.dtype, got, ok, tt.want, tt.ok)
		}
	}
}
