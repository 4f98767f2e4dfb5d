package capture

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/checkpoint"
	"kakeyalattice/corpus"
	"kakeyalattice/internal/fakemodel"
	"kakeyalattice/kv"
	"kakeyalattice/model/deepseek4"
	"kakeyalattice/model/llama"
	"kakeyalattice/protocol"
)

// The models of a test: a tiny V4 with layers of every kind, and a tiny Qwen2
// under the name of the reference's host. Their tokens are bytes.
func models(t testing.TB) map[string]*fakemodel.Model {
	t.Helper()
	tokens, err := os.ReadFile("testdata/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	v4 := fakemodel.DeepSeekV4(fakemodel.Tiny(), 1)
	qwen := fakemodel.LlamaFamily(fakemodel.TinyQwen2(), 2)
	for _, m := range []*fakemodel.Model{v4, qwen} {
		m.Add("tokenizer.json", tokens)
		m.Add("tokenizer_config.json", []byte(`{"pad_token": "<|pad|>"}`))
	}
	return map[string]*fakemodel.Model{"v4": v4, protocol.ReferenceHost: qwen}
}

// passagesOf are texts of so many bytes, cut from the built-in ones.
func passagesOf(lengths ...int) []corpus.Passage {
	list := corpus.Builtin()[:len(lengths)]
	for i, n := range lengths {
		list[i].Text = list[i].Text[:n]
	}
	return list
}

func job(t testing.TB, model string, lengths ...int) *Job {
	all := models(t)
	return &Job{
		Model:    model,
		Passages: passagesOf(lengths...),
		Tokens:   300,
		Layers:   "all",
		Protocol: protocol.Production(),
		Temp:     t.TempDir(),
		Files: func(_ context.Context, name string) (checkpoint.Files, error) {
			if m := all[name]; m != nil {
				return m, nil
			}
			return nil, fmt.Errorf("no model %s", name)
		},
	}
}

func open(t testing.TB, j *Job) *kv.Source {
	t.Helper()
	src, err := j.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	})
	return src
}

func names(src *kv.Source) []string {
	var list []string
	for _, s := range src.Streams {
		list = append(list, s.Name)
	}
	return list
}

func values(t testing.TB, src *kv.Source, stream string, passage int) []float32 {
	t.Helper()
	i := slices.IndexFunc(src.Streams, func(s *kv.Stream) bool { return s.Name == stream })
	if i < 0 {
		t.Fatalf("no stream %s among %v", stream, names(src))
	}
	x, err := src.Streams[i].Read(nil, passage)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestStreamsOfADeepSeekAreThoseOfItsLayers(t *testing.T) {
	j := job(t, "v4", 300, 400)
	j.Protocol.Host = protocol.EmbeddingHost
	src := open(t, j)
	want := []string{"swa.0", "swa.1", "swa.2", "csa.2", "swa.3", "hca.3", "swa.4", "csa.4"}
	if got := names(src); !slices.Equal(got, want) {
		t.Errorf("streams %v, want %v", got, want)
	}
	for _, s := range src.Streams {
		per := map[kv.Kind]int{kv.SWA: 300, kv.CSA: 75, kv.HCA: 2}[s.Kind]
		if s.Vectors(0) != per || s.Vectors(1) != per || s.Dim != 512 || s.RopeDims != 64 {
			t.Errorf("%s: %d and %d vectors of %d, %d rotary; want %d of 512, 64", s.Name, s.Vectors(0), s.Vectors(1), s.Dim, s.RopeDims, per)
		}
	}
	if src.Counts.Layers[kv.SWA] != 2 || src.Counts.Caches[kv.SWA] != 5 || src.Counts.Layers[kv.CSA] != 2 || src.Counts.Layers[kv.HCA] != 1 {
		t.Errorf("counts %v", src.Counts)
	}
	if src.Protocol != "production, host=embedding" || len(src.Choices) != len(protocol.Switches) {
		t.Errorf("protocol %q with %d choices", src.Protocol, len(src.Choices))
	}
	notes := strings.Join(src.Notices, "\n")
	for _, want := range []string{"layer 0: own embedding: exact", "4 layers from 1 on: own embedding, no preceding layers"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notices %q lack %q", notes, want)
		}
	}
}

