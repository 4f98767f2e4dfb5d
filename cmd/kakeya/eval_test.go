package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"kakeyalattice/eval"
	"kakeyalattice/internal/fakemodel"
	"kakeyalattice/report"
)

// tinyLlama is the folder of a small model of the Llama family.
func tinyLlama(t *testing.T) string {
	t.Helper()
	tokens, err := os.ReadFile("../../capture/testdata/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	m := fakemodel.LlamaFamily(fakemodel.TinyQwen2(), 1)
	m.Add("tokenizer.json", tokens)
	dir := t.TempDir()
	if err := m.WriteDir(dir, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestEvalMeasuresCodecsInTheCacheOfBothFamilies(t *testing.T) {
	tinyHub(t)
	for _, model := range []string{tinyLlama(t), modelName} {
		results := map[string]*report.Result{}
		for _, workers := range []string{"1", "2"} {
			dir := filepath.Join(t.TempDir(), "run")
			code, out, errs := outputOf(t.Context(), "eval", "--model", model, "--seqlen", "140", "--passages", "2",
				"--codecs", "e8:q=38 bf16", "--baselines", "fp8-tensor bf16", "--workers", workers, "--out", dir)
			if code != exitDone || errs != "" {
				t.Fatalf("%s: exit %d, %s", model, code, errs)
			}
			for _, want := range []string{"perplexity goes from", "n = 2 passages", "e8:q=38", "exact", "report.html"} {
				if !strings.Contains(strings.ReplaceAll(out, "\n", " "), want) {
					t.Errorf("%s: the summary lacks %q:\n%s", model, want, out)
				}
			}
			results[workers] = readResult(t, dir)
		}
		r := results["1"]
		if !reflect.DeepEqual(r.Quality, results["2"].Quality) {
			t.Errorf("%s: two cores give other figures than one", model)
		}
		if len(r.Quality) != 3 || r.Quality[0].Baseline || !r.Quality[1].Baseline || !r.Quality[2].Baseline || len(r.Notices) != 1 {
			t.Errorf("%s: %d entries, notices %q", model, len(r.Quality), r.Notices)
		}
		if q := r.Quality[1]; q.BitsPerValue != 16 || q.Tokens != 278 || q.LnPPLRatio.N != 2 || !(q.KL.Mean < r.Quality[0].KL.Mean) {
			t.Errorf("%s: bf16: %+v", model, q)
		}
	}
}

func TestEvalComparesKindsOfStreams(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, out, errs := outputOf(t.Context(), "eval", "--model", tinyLlama(t), "--seqlen", "64", "--passages", "1", "--mode", "snapshot", "--vector", "token",
		"--codecs", "e8:q=10", "--baselines", "bf16", "--streams", "k", "--streams", "v,k", "--out", dir, "--json")
	if code != exitDone {
		t.Fatal(errs)
	}
	r, err := report.ReadJSON(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Quality) != 4 || len(r.Quality[0].Written) != 1 || len(r.Quality[2].Written) != 2 || r.Quality[0].Mode != "snapshot" || r.Quality[0].Written[0].Dim != 32 {
		t.Errorf("%+v", r.Quality)
	}
}

func TestADryRunOfEvalRunsNothing(t *testing.T) {
	h := tinyHub(t)
	code, out, errs := outputOf(t.Context(), "eval", "--model", modelName, "--seqlen", "200", "--dry-run", "--json")
	if code != exitDone {
		t.Fatal(errs)
	}
	var c eval.Cost
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatal(err)
	}
	if c.Bytes == 0 || c.Cached != 0 || c.Tokens != 1600 || c.Memory < c.Residual || c.Residual == 0 || c.FLOP == 0 || c.Seconds == 0 {
		t.Errorf("%+v", c)
	}
	if sent := h.BytesSent("storage"); sent > c.Bytes/4 {
		t.Errorf("%d of %d bytes came", sent, c.Bytes)
	}
	if _, err := os.Stat("kakeya-out"); err == nil {
		t.Error("an output folder was made")
	}
}

func TestEvalRefusesWhatItCannotRun(t *testing.T) {
	model := tinyLlama(t)
	long := filepath.Join(t.TempDir(), "long.txt")
	if err := os.WriteFile(long, []byte(strings.Repeat("a b c d e f g h ", 20000)), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--model", model, "--codecs", "nonsense"}, exitUsage, "nonsense"},
		{[]string{"--model", model, "--codecs", ";"}, exitUsage, "no codec"},
		{[]string{"--model", model, "--streams", "swa"}, exitUsage, "no streams of the kind swa; it has [k v]"},
		{[]string{"--model", model, "--streams", ","}, exitUsage, "[k v]"},
		{[]string{"--model", model, "--mode", "later"}, exitUsage, "in-forward"},
		{[]string{"--model", model, "--workers", "-1"}, exitUsage, "--workers"},
		{[]string{"--model", model, "--passages", "9"}, exitUsage, "there are 8"},
		{[]string{"--model", t.TempDir()}, exitData, "no config.json"},
		{[]string{"--model", model, "--as-served"}, exitUsage, "for a DeepSeek-V4"},
		{[]string{"--model", model, "--as-served", "--exact"}, exitUsage, "can't be used together"},
		{[]string{"--model", model, "--text", long, "--seqlen", "0"}, exitUsage, "--seqlen 131072"},
		{[]string{"--model", model, "--seqlen", "1"}, exitData, "a prediction needs two"},
		{[]string{"--model", model, "--codecs", "fp8-v4", "--baselines", "fp8-v4"}, exitUsage, "dimension 16"},
	} {
		args := append([]string{"eval", "--out", filepath.Join(t.TempDir(), "run")}, c.args...)
		code, out, errs := outputOf(t.Context(), args...)
		if code != c.code || out != "" || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: exit %d, %q, %q; want exit %d about %q", c.args, code, out, errs, c.code, c.want)
		}
	}
}

func TestEvalContinuesOnlyItsOwnRun(t *testing.T) {
	tinyHub(t)
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, stateFile), []byte("something else"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--resume"}, "add --out"},
		{[]string{"--resume", "--out", t.TempDir()}, "holds no eval.state"},
		{[]string{"--resume", "--out", broken}, "not the state of this run"},
		{[]string{"--out", broken}, "add --resume"},
	} {
		args := append([]string{"eval", "--model", modelName, "--seqlen", "20", "--passages", "1"}, c.args...)
		code, out, errs := outputOf(t.Context(), args...)
		if code != exitUsage || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%v: exit %d, %q, %q; want %q", c.args, code, out, errs, c.want)
		}
	}
	if _, err := os.Stat(filepath.Join(broken, stateFile)); err != nil {
		t.Error("the state is gone")
	}
}

// Layers that do not stay are gone after the run, which gives the same.
func TestEvalKeepsNoLayersIfAsked(t *testing.T) {
	tinyHub(t)
	eval := func(more ...string) *report.Result {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "run")
		args := append([]string{"eval", "--model", modelName, "--seqlen", "150", "--passages", "2", "--codecs", "e8:q=38", "--baselines", "bf16", "--out", dir, "--quiet"}, more...)
		if code, _, errs := outputOf(t.Context(), args...); code != exitDone {
			t.Fatal(errs)
		}
		return readResult(t, dir)
	}
	discarded := eval("--keep-shards=false")
	small := kept(t)
	if again := eval(); again.Quality[0].SHA256 != discarded.Quality[0].SHA256 {
		t.Error("the results differ")
	}
	if large := kept(t); large < 2*small {
		t.Errorf("%d bytes are kept of %d", small, large)
	}
}

func TestAnInterruptedEvalLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := filepath.Join(t.TempDir(), "run")
	code, _, errs := outputOf(ctx, "eval", "--model", tinyLlama(t), "--passages", "1", "--seqlen", "64", "--out", dir)
	if code != exitInterrupted {
		t.Errorf("exit %d, %s", code, errs)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the output folder stays")
	}
}
