package checkpoint

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakeyalattice/safetensors"
)

// save puts text files into a folder.
func save(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func wants(t *testing.T, err error, fragments ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	for _, f := range append(fragments, "checkpoint: ") {
		if !strings.Contains(err.Error(), f) {
			t.Errorf("error %q lacks %q", err, f)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error has several lines: %q", err)
	}
}

func TestFoldersThatAreNoCheckpoint(t *testing.T) {
	html := "<!DOCTYPE html>\n<html><body>Please sign in</body></html>"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"an empty folder", nil, []string{"neither model.safetensors nor model.safetensors.index.json is there"}},
		{"the page of a proxy as the index", map[string]string{indexFile: html}, []string{indexFile, "an HTML or XML page, not JSON"}},
		{"the page of a proxy as the weights", map[string]string{singleFile: html}, []string{singleFile, "an HTML or XML page"}},
		{"an index that is cut off", map[string]string{indexFile: `{"weight_map": {"a": "x.safet`}, []string{indexFile, "it ends too early", "at byte 29"}},
		{"an index without a map", map[string]string{indexFile: `{"metadata": {}}`}, []string{"weight_map is missing"}},
		{"an index whose map is a list", map[string]string{indexFile: `{"weight_map": []}`}, []string{"want an object, found an array"}},
		{"a tensor in two shards", map[string]string{indexFile: `{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}`}, []string{"tensor a is there twice, in x.safetensors and in y.safetensors"}},
		{"two maps", map[string]string{indexFile: `{"weight_map": {"a": "x"}, "weight_map": {"b": "y"}}`}, []string{"weight_map is there twice"}},
		{"a shard outside the folder", map[string]string{indexFile: `{"weight_map": {"a": "../x.safetensors"}}`}, []string{`tensor a: "../x.safetensors" is no name of a file beside the index`}},
		{"a shard with an absolute name", map[string]string{indexFile: `{"weight_map": {"a": "/etc/passwd"}}`}, []string{`"/etc/passwd" is no name`}},
		{"an index that is not UTF-8", map[string]string{indexFile: "{\"weight_map\": {\"\xff\": \"x\"}}"}, []string{"not UTF-8"}},
		{"a file that is shorter than its header says", map[string]string{singleFile: string(binary.LittleEndian.AppendUint64(nil, 54)) + `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}` + "1234"},
			[]string{singleFile, "tensor a", "[0, 8] reach beyond the 4 bytes of data: the file is truncated"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			save(t, dir, tt.files)
			_, err := Open(bg, Dir(dir))
			wants(t, err, append(tt.want, dir)...)
		})
	}
	missing := filepath.Join(t.TempDir(), "nowhere")
	_, err := Open(bg, Dir(missing))
	wants(t, err, missing)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v is not that of a missing folder", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	save(t, filepath.Dir(file), map[string]string{"file": ""})
	_, err = Open(bg, Dir(file))
	wants(t, err, file, "not a folder: name the folder")
	odd := t.TempDir()
	if err := os.Mkdir(filepath.Join(odd, singleFile), 0o777); err != nil {
		t.Fatal(err)
	}
	_, err = Open(bg, Dir(odd))
	wants(t, err, "not a regular file")
}

func TestShardsThatDoNotFitTheirIndex(t *testing.T) {
	dir := sharded(t, map[string][]safetensors.Entry{
		"a.safetensors": {safetensors.Float32s("layers.0.norm.weight", []int{1}, []float32{1})},
		"b.safetensors": {safetensors.Float32s("layers.1.norm.weight", []int{1}, []float32{1})},
	})
	save(t, dir, map[string]string{indexFile: `{"weight_map": {"layers.0.norm.weight": "a.safetensors", "layers.1.norm.weight": "b.safetensors",
		"layers.0.attn.weight": "a.safetensors", "layers.2.norm.weight": "c.safetensors"}}`})
	c := opened(t, Dir(dir))
	_, err := c.Lookup(bg, "layers.0.attn.weight")
	wants(t, err, "a.safetensors: tensor layers.0.attn.weight", "whose header has not", "fetch them again")
	if !errors.Is(err, ErrNoTensor) {
		t.Errorf("error %v is not ErrNoTensor", err)
	}
	_, err = c.Vector(bg, "layers.2.norm.weight", 1)
	wants(t, err, "tensor layers.2.norm.weight: the index has it in c.safetensors, which is not there")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v is not that of a missing file", err)
	}
	if _, err := c.Vector(bg, "layers.1.norm.weight", 1); err != nil {
		t.Errorf("a shard that is there cannot be read: %v", err)
	}

	save(t, dir, map[string]string{indexFile: `{"weight_map": {"x": "a.safetensors", "layers.0.norm.weight": "b.safetensors"}}`})
	_, err = opened(t, Dir(dir)).Lookup(bg, "x")
	wants(t, err, "tensor layers.0.norm.weight is in this file, but the index has it in b.safetensors")

	save(t, dir, map[string]string{indexFile: `{"weight_map": {"x": "d.safetensors"}}`, "d.safetensors": "version https://git-lfs.github.com/spec/v1\n"})
	_, err = opened(t, Dir(dir)).Lookup(bg, "x")
	wants(t, err, "d.safetensors (where the index has tensor x)", "git lfs pull")
}