// Where all layers are captured, or the forward pass is asked for, the streams are
// those that the model writes into its cache.
func TestTheForwardPassGivesWhatTheModelWrites(t *testing.T) {
	ck, err := checkpoint.Open(t.Context(), models(t)["v4"])
	if err != nil {
		t.Fatal(err)
	}
	m, err := deepseek4.Load(t.Context(), ck)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int32
	for _, b := range []byte(passagesOf(300, 260)[1].Text) {
		ids = append(ids, int32(byteToken(b)))
	}
	written := map[string][]float32{}
	kinds := map[int]kv.Kind{deepseek4.RatioCSA: kv.CSA, deepseek4.RatioHCA: kv.HCA}
	s := m.NewSession(deepseek4.Options{Hook: func(w deepseek4.Write) (bool, error) {
		kind := map[deepseek4.Streams]kv.Kind{deepseek4.Window: kv.SWA, deepseek4.Compressed: kinds[m.Config.Ratio(w.Layer)], deepseek4.Indexer: kv.Indexer}[w.Stream]
		name := streamName(kind, w.Layer)
		written[name] = append(written[name], w.Entries...)
		return false, nil
	}})
	if _, err := s.Last(ids); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ layers, host string }{{"all", protocol.SelfHost}, {"0,3", protocol.ForwardHost}} {
		j := job(t, "v4", 300, 260)
		j.Layers, j.Protocol.Host = c.layers, c.host
		j.Protocol.KV = deepseek4.Switches{Float32: true, ExactWKV: true, PlainIndexer: true} // the model's arithmetic
		j.Want = func(string) bool { return true }
		src := open(t, j)
		for _, name := range names(src) {
			compare(t, values(t, src, name, 1), written[name])
		}
		if want := 1 + 2*strings.Count(c.layers, ","); len(src.Streams) < want || src.Input.Fed != "" || !strings.Contains(src.Notices[0], "forward pass: exact") {
			t.Errorf("%s: %d streams, fed %q, notices %q", c.layers, len(src.Streams), src.Input.Fed, src.Notices)
		}
		needs, err := j.Needs(t.Context())
		if err != nil || !strings.HasPrefix(needs[len(needs)-1].What, "embedding and head") {
			t.Errorf("%s: needs %+v (%v)", c.layers, needs, err)
		}
	}
}

// What is stored is what the layer computes from the embeddings of the text,
// token by token, without sharing between passages.
func TestEntriesAreThoseOfTheLayerOnTheEmbeddings(t *testing.T) {
	j := job(t, "v4", 300, 260)
	j.Want = func(string) bool { return true }
	j.Protocol.Host = protocol.EmbeddingHost
	src := open(t, j)
	ck, err := checkpoint.Open(t.Context(), models(t)["v4"])
	if err != nil {
		t.Fatal(err)
	}
	config, err := ck.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := deepseek4.ParseConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range []int{0, 2, 3} {
		l, err := deepseek4.LoadKV(t.Context(), ck, cfg, layer, deepseek4.AllStreams)
		if err != nil {
			t.Fatal(err)
		}
		text := []byte(passagesOf(300, 260)[1].Text)
		rows, ids := make([]int, len(text)), make([]int, len(text))
		for i, b := range text {
			rows[i], ids[i] = i, byteToken(b)
		}
		x, err := ck.Rows(t.Context(), embedding, cfg.HiddenSize, ids)
		if err != nil {
			t.Fatal(err)
		}
		p, err := l.Project(l.Norm(x), len(ids), 1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := l.Entries(p, rows)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, values(t, src, fmt.Sprintf("swa.%d", layer), 1), want.Window)
		if layer == 2 {
			compare(t, values(t, src, "csa.2", 1), want.Compressed)
			compare(t, values(t, src, "indexer.2", 1), want.Indexer)
		}
		if layer == 3 {
			compare(t, values(t, src, "hca.3", 1), want.Compressed)
		}
	}
}

// byteToken is the id of a byte of ASCII text in testdata/tokenizer.json.
func byteToken(b byte) int { return int(b) }

func compare(t *testing.T, got, want []float32) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("value %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestTheResultDoesNotDependOnTheNumberOfWorkers(t *testing.T) {
	one, many := job(t, "v4", 300, 300, 300), job(t, "v4", 300, 300, 300)
	one.Workers, many.Workers = 1, 4
	a, b := open(t, one), open(t, many)
	for _, s := range names(a) {
		for p := range 3 {
			compare(t, values(t, b, s, p), values(t, a, s, p))
		}
	}
}

