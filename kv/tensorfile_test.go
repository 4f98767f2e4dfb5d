package kv

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/npy"
	"kakeyalattice/safetensors"
)

// parts hands over values in parts of n, then an error if there is one.
func parts(values []float32, n int, err error) func(yield func([]float32, error) bool) {
	return func(yield func([]float32, error) bool) {
		for part := range slices.Chunk(values, n) {
			if !yield(part, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func TestATensorIsReadAndWrittenInParts(t *testing.T) {
	want := Tensor{Name: "k.0", Shape: []int{4, 3}, Values: []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}
	for _, ending := range []string{".npy", ".safetensors"} {
		whole := filepath.Join(t.TempDir(), "k.0"+ending)
		if err := WriteTensor(whole, want); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "k.0"+ending)
		if err := WriteTensorParts(path, want.Name, want.Shape, parts(want.Values, 5, nil)); err != nil {
			t.Fatal(err)
		}
		a, errA := os.ReadFile(whole)
		b, errB := os.ReadFile(path)
		if errA != nil || errB != nil || !slices.Equal(a, b) {
			t.Errorf("%s: in parts %d bytes, as a whole %d", ending, len(b), len(a))
		}
		f, err := OpenTensor(path, "")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		dim, err := f.VectorDim("head")
		if f.Name != "k.0" || !slices.Equal(f.Shape, want.Shape) || f.Len() != 12 || dim != 3 || err != nil {
			t.Errorf("%s: %s %v, %d values, dimension %d: %v", ending, f.Name, f.Shape, f.Len(), dim, err)
		}
		got := make([]float32, 4)
		if err := f.Read(got, 5); err != nil || !slices.Equal(got, want.Values[5:9]) {
			t.Errorf("%s: values 5 to 8 are %v: %v", ending, got, err)
		}
		if err := f.Read(got, 9); err == nil {
			t.Errorf("%s: values beyond the end: no error", ending)
		}
	}
}

func TestATensorThatIsNotAllThereLeavesNoFile(t *testing.T) {
	values := make([]float32, 12)
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		values []float32
		err    error
		file   string
		want   string
	}{
		"the source fails":       {values[:6], broken, "x.npy", "broken"},
		"the source fails, too":  {values[:6], broken, "x.safetensors", "broken"},
		"too few values":         {values[:6], nil, "x.npy", "takes 48"},
		"too few values, too":    {values[:6], nil, "x.safetensors", "takes 48"},
		"an unknown file ending": {values, nil, "x.bin", ".npy"},
	} {
		dir := t.TempDir()
		err := WriteTensorParts(filepath.Join(dir, c.file), "x", []int{4, 3}, parts(c.values, 3, c.err))
		if err == nil || !strings.Contains(err.Error(), c.want) || c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: left %s", name, left[0].Name())
		}
	}
}

func TestOpenTensorNamesWhatThereIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "two.safetensors")
	entries := []safetensors.Entry{
		safetensors.Float32s("k.0", []int{1, 2}, []float32{1, 2}),
		safetensors.Float32s("v.0", []int{0, 2}, nil),
	}
	if err := safetensors.WriteFile(path, entries, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "q.0"} {
		if _, err := OpenTensor(path, name); !errors.Is(err, ErrNoTensor) || !strings.Contains(err.Error(), "v.0") {
			t.Errorf("%q: %v", name, err)
		}
	}
	f, err := OpenTensor(path, "v.0")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.VectorDim("head"); err == nil || !strings.Contains(err.Error(), "holds no vectors") {
		t.Errorf("no vectors: %v", err)
	}
	scalar := filepath.Join(t.TempDir(), "x.npy")
	if err := npy.WriteFile(scalar, nil, []float32{1}); err != nil {
		t.Fatal(err)
	}
	if f, err = OpenTensor(scalar, ""); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.VectorDim("head"); err == nil || !strings.Contains(err.Error(), "scalar") {
		t.Errorf("a scalar: %v", err)
	}
}
