package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/codec"
	"kakeyalattice/kv"
	"kakeyalattice/page"
	"kakeyalattice/safetensors"
)

// pageOf encodes the tensor k.0 of a dump and returns the page's path and what
// the command printed.
func pageOf(t *testing.T, in, spec string, more ...string) (path, stdout string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "k.0.klp")
	args := append([]string{"codec", "encode", "--codec", spec, "--in", in, "--tensor", "k.0", "--out", path}, more...)
	code, stdout, stderr := outputOf(t.Context(), args...)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	return path, stdout
}

func parse[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return v
}

func TestATensorGoesThroughAPageAsThroughTheCodec(t *testing.T) {
	in := smallDump(t)
	original, err := kv.ReadTensor(in, "k.0")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spec, vector string
		dim          int
		bits         float64
	}{
		{"bf16", "head", 8, 128},
		{"e8:q=38", "head", 8, 88},
		{"e8:q=38", "token", 16, 32 + 2*51 + 2},
		{"nvfp4", "head", 8, 40 + 32./128},
		{"nvfp4", "token", 16, 72 + 32./64},
		{"e8-gs:delta=0.09,slot=20", "head", 8, 160},
	} {
		path, stdout := pageOf(t, in, c.spec, "--vector", c.vector, "--json")
		facts := parse[pageFacts](t, stdout)
		if facts.Codec != c.spec || facts.Dim != c.dim || facts.Vectors != 1024/c.dim || *facts.BitsPerVector != c.bits {
			t.Errorf("%s by %s: %s", c.spec, c.vector, stdout)
		}
		if info, err := os.Stat(path); err != nil || info.Size() != facts.PageBytes || facts.PageBytes <= facts.Bytes {
			t.Errorf("%s by %s: the page has %d bytes: %s", c.spec, c.vector, info.Size(), stdout)
		}
		spec, err := codec.Parse(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		trip, err := codec.RoundTrip(spec, c.dim, original.Values)
		if err != nil || trip.Fitted != facts.Fitted {
			t.Fatalf("fitted to %q, the page has %q: %v", trip.Fitted, facts.Fitted, err)
		}
		for _, ending := range []string{".npy", ".safetensors"} {
			out := filepath.Join(t.TempDir(), "k.0"+ending)
			code, stdout, stderr := outputOf(t.Context(), "codec", "decode", "--in", path, "--out", out)
			if code != 0 || stderr != "" || !strings.Contains(stdout, "k.0") {
				t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
			}
			got, err := kv.ReadTensor(out, "k.0")
			if err != nil || !slices.Equal(got.Shape, original.Shape) || !slices.Equal(got.Values, trip.Decoded) {
				t.Errorf("%s by %s: %s differs: %v", c.spec, c.vector, ending, err)
			}
		}
	}
}

func TestThePageOfACommandDoesNotDependOnWorkers(t *testing.T) {
	in := dump(t, safetensors.Float32s("k.0", []int{1 << 12, 64}, gaussian(1<<18)))
	var pages [][]byte
	for _, n := range []string{"1", "3"} {
		path, _ := pageOf(t, in, "e8:q=38", "--workers", n, "--chunk-vectors", "32")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, b)
	}
	if !bytes.Equal(pages[0], pages[1]) {
		t.Error("pages differ")
	}
}

func TestInspectReportsAnIntactPage(t *testing.T) {
	path, _ := pageOf(t, smallDump(t), "nvfp4", "--chunk-vectors", "48")
	stdout := inspected(t, path)
	r := parse[inspection](t, stdout)
	if r.Vectors != 128 || r.Dim != 8 || r.Tensor != "k.0" || !slices.Equal(r.Shape, []int{64, 2, 8}) || !strings.HasPrefix(r.Codec, "nvfp4:scale=") {
		t.Errorf("%s", stdout)
	}
	if r.Version != page.Version || r.Damaged != 0 || len(r.Chunks) != 3 || r.Bytes != 128*5 || r.PageBytes != r.Bytes+r.Overhead {
		t.Errorf("%s", stdout)
	}
	if last := r.Chunks[2]; last.First != 96 || last.Vectors != 32 || last.Bytes != 32*5+4 || last.Offset+last.Bytes != r.PageBytes || !last.OK {
		t.Errorf("%+v", last)
	}
	code, stdout, stderr := outputOf(t.Context(), "codec", "inspect", "--in", path)
	for _, part := range []string{"nvfp4:scale=", "k.0 [64 2 8], 128 vectors of 8 values", "bits per vector", "3 chunks of 48 vectors, all intact"} {
		if code != 0 || !strings.Contains(stdout, part) {
			t.Errorf("lacks %q: %s%s", part, stdout, stderr)
		}
	}
}

