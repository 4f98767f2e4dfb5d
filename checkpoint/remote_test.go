package checkpoint_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/fakemodel"
)

var bg = context.Background()

// remote is files of which nothing can be read that was not fetched. It keeps
// what was.
type remote struct {
	checkpoint.Files

	mu      sync.Mutex
	fetched map[string][]checkpoint.Range
	calls   map[string]int
	fail    error // of every Fetch
}

func newRemote(files checkpoint.Files) *remote {
	return &remote{Files: files, fetched: map[string][]checkpoint.Range{}, calls: map[string]int{}}
}

func (r *remote) Open(ctx context.Context, name string) (checkpoint.File, error) {
	f, err := r.Files.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return &remoteFile{f, name, r}, nil
}

// bytes is how much of the files was fetched.
func (r *remote) bytes() (n int64) {
	for _, ranges := range r.fetched {
		for _, x := range ranges {
			n += x.Len()
		}
	}
	return n
}

func (r *remote) forget() {
	clear(r.fetched)
	clear(r.calls)
}

type remoteFile struct {
	checkpoint.File
	name string
	r    *remote
}

func (f *remoteFile) Fetch(ctx context.Context, ranges []checkpoint.Range) error {
	if err := errors.Join(ctx.Err(), f.r.fail); err != nil {
		return err
	}
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	for i, x := range ranges {
		if x.Len() <= 0 || i > 0 && x.Begin <= ranges[i-1].End {
			return fmt.Errorf("ranges %v are empty, overlap or touch", ranges)
		}
	}
	f.r.calls[f.name]++
	f.r.fetched[f.name] = append(f.r.fetched[f.name], ranges...)
	return nil
}

func (f *remoteFile) Cached(ranges []checkpoint.Range) (n int64) {
	for _, x := range ranges {
		if f.has(x) {
			n += x.Len()
		}
	}
	return n
}

func (f *remoteFile) has(want checkpoint.Range) bool {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	return slices.ContainsFunc(f.r.fetched[f.name], func(x checkpoint.Range) bool { return x.Begin <= want.Begin && want.End <= x.End })
}

func (f *remoteFile) ReadAt(p []byte, off int64) (int, error) {
	if !f.has(checkpoint.Range{Begin: off, End: off + int64(len(p))}) {
		return 0, fmt.Errorf("%s: %d bytes at %d were not fetched", f.name, len(p), off)
	}
	return f.File.ReadAt(p, off)
}

