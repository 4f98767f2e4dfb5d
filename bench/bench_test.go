package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"kakeyalattice/codec"
)

func specs(t testing.TB, list string) []codec.Spec {
	t.Helper()
	s, err := codec.ParseList(list)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// quick measures next to nothing.
func quick(t testing.TB, o Options) *Report {
	t.Helper()
	if o.Dim == 0 {
		o.Dim = 128
	}
	if o.Kernels == nil {
		o.Kernels = Kernels()
	}
	if o.Threads == nil {
		o.Threads = []int{1}
	}
	o.PerCase = time.Microsecond
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEveryCaseIsMeasuredOnce(t *testing.T) {
	threads := []int{1}
	if runtime.GOMAXPROCS(0) > 1 {
		threads = append(threads, 2)
	}
	codecs := specs(t, "fp8-v4 e8:q=38")
	steps, total := 0, 0
	r := quick(t, Options{Codecs: codecs, Threads: threads, Progress: func(done, of int) {
		if steps++; done != steps {
			t.Errorf("step %d says %d", steps, done)
		}
		total = of
	}})
	if steps != total {
		t.Errorf("%d steps of %d", steps, total)
	}
	type key struct {
		codec, op, kernel string
		threads           int
	}
	seen := map[key]bool{}
	for _, c := range r.Results {
		k := key{c.Codec, c.Op, c.Kernel, c.Threads}
		if seen[k] {
			t.Errorf("%v twice", k)
		}
		seen[k] = true
		if c.Dim != 128 || !(c.NsPerVector > 0) || !(c.RatioToGo > 0) || !(c.RatioToMemcpy > 0) || c.Spread < 0 {
			t.Errorf("%v: %+v", k, c)
		}
		if (c.SingleVectorNs > 0) != (c.Threads == 1) {
			t.Errorf("%v: %v ns for one vector", k, c.SingleVectorNs)
		}
		if c.Kernel == "go" && c.RatioToGo != 1 {
			t.Errorf("%v is %v times as fast as itself", k, c.RatioToGo)
		}
	}
	if want := len(codecs) * 3 * len(Kernels()) * len(threads); len(seen) != want {
		t.Errorf("%d cases, want %d", len(seen), want)
	}
	if len(r.Memcpy) != len(threads) || !(r.Memcpy[0].GBPerS > 0) {
		t.Errorf("copies: %v", r.Memcpy)
	}
}

func TestFiguresOfACaseFollowFromItsTime(t *testing.T) {
	w := &workload{pool: &pool{dim: 512, batch: 100}}
	var err error
	if w.codec, err = codec.New(specs(t, "bf16")[0], 512); err != nil {
		t.Fatal(err)
	}
	encode := operations[0]
	plain := &timedCase{op: encode, batch: timing{50_000, 40_000}}
	c := &timedCase{op: encode, level: 1, batch: timing{11_000, 10_000, 12_000}, single: timing{30_000, 20_000}}
	got := c.result(w, 1, &timings{cases: []*timedCase{c, plain}}, 20.48)
	want := Result{
		Codec: "bf16", Op: "encode", Dim: 512, Kernel: "avx2", Threads: 1,
		NsPerVector: 100, VectorsPerS: 1e7, GBPerS: 10.24, RatioToGo: 4, RatioToMemcpy: 0.5,
		Spread: got.Spread, SingleVectorNs: 200,
	}
	if got != want || got.Spread < 0.19 || got.Spread > 0.21 {
		t.Errorf("%+v, want %+v and a spread of 0.2", got, want)
	}
}

func TestRatesOfThreadsAddUp(t *testing.T) {
	w, err := newWorkload(specs(t, "bf16")[0], newPool(64))
	if err != nil {
		t.Fatal(err)
	}
	m := &meter{ctx: context.Background()}
	var got timing
	workers := []*worker{w.newWorker(0), w.newWorker(1)}
	if err := m.time(&got, workers, (*worker).encode, 0); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !(got[0] > 0) {
		t.Errorf("%v", got)
	}
}

func TestPlainGoIsTheBaselineEvenIfItIsNotListed(t *testing.T) {
	best := Kernels()[len(Kernels())-1]
	r := quick(t, Options{Codecs: specs(t, "int6"), Kernels: []string{best}})
	for _, c := range r.Results {
		if c.Kernel != best || !(c.RatioToGo > 0) {
			t.Errorf("%+v", c)
		}
	}
	if len(r.Results) != 3 {
		t.Errorf("%d results, want 3", len(r.Results))
	}
}

func TestOperationsDoTheWholeBatch(t *testing.T) {
	for _, spec := range specs(t, "e8:q=38 fp8-tensor int6:hadamard") {
		w, err := newWorkload(spec, newPool(64))
		if err != nil {
			t.Fatal(err)
		}
		for i, op := range operations {
			batch, each := w.newWorker(0), w.newWorker(0)
			if _, err := batch.timed(op.batch); err != nil {
				t.Fatal(err)
			}
			if _, err := each.timed(op.each); err != nil {
				t.Fatal(err)
			}
			if i == 0 && (!bytes.Equal(batch.out, w.encoded[0]) || !bytes.Equal(each.out, w.encoded[0])) {
				t.Errorf("%s: encode wrote other bytes than the pool has", spec)
			}
			if !slices.Equal(batch.y, each.y) {
				t.Errorf("%s, %s: vector by vector gives other values", spec, op.name)
			}
			if i > 0 && slices.Max(batch.y[len(batch.y)-64:]) == 0 {
				t.Errorf("%s, %s: the last vector was not decoded", spec, op.name)
			}
		}
	}
}

func TestBatchesFitTheCacheAndThePoolDoesNotRepeatSoon(t *testing.T) {
	for _, dim := range []int{1, 64, 512, 4096, 1 << 16} {
		p := newPool(dim)
		values := p.batch * dim
		if p.batch < minBatch || dim <= 4096 && values > batchValues {
			t.Errorf("D = %d: batches of %d vectors", dim, p.batch)
		}
		if len(p.vectors)*values < poolValues {
			t.Errorf("D = %d: a pool of %d batches of %d values", dim, len(p.vectors), values)
		}
	}
}

func TestCodecsThatAreNotDefinedAreLeftOutOnRequest(t *testing.T) {
	o := Options{Codecs: specs(t, "fp8-v4 int8"), Dim: 33, LeaveOut: true}
	if r := quick(t, o); len(r.Results) == 0 || !slices.Equal(r.LeftOut, []string{"fp8-v4"}) {
		t.Errorf("left out %v", r.LeftOut)
	}
	o.LeaveOut, o.Kernels, o.Threads = false, Kernels(), []int{1}
	if _, err := Run(context.Background(), o); !errors.Is(err, codec.ErrDim) {
		t.Errorf("error %v, want one for the dimension", err)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	good := Options{Codecs: specs(t, "bf16"), Dim: 64, Kernels: []string{"go"}, Threads: []int{1}}
	for _, c := range []struct {
		what   string
		change func(*Options)
		want   string
	}{
		{"no codec", func(o *Options) { o.Codecs = nil }, "at least one codec"},
		{"no threads", func(o *Options) { o.Threads = nil }, "at least one codec"},
		{"an unknown kernel", func(o *Options) { o.Kernels = []string{"mmx"} }, `kernel "mmx": this machine has go`},
		{"too many threads", func(o *Options) { o.Threads = []int{1 << 20} }, "1048576 threads"},
		{"no dimension", func(o *Options) { o.Dim = 0 }, "dimension 0"},
		{"a huge dimension", func(o *Options) { o.Dim = 1 << 20 }, "dimension 1048576"},
		{"a negative time", func(o *Options) { o.PerCase = -1 }, "-1ns a case"},
	} {
		o := good
		c.change(&o)
		if _, err := Run(context.Background(), o); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.what, err, c.want)
		}
	}
}

func TestACodecWithoutBytesIsRefused(t *testing.T) {
	o := Options{Codecs: specs(t, "ref-e8"), Dim: 64, Kernels: []string{"go"}, Threads: []int{1}, LeaveOut: true}
	if _, err := Run(context.Background(), o); !errors.Is(err, codec.ErrSimulated) {
		t.Errorf("error %v", err)
	}
}

func TestAnInterruptEndsTheRun(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	o := Options{Codecs: specs(t, "bf16"), Dim: 64, Kernels: Kernels(), Threads: []int{1}, PerCase: time.Hour}
	o.Progress = func(done, total int) { t.Error("a case of an hour ended") }
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestJSONHasTheContractsNames(t *testing.T) {
	b, err := json.Marshal(quick(t, Options{Codecs: specs(t, "bf16"), Kernels: []string{"go"}}))
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Results []map[string]any }
	if err := json.Unmarshal(b, &got); err != nil || len(got.Results) != 3 {
		t.Fatalf("%v: %s", err, b)
	}
	for _, name := range []string{"codec", "op", "dim", "kernel", "threads", "ns_per_vector", "gb_per_s", "ratio_to_go", "ratio_to_memcpy"} {
		if _, ok := got.Results[0][name]; !ok {
			t.Errorf("no %q in %s", name, b)
		}
	}
}

func TestTheTableIsAligned(t *testing.T) {
	r := &Report{Dim: 512, BatchVectors: 128, BatchBytes: 1 << 18, PoolVectors: 2048,
		Memcpy: []Memcpy{{1, 60.25}, {2, 110}}, LeftOut: []string{"fp8-v4"},
		Results: []Result{
			{Codec: "e8:q=38", Op: "encode", Kernel: "avx512", Threads: 1, NsPerVector: 287.4, VectorsPerS: 3.48e6, GBPerS: 3.563, RatioToGo: 12.34, RatioToMemcpy: 0.0591, SingleVectorNs: 312},
			{Codec: "bf16", Op: "decode", Kernel: "go", Threads: 2, NsPerVector: 1.5, VectorsPerS: 6e8, GBPerS: 512, RatioToGo: 1, RatioToMemcpy: 1.2},
		}}
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	const want = `D = 512; calls with 128 vectors (256 KiB of float32) in the second-level cache, taken from 2048 vectors
memory copy: 60.2 GB/s on 1, 110 GB/s on 2; GB/s count a vector as 1024 bytes of bfloat16
left out, not defined at D = 512: fp8-v4

codec    op         kernel  threads  ns/vector  vectors/s    GB/s    x go  x memcpy  one vector, ns
e8:q=38  encode     avx512        1        287      3.48M    3.56    12.3     0.059             312
bf16     decode     go            2       1.50    600.00M     512    1.00     1.200               -
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func ExampleRun() {
	codecs, err := codec.ParseList("fp8-v4 int6")
	if err != nil {
		panic(err)
	}
	report, err := Run(context.Background(), Options{
		Codecs:  codecs,
		Dim:     512,
		Kernels: Kernels(),
		Threads: []int{1},
		PerCase: time.Millisecond,
	})
	if err != nil {
		panic(err)
	}
	for _, r := range report.Results {
		_ = r.RatioToGo // times as fast as plain Go
	}
}
