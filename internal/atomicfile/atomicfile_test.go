package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	full := errors.New("disk full")
	for _, tt := range []struct {
		name   string
		before string // content of the file before; "" where there is none
		fill   func(io.Writer) error
		want   string
		err    error
	}{
		{
			name: "a new file holds what was written",
			fill: func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err },
			want: "new",
		},
		{
			name:   "an old file is replaced",
			before: "old and longer",
			fill:   func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err },
			want:   "new",
		},
		{
			name:   "an old file survives an error",
			before: "old",
			fill:   func(w io.Writer) error { io.WriteString(w, "half"); return full },
			want:   "old",
			err:    full,
		},
		{
			name: "nothing is left of a new file after an error",
			fill: func(w io.Writer) error { io.WriteString(w, "half"); return full },
			err:  full,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			files := 0
			if tt.before != "" {
				if err := os.WriteFile(path, []byte(tt.before), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if err := Write(path, tt.fill); !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			got, err := os.ReadFile(path)
			if tt.want == "" {
				if !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the file exists: %q", got)
				}
			} else {
				files++
				if string(got) != tt.want {
					t.Errorf("the file holds %q, want %q", got, tt.want)
				}
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != files {
				t.Errorf("%d files in the directory (%v), want %d: a temporary one is left", len(entries), err, files)
			}
		})
	}
}

func TestWriteInAMissingDirectoryFails(t *testing.T) {
	err := Write(filepath.Join(t.TempDir(), "no", "f"), func(io.Writer) error { return nil })
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want os.ErrNotExist", err)
	}
}
