package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"kakeyalattice/cluster"
	"kakeyalattice/report"
	"kakeyalattice/safetensors"
)

// A worker process is this test binary with its command line in the environment.
const commandEnv = "KAKEYA_TEST_COMMAND"

func TestMain(m *testing.M) {
	if line := os.Getenv(commandEnv); line != "" {
		os.Exit(run(context.Background(), strings.Fields(line), os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func workerProcess(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), commandEnv+"=worker "+strings.Join(args, " "))
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return cmd
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may be dead
		cmd.Wait()         //nolint:errcheck // it was killed
	})
	return cmd
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// comparable is a result without what tells runs apart.
func comparable(r *report.Result) report.Result {
	c := *r
	c.Command, c.WallSeconds = nil, 0
	return c
}

// Two worker processes, one of which is killed, give the result of a local run.
func TestADistributedSweepEqualsTheLocalOne(t *testing.T) {
	dump := filepath.Join(t.TempDir(), "cache.safetensors")
	x := make([]float32, 3000*64)
	for i := range x {
		x[i] = float32((i*7919+i*i%977)%1009)/500 - 1
	}
	offsets := []int64{0, 700, 1500, 2200, 3000}
	entries := []safetensors.Entry{
		safetensors.Float32s("k.0", []int{3000, 64}, x), safetensors.Float32s("v.0", []int{3000, 64}, x[:3000*64]), safetensors.Int64s("passages", []int{5}, offsets),
	}
	if err := safetensors.WriteFile(dump, entries, nil); err != nil {
		t.Fatal(err)
	}
	flags := []string{"sweep", "--kv", dump, "--codecs", "e8:q=10..76/4; int6:group=16 nvfp4 e8-gs:delta=0.09", "--quiet"}
	dir := t.TempDir()
	local, spread := filepath.Join(dir, "local"), filepath.Join(dir, "spread")
	if code, _, errs := outputOf(t.Context(), append(flags, "--out", local)...); code != exitDone {
		t.Fatal(errs)
	}
	address := freeAddress(t)
	elsewhere := []string{t.TempDir(), t.TempDir()}
	go func() {
		for range 100 { // until the coordinator listens
			if conn, err := net.Dial("tcp", address); err == nil {
				conn.Close()
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		var workers []*exec.Cmd
		for _, dir := range elsewhere {
			workers = append(workers, workerProcess(t, dir, "--nats", "nats://"+address, "--workers", "1", "--quiet"))
		}
		time.Sleep(700 * time.Millisecond)
		if p := workers[0].Process; p != nil {
			p.Kill() //nolint:errcheck // the result tells
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	code, out, errs := outputOf(ctx, append(flags, "--distribute", "--listen", address, "--local-workers", "0", "--out", spread)...)
	if code != exitDone {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	a, b := comparable(readResult(t, local)), comparable(readResult(t, spread))
	if !reflect.DeepEqual(a, b) {
		t.Error("the results differ")
	}
	for _, name := range []string{storeDir, jobFile} {
		if _, err := os.Stat(filepath.Join(spread, name)); err == nil {
			t.Errorf("%s is left", name)
		}
	}
}

func TestADistributedEvalEqualsTheLocalOne(t *testing.T) {
	dir := t.TempDir()
	flags := []string{"eval", "--seqlen", "140", "--passages", "2", "--codecs", "e8:q=38 nvfp4", "--baselines", "fp8-v4", "--quiet"}
	local, spread := filepath.Join(dir, "local"), filepath.Join(dir, "spread")
	if code, _, errs := outputOf(t.Context(), append(flags, "--out", local)...); code != exitDone {
		t.Fatal(errs)
	}
	if code, _, errs := outputOf(t.Context(), append(flags, "--distribute", "--out", spread)...); code != exitDone {
		t.Fatal(errs)
	}
	if !reflect.DeepEqual(comparable(readResult(t, local)), comparable(readResult(t, spread))) {
		t.Error("the results differ")
	}
}

func TestAnInterruptedDistributedRunGoesOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	flags := []string{"audit", "--synthetic", "gaussian", "--codecs", "e8:q=10..76/2", "--distribute", "--quiet", "--out", dir}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for range 600 {
			if text, err := os.ReadFile(filepath.Join(dir, "journal.jsonl")); err == nil && strings.Count(string(text), "\n") > 20 {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	code, _, errs := outputOf(ctx, flags...)
	if code != exitInterrupted && code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if code == exitDone {
		t.Skip("the run was faster than its end")
	}
	if code, _, errs := outputOf(t.Context(), append(flags, "--resume")...); code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if code, _, errs := outputOf(t.Context(), "audit", "--synthetic", "gaussian", "--codecs", "e8:q=10..76/2", "--quiet", "--out", plain); code != exitDone {
		t.Fatal(errs)
	}
	if !reflect.DeepEqual(comparable(readResult(t, dir)), comparable(readResult(t, plain))) {
		t.Error("the results differ")
	}
}

func TestDistributionFlagsThatDoNotGoTogetherAreRefused(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"audit", "--distribute", "--nats", "nats://127.0.0.1:1"}, "give one of them"},
		{[]string{"audit", "--listen", "127.0.0.1:0"}, "--distribute"},
		{[]string{"audit", "--local-workers", "2"}, "--distribute"},
		{[]string{"audit", "--distribute", "--local-workers", "-1"}, "--local-workers"},
		{[]string{"audit", "--distribute", "--local-workers", "0"}, "nobody could measure"},
		{[]string{"audit", "--tls-ca", "x"}, "--tls-*"},
		{[]string{"audit", "--synthetic", "gaussian", "--distribute", "--listen", "0.0.0.0:0", "--out", filepath.Join(t.TempDir(), "a")}, "--token-file"},
		{[]string{"worker"}, "--nats"},
		{[]string{"worker", "--nats", "nats://127.0.0.1:1", "--workers", "-1"}, "--workers"},
	} {
		code, _, errs := outputOf(t.Context(), c.args...)
		if code != exitUsage || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: exit %d, %q, want %q", c.args, code, errs, c.want)
		}
	}
	out := filepath.Join(t.TempDir(), "b")
	code, _, errs := outputOf(t.Context(), "audit", "--synthetic", "gaussian", "--nats", "nats://"+freeAddress(t), "--out", out)
	if code != exitData || !strings.Contains(errs, "nobody answers") {
		t.Errorf("exit %d, %q", code, errs)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("the folder of a run that did not begin is left")
	}
}

func TestFilesThatAWorkerLacksAreFetched(t *testing.T) {
	s, err := cluster.Serve(cluster.ServeOptions{Listen: "127.0.0.1:0", Store: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn, err := s.Connect("test", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	path := filepath.Join(t.TempDir(), "x.npy")
	if err := os.WriteFile(path, []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	sum, size, err := digestOf(path)
	if err != nil {
		t.Fatal(err)
	}
	spec := &measureSpec{Dumps: []inputFile{{Path: path, SHA256: sum, Size: size}}}
	co := &cluster.Coordinator{Conn: conn, Job: cluster.Job{ID: "j"}}
	if err := send(t.Context(), co, pointers(spec.Dumps)); err != nil {
		t.Fatal(err)
	}
	spec.Dumps[0].Path = filepath.Join(t.TempDir(), "gone", "x.npy")
	paths, err := here(t.Context(), conn, "j", t.TempDir(), spec.Dumps)
	if err != nil || len(paths) != 1 || filepath.Base(paths[0]) != "x.npy" {
		t.Fatalf("%v, %v", paths, err)
	}
	if text, err := os.ReadFile(paths[0]); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	wrong := spec.Dumps[0]
	wrong.SHA256 = fmt.Sprintf("%064d", 7)
	if _, err := here(t.Context(), conn, "j", t.TempDir(), []inputFile{wrong}); err == nil {
		t.Error("a file that was not sent")
	}
	wrong.Sent = false
	if _, err := here(t.Context(), conn, "j", t.TempDir(), []inputFile{wrong}); err == nil || !strings.Contains(err.Error(), "copy it") {
		t.Errorf("a file that is too large to be sent: %v", err)
	}
}
