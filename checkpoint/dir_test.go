package checkpoint

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"kakeyalattice/safetensors"
)

// The cache of the Hub has folders of links to files that are named by their
// content.
func TestASnapshotOfTheHubsCacheIsAFolder(t *testing.T) {
	repo := filepath.Join(t.TempDir(), "models--org--name")
	blobs, snapshot := filepath.Join(repo, "blobs"), filepath.Join(repo, "snapshots", "60d8d707")
	for _, dir := range []string{blobs, snapshot} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := safetensors.WriteFile(filepath.Join(blobs, "aaaa"), []safetensors.Entry{safetensors.Float32s("x", []int{1}, []float32{7})}, nil); err != nil {
		t.Fatal(err)
	}
	save(t, blobs, map[string]string{"bbbb": `{"model_type": "llama"}`})
	for name, blob := range map[string]string{singleFile: "aaaa", configFile: "bbbb"} {
		if err := os.Symlink(filepath.Join("..", "..", "blobs", blob), filepath.Join(snapshot, name)); err != nil {
			t.Skip("no links here: ", err)
		}
	}
	c := opened(t, Dir(snapshot))
	if x, err := c.Vector(bg, "x", 1); err != nil || x[0] != 7 {
		t.Errorf("x is %v (%v)", x, err)
	}
	if config, err := c.Config(bg); err != nil || string(config) != `{"model_type": "llama"}` {
		t.Errorf("config is %q (%v)", config, err)
	}
	if c.Name() != snapshot {
		t.Errorf("name %q", c.Name())
	}
}

func TestAMatrixOfAMappedFileIsNoCopy(t *testing.T) {
	c := single(t, safetensors.Float32s("x", []int{2, 2}, []float32{1, 2, 3, 4}))
	a, errA := c.Matrix(bg, "x", 2, 2)
	b, errB := c.Matrix(bg, "x", 2, 2)
	if errA != nil || errB != nil || len(a.Data) != 16 || cap(a.Data) != 16 {
		t.Fatalf("%v %v: %d bytes, room for %d", errA, errB, len(a.Data), cap(a.Data))
	}
	if runtime.GOOS == "linux" && &a.Data[0] != &b.Data[0] {
		t.Error("a matrix is a copy")
	}
}

func TestFilesMayBeInMemory(t *testing.T) {
	dir := t.TempDir()
	if err := safetensors.WriteFile(filepath.Join(dir, singleFile), []safetensors.Entry{safetensors.Float32s("x", []int{1, 2}, []float32{7, 8})}, nil); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, singleFile))
	if err != nil {
		t.Fatal(err)
	}
	c := opened(t, Memory("built in", map[string][]byte{singleFile: data, configFile: []byte("{}")}))
	if x, err := c.Vector(bg, "x", 1, 2); err != nil || !slices.Equal(x, []float32{7, 8}) {
		t.Errorf("x is %v (%v)", x, err)
	}
	if m, err := c.Matrix(bg, "x", 1, 2); err != nil || &m.Data[0] != &data[len(data)-8] {
		t.Errorf("a matrix is a copy, or %v", err)
	}
	if config, err := c.Config(bg); err != nil || string(config) != "{}" {
		t.Errorf("config is %q (%v)", config, err)
	}
	_, err = c.ReadFile(bg, "tokenizer.json")
	wants(t, err, "built in", "tokenizer.json")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v is not that of a missing file", err)
	}
	_, err = Open(bg, Memory("built in", map[string][]byte{singleFile: data[:len(data)-1]}))
	wants(t, err, singleFile)
}

func TestSmallFilesStayInTheFolder(t *testing.T) {
	c := single(t, safetensors.Float32s("x", []int{1}, []float32{1}))
	_, err := c.ReadFile(bg, "../secret")
	wants(t, err, `the name "../secret" leads out of the folder`)
	_, err = c.Config(bg)
	wants(t, err, configFile)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v is not that of a missing file", err)
	}
}

func TestEveryIntegerTypeIsRead(t *testing.T) {
	ff := slices.Repeat([]byte{0xff}, 8)
	for dtype, want := range map[safetensors.DType]int64{"I64": -1, "I32": -1, "I16": -1, "I8": -1, "U32": 1<<32 - 1, "U16": 1<<16 - 1, "U8": 255} {
		size := dtype.Size()
		c := single(t, raw("x", dtype, append(slices.Clone(ff[:size]), append([]byte{5}, make([]byte, size-1)...)...), 2))
		if got, err := c.Int64s(bg, "x", 2); err != nil || !slices.Equal(got, []int64{want, 5}) {
			t.Errorf("%s: %v (%v), want %d and 5", dtype, got, err, want)
		}
	}
}

func TestATensorMayBeEmpty(t *testing.T) {
	c := single(t, safetensors.Float32s("none", []int{0, 3}, nil), safetensors.Float32s("scalar", nil, []float32{4}))
	if x, err := c.Vector(bg, "none", 0, 3); err != nil || len(x) != 0 {
		t.Errorf("%v (%v)", x, err)
	}
	if x, err := c.Vector(bg, "scalar"); err != nil || len(x) != 1 || x[0] != 4 {
		t.Errorf("%v (%v)", x, err)
	}
	_, err := c.Matrix(bg, "none", 0, 3)
	wants(t, err, "a matrix of 0 x 3")
}