func open(t testing.TB, files checkpoint.Files) *checkpoint.Checkpoint {
	t.Helper()
	c, err := checkpoint.Open(bg, files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

var makeFlash = sync.OnceValue(func() *fakemodel.Model { return fakemodel.DeepSeekV4(fakemodel.Flash(), 1) })

// flash is a model of 69,187 tensors: seconds of work under the race
// detector.
func flash(t testing.TB) *fakemodel.Model {
	if testing.Short() {
		t.Skip("the large model is left out")
	}
	return makeFlash()
}

// writePath lists the tensors that write the cache entries of a layer.
func writePath(l, ratio int) (swa, compressor, indexer []string) {
	p := fmt.Sprintf("layers.%d.", l)
	swa = []string{p + "attn_norm.weight", p + "attn.wkv.weight", p + "attn.kv_norm.weight"}
	if ratio > 0 {
		for _, name := range []string{"wkv.weight", "wgate.weight", "ape", "norm.weight"} {
			compressor = append(compressor, p+"attn.compressor."+name)
			if ratio == 4 {
				indexer = append(indexer, p+"attn.indexer.compressor."+name)
			}
		}
	}
	return swa, compressor, indexer
}

// The sums are those that were computed from the table of the released
// checkpoint: 90.6, 352.7, 173.0 and 88.2 MB.
func TestTheTensorsThatWriteDeepSeekV4sCacheAre704MB(t *testing.T) {
	r := newRemote(flash(t))
	c := open(t, r)
	sums := map[string]float64{}
	add := func(kind string, names []string) {
		needs, err := c.Plan(bg, names...)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range needs {
			sums[kind] += float64(n.Bytes) / 1e6
			if n.Cached != 0 {
				t.Errorf("%s is cached before it is fetched", n.Tensor)
			}
		}
	}
	for l, ratio := range fakemodel.Flash().CompressRatios[:43] {
		swa, compressor, indexer := writePath(l, ratio)
		add("swa", swa)
		add(map[int]string{0: "none", 4: "csa", 128: "hca"}[ratio], compressor)
		add("indexer", indexer)
	}
	for kind, want := range map[string]string{"swa": "90.6", "csa": "352.7", "hca": "173.0", "indexer": "88.2", "none": "0.0"} {
		if got := fmt.Sprintf("%.1f", sums[kind]); got != want {
			t.Errorf("%s: %s MB, want %s", kind, got, want)
		}
	}
	if n := r.bytes(); n > 8e6 {
		t.Errorf("planning fetched %d bytes: more than headers", n)
	}
}

func TestOnlyWhatIsAskedForIsFetched(t *testing.T) {
	r := newRemote(flash(t))
	c := open(t, r)
	if n := r.bytes(); n != 0 {
		t.Errorf("opening fetched %d bytes of the shards", n)
	}
	var names []string
	for _, l := range []int{0, 2, 3} {
		swa, compressor, _ := writePath(l, fakemodel.Flash().CompressRatios[l])
		names = append(append(names, swa...), compressor...)
	}
	needs, err := c.Plan(bg, names...)
	if err != nil {
		t.Fatal(err)
	}
	var planned int64
	for _, n := range needs {
		planned += n.Bytes
	}
	headers := r.bytes()
	r.forget()
	if err := c.Fetch(bg, names...); err != nil {
		t.Fatal(err)
	}
	if got := r.bytes(); got != planned {
		t.Errorf("%d bytes were fetched, %d were planned", got, planned)
	}
	for file, n := range r.calls {
		if n != 1 {
			t.Errorf("%d requests of %s", n, file)
		}
	}
	t.Logf("headers of %d shards: %d bytes; tensors: %d", len(r.calls), headers, planned)
	if needs, _ = c.Plan(bg, names...); slices.ContainsFunc(needs, func(n checkpoint.Need) bool { return n.Cached != n.Bytes }) {
		t.Error("after a fetch, something is missing still")
	}
	if _, err := c.Matrix(bg, "layers.0.attn.wkv.weight", 512, 4096); err != nil {
		t.Error(err)
	}
}

func TestRowsOfALargeMatrixAreFetchedOnceAndAlone(t *testing.T) {
	r := newRemote(flash(t))
	c := open(t, r)
	if _, err := c.Lookup(bg, "embed.weight"); err != nil {
		t.Fatal(err)
	}
	r.forget()
	rows := []int{129279, 7, 8, 9, 7, 0, 1, 7}
	need, err := c.PlanRows(bg, "embed.weight", 4096, rows)
	if err != nil || need != (checkpoint.Need{Shard: "model-00001-of-00046.safetensors", Tensor: "embed.weight", Bytes: 6 * 8192}) {
		t.Errorf("plan %+v (%v)", need, err)
	}
	values, err := c.Rows(bg, "embed.weight", 4096, rows)
	if err != nil {
		t.Fatal(err)
	}
	if ranges := r.fetched["model-00001-of-00046.safetensors"]; len(ranges) != 3 || r.bytes() != 6*8192 {
		t.Errorf("fetched %v", ranges)
	}
	whole, err := flash(t).Open(bg, "model-00001-of-00046.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	const header = 1059061856 - 129280*8192
	for i, row := range rows {
		want := make([]byte, 8192)
		if _, err := whole.ReadAt(want, header+int64(row)*8192); err != nil {
			t.Fatal(err)
		}
		for k, v := range values[i*4096:][:4096] {
			if bits := uint32(want[2*k])<<16 | uint32(want[2*k+1])<<24; bits != math.Float32bits(v) {
				t.Fatalf("row %d, at place %d, column %d is %v", row, i, k, v)
			}
		}
	}
}

func TestNoRowsAreNoRequest(t *testing.T) {
	r := newRemote(fakemodel.DeepSeekV4(fakemodel.Tiny(), 1))
	c := open(t, r)
	if _, err := c.Lookup(bg, "embed.weight"); err != nil {
		t.Fatal(err)
	}
	r.forget()
	if values, err := c.Rows(bg, "embed.weight", 128, nil); err != nil || len(values) != 0 || r.bytes() != 0 {
		t.Errorf("%d values, %d bytes (%v)", len(values), r.bytes(), err)
	}
}

func TestAFailedFetchIsReportedAndTriedAgain(t *testing.T) {
	r := newRemote(fakemodel.DeepSeekV4(fakemodel.Tiny(), 1))
	c := open(t, r)
	r.fail = errors.New("the network is down")
	_, err := c.Vector(bg, "norm.weight", 128)
	if !errors.Is(err, r.fail) || !strings.Contains(err.Error(), "model-00007-of-00008.safetensors") {
		t.Errorf("error %v", err)
	}
	r.fail = nil
	if _, err := c.Lookup(bg, "norm.weight"); err != nil {
		t.Error(err)
	}
	r.fail = io.ErrUnexpectedEOF
	if _, err = c.Vector(bg, "norm.weight", 128); !errors.Is(err, r.fail) {
		t.Errorf("error %v", err)
	}
	r.fail = nil
	if _, err := c.Vector(bg, "norm.weight", 128); err != nil {
		t.Error(err)
	}
	cancelled, cancel := context.WithCancel(bg)
	cancel()
	if err := c.Fetch(cancelled, "head.weight", "embed.weight"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestManyMayReadAtOnce(t *testing.T) {
	config := fakemodel.Tiny()
	c := open(t, newRemote(fakemodel.DeepSeekV4(config, 1)))
	var wg sync.WaitGroup
	for range 4 {
		for l := range config.Layers {
			wg.Go(func() {
				p := fmt.Sprintf("layers.%d.", l)
				if err := c.Fetch(bg, p+"attn.wkv.weight", "embed.weight"); err != nil {
					t.Error(err)
				}
				if _, err := c.Matrix(bg, p+"attn.wkv.weight", 512, 128); err != nil {
					t.Error(err)
				}
				if _, err := c.Rows(bg, "embed.weight", 128, []int{l}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
}

func ExampleOpen() {
	ctx := context.Background()
	// A folder would be checkpoint.Dir(path).
	c, err := checkpoint.Open(ctx, fakemodel.DeepSeekV4(fakemodel.Tiny(), 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	wkv, err := c.Matrix(ctx, "layers.0.attn.wkv.weight", 512, 128)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(wkv.Format, wkv.Rows, wkv.Cols, wkv.BlockRows, wkv.BlockCols, wkv.Validate())
	_, err = c.Vector(ctx, "layers.0.attn.kv_nrom.weight", 512)
	fmt.Println(err)
	// Output:
	// FP8 512 128 128 128 <nil>
	// checkpoint: a made-up DeepSeek-V4: tensor layers.0.attn.kv_nrom.weight: no such tensor; like it: layers.0.attn.kv_norm.weight, layers.1.attn.kv_norm.weight, layers.2.attn.kv_norm.weight
}

func ExampleCheckpoint_Rows() {
	ctx := context.Background()
	c, err := checkpoint.Open(ctx, fakemodel.DeepSeekV4(fakemodel.Tiny(), 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	tokens := []int{7, 42, 7}
	need, err := c.PlanRows(ctx, "embed.weight", 128, tokens)
	if err != nil {
		fmt.Println(err)
		return
	}
	values, err := c.Rows(ctx, "embed.weight", 128, tokens)
	fmt.Println(need.Bytes, "bytes for", len(values), "values", err)
	// Output: 512 bytes for 384 values <nil>
}

// BenchmarkHeaders opens a model of 69,187 tensors and reads the headers of its
// 46 shards.
func BenchmarkHeaders(b *testing.B) {
	m := flash(b)
	one := []string{"embed.weight", "norm.weight", "mtp.0.norm.weight"} // of each shard
	for l := range 43 {
		one = append(one, fmt.Sprintf("layers.%d.attn_norm.weight", l))
	}
	for b.Loop() {
		c, err := checkpoint.Open(bg, m)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Plan(bg, one...); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}
