package codec

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestRecordLengthsOfAllSizesAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &gsRecords{base: rapid.IntRange(0, 400).Draw(t, "base"), longest: 100_000}
		size := rapid.IntRange(1, f.longest).Draw(t, "size")
		if rapid.Bool().Draw(t, "near") {
			size = max(1, f.base+rapid.IntRange(-20, 30).Draw(t, "over"))
		}
		record := []byte{byte(f.code(size))}
		if f.code(size) == prefixed {
			record = f.appendPrefix(nil, size)
		}
		prefix, body, err := f.split(record)
		if err != nil || body != size || f.code(size) == prefixed && prefix != len(record) || f.code(size) != prefixed && prefix != 0 {
			t.Fatalf("base %d: %x for %d bytes means %d + %d, error %v", f.base, record, size, prefix, body, err)
		}
		for n := range len(record) {
			if _, _, err := f.split(record[:n]); !errors.Is(err, ErrShort) {
				t.Fatalf("%d bytes of %x: error %v", n, record, err)
			}
		}
	})
}

func TestRecordsThatNoEncoderWritesAreRefused(t *testing.T) {
	const dim = 16
	c := mustNew(t, "e8-gs", dim).(*gsVarying)
	f := c.frame.(*gsRecords)
	prefixed := func(size int) []byte { return f.appendPrefix(nil, size) }
	for name, b := range map[string][]byte{
		"a zero vector with other bits":   {8},
		"a body of no bytes":              {0xff, 0, 0, 0},
		"a body longer than the longest":  {0xff, 0xff, 0xff, 0},
		"a length that has a code":        {0xff, byte(f.base + 3), 0, 0},
		"a length with a shorter prefix":  {0xff, byte(f.base + 9), 0, 0},
		"a body that is all raw":          append(prefixed(f.raw), make([]byte, f.raw)...),
		"a body with another code inside": append(prefixed(f.longest), make([]byte, f.longest)...),
	} {
		if err := checkAnyBytes(t, &c.gainShape, b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v, want ErrCorrupt", name, err)
		}
	}
}