func TestReferencePadsRepeatsAndTakesOneStreamALayer(t *testing.T) {
	j := job(t, "v4", 400, 400)
	j.Protocol = protocol.Reference()
	j.Tokens = 0
	if _, err := j.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "sequence length") {
		t.Errorf("padding without a length: %v", err)
	}
	j.Tokens = 6000
	src := open(t, j)
	want := []string{"swa.0", "swa.1", "csa.2", "hca.3", "csa.4"}
	if got := names(src); !slices.Equal(got, want) {
		t.Errorf("streams %v, want %v", got, want)
	}
	x := values(t, src, "swa.0", 0)
	if len(x) != 6000*512 {
		t.Fatalf("%d vectors, want 6000: padding is scored", len(x)/512)
	}
	// The text is said eight times: an entry of layer 0 differs between two
	// repeats in its rotary part alone, and the padding likewise.
	period := len(strings.Join(strings.Fields(passagesOf(400)[0].Text), " ")) + 1 // fewer than 85 words
	compare(t, x[:448], x[period*512:period*512+448])
	compare(t, x[5998*512:5998*512+448], x[5999*512:5999*512+448])
	if src.Counts.Layers[kv.SWA] != 3 || src.Protocol != "reference" {
		t.Errorf("counts %v, protocol %q", src.Counts, src.Protocol)
	}
	if notes := strings.Join(src.Notices, "\n"); !strings.Contains(notes, "not the reference's matrix") {
		t.Errorf("notices %q do not say that the projection is another", notes)
	}
}

func TestHiddenStatesFromAFileEqualTheirSource(t *testing.T) {
	j := job(t, "v4", 300, 280)
	j.Protocol.Host = protocol.EmbeddingHost
	self := open(t, j)
	ck, err := checkpoint.Open(t.Context(), models(t)["v4"])
	if err != nil {
		t.Fatal(err)
	}
	var ids []int
	for _, p := range passagesOf(300, 280) {
		for _, b := range []byte(p.Text) {
			ids = append(ids, byteToken(b))
		}
	}
	x, err := ck.Rows(t.Context(), embedding, 128, ids)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "hidden.safetensors")
	stream := kv.NewStream(kv.Stream{Name: "hidden", Kind: kv.Other, Layer: -1, Dim: 128, Heads: 1, HeadDim: 128}, []int{300, 280},
		func(dst []float32, p int) error { copy(dst, x[p*300*128:]); return nil })
	if err := kv.WriteDump(path, []*kv.Stream{stream}, kv.DumpInfo{}); err != nil {
		t.Fatal(err)
	}
	j.Hidden = path
	src := open(t, j)
	for _, s := range names(self) {
		for p := range 2 {
			compare(t, values(t, src, s, p), values(t, self, s, p))
		}
	}
}

func TestALlamaGivesKeysValuesAndQueries(t *testing.T) {
	j := job(t, protocol.ReferenceHost, 300, 200)
	j.Layers = "1"
	src := open(t, j)
	if got, want := names(src), []string{"k.1", "v.1", "q.1"}; !slices.Equal(got, want) {
		t.Fatalf("streams %v, want %v", got, want)
	}
	ck, err := checkpoint.Open(t.Context(), models(t)[protocol.ReferenceHost])
	if err != nil {
		t.Fatal(err)
	}
	m, err := llama.Load(t.Context(), ck)
	if err != nil {
		t.Fatal(err)
	}
	var k, v, q []float32
	s := m.NewSession(llama.Options{
		Hook: func(layer, _ int, key, value []float32) {
			if layer == 1 {
				k, v = append(k, key...), append(v, value...)
			}
		},
		Query: func(layer, _ int, x []float32) {
			if layer == 1 {
				q = append(q, x...)
			}
		},
	})
	var ids []int32
	for _, b := range []byte(passagesOf(300, 200)[1].Text) {
		ids = append(ids, int32(byteToken(b)))
	}
	for _, id := range ids {
		if _, err := s.Hidden([]int32{id}); err != nil {
			t.Fatal(err)
		}
	}
	compare(t, values(t, src, "k.1", 1), k)
	compare(t, values(t, src, "v.1", 1), v)
	compare(t, values(t, src, "q.1", 1), q)
}