func TestVectorsThatOverflowTheirSlotsAreCounted(t *testing.T) {
	in := dump(t, safetensors.Float32s("k.0", []int{200, 64}, gaussian(200*64)))
	for spec, want := range map[string]*int{
		"e8-gs:slot=60": new(int),   // room for all
		"e8-gs:slot=45": ptrTo(200), // the smallest that there are: room for none
		"e8-gs":         nil,
	} {
		path, stdout := pageOf(t, in, spec, "--json")
		for _, text := range []string{stdout, inspected(t, path)} {
			got := parse[pageFacts](t, text).Overflows
			if (got == nil) != (want == nil) || got != nil && *got != *want {
				t.Errorf("%s: %s", spec, text)
			}
		}
	}
	_, stdout := pageOf(t, in, "e8-gs:slot=45")
	if !strings.Contains(stdout, "200 vectors did not fit") {
		t.Errorf("%s", stdout)
	}
}

func ptrTo(n int) *int { return &n }

// inspected is what inspect prints as JSON.
func inspected(t *testing.T, path string) string {
	t.Helper()
	code, stdout, stderr := outputOf(t.Context(), "codec", "inspect", "--in", path, "--json")
	if code != 0 {
		t.Fatal(stderr)
	}
	return stdout
}

func TestADamagedChunkIsReportedAndNotDecoded(t *testing.T) {
	path, _ := pageOf(t, smallDump(t), "bf16")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-9] ^= 4
	path = write(t, "damaged.klp", b)
	code, stdout, stderr := outputOf(t.Context(), "codec", "inspect", "--in", path, "--json")
	if code != exitData || !strings.Contains(stderr, "1 of 2 chunks are damaged") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	r := parse[inspection](t, stdout)
	if r.Damaged != 1 || !r.Chunks[0].OK || r.Chunks[1].OK || !strings.Contains(r.Chunks[1].Error, "CRC-32C") {
		t.Errorf("%s", stdout)
	}
	_, stdout, _ = outputOf(t.Context(), "codec", "inspect", "--in", path)
	if !strings.Contains(stdout, "1 damaged") || !strings.Contains(stdout, "chunk 1: ") {
		t.Errorf("%s", stdout)
	}
	t.Chdir(t.TempDir())
	code, _, stderr = outputOf(t.Context(), "codec", "decode", "--in", path, "--out", "out.npy")
	if code != exitData || !strings.Contains(stderr, "damaged.klp") || !strings.Contains(stderr, "chunk 1, vectors 64 to 127") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if left, _ := os.ReadDir("."); len(left) > 0 {
		t.Errorf("left %s behind", left[0].Name())
	}
}

