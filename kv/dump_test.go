package kv

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/npy"
	"kakeyalattice/safetensors"
)

// ramp is a tensor whose values count up from a start, so that a value tells
// where it came from.
func ramp(name string, from float32, shape ...int) safetensors.Entry {
	n := 1
	for _, axis := range shape {
		n *= axis
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = from + float32(i)
	}
	return safetensors.Float32s(name, shape, values)
}

func offsets(name string, at ...int64) safetensors.Entry {
	return safetensors.Int64s(name, []int{len(at)}, at)
}

// files writes dumps to a directory and returns it.
type files map[string][]safetensors.Entry

func (f files) write(t testing.TB, metadata map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, entries := range f {
		if err := safetensors.WriteFile(filepath.Join(dir, name), entries, metadata); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func paths(dir string, names ...string) []string {
	var list []string
	for _, name := range names {
		list = append(list, filepath.Join(dir, name))
	}
	return list
}

// one writes a single dump "a" and opens it.
func one(t testing.TB, opt Options, metadata map[string]string, entries ...safetensors.Entry) *Source {
	t.Helper()
	return mustOpen(t, paths(files{"a": entries}.write(t, metadata), "a"), opt)
}

func mustOpen(t testing.TB, paths []string, opt Options) *Source {
	t.Helper()
	src, err := OpenDump(paths, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

func values(t testing.TB, s *Stream, passage int) []float32 {
	t.Helper()
	v, err := s.Read(nil, passage)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func titles(src *Source) []string {
	var list []string
	for _, p := range src.Passages {
		list = append(list, p.Title)
	}
	return list
}

func names(src *Source) []string {
	var list []string
	for _, s := range src.Streams {
		list = append(list, s.Name)
	}
	return list
}

func TestATensorIsReadByHeadOrByToken(t *testing.T) {
	for _, tt := range []struct {
		name                string
		vector              string
		shape               []int
		dim, heads, headDim int
		vectors             int
	}{
		{"two axes are one head", "", []int{5, 6}, 6, 1, 6, 5},
		{"two axes by token are the same", "token", []int{5, 6}, 6, 1, 6, 5},
		{"three axes by head", "head", []int{5, 2, 3}, 3, 2, 3, 10},
		{"three axes by head are the default", "", []int{5, 2, 3}, 3, 2, 3, 10},
		{"three axes by token", "token", []int{5, 2, 3}, 6, 2, 3, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := one(t, Options{Vector: tt.vector}, nil, ramp("k.3", 0, tt.shape...))
			s := src.Streams[0]
			if s.Name != "k.3" || s.Kind != Key || s.Layer != 3 {
				t.Errorf("stream %s of kind %s, layer %d", s.Name, s.Kind, s.Layer)
			}
			if s.Dim != tt.dim || s.Heads != tt.heads || s.HeadDim != tt.headDim || s.Vectors(0) != tt.vectors || s.Tokens(0) != 5 {
				t.Errorf("dim %d, %d heads of %d, %d vectors of %d tokens", s.Dim, s.Heads, s.HeadDim, s.Vectors(0), s.Tokens(0))
			}
			got := values(t, s, 0)
			if len(got) != 30 || got[0] != 0 || got[29] != 29 || !slices.IsSorted(got) {
				t.Errorf("values %v", got)
			}
			if len(src.Passages) != 1 || src.Passages[0] != (Passage{ID: 0, Title: "a", Tokens: 5}) || src.Blocks {
				t.Errorf("passages %v, blocks %v", src.Passages, src.Blocks)
			}
		})
	}
}

func TestNamesStateKindAndLayer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		kind  Kind
		layer int
	}{
		{"k.0", Key, 0}, {"v.17", Value, 17}, {"q.2", Query, 2}, {"swa.0", SWA, 0}, {"csa.2", CSA, 2}, {"hca.3", HCA, 3}, {"indexer.4", Indexer, 4},
		{"x.0", Other, -1}, {"k", Other, -1}, {"k.", Other, -1}, {"k.-1", Other, -1}, {"k.+1", Other, -1}, {"k.01", Other, -1},
		{"k.1.2", Other, -1}, {"K.1", Other, -1}, {"k.99999999999999999999", Other, -1}, {"other.1", Other, -1}, {"model.layers.0.k", Other, -1},
	} {
		if kind, layer := parseName(tt.name); kind != tt.kind || layer != tt.layer {
			t.Errorf("%s is of kind %s, layer %d, want %s, %d", tt.name, kind, layer, tt.kind, tt.layer)
		}
	}
}

func TestStreamsComeByLayer(t *testing.T) {
	src := one(t, Options{}, nil,
		ramp("k.0", 0, 1, 2), ramp("k.10", 0, 1, 2), ramp("extra", 0, 1, 2), ramp("k.2", 0, 1, 2),
		ramp("v.0", 0, 1, 2), ramp("v.10", 0, 1, 2), ramp("v.2", 0, 1, 2))
	want := []string{"k.0", "v.0", "k.2", "v.2", "k.10", "v.10", "extra"}
	if got := names(src); !slices.Equal(got, want) {
		t.Errorf("streams %v, want %v", got, want)
	}
}

func TestEveryFloatTypeIsConverted(t *testing.T) {
	codes := map[safetensors.DType][]byte{ // 1 and -2 in every format
		safetensors.F64:    append(binary.LittleEndian.AppendUint64(nil, math.Float64bits(1)), binary.LittleEndian.AppendUint64(nil, math.Float64bits(-2))...),
		safetensors.F32:    {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0},
		safetensors.F16:    {0, 0x3c, 0, 0xc0},
		safetensors.BF16:   {0x80, 0x3f, 0, 0xc0},
		safetensors.F8E4M3: {0x38, 0xc0},
		safetensors.F8E5M2: {0x3c, 0xc0},
	}
	var entries []safetensors.Entry
	for dtype, data := range codes {
		entries = append(entries, safetensors.Raw(string(dtype), dtype, []int{1, 2}, data))
	}
	src := one(t, Options{}, nil, entries...)
	if len(src.Streams) != len(codes) {
		t.Fatalf("streams %v", names(src))
	}
	for _, s := range src.Streams {
		if got := values(t, s, 0); !slices.Equal(got, []float32{1, -2}) {
			t.Errorf("%s reads as %v, want [1 -2]", s.Name, got)
		}
	}
}

func TestPassagesAreCutAtTheirOffsets(t *testing.T) {
	src := one(t, Options{}, nil,
		ramp("swa.0", 0, 10, 2), ramp("csa.2", 100, 4, 3),
		offsets("passages", 1, 4, 9), offsets("passages.csa.2", 0, 1, 4))
	if want := []string{"passage 0", "passage 1"}; !slices.Equal(titles(src), want) {
		t.Errorf("titles %v, want %v", titles(src), want)
	}
	if src.Passages[0].Tokens != 3 || src.Passages[1].Tokens != 5 {
		t.Errorf("passages %v, want the lengths 3 and 5 of the longest stream", src.Passages)
	}
	swa, csa := src.Streams[0], src.Streams[1]
	if got, want := values(t, swa, 0), []float32{2, 3, 4, 5, 6, 7}; !slices.Equal(got, want) {
		t.Errorf("passage 0 of swa.0 is %v, want %v", got, want)
	}
	if got := values(t, swa, 1); got[0] != 8 || len(got) != 10 {
		t.Errorf("passage 1 of swa.0 is %v, want 10 values from 8 on", got)
	}
	if got, want := values(t, csa, 0), []float32{100, 101, 102}; !slices.Equal(got, want) {
		t.Errorf("passage 0 of csa.2 is %v, want %v", got, want)
	}
	if got := values(t, csa, 1); got[0] != 103 || len(got) != 9 {
		t.Errorf("passage 1 of csa.2 is %v, want 9 values from 103 on", got)
	}
	wantNotice(t, src, "vectors outside the passages are left out: 2 of swa.0")
}

func wantNotice(t *testing.T, src *Source, want string) {
	t.Helper()
	if !slices.ContainsFunc(src.Notices, func(n string) bool { return strings.Contains(n, want) }) {
		t.Errorf("notices %q lack %q", src.Notices, want)
	}
}

func TestSeveralFiles(t *testing.T) {
	t.Run("one tensor in several files has the passages of all", func(t *testing.T) {
		dir := files{
			"a": {ramp("k.0", 0, 3, 2), ramp("v.0", 50, 3, 2), offsets("passages", 0, 1, 3)},
			"b": {ramp("v.0", 60, 4, 2), ramp("k.0", 10, 4, 2)},
		}.write(t, nil)
		src := mustOpen(t, paths(dir, "a", "b"), Options{})
		if want := []string{"a, passage 0", "a, passage 1", "b"}; !slices.Equal(titles(src), want) {
			t.Errorf("titles %v, want %v", titles(src), want)
		}
		for i, want := range []float32{0, 2, 10} {
			if got := values(t, src.Streams[0], i)[0]; got != want {
				t.Errorf("passage %d of k.0 starts with %v, want %v", i, got, want)
			}
		}
		if src.Input.Name != filepath.ToSlash(dir+"/a "+dir+"/b") {
			t.Errorf("input %q", src.Input.Name)
		}
	})
	t.Run("different tensors are more streams", func(t *testing.T) {
		dir := files{"k": {ramp("k.0", 0, 3, 2)}, "v": {ramp("v.0", 50, 3, 2)}}.write(t, nil)
		src := mustOpen(t, paths(dir, "k", "v"), Options{})
		if want := []string{"k.0", "v.0"}; !slices.Equal(names(src), want) {
			t.Errorf("streams %v, want %v", names(src), want)
		}
		if want := []string{"passage 0"}; !slices.Equal(titles(src), want) {
			t.Errorf("titles %v, want %v: no file is the whole passage", titles(src), want)
		}
	})
	t.Run("a pattern stands for its files in order", func(t *testing.T) {
		dir := files{"p2": {ramp("k.0", 2, 1, 2)}, "p1": {ramp("k.0", 1, 1, 2)}, "x": {ramp("k.0", 9, 1, 2)}}.write(t, nil)
		src := mustOpen(t, paths(dir, "p*"), Options{})
		if want := []string{"p1", "p2"}; !slices.Equal(titles(src), want) {
			t.Errorf("titles %v, want %v", titles(src), want)
		}
	})
	t.Run("a name with brackets that exists is no pattern", func(t *testing.T) {
		dir := files{"a[1]": {ramp("k.0", 2, 1, 2)}, "a1": {ramp("k.0", 1, 1, 2)}}.write(t, nil)
		src := mustOpen(t, paths(dir, "a[1]"), Options{})
		if want := []string{"a[1]"}; !slices.Equal(titles(src), want) {
			t.Errorf("titles %v, want %v", titles(src), want)
		}
	})
	t.Run("files of one base name are told apart by their path", func(t *testing.T) {
		d1 := files{"a": {ramp("k.0", 1, 1, 2)}}.write(t, nil)
		d2 := files{"a": {ramp("k.0", 2, 1, 2)}}.write(t, nil)
		src := mustOpen(t, append(paths(d1, "a"), paths(d2, "a")...), Options{})
		if want := append(paths(d1, "a"), paths(d2, "a")...); !slices.Equal(titles(src), want) {
			t.Errorf("titles %v, want %v", titles(src), want)
		}
	})
	t.Run("copies of one file are noticed", func(t *testing.T) {
		dir := files{"a": {ramp("k.0", 0, 3, 2)}, "b": {ramp("k.0", 0, 3, 2)}}.write(t, nil)
		wantNotice(t, mustOpen(t, paths(dir, "a", "b"), Options{}), "have the same content: their passages are not independent")
	})
}

func TestAnNPYFileIsAStream(t *testing.T) {
	dir := t.TempDir()
	if err := npy.WriteFile(filepath.Join(dir, "k.0.npy"), []int{2, 2, 3}, []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}); err != nil {
		t.Fatal(err)
	}
	// NumPy's header of a big-endian array, [1, 2] of 0.5 and -1.
	big := "\x93NUMPY\x01\x00\x3b\x00{'descr': '>f8', 'fortran_order': False, 'shape': (1, 2),}\n" +
		"\x3f\xe0\x00\x00\x00\x00\x00\x00\xbf\xf0\x00\x00\x00\x00\x00\x00"
	if err := os.WriteFile(filepath.Join(dir, "notes.NPY"), []byte(big), 0o666); err != nil {
		t.Fatal(err)
	}
	src := mustOpen(t, paths(dir, "k.0.npy", "notes.NPY"), Options{})
	if want := []string{"k.0", "notes"}; !slices.Equal(names(src), want) {
		t.Fatalf("streams %v, want %v", names(src), want)
	}
	if k := src.Streams[0]; k.Kind != Key || k.Heads != 2 || k.Dim != 3 || values(t, k, 0)[11] != 11 {
		t.Errorf("stream %+v with values %v", *k, values(t, k, 0))
	}
	if got := values(t, src.Streams[1], 0); !slices.Equal(got, []float32{0.5, -1}) {
		t.Errorf("values %v, want [0.5 -1]", got)
	}
}

func TestTensorPatternsChoose(t *testing.T) {
	entries := []safetensors.Entry{ramp("k.0", 0, 1, 2), ramp("k.1", 0, 1, 2), ramp("v.0", 0, 1, 2), ramp("a/b.c", 0, 1, 2), offsets("ids", 1, 2)}
	for _, tt := range []struct {
		patterns []string
		want     []string
	}{
		{nil, []string{"k.0", "v.0", "k.1", "a/b.c"}},
		{[]string{"k.*"}, []string{"k.0", "k.1"}},
		{[]string{"*.0"}, []string{"k.0", "v.0"}},
		{[]string{"v.0", "k.[1-9]"}, []string{"v.0", "k.1"}},
		{[]string{"a*c"}, []string{"a/b.c"}},
		{[]string{"a/?.c"}, []string{"a/b.c"}},
		{[]string{"*"}, []string{"k.0", "v.0", "k.1", "a/b.c"}},
	} {
		t.Run(strings.Join(tt.patterns, " "), func(t *testing.T) {
			src := one(t, Options{Tensors: tt.patterns}, nil, entries...)
			if got := names(src); !slices.Equal(got, tt.want) {
				t.Errorf("streams %v, want %v", got, tt.want)
			}
		})
	}
}

func TestWhatIsNoStreamIsNoticedOnceAFile(t *testing.T) {
	src := one(t, Options{}, map[string]string{"source": "a model\n on\ttext"},
		ramp("k.0", 0, 1, 2), offsets("input_ids", 1, 2), ramp("bias", 0, 3), ramp("cache", 0, 1, 2, 3, 4), ramp("scalar", 0))
	if len(src.Notices) != 2 {
		t.Fatalf("notices %q, want two", src.Notices)
	}
	wantNotice(t, src, "/a says of itself: a model on text")
	wantNotice(t, src, "/a: left out: input_ids (I64 [2], no float type), bias (F32 [3], want at least two axes), "+
		"cache (F32 [1 2 3 4], reshape to [tokens, heads, head_dim]), scalar (F32 [], want at least two axes)")
}

func TestMetadataStatesRopeDimsAndProtocol(t *testing.T) {
	entries := []safetensors.Entry{ramp("k.0", 0, 2, 2, 8), ramp("v.0", 0, 2, 2, 8), ramp("swa.1", 0, 2, 16), ramp("extra", 0, 2, 8)}
	metadata := map[string]string{"rope_dims": "4", "protocol": "production"}
	for _, tt := range []struct {
		vector string
		want   []int // k.0, v.0, swa.1, extra
		notice bool
	}{
		{"head", []int{4, 0, 4, 4}, false},
		{"token", []int{0, 0, 4, 4}, true},
	} {
		t.Run(tt.vector, func(t *testing.T) {
			src := one(t, Options{Vector: tt.vector}, metadata, entries...)
			for i, s := range src.Streams {
				if s.RopeDims != tt.want[i] {
					t.Errorf("%s has %d RoPE dimensions, want %d", s.Name, s.RopeDims, tt.want[i])
				}
			}
			if src.Protocol != "production" {
				t.Errorf("protocol %q", src.Protocol)
			}
			if tt.notice {
				wantNotice(t, src, "rope_dims 4 is not used")
			} else if len(src.Notices) > 0 {
				t.Errorf("notices %q", src.Notices)
			}
		})
	}
}

func TestInputIsHashed(t *testing.T) {
	dir := files{"a": {ramp("k.0", 0, 1, 2)}, "b": {ramp("k.0", 1, 1, 2)}}.write(t, nil)
	sum := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.Sum256(content)
		return h[:]
	}
	src := mustOpen(t, paths(dir, "a"), Options{})
	if want := hex.EncodeToString(sum("a")); src.Input.SHA256 != want || src.Input.Kind != "dump" || src.Input.Synthetic {
		t.Errorf("input %+v, want hash %s", src.Input, want)
	}
	both := sha256.Sum256(append(sum("a"), sum("b")...))
	src = mustOpen(t, paths(dir, "a", "b"), Options{})
	if want := hex.EncodeToString(both[:]); src.Input.SHA256 != want {
		t.Errorf("input %+v, want hash %s", src.Input, want)
	}
}