func TestTensorsThatAreNotWhatTheCallerExpects(t *testing.T) {
	fp8 := func(name string, rows, cols int) safetensors.Entry {
		return raw(name, safetensors.F8E4M3, make([]byte, rows*cols), rows, cols)
	}
	c := single(t,
		fp8("layers.0.attn.wkv.weight", 256, 512), raw("layers.0.attn.wkv.scale", safetensors.F8E8M0, make([]byte, 6), 2, 3),
		fp8("bare.weight", 4, 4),
		raw("experts.0.w1.weight", safetensors.I8, make([]byte, 64*64), 64, 64), raw("experts.0.w1.scale", safetensors.F8E8M0, make([]byte, 64*2), 64, 2),
		fp8("odd.weight", 4, 4), raw("odd.scale", safetensors.I32, make([]byte, 4), 1, 1),
		safetensors.Float32s("norm.weight", []int{3}, []float32{1, 2, 3}),
		safetensors.Float32s("embed.weight", []int{2, 2}, []float32{1, 2, 3, 4}),
		safetensors.Int64s("ids", []int{2}, []int64{1, 2}),
		raw("wide", safetensors.F64, binary.LittleEndian.AppendUint64(nil, 0x7fe0000000000000), 1))
	vector := func(name string, shape ...int) error { _, err := c.Vector(bg, name, shape...); return err }
	matrix := func(name string, rows, cols int) error { _, err := c.Matrix(bg, name, rows, cols); return err }
	rows := func(name string, cols int, rows ...int) error { _, err := c.Rows(bg, name, cols, rows); return err }
	ints := func(name string, shape ...int) error { _, err := c.Int64s(bg, name, shape...); return err }
	for _, tt := range []struct {
		name string
		err  error
		want []string
	}{
		{"a name of a wrapped model", vector("model.norm.weight", 3), []string{"tensor model.norm.weight: no such tensor", "like it: norm.weight"}},
		{"a name with a slip", matrix("layers.0.attn.wvk.weight", 256, 512), []string{"like it: layers.0.attn.wkv.weight"}},
		{"a name like no other", vector("zzzzzzzzzzzzzzzzzz", 3), []string{"tensor zzzzzzzzzzzzzzzzzz: no such tensor"}},
		{"a scale of the wrong grid", matrix("layers.0.attn.wkv.weight", 256, 512), []string{"tensor layers.0.attn.wkv.scale: shape is F8_E8M0 [2 3], want [2 4] for blocks of 128 x 128, or [8 16] for blocks of 32 x 32", "of the 256 x 512 weights"}},
		{"scales of an expert of the wrong grid", matrix("experts.0.w1.weight", 64, 128), []string{"tensor experts.0.w1.scale: shape is F8_E8M0 [64 2], want [64 4] for blocks of 1 x 32"}},
		{"a matrix without scales", matrix("bare.weight", 4, 4), []string{"tensor bare.weight: its FP8 values have no scales", "bare.scale", "bare.weight_scale_inv"}},
		{"scales of integers", matrix("odd.weight", 4, 4), []string{"tensor odd.scale: scales of type I32"}},
		{"a matrix of another shape", matrix("embed.weight", 2, 3), []string{"tensor embed.weight: shape is F32 [2 2], want [2 3]"}},
		{"an expert of another shape", matrix("experts.0.w1.weight", 64, 64), []string{"shape is I8 [64 64], want [64 32] for 64 x 64 FP4 values, two a byte"}},
		{"an odd number of FP4 columns", matrix("experts.0.w1.weight", 64, 129), []string{"shape is I8 [64 64], want"}},
		{"a matrix of integers", matrix("ids", 1, 2), []string{"tensor ids: a matrix of I64"}},
		{"a matrix that is a vector", matrix("norm.weight", 1, 3), []string{"shape is F32 [3], want [1 3]"}},
		{"a vector of another length", vector("norm.weight", 4), []string{singleFile + ": tensor norm.weight: shape is F32 [3], want [4]"}},
		{"a vector of integers", vector("ids", 2), []string{"tensor ids: I64 is no float type"}},
		{"a quantised tensor as a vector", vector("layers.0.attn.wkv.weight", 256, 512), []string{"it is quantised, with scales in layers.0.attn.wkv.scale"}},
		{"a float64 that is too large", vector("wide", 1), []string{"tensor wide: element 0 is"}},
		{"integers of floats", ints("norm.weight", 3), []string{"tensor norm.weight: F32 is no integer type"}},
		{"integers of another shape", ints("ids", 3), []string{"tensor ids: shape is I64 [2], want [3]"}},
		{"a row beyond the vocabulary", rows("embed.weight", 2, 0, 2), []string{"tensor embed.weight: row 2 is asked for, but it has 2 rows: is the tokenizer that of this model?"}},
		{"a negative row", rows("embed.weight", 2, 1, -1), []string{"row -1 is asked for"}},
		{"rows of another width", rows("embed.weight", 3, 0), []string{"shape is F32 [2 2], want [rows 3]"}},
		{"rows of quantised weights", rows("layers.0.attn.wkv.weight", 512, 0), []string{"it is quantised"}},
		{"rows of integers", rows("experts.0.w1.weight", 64, 0), []string{"rows of I8 cannot be read"}},
		{"a plan for nothing that is there", func() error { _, err := c.Plan(bg, "norm.weight", "nrm.weight"); return err }(), []string{"like it: norm.weight"}},
	} {
		t.Run(tt.name, func(t *testing.T) { wants(t, tt.err, tt.want...) })
	}
}

func TestNothingIsReadAfterClose(t *testing.T) {
	c, err := Open(bg, Dir(sharded(t, map[string][]safetensors.Entry{
		"a.safetensors": {safetensors.Float32s("x", []int{1}, []float32{1})},
		"b.safetensors": {safetensors.Float32s("y", []int{1}, []float32{1})},
	})))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Vector(bg, "x", 1); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"x", "y"} {
		if _, err := c.Vector(bg, name, 1); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: error %v, want ErrClosed", name, err)
		}
	}
}
