package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakeyalattice/report"
	"kakeyalattice/safetensors"
)

// outputOf runs the program as a person would.
func outputOf(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

// gaussian returns iid N(0, 1) values.
func gaussian(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// dump writes entries as a dump and returns its path.
func dump(t *testing.T, entries ...safetensors.Entry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cache.safetensors")
	if err := safetensors.WriteFile(path, entries, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// smallDump is a layer of two heads of 8, 64 tokens, in four passages.
func smallDump(t *testing.T) string {
	return dump(t,
		safetensors.Float32s("k.0", []int{64, 2, 8}, gaussian(1024)),
		safetensors.Float32s("v.0", []int{64, 2, 8}, gaussian(1024)),
		safetensors.Int64s("passages", []int{5}, []int64{0, 16, 32, 48, 64}),
		safetensors.Int64s("input_ids", []int{64}, make([]int64, 64)),
	)
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func readResult(t *testing.T, dir string) *report.Result {
	t.Helper()
	r, err := report.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBadInputIsOneLineWithTheNextStepAndAnExitCode(t *testing.T) {
	good := smallDump(t)
	header := func(n uint64, text string) []byte {
		return append(binary.LittleEndian.AppendUint64(nil, n), text...)
	}
	withNaN := gaussian(64)
	withNaN[19] = float32(math.NaN())
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "notes.txt"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	out := func() string { return filepath.Join(t.TempDir(), "out") }
	for name, c := range map[string]struct {
		args []string
		code int
		want []string // parts of the message
	}{
		"no command":             {[]string{}, 2, nil},
		"unknown command":        {[]string{"audti"}, 2, []string{"audti"}},
		"unknown flag":           {[]string{"audit", "--kvv", "x"}, 2, []string{"--kvv"}},
		"no such file":           {[]string{"audit", "--kv", "nowhere.safetensors"}, 1, []string{"nowhere.safetensors"}},
		"truncated":              {[]string{"audit", "--kv", write(t, "a.safetensors", []byte{1, 2, 3})}, 1, []string{"a.safetensors"}},
		"header beyond the file": {[]string{"audit", "--kv", write(t, "a.safetensors", header(1000, "{}"))}, 1, []string{"a.safetensors", "1000"}},
		"header is no JSON":      {[]string{"audit", "--kv", write(t, "a.safetensors", header(3, "{x}"))}, 1, []string{"a.safetensors"}},
		"unknown dtype": {[]string{"audit", "--kv", write(t, "a.safetensors",
			header(59, `{"k.0":{"dtype":"F7","shape":[1,8],"data_offsets":[0,7]}}  `+"1234567"))}, 1, []string{"k.0", "F7"}},
		"zero vectors":                {[]string{"audit", "--kv", dump(t, safetensors.Float32s("k.0", []int{0, 8}, nil))}, 1, []string{"k.0"}},
		"NaN":                         {[]string{"audit", "--kv", dump(t, safetensors.Float32s("k.0", []int{8, 8}, withNaN)), "--out", out()}, 1, []string{"k.0", "vector 2", "coordinate 3", "NaN"}},
		"empty glob":                  {[]string{"audit", "--kv", good, "--tensors", "z.*"}, 2, []string{"z.*", "k.0"}},
		"no file matches":             {[]string{"audit", "--kv", filepath.Join(full, "*.safetensors")}, 1, []string{"*.safetensors"}},
		"unknown codec":               {[]string{"audit", "--codecs", "e9:q=3"}, 2, []string{"e9", "known are"}},
		"bad parameter":               {[]string{"audit", "--codecs", "e8:q=0"}, 2, []string{"q=0"}},
		"dimension":                   {[]string{"audit", "--kv", good, "--codecs", "fp8-v4"}, 2, []string{"fp8-v4", "8"}},
		"two sources":                 {[]string{"audit", "--kv", good, "--synthetic", "gaussian"}, 2, []string{"--synthetic"}},
		"unknown family":              {[]string{"audit", "--synthetic", "cauchy"}, 2, []string{"cauchy", "gaussian"}},
		"folder is a file":            {[]string{"audit", "--kv", good, "--out", filepath.Join(good, "out")}, 1, []string{"--out"}},
		"folder not empty":            {[]string{"audit", "--kv", good, "--out", full}, 2, []string{"not empty", "--resume"}},
		"nothing to resume":           {[]string{"audit", "--kv", good, "--out", full, "--resume"}, 2, []string{"journal"}},
		"resume without folder":       {[]string{"audit", "--kv", good, "--resume"}, 2, []string{"--out"}},
		"report of nothing":           {[]string{"report", full}, 1, []string{"result.json"}},
		"report of another file":      {[]string{"report", write(t, "r.json", []byte(`{"schema":"other"}`))}, 1, []string{"r.json", "other"}},
		"roundtrip without tensor":    {[]string{"codec", "roundtrip", "--codec", "bf16", "--in", good}, 2, []string{"k.0"}},
		"roundtrip of no such tensor": {[]string{"codec", "roundtrip", "--codec", "bf16", "--in", good, "--tensor", "q.9"}, 2, []string{"q.9", "k.0"}},
		"roundtrip dimension":         {[]string{"codec", "roundtrip", "--codec", "fp8-v4", "--in", good, "--tensor", "k.0"}, 2, []string{"fp8-v4"}},
		"roundtrip NaN": {[]string{"codec", "roundtrip", "--codec", "e8", "--in",
			dump(t, safetensors.Float32s("k.0", []int{8, 8}, withNaN)), "--tensor", "k.0"}, 1, []string{"k.0", "vector 2", "coordinate 3", "NaN"}},
		"roundtrip scale": {[]string{"codec", "roundtrip", "--codec", "fp8", "--in",
			dump(t, safetensors.Float32s("k.0", []int{1, 8}, []float32{3e38, 0, 0, 0, 0, 0, 0, 0})), "--tensor", "k.0"}, 1, []string{"vector 0", "scale", "use"}},
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

func TestAuditWritesEveryReportAndPrintsItsSummary(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := outputOf(t.Context(), "audit", "--kv", smallDump(t), "--out", out)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if !strings.Contains(stdout, "report.html") || !strings.Contains(stdout, "k.0") {
		t.Errorf("summary:\n%s", stdout)
	}
	for _, name := range []string{"result.json", "report.md", "report.html", "result.csv", "journal.jsonl"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := readResult(t, out)
	if r.Schema != report.Schema || len(r.Streams) != 2 || len(r.Passages) != 4 || len(r.Attention) != 1 {
		t.Errorf("schema %s, %d streams, %d passages, %d attention groups", r.Schema, len(r.Streams), len(r.Passages), len(r.Attention))
	}
	if len(r.Thresholds) != len(r.Streams)*len(r.Baselines)*9 {
		t.Errorf("%d thresholds for %d streams and %d baselines", len(r.Thresholds), len(r.Streams), len(r.Baselines))
	}
}

func TestRatesAreCountedFromBytes(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	code, _, stderr := outputOf(t.Context(), "audit", "--kv", smallDump(t), "--vector", "token", "--codecs", "e8:q=3 fp8-tensor bf16 ref-e8:q=3", "--out", out)
	if code != 0 {
		t.Fatal(stderr)
	}
	want := map[string]float64{
		"e8:q=3":     32 + 2*23 + 2, // 78 and padding
		"ref-e8:q=3": 78,            // claimed
		"bf16":       256,
		"fp8-tensor": 128 + 32.0/64, // and a scale for 64 vectors
	}
	for _, c := range readResult(t, out).Streams[0].Codecs {
		if bits, ok := want[c.Codec]; ok && c.BitsPerVector != bits {
			t.Errorf("%s: %v bits, want %v", c.Codec, c.BitsPerVector, bits)
		}
		if c.Simulated != strings.HasPrefix(c.Codec, "ref-") || c.Simulated != (c.Bytes == nil) {
			t.Errorf("%s: simulated %v, bytes %v", c.Codec, c.Simulated, c.Bytes)
		}
	}
}

func TestOnePassageAndOneVectorGiveFiguresWithoutIntervals(t *testing.T) {
	for name, entry := range map[string]safetensors.Entry{
		"one passage": safetensors.Float32s("k.0", []int{32, 8}, gaussian(256)),
		"one vector":  safetensors.Float32s("k.0", []int{1, 8}, gaussian(8)),
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			code, stdout, stderr := outputOf(t.Context(), "audit", "--kv", dump(t, entry), "--out", out)
			if code != 0 {
				t.Fatal(stderr)
			}
			if !strings.Contains(stdout, "no interval") {
				t.Errorf("the summary does not say that there is no interval:\n%s", stdout)
			}
			for _, c := range readResult(t, out).Streams[0].Codecs {
				if s := c.RelMSEEnergy; s.N != 1 || s.CI95.Defined() || !s.Mean.Defined() {
					t.Errorf("%s: %+v", c.Codec, s)
				}
			}
		})
	}
}

func TestTheResultDoesNotDependOnWorkers(t *testing.T) {
	in := smallDump(t)
	var results []string
	for _, n := range []string{"1", "3"} {
		code, stdout, stderr := outputOf(t.Context(), "sweep", "--kv", in, "--codecs", "e8:q=1..12", "--workers", n, "--json", "--out", filepath.Join(t.TempDir(), "out"))
		if code != 0 {
			t.Fatal(stderr)
		}
		var r map[string]any
		if err := json.Unmarshal([]byte(stdout), &r); err != nil {
			t.Fatal(err)
		}
		delete(r, "wall_seconds")
		delete(r, "command")
		text, _ := json.Marshal(r)
		results = append(results, string(text))
	}
	if results[0] != results[1] {
		t.Error("results differ")
	}
}

func TestAnInterruptedRunResumesToTheSameResult(t *testing.T) {
	in := smallDump(t)
	args := func(out string, more ...string) []string {
		return append([]string{"audit", "--kv", in, "--quiet", "--out", out}, more...)
	}
	whole := filepath.Join(t.TempDir(), "whole")
	if code, _, stderr := outputOf(t.Context(), args(whole)...); code != 0 {
		t.Fatal(stderr)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	broken := filepath.Join(t.TempDir(), "broken")
	code, _, stderr := outputOf(cancelled, args(broken)...)
	if code != exitInterrupted || !strings.Contains(stderr, "--resume") {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if code, _, stderr = outputOf(t.Context(), args(broken)...); code != exitUsage {
		t.Errorf("without --resume: exit code %d: %s", code, stderr)
	}
	code, _, stderr = outputOf(t.Context(), args(broken, "--resume", "--attention-queries", "3")...)
	if code != exitUsage || !strings.Contains(stderr, "--attention-queries: was 64, now 3") {
		t.Errorf("with another flag: exit code %d: %s", code, stderr)
	}
	if code, _, stderr = outputOf(t.Context(), args(broken, "--resume")...); code != 0 {
		t.Fatal(stderr)
	}
	a, b := readResult(t, whole), readResult(t, broken)
	a.Command, a.WallSeconds, b.Command, b.WallSeconds = nil, 0, nil, 0
	var x, y bytes.Buffer
	if report.Render(&x, a, "json") != nil || report.Render(&y, b, "json") != nil || x.String() != y.String() {
		t.Error("the resumed result differs")
	}
}

func TestRoundtripWritesTheDecodedTensor(t *testing.T) {
	in := smallDump(t)
	for spec, bits := range map[string]float64{"e8:q=38": 88, "ref-e8:q=38": 83, "fp8:group=64": 80} {
		for _, name := range []string{"out.safetensors", "out.npy"} {
			out := filepath.Join(t.TempDir(), name)
			code, stdout, stderr := outputOf(t.Context(), "codec", "roundtrip", "--codec", spec, "--in", in, "--tensor", "k.0", "--out", out, "--json")
			if code != 0 {
				t.Fatal(stderr)
			}
			var r roundtrip
			if err := json.Unmarshal([]byte(stdout), &r); err != nil {
				t.Fatal(err)
			}
			if r.Vectors != 128 || r.BitsPerVector != bits || r.Codec != spec || r.RelMSE == nil || *r.RelMSEEnergy > 1e-3 || *r.Cosine < 0.999 {
				t.Errorf("%s", stdout)
			}
			// What was written goes through again: it is a tensor of the same name.
			args := []string{"codec", "roundtrip", "--codec", "bf16", "--in", out, "--json"}
			if code, stdout, stderr = outputOf(t.Context(), args...); code != 0 {
				t.Fatal(stderr)
			}
			if err := json.Unmarshal([]byte(stdout), &r); err != nil || r.Vectors != 128 || r.Dim != 8 {
				t.Errorf("%s: %s", name, stdout)
			}
		}
	}
}

func TestCodecListShowsEveryCodec(t *testing.T) {
	code, stdout, stderr := outputOf(t.Context(), "codec", "list")
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, part := range []string{"e8:q=38", "3296", "fp8-v4", "4672", "simulated"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("the list lacks %q:\n%s", part, stdout)
		}
	}
	if code, stdout, _ = outputOf(t.Context(), "codec", "list", "--json", "--dim", "64"); code != 0 || !json.Valid([]byte(stdout)) {
		t.Errorf("%s", stdout)
	}
}

func TestHelpHasExamplesAndEndsWithZero(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"audit", "--help"}, {"sweep", "--help"}, {"codec", "roundtrip", "--help"}, {"report", "--help"}, {"plan", "--help"}} {
		code, stdout, stderr := outputOf(t.Context(), args...)
		if code != 0 || stderr != "" {
			t.Errorf("%v: exit code %d: %s", args, code, stderr)
		}
		if want := "kakeya " + args[0]; len(args) > 1 && !strings.Contains(stdout, want) {
			t.Errorf("%v: no example in\n%s", args, stdout)
		}
	}
}

func TestReportRendersEveryFormat(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	if code, _, stderr := outputOf(t.Context(), "audit", "--kv", smallDump(t), "--quiet", "--out", out); code != 0 {
		t.Fatal(stderr)
	}
	for format, want := range map[string]string{"summary": "k.0", "md": "k.0", "html": "<svg", "csv": "k.0", "json": report.Schema} {
		code, stdout, stderr := outputOf(t.Context(), "report", out, "--format", format)
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit code %d, %s", format, code, stderr)
		}
	}
}
