package deepseek4_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/fakemodel"
	"kakeyalattice/model/deepseek4"
)

func open(t testing.TB, m *fakemodel.Model) (*checkpoint.Checkpoint, *deepseek4.Config) {
	t.Helper()
	ck, err := checkpoint.Open(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	text, err := ck.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := deepseek4.ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	return ck, cfg
}

// Sums over the tensor table of the released checkpoint: 90.6 MB for the windows
// of all layers, 352.7 and 173.0 MB for the compressors of ratio 4 and 128, 88.2
// MB for the indexers.
func TestBytesOfTheKVPathOfFlash(t *testing.T) {
	ck, cfg := open(t, fakemodel.DeepSeekV4(fakemodel.Flash(), 1))
	bytes := func(layers []int, streams deepseek4.Streams) int64 {
		var names []string
		for _, l := range layers {
			names = append(names, deepseek4.KVTensors(cfg, l, streams)...)
		}
		needs, err := ck.Plan(t.Context(), names...)
		if err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for _, n := range needs {
			sum += n.Bytes
		}
		return sum
	}
	var all []int
	for l := range cfg.Layers {
		all = append(all, l)
	}
	for _, c := range []struct {
		name    string
		layers  []int
		streams deepseek4.Streams
		want    float64 // MB
	}{
		{"windows", all, deepseek4.Window, 90.6},
		{"everything", all, deepseek4.AllStreams, 704.4},
		{"three layers, all streams", []int{0, 2, 3}, deepseek4.AllStreams, 36},
	} {
		if got := float64(bytes(c.layers, c.streams)) / 1e6; math.Abs(got-c.want) > 0.3 {
			t.Errorf("%s: %.2f MB, want %v", c.name, got, c.want)
		}
	}
}

func TestEveryLayerOfACheckpointLoads(t *testing.T) {
	ck, cfg := open(t, fakemodel.DeepSeekV4(fakemodel.Tiny(), 1))
	for layer := range cfg.Layers {
		l, err := deepseek4.LoadKV(t.Context(), ck, cfg, layer, deepseek4.AllStreams)
		if err != nil {
			t.Fatal(err)
		}
		if l.Streams() != cfg.Streams(layer) {
			t.Errorf("layer %d: streams %03b", layer, l.Streams())
		}
		ids := []int{3, 1, 4, 5}
		embeddings, err := ck.Rows(t.Context(), "embed.weight", cfg.HiddenSize, ids)
		if err != nil {
			t.Fatal(err)
		}
		p, err := l.Project(l.Norm(embeddings), len(ids), 2)
		if err != nil {
			t.Fatal(err)
		}
		e, err := l.Entries(p, make([]int, 256))
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Window) != 256*cfg.HeadDim {
			t.Errorf("layer %d: %d window values", layer, len(e.Window))
		}
	}
	if _, err := deepseek4.LoadKV(t.Context(), ck, cfg, cfg.Layers, deepseek4.AllStreams); err == nil {
		t.Error("a layer beyond the last was loaded")
	}
}

func TestNoTokensMakeNoEntries(t *testing.T) {
	ck, cfg := open(t, fakemodel.DeepSeekV4(fakemodel.Tiny(), 1))
	l, err := deepseek4.LoadKV(t.Context(), ck, cfg, 2, deepseek4.AllStreams)
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.Project(nil, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := l.Entries(p, nil); err != nil || len(e.Window)+len(e.Compressed)+len(e.Indexer) != 0 {
		t.Errorf("%v, %v", e, err)
	}
}

// Projections of 512 tokens of V4-Flash; loading is not timed.
func BenchmarkProject(b *testing.B) {
	ck, cfg := open(b, fakemodel.DeepSeekV4(fakemodel.Flash(), 1))
	for _, layer := range []int{0, 2, 3} {
		b.Run(fmt.Sprint("layer ", layer), func(b *testing.B) {
			l, err := deepseek4.LoadKV(b.Context(), ck, cfg, layer, deepseek4.AllStreams)
			if err != nil {
				b.Fatal(err)
			}
			hidden := make([]float32, 512*cfg.HiddenSize)
			r := rand.New(rand.NewPCG(1, 2))
			for i := range hidden {
				hidden[i] = float32(r.NormFloat64())
			}
			x := l.Norm(hidden)
			for b.Loop() {
				if _, err := l.Project(x, 512, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestAMadeUpModelRuns(t *testing.T) {
	ck, cfg := open(t, fakemodel.DeepSeekV4(fakemodel.Tiny(), 1))
	m, err := deepseek4.Load(t.Context(), ck)
	if err != nil {
		t.Fatal(err)
	}
	tokens := make([]int32, 140)
	for i := range tokens {
		tokens[i] = int32(7 * i % cfg.VocabSize)
	}
	for _, mode := range []deepseek4.Mode{deepseek4.Exact, deepseek4.AsServed} {
		logits, err := m.NewSession(deepseek4.Options{Mode: mode}).Forward(tokens)
		if err != nil || len(logits) != len(tokens)*cfg.VocabSize {
			t.Errorf("%v: %d logits, %v", mode, len(logits), err)
		}
	}
}

// What streaming a layer takes: all tensors of a layer of the released checkpoint lie
// in one file.
func TestTheTensorsOfEveryLayerOfFlashAreInItsTable(t *testing.T) {
	ck, cfg := open(t, fakemodel.DeepSeekV4(fakemodel.Flash(), 1))
	names := map[string]bool{}
	add := func(list []string) {
		for _, name := range list {
			if names[name] {
				t.Fatalf("%s is there twice", name)
			}
			names[name] = true
		}
	}
	add(deepseek4.EndTensors(cfg))
	for l := range cfg.Layers {
		list := deepseek4.LayerTensors(cfg, l)
		needs, err := ck.Plan(t.Context(), list...)
		if err != nil {
			t.Fatal(err)
		}
		for _, need := range needs {
			if need.Shard != needs[0].Shard {
				t.Fatalf("layer %d: tensors in %s and %s", l, needs[0].Shard, need.Shard)
			}
		}
		add(list)
	}
	for _, name := range ck.Names() {
		scale := strings.TrimSuffix(name, ".scale") + ".weight"
		if !names[name] && !names[scale] && !strings.HasPrefix(name, "mtp.") {
			t.Errorf("%s is not read", name)
		}
	}
}