func TestOpenDumpRefuses(t *testing.T) {
	flat := ramp("k.0", 0, 4, 2)
	text := func(s string) map[string]string { return map[string]string{"rope_dims": s} }
	for _, tt := range []struct {
		name     string
		files    files
		metadata map[string]string
		opt      Options
		paths    []string // default "a"
		want     []string
	}{
		{name: "no path", files: files{}, paths: []string{}, want: []string{"no dump is given"}},
		{name: "a missing file", files: files{}, want: []string{"/a: no such file"}},
		{name: "a pattern without files", files: files{}, paths: []string{"*.st"}, want: []string{"no file matches", "*.st"}},
		{name: "a bad pattern", files: files{}, paths: []string{"[x"}, want: []string{"syntax error in pattern"}},
		{name: "a directory", files: files{}, paths: []string{""}, want: []string{"is a directory", "*.safetensors"}},
		{name: "a file given twice", files: files{"a": {flat}}, paths: []string{"a", "*"}, want: []string{"/a is given twice"}},
		{name: "an unknown view", files: files{"a": {flat}}, opt: Options{Vector: "row"}, want: []string{`vector "row": want head or token`}},
		{name: "a negative block", files: files{"a": {flat}}, opt: Options{PassageVectors: -1}, want: []string{"-1 vectors a passage"}},
		{name: "a tensor without vectors", files: files{"a": {ramp("k.0", 0, 0, 2)}}, want: []string{"/a: tensor k.0 of shape [0 2] holds no vectors"}},
		{name: "a tensor without coordinates", files: files{"a": {ramp("k.0", 0, 3, 4, 0)}}, want: []string{"tensor k.0 of shape [3 4 0] holds no vectors"}},
		{name: "a file without float tensors", files: files{"a": {offsets("ids", 1, 2)}}, want: []string{"no float tensor", "there are: ids (I64 [2])"}},
		{name: "an empty file", files: files{"a": {}}, want: []string{"there are: none"}},
		{name: "a type that is unknown", files: files{"a": {safetensors.Raw("x", safetensors.U8, []int{1, 2}, []byte{1, 2})}}, want: []string{"there are: x (U8 [1 2])"}},
		{name: "a pattern without tensors", files: files{"a": {flat, ramp("v.0", 0, 4, 2)}}, opt: Options{Tensors: []string{"k.*", "x.*"}}, want: []string{`no tensor matches "x.*"`, "k.0 (F32 [4 2]), v.0 (F32 [4 2])"}},
		{name: "a pattern that chooses integers", files: files{"a": {flat, offsets("ids", 1)}}, opt: Options{Tensors: []string{"ids"}}, want: []string{"tensor ids cannot be read as vectors: I64 [1], no float type"}},
		{name: "a malformed pattern", files: files{"a": {flat}}, opt: Options{Tensors: []string{"k.[0"}}, want: []string{`tensor pattern "k.[0": syntax error`}},
		{name: "offsets of another type", files: files{"a": {flat, ramp("passages", 0, 2)}}, want: []string{"passages: it is F32 [2]; want I64 [n+1]"}},
		{name: "offsets of two axes", files: files{"a": {flat, safetensors.Int64s("passages", []int{1, 2}, []int64{0, 4})}}, want: []string{"passages: it is I64 [1 2]"}},
		{name: "a single offset", files: files{"a": {flat, offsets("passages", 0)}}, want: []string{"passages: it is I64 [1]"}},
		{name: "a negative offset", files: files{"a": {flat, offsets("passages", -1, 4)}}, want: []string{"/a: passages: offset 0 is -1, below 0"}},
		{name: "offsets that do not ascend", files: files{"a": {flat, offsets("passages.k.0", 0, 2, 2)}}, want: []string{"passages.k.0: offset 2 is 2, not above offset 1, which is 2"}},
		{name: "an offset beyond the tensor", files: files{"a": {flat, offsets("passages", 0, 5)}}, want: []string{"offset 1 is 5, beyond the 4 entries of k.0", "passages.k.0"}},
		{name: "streams of different numbers of passages", files: files{"a": {flat, ramp("v.0", 0, 4, 2), offsets("passages.v.0", 0, 1, 2)}}, want: []string{"k.0 has 1 passages, v.0 has 2"}},
		{name: "files that lack a stream", files: files{"a": {flat, ramp("v.0", 0, 4, 2)}, "b": {flat}}, paths: []string{"a", "b"}, want: []string{"k.0 has 2 passages, v.0 has 1"}},
		{name: "files whose passages are not the same ones", files: files{"a": {flat}, "b": {flat, ramp("v.0", 0, 4, 2)}, "c": {ramp("v.0", 0, 4, 2)}}, paths: []string{"a", "b", "c"}, want: []string{"/b: its passages follow 1 others in k.0 but 0 in v.0"}},
		{name: "shapes that differ between files", files: files{"a": {flat}, "b": {ramp("k.0", 0, 4, 3)}}, paths: []string{"a", "b"}, want: []string{"tensor k.0 has shape [4 2] in", "/a and [4 3] in", "/b"}},
		{name: "ranks that differ between files", files: files{"a": {flat}, "b": {ramp("k.0", 0, 4, 1, 2)}}, paths: []string{"a", "b"}, want: []string{"shape [4 2] in", "[4 1 2] in"}},
		{name: "rope_dims that is no number", files: files{"a": {flat}}, metadata: text("x"), want: []string{`/a: rope_dims "x": want a whole number`}},
		{name: "negative rope_dims", files: files{"a": {flat}}, metadata: text("-1"), want: []string{`rope_dims "-1"`}},
		{name: "rope_dims that leave nothing", files: files{"a": {flat}}, metadata: text("2"), want: []string{"rope_dims 2 is not below the 2 dimensions of a head of k.0"}},
		{name: "blocks of streams of different lengths", files: files{"a": {flat, ramp("v.0", 0, 2, 2)}}, opt: Options{PassageVectors: 1}, want: []string{"k.0 has 4 passages after the cut into blocks, v.0 has 2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := tt.files.write(t, tt.metadata)
			if tt.paths == nil {
				tt.paths = []string{"a"}
			}
			src, err := OpenDump(paths(dir, tt.paths...), tt.opt)
			if err == nil {
				src.Close()
				t.Fatal("the dump is accepted")
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error has several lines: %q", err)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q lacks %q", err, w)
				}
			}
		})
	}
}

