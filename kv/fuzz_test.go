package kv

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"kakeyalattice/safetensors"
)

// FuzzOpenDump checks that any file is either refused or readable to its last
// passage.
func FuzzOpenDump(f *testing.F) {
	seed := func(metadata map[string]string, entries ...safetensors.Entry) {
		var b bytes.Buffer
		if err := safetensors.Write(&b, entries, metadata); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes(), true, 3)
	}
	seed(nil, ramp("k.0", 0, 4, 2, 2), ramp("v.0", 0, 4, 4), offsets("passages", 0, 1, 3))
	seed(map[string]string{"rope_dims": "1", "protocol": "p", "source": "s"}, ramp("x", 0, 4, 2), offsets("passages.x", 1, 4))
	seed(map[string]string{"rope_dims": "-1"}, ramp("k.0", 0, 0, 2))
	f.Add([]byte{2, 0, 0, 0, 0, 0, 0, 0, '{', '}'}, false, 0)
	path := filepath.Join(f.TempDir(), "dump")
	f.Fuzz(func(t *testing.T, content []byte, token bool, block int) {
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		opt := Options{PassageVectors: block}
		if token {
			opt.Vector = "token"
		}
		src, err := OpenDump([]string{path}, opt)
		if err != nil {
			return
		}
		defer src.Close()
		for _, s := range src.Streams {
			if s.Passages() != len(src.Passages) {
				t.Fatalf("%s has %d passages, the source %d", s.Name, s.Passages(), len(src.Passages))
			}
			for p := range s.Passages() {
				if s.Vectors(p) == 0 {
					t.Fatalf("%s, passage %d: no vectors", s.Name, p)
				}
				var beyond *safetensors.RangeError // the one fault that a value may have
				if _, err := s.Read(nil, p); err != nil && !errors.As(err, &beyond) {
					t.Fatalf("%s, passage %d: %v", s.Name, p, err)
				}
			}
		}
	})
}
