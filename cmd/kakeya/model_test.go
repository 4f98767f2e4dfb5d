package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/internal/fakehub"
	"kakeyalattice/internal/fakemodel"
	"kakeyalattice/nano"
)

// tinyHub is a fake Hub with a small model of V4-Flash's make, used as a newcomer
// would, and the cache of one test.
func tinyHub(t *testing.T) *fakehub.Hub {
	t.Helper()
	tokens, err := os.ReadFile("../../capture/testdata/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	m := fakemodel.DeepSeekV4(fakemodel.Tiny(), 1)
	m.Add("tokenizer.json", tokens)
	h := fakehub.Start()
	t.Cleanup(h.Close)
	h.Add("deepseek-ai/DeepSeek-V4-Flash").Commit("main", m.HubFiles())
	t.Setenv("HF_ENDPOINT", h.URL)
	t.Setenv("HF_HOME", t.TempDir())
	return h
}

const modelName = "deepseek-ai/DeepSeek-V4-Flash"

func TestAModelOnTheHubIsAuditedFromTheBytesItNeeds(t *testing.T) {
	h := tinyHub(t)
	dir := filepath.Join(t.TempDir(), "run")
	args := []string{"audit", "--model", modelName, "--seqlen", "300", "--passages", "3", "--codecs", "e8:q=38", "--out", dir}
	code, out, errs := outputOf(t.Context(), args...)
	if code != exitDone || errs != "" {
		t.Fatalf("exit %d, %s", code, errs)
	}
	for _, want := range []string{modelName, "own embedding: exact", "no preceding layers"} {
		if !strings.Contains(out, want) {
			t.Errorf("the summary lacks %q:\n%s", want, out)
		}
	}
	r := readResult(t, dir)
	if r.Input.Kind != "checkpoint" || len(r.Streams) != 5 || len(r.Capacity) != 1 || r.Protocol.Name != "production" {
		t.Errorf("input %+v, %d streams, %d plans, protocol %s", r.Input, len(r.Streams), len(r.Capacity), r.Protocol.Name)
	}
	sent := h.BytesSent(fakehub.StorageHost)
	var total int64
	for _, f := range fakemodel.DeepSeekV4(fakemodel.Tiny(), 1).Files() {
		total += f.Size
	}
	if sent == 0 || sent > total/3 {
		t.Errorf("%d bytes of %d came from storage", sent, total)
	}
	// Again, without a network.
	t.Setenv("HF_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("HF_HUB_OFFLINE", "1")
	args[len(args)-1] = filepath.Join(t.TempDir(), "again")
	if code, _, errs := outputOf(t.Context(), args...); code != exitDone {
		t.Fatalf("offline: exit %d, %s", code, errs)
	}
	again := readResult(t, args[len(args)-1])
	if again.Streams[0].Codecs[0].RelMSE.Mean != r.Streams[0].Codecs[0].RelMSE.Mean {
		t.Error("the second run gives other figures")
	}
}

func TestFetchListsWhatCaptureThenReadsOffline(t *testing.T) {
	tinyHub(t)
	flags := []string{"--model", modelName, "--layers", "0-3", "--tensors", "csa.*", "--tensors", "hca.*", "--seqlen", "256", "--passages", "2"}
	plan := func(args ...string) (bytes, cached, fetched int64) {
		t.Helper()
		code, out, errs := outputOf(t.Context(), append(append([]string{"fetch", "--json"}, flags...), args...)...)
		if code != exitDone {
			t.Fatalf("exit %d, %s", code, errs)
		}
		var list struct{ Bytes, Cached, Fetched int64 }
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatal(err)
		}
		return list.Bytes, list.Cached, list.Fetched
	}
	need, cached, _ := plan("--dry-run")
	if need == 0 || cached != 0 {
		t.Fatalf("%d bytes, %d in an empty cache", need, cached)
	}
	if _, _, fetched := plan(); fetched < need {
		t.Errorf("%d bytes came, %d were needed", fetched, need)
	}
	if _, cached, fetched := plan(); cached != need || fetched > need/10 {
		t.Errorf("a second time %d of %d bytes are there, %d came", cached, need, fetched)
	}
	t.Setenv("HF_HUB_OFFLINE", "1")
	file := filepath.Join(t.TempDir(), "kv.safetensors")
	if code, out, errs := outputOf(t.Context(), append([]string{"capture", "--out", file}, flags...)...); code != exitDone || !strings.Contains(out, "2 streams, 2 passages; protocol production") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	dir := filepath.Join(t.TempDir(), "run")
	if code, _, errs := outputOf(t.Context(), "audit", "--kv", file, "--codecs", "e8:q=38", "--out", dir, "--quiet"); code != exitDone {
		t.Fatal(errs)
	}
	if r := readResult(t, dir); r.Protocol.Name != "production" || len(r.Streams) != 2 || r.Streams[0].Vectors[0] != 64 {
		t.Errorf("protocol %s, streams %+v", r.Protocol.Name, r.Streams)
	}
}

// kept is the bytes that are kept of models on the Hub.
func kept(t *testing.T) (n int64) {
	t.Helper()
	err := filepath.Walk(os.Getenv("HF_HOME"), func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Layers that do not stay are gone after the run, which gives the same.
func TestCaptureKeepsNoLayersIfAsked(t *testing.T) {
	for _, flags := range [][]string{
		{"--layers", "all"},
		{"--layers", "3", "--host", "forward"},
		{"--layers", "all", "--host", "embedding"},
	} {
		tinyHub(t)
		capture := func(more ...string) []byte {
			t.Helper()
			file := filepath.Join(t.TempDir(), "kv.safetensors")
			args := slices.Concat([]string{"capture", "--model", modelName, "--seqlen", "300", "--passages", "2", "--out", file}, flags, more)
			if code, _, errs := outputOf(t.Context(), args...); code != exitDone {
				t.Fatal(errs)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		discarded := capture("--keep-shards=false")
		small := kept(t)
		if !bytes.Equal(capture(), discarded) {
			t.Errorf("%v: the results differ", flags)
		}
		if large := kept(t); large < small+small/2 {
			t.Errorf("%v: %d bytes are kept of %d", flags, small, large)
		}
	}
}

func TestEffectsAreInTheReport(t *testing.T) {
	tinyHub(t)
	dir := filepath.Join(t.TempDir(), "run")
	code, _, errs := outputOf(t.Context(), "audit", "--model", modelName, "--effects", "--seqlen", "256", "--passages", "2", "--layers", "0,2", "--out", dir, "--quiet")
	// The reference's host is not on this Hub.
	if code != exitData || !strings.Contains(errs, "Qwen/Qwen2-0.5B") {
		t.Fatalf("exit %d, %s", code, errs)
	}
}

// The built-in model is the source where none is named; what is recommended on its
// streams is run in its cache.
func TestWithoutASourceTheBuiltInModelIsAudited(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, out, errs := outputOf(t.Context(), "audit", "--passages", "4", "--seqlen", "300", "--codecs", "e8:q=62", "--out", dir)
	if code != exitDone {
		t.Fatal(errs)
	}
	r := readResult(t, dir)
	if len(r.Streams) != 10 || r.Input.Name != nano.Name || r.Input.Fed != "" {
		t.Fatalf("%d streams of %+v", len(r.Streams), r.Input)
	}
	if len(r.Quality) < 3 || r.Quality[0].Recommended == nil || !r.Quality[len(r.Quality)-1].Baseline || r.Quality[0].Tokens != 4*299 {
		t.Errorf("quality %+v", r.Quality)
	}
	for _, want := range []string{"With this in the cache, ln of the perplexity ratio", "predictions of 1196 tokens", "fp8:group=64"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("the summary lacks %q:\n%s", want, out)
		}
	}
	code, out, errs = outputOf(t.Context(), "audit", "--passages", "1", "--seqlen", "200", "--layers", "0", "--codecs", "e8:q=38", "--no-quality", "--out", filepath.Join(t.TempDir(), "run"))
	if code != exitDone || strings.Contains(out, "predictions") {
		t.Errorf("exit %d without quality: %s%s", code, out, errs)
	}
}

func TestModelFlagsThatDoNotGoTogetherAreRefused(t *testing.T) {
	t.Setenv("HF_HOME", t.TempDir())
	t.Setenv("HF_HUB_OFFLINE", "1")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"audit", "--synthetic", "all", "--layers", "0"}, exitUsage, "go with a model"},
		{[]string{"audit", "--synthetic", "all", "--quality"}, exitUsage, "--quality runs a model"},
		{[]string{"audit", "--model", "a/b", "--kv", "x.safetensors"}, exitUsage, "three sources"},
		{[]string{"audit", "--model", "a/b", "--switch", "padding=maybe"}, exitUsage, "none or scored"},
		{[]string{"audit", "--model", "a/b", "--passages", "9"}, exitUsage, "there are 8"},
		{[]string{"audit", "--model", "a/b", "--text", "no-such-file.txt"}, exitData, "no-such-file.txt"},
		{[]string{"audit", "--effects"}, exitUsage, "--model"},
		{[]string{"audit", "--model", "a/b"}, exitData, "HF_HUB_OFFLINE"},
		{[]string{"audit", "--model", "foo"}, exitUsage, "neither a folder"},
		{[]string{"fetch"}, exitUsage, "--model"},
		{[]string{"capture", "--model", "a/b", "--out", "model_test.go"}, exitUsage, "exists"},
	} {
		code, out, errs := outputOf(t.Context(), c.args...)
		if code != c.code || out != "" || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: exit %d, %q, %q; want exit %d about %q", c.args, code, out, errs, c.code, c.want)
		}
	}
}
