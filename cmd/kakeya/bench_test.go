package main

import (
	"context"
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"kakeyalattice/bench"
	"kakeyalattice/report"
)

func TestBenchPrintsItsContractAsJSON(t *testing.T) {
	code, out, errs := outputOf(context.Background(), "bench", "--codecs", "bf16 fp8-v4", "--dim", "128", "--threads", "1", "--kernel", "go", "--seconds", "0.0001", "--json")
	if code != exitDone || errs != "" {
		t.Fatalf("exit %d, %s", code, errs)
	}
	var got struct {
		report.Tool
		Results []bench.Result
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Go != runtime.Version() || len(got.Results) != 6 || got.Results[0].Codec != "bf16" || got.Results[0].Op != "encode" {
		t.Errorf("%s", out)
	}
}

func TestBenchPrintsATableOfItsDefaultCodecs(t *testing.T) {
	code, out, errs := outputOf(context.Background(), "bench", "--dim", "72", "--threads", "all,1", "--seconds", "0.0001", "--quiet")
	if code != exitDone || errs != "" {
		t.Fatalf("exit %d, %s", code, errs)
	}
	for _, want := range []string{"e8:q=38", "int6:group=64,hadamard", "left out, not defined at D = 72: fp8-v4", "memory copy:"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestBenchRefusesWhatItCannotMeasure(t *testing.T) {
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"--codecs nonsense", "unknown codec", exitUsage},
		{"--codecs ref-e8", "no bytes", exitUsage},
		{"--codecs fp8-v4 --dim 72", "dimension 72", exitUsage},
		{"--threads 0", "--threads 0", exitUsage},
		{"--threads many", "--threads many", exitUsage},
		{"--kernel mmx", "mmx", exitUsage},
		{"--dim 0", "dimension 0", exitUsage},
		{"--seconds=-1", "--seconds -1", exitUsage},
	} {
		code, _, errs := outputOf(context.Background(), append([]string{"bench"}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit %d, %q; want exit %d and %q", c.args, code, errs, c.code, c.want)
		}
	}
}

func TestAnInterruptedBenchSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if code, _, errs := outputOf(ctx, "bench", "--codecs", "bf16"); code != exitInterrupted || !strings.Contains(errs, "interrupted") {
		t.Errorf("exit %d, %q", code, errs)
	}
}