func TestFilesMayStateOneProtocolOnly(t *testing.T) {
	a := files{"a": {ramp("k.0", 0, 4, 2)}}.write(t, map[string]string{"protocol": "production"})
	b := files{"b": {ramp("k.0", 9, 4, 2)}}.write(t, map[string]string{"protocol": "reference", "rope_dims": "1"})
	c := files{"c": {ramp("k.0", 9, 4, 2)}}.write(t, nil)
	for _, tt := range []struct {
		paths []string
		want  string
	}{
		{append(paths(a, "a"), paths(b, "b")...), "tensor k.0 has rope_dims 0 in"},
		{append(paths(a, "a"), paths(c, "c")...), ""},
	} {
		src, err := OpenDump(tt.paths, Options{})
		if tt.want == "" && err == nil {
			if src.Protocol != "production" {
				t.Errorf("protocol %q", src.Protocol)
			}
			src.Close()
		} else if tt.want == "" || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want %q in it", err, tt.want)
		}
	}
	b = files{"b": {ramp("k.0", 9, 4, 2)}}.write(t, map[string]string{"protocol": "reference"})
	_, err := OpenDump(append(paths(a, "a"), paths(b, "b")...), Options{})
	if err == nil || !strings.Contains(err.Error(), `states protocol "production"`) {
		t.Errorf("error %v, want both protocols in it", err)
	}
}

func TestLongListsOfTensorsAreCutShort(t *testing.T) {
	var entries []safetensors.Entry
	for i := range 33 {
		entries = append(entries, ramp("t"+string(rune('A'+i)), 0, 1, 2))
	}
	dir := files{"a": entries}.write(t, nil)
	_, err := OpenDump(paths(dir, "a"), Options{Tensors: []string{"zzz"}})
	if err == nil || !strings.Contains(err.Error(), "tT (F32 [1 2]) and 13 more") {
		t.Errorf("error %v, want 20 names", err)
	}
}