func TestBadPagesAndTensorsAreOneLineWithTheNextStepAndAnExitCode(t *testing.T) {
	in := smallDump(t)
	intact, _ := pageOf(t, in, "e8:q=3")
	good, err := os.ReadFile(intact)
	if err != nil {
		t.Fatal(err)
	}
	later := bytes.Clone(good)
	later[8]++
	withNaN := gaussian(64)
	withNaN[19] = float32(math.NaN())
	huge := make([]float32, 16)
	huge[8] = 3e38
	encode := func(spec, in string, more ...string) []string {
		return append([]string{"codec", "encode", "--codec", spec, "--in", in, "--out", "out.klp"}, more...)
	}
	inspect := func(b []byte) []string { return []string{"codec", "inspect", "--in", write(t, "a.klp", b)} }
	for name, c := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"a simulated codec":    {encode("ref-e8:q=38", in, "--tensor", "k.0"), exitUsage, []string{"simulated"}},
		"an unknown codec":     {encode("e9", in, "--tensor", "k.0"), exitUsage, []string{"e9"}},
		"no tensor is named":   {encode("bf16", in), exitUsage, []string{"k.0", "v.0"}},
		"an odd dimension":     {encode("fp8-v4", in, "--tensor", "k.0"), exitUsage, []string{"fp8-v4", "dimension 8"}},
		"an odd chunk":         {encode("bf16", in, "--tensor", "k.0", "--chunk-vectors", "17"), exitUsage, []string{"17 vectors", "multiple of 16"}},
		"a negative chunk":     {encode("bf16", in, "--tensor", "k.0", "--chunk-vectors=-16"), exitUsage, []string{"--chunk-vectors"}},
		"a NaN":                {encode("bf16", dump(t, safetensors.Float32s("k.0", []int{8, 8}, withNaN))), exitData, []string{"k.0", "vector 2", "coordinate 3", "NaN"}},
		"a NaN when fitting":   {encode("nvfp4", dump(t, safetensors.Float32s("k.0", []int{8, 8}, withNaN))), exitData, []string{"k.0", "vector 2", "coordinate 3", "NaN"}},
		"a scale out of reach": {encode("fp8", dump(t, safetensors.Float32s("k.0", []int{2, 8}, huge))), exitData, []string{"vector 1", "scale", "use"}},
		"no such folder":       {[]string{"codec", "encode", "--codec", "bf16", "--in", in, "--tensor", "k.0", "--out", "no/out.klp"}, exitData, []string{"no/out.klp"}},
		"no page to decode":    {[]string{"codec", "decode", "--in", "nowhere.klp", "--out", "out.npy"}, exitData, []string{"nowhere.klp"}},
		"a folder as page":     {[]string{"codec", "decode", "--in", ".", "--out", "out.npy"}, exitData, []string{"regular file"}},
		"an unknown ending":    {[]string{"codec", "decode", "--in", intact, "--out", "out.bin"}, exitData, []string{"out.bin", ".npy"}},
		"an empty page":        {inspect(nil), exitData, []string{"a.klp", "0 bytes"}},
		"another format":       {inspect(bytes.Repeat([]byte("text"), 20)), exitData, []string{"a.klp", "not a .klp page"}},
		"a truncated page":     {inspect(good[:len(good)-1]), exitData, []string{"a.klp", "truncated"}},
		"a page of later days": {inspect(later), exitData, []string{"a.klp", "version 2", "newer"}},
		"negative workers":     {[]string{"codec", "decode", "--in", intact, "--out", "out.npy", "--workers=-1"}, exitUsage, []string{"--workers"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			code, _, stderr := outputOf(t.Context(), c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, stderr)
			}
			if strings.Count(stderr, "\n") != 1 {
				t.Errorf("not one line: %q", stderr)
			}
			for _, part := range c.want {
				if !strings.Contains(stderr, part) {
					t.Errorf("%q lacks %q", stderr, part)
				}
			}
			if left, _ := os.ReadDir("."); len(left) > 0 {
				t.Errorf("left %s behind", left[0].Name())
			}
		})
	}
}

func TestAnInterruptLeavesNoFile(t *testing.T) {
	in := smallDump(t)
	path, _ := pageOf(t, in, "e8:q=3")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	t.Chdir(t.TempDir())
	for _, args := range [][]string{
		{"codec", "encode", "--codec", "e8:q=3", "--in", in, "--tensor", "k.0", "--out", "out.klp"},
		{"codec", "encode", "--codec", "nvfp4", "--in", in, "--tensor", "k.0", "--out", "out.klp"},
		{"codec", "decode", "--in", path, "--out", "out.npy"},
		{"codec", "inspect", "--in", path},
	} {
		code, _, stderr := outputOf(ctx, args...)
		if code != exitInterrupted || !strings.Contains(stderr, "interrupted") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit code %d: %s", args, code, stderr)
		}
	}
	if left, _ := os.ReadDir("."); len(left) > 0 {
		t.Errorf("left %s behind", left[0].Name())
	}
}

func TestThePageCommandsHaveExamples(t *testing.T) {
	for _, name := range []string{"encode", "decode", "inspect"} {
		code, stdout, stderr := outputOf(t.Context(), "codec", name, "--help")
		if code != 0 || stderr != "" || !strings.Contains(stdout, "kakeya codec "+name+" --") {
			t.Errorf("%s: exit code %d: %s%s", name, code, stdout, stderr)
		}
	}
}
