package capture

import (
	"os"
	"testing"

	"pgregory.net/rapid"
)

// Values come back bit for bit, whether they are stored as bfloat16 or not.
func TestStoreReturnsWhatItWasGiven(t *testing.T) {
	s, err := newStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float32Range(-1e30, 1e30), 1, 50).Draw(t, "x")
		p, err := s.put(x)
		if err != nil {
			t.Fatal(err)
		}
		y := make([]float32, len(x))
		if err := s.get(y, p); err != nil {
			t.Fatal(err)
		}
		for i := range x {
			if x[i] != y[i] {
				t.Fatalf("value %d: %v, want %v", i, y[i], x[i])
			}
		}
	})
	p, err := s.put([]float32{1, -0.5, 384})
	if err != nil || p.bytes() != 6 {
		t.Errorf("three bfloat16 values take %d bytes, want 6 (%v)", p.bytes(), err)
	}
	if err := s.get(make([]float32, 2), p); err == nil {
		t.Error("a passage was read into too short a buffer")
	}
}

func TestNothingIsLeftOfAStore(t *testing.T) {
	dir := t.TempDir()
	s, err := newStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.put([]float32{1}); err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