func TestAHostsLayersAreRunForTheHiddenStates(t *testing.T) {
	j := job(t, "v4", 300, 280)
	j.Protocol.Host = protocol.ReferenceHost
	embedded := open(t, j)
	j.HostLayer = 2
	deep := open(t, j)
	if slices.Equal(values(t, embedded, "swa.0", 0), values(t, deep, "swa.0", 0)) {
		t.Error("the layers of the host changed nothing")
	}
	j.HostLayer = 3
	if _, err := j.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "has 2 layers") {
		t.Errorf("a layer that the host lacks: %v", err)
	}
}

func TestShortPassagesLeaveStreamsOut(t *testing.T) {
	src := open(t, job(t, "v4", 300, 100))
	if slices.Contains(names(src), "hca.3") {
		t.Error("hca.3 is there, though a passage of 100 tokens has no entry")
	}
	if notes := strings.Join(src.Notices, "\n"); !strings.Contains(notes, "hca.3 is left out: passage 1, of 100 tokens") {
		t.Errorf("notices %q", notes)
	}
}

func TestWrongJobsAreRefusedWithTheReason(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Job)
		want   string
	}{
		{"a layer that is not there", func(j *Job) { j.Layers = "0,9" }, "layers 0 to 4"},
		{"a word that is no layer", func(j *Job) { j.Layers = "first" }, `"first" is not a number`},
		{"a host layer without a host", func(j *Job) { j.HostLayer = 1 }, "--host"},
		{"another model", func(j *Job) { j.Model = "v5" }, "no model v5"},
		{"no such streams", func(j *Job) { j.Want = func(string) bool { return false } }, "no stream is left"},
		{"a projection of another size", func(j *Job) {
			j.Protocol.Host = protocol.ReferenceHost
			j.Projection = filepath.Join(j.Temp, "p.safetensors")
			if err := kv.WriteTensor(j.Projection, kv.Tensor{Name: "p", Shape: []int{64, 128}, Values: make([]float32, 64*128)}); err != nil {
				t.Fatal(err)
			}
		}, "[128, 64]"},
		{"hidden states of a llama", func(j *Job) { j.Model, j.Hidden = protocol.ReferenceHost, "x" }, "for a DeepSeek-V4"},
		{"hidden states that are not there", func(j *Job) { j.Hidden = filepath.Join(j.Temp, "none.safetensors") }, "none.safetensors"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := job(t, "v4", 300)
			c.change(j)
			_, err := j.Open(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestACancelledCaptureEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := job(t, "v4", 300).Open(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestNeedsAreTheTensorsOfTheJobAndTheRowsOfItsTexts(t *testing.T) {
	j := job(t, "v4", 300)
	j.Layers = "0,3"
	j.Want = func(s string) bool { return s == "swa.0" || s == "hca.3" }
	needs, err := j.Needs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	distinct := map[byte]bool{}
	for _, b := range []byte(passagesOf(300)[0].Text) {
		distinct[b] = true
	}
	// wkv 512 x 128 in FP8 with a grid of 4 x 1 scales, two norms in bfloat16;
	// the compressor's two matrices 512 x 128 and norms in bfloat16, ape 128 x 512
	// in float32.
	want := []int64{512*128 + 4 + 2*512 + 2*128, 2*2*512*128 + 4*128*512 + 2*512 + 2*128, int64(len(distinct)) * 2 * 128}
	var got []int64
	for _, n := range needs {
		got = append(got, n.Bytes)
	}
	if !slices.Equal(got, want) {
		t.Errorf("bytes %v, want %v", got, want)
	}
}

func TestASourceSaysWhatItsLayersWereFed(t *testing.T) {
	j := job(t, "v4", 300)
	for _, c := range []struct{ layers, host, want string }{
		{"0", protocol.SelfHost, ""},
		{"0,2", protocol.SelfHost, "its own embeddings"},
		{"0", protocol.ReferenceHost, "embeddings of "},
	} {
		j.Layers, j.Protocol.Host = c.layers, c.host
		j.Protocol.KV = deepseek4.Switches{Float32: true, ExactWKV: true, PlainIndexer: true} // the model's arithmetic
		if got := open(t, j).Input.Fed; !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("layers %s, host %s: fed %q, want %q", c.layers, c.host, got, c.want)
		}
	}
}
