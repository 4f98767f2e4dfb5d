package llama_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/fakemodel"
	"kakeyalattice/internal/kernel"
	"kakeyalattice/model/llama"
)

// made returns a model that is made up.
func made(t testing.TB, c fakemodel.Llama) *llama.Model {
	t.Helper()
	m, err := loadFiles(fakemodel.LlamaFamily(c, 1))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func loadFiles(files checkpoint.Files) (*llama.Model, error) {
	ck, err := checkpoint.Open(context.Background(), files)
	if err != nil {
		return nil, err
	}
	return llama.Load(context.Background(), ck)
}

// tiny are shapes of each kind.
func tiny() []fakemodel.Llama {
	qwen2 := fakemodel.TinyQwen2()
	qwen3, plain := qwen2, qwen2
	qwen3.ModelType, qwen3.HeadDim, qwen3.KVHeads = "qwen3", 24, 4
	plain.ModelType, plain.KVHeads, plain.TieWordEmbeddings = "llama", 1, false
	return []fakemodel.Llama{qwen2, qwen3, plain}
}

func randomTokens(r *rand.Rand, n, vocab int) []int32 {
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = int32(r.IntN(vocab))
	}
	return tokens
}

func TestBlocksOfTokensGiveTheBitsOfTokensOneByOne(t *testing.T) {
	var models []*llama.Model
	for _, c := range tiny() {
		models = append(models, made(t, c))
	}
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom(models).Draw(t, "model")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		level := kernel.Level(rapid.IntRange(int(kernel.Go), int(kernel.Best())).Draw(t, "level"))
		tokens := randomTokens(r, rapid.IntRange(1, 60).Draw(t, "tokens"), m.Config.VocabSize)

		var keys [2][]float32
		hook := func(i int) llama.Hook {
			return func(_, _ int, k, v []float32) {
				k[0] += 1
				v[1] *= 2
				keys[i] = append(append(keys[i], k...), v...)
			}
		}
		one := m.NewSession(llama.Options{Workers: 1, Hook: hook(0)})
		var want []float32
		for _, token := range tokens {
			logits, err := one.Forward([]int32{token})
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, logits...)
		}
		restore := kernel.Use(level)
		defer restore()
		blocks := m.NewSession(llama.Options{Workers: rapid.IntRange(0, 3).Draw(t, "workers"), Hook: hook(1)})
		var got []float32
		for rest := tokens; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "block")
			logits, err := blocks.Forward(rest[:n])
			if err != nil {
				t.Fatal(err)
			}
			got, rest = append(got, logits...), rest[n:]
		}
		sameBits(t, "logits", got, want)
		slices.Sort(keys[0]) // the order of layers and positions is another
		slices.Sort(keys[1])
		sameBits(t, "keys and values", keys[1], keys[0])
	})
}

// The same on every machine: AVX2 and arm64 were seen to agree.
func TestLogitsHaveTheBitsThatTheyHadElsewhere(t *testing.T) {
	for i, want := range []uint32{0xc9b5f8ef, 0x267b502c, 0x291bdff7} {
		m := made(t, tiny()[i])
		logits, err := m.NewSession(llama.Options{}).Forward(randomTokens(rand.New(rand.NewPCG(9, 9)), 100, m.Config.VocabSize))
		if err != nil {
			t.Fatal(err)
		}
		var b []byte
		for _, v := range logits {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		if got := crc32.ChecksumIEEE(b); got != want {
			t.Errorf("model %d: CRC-32 of the logits is %#08x, want %#08x", i, got, want)
		}
	}
}

func sameBits(t rapid.TB, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

func TestLongTextsInLargeBlocksGiveTheBitsOfSmallOnes(t *testing.T) {
	m := made(t, tiny()[0])
	tokens := randomTokens(rand.New(rand.NewPCG(1, 2)), 700, m.Config.VocabSize)
	whole := m.NewSession(llama.Options{})
	want, err := whole.Forward(tokens)
	if err != nil {
		t.Fatal(err)
	}
	want = slices.Clone(want)
	whole.Reset()
	var got []float32
	for block := range slices.Chunk(tokens, 97) {
		logits, err := whole.Forward(block)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, logits...)
	}
	sameBits(t, "logits", got, want)
	if n := whole.Positions(); n != len(tokens) {
		t.Errorf("%d positions after %d tokens", n, len(tokens))
	}
}

func TestTheHookDecidesWhatAttentionReads(t *testing.T) {
	m := made(t, tiny()[1])
	tokens := randomTokens(rand.New(rand.NewPCG(1, 3)), 9, m.Config.VocabSize)
	logits := func(h llama.Hook) []float32 {
		l, err := m.NewSession(llama.Options{Hook: h}).Last(tokens)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	plain := logits(nil)
	sameBits(t, "logits with a hook that does nothing", logits(func(int, int, []float32, []float32) {}), plain)
	// Values that are all 0 leave nothing of other tokens: the last one alone, with
	// its own 0, gives the same.
	zero := func(_, _ int, _, v []float32) { clear(v) }
	alone, err := m.NewSession(llama.Options{Hook: zero}).Last(tokens[8:])
	if err != nil {
		t.Fatal(err)
	}
	isClose(t, "logits without values", logits(zero), alone, 0)
	if slices.Equal(plain, alone) {
		t.Error("the hook has no effect")
	}
}

func TestAFewLayersGiveTheHiddenStatesOfTheWholeModel(t *testing.T) {
	m := made(t, tiny()[0])
	tokens := randomTokens(rand.New(rand.NewPCG(1, 4)), 20, m.Config.VocabSize)
	states := make([][]float32, m.Config.Layers+1)
	all := m.NewSession(llama.Options{Hidden: func(layer, _ int, x []float32) { states[layer] = append(states[layer], x...) }})
	if _, err := all.Forward(tokens); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= m.Config.Layers; n++ {
		s := m.NewSession(llama.Options{Layers: n})
		got, err := s.Hidden(tokens)
		if err != nil {
			t.Fatal(err)
		}
		sameBits(t, "hidden states", got, states[n])
		if _, err := s.Forward(tokens); n < m.Config.Layers && err == nil {
			t.Error("logits without all layers")
		}
	}
}

func TestTextsThatAModelCannotTake(t *testing.T) {
	c := tiny()[0]
	c.MaxPositions = 8
	m := made(t, c)
	s := m.NewSession(llama.Options{})
	for _, bad := range []int32{-1, int32(c.VocabSize), math.MaxInt32} {
		if _, err := s.Forward([]int32{1, bad}); err == nil || !strings.Contains(err.Error(), "token 1 of the text") {
			t.Errorf("token %d: %v", bad, err)
		}
	}
	if s.Positions() != 0 {
		t.Errorf("%d positions after errors", s.Positions())
	}
	if _, err := s.Forward(make([]int32, 8)); err != nil {
		t.Error(err)
	}
	if _, err := s.Forward(make([]int32, 1)); !errors.Is(err, llama.ErrTooLong) {
		t.Errorf("a ninth token: %v", err)
	}
	if _, err := s.Last(nil); err == nil {
		t.Error("the last of no tokens")
	}
	if logits, err := s.Forward(nil); err != nil || len(logits) != 0 {
		t.Errorf("no tokens: %d logits, %v", len(logits), err)
	}
}

func TestValuesThatAreNotFiniteAreReportedWithTheirPosition(t *testing.T) {
	m := made(t, tiny()[0])
	s := m.NewSession(llama.Options{Hook: func(layer, position int, k, v []float32) {
		if layer == 1 && position == 3 {
			v[2] = float32(math.NaN())
		}
	}})
	_, err := s.Forward([]int32{1, 2, 3, 4, 5})
	if !errors.Is(err, llama.ErrNotFinite) || !strings.Contains(err.Error(), "position 3") {
		t.Errorf("%v", err)
	}
	s.Reset()
	if _, err := s.Forward([]int32{1, 2, 3}); err != nil {
		t.Errorf("after Reset: %v", err)
	}
}

// files is a checkpoint with one file in place of another's.
type files struct {
	checkpoint.Files
	config []byte
}

func (f files) ReadFile(ctx context.Context, name string) ([]byte, error) {
	if name == "config.json" {
		return f.config, nil
	}
	return f.Files.ReadFile(ctx, name)
}

func TestCheckpointsThatLackWhatTheConfigSays(t *testing.T) {
	for name, c := range map[string]struct {
		change func(c *fakemodel.Llama)
		want   string
	}{
		"another width":     {func(c *fakemodel.Llama) { c.HiddenSize = 128 }, "want [320 128]"},
		"another layer":     {func(c *fakemodel.Llama) { c.Layers = 3 }, "model.layers.2."},
		"no head":           {func(c *fakemodel.Llama) { c.TieWordEmbeddings = false }, "lm_head.weight"},
		"no norms of heads": {func(c *fakemodel.Llama) { c.ModelType = "qwen3" }, "q_norm"},
	} {
		c0 := fakemodel.TinyQwen2()
		made := fakemodel.LlamaFamily(c0, 1)
		c.change(&c0)
		text, _ := json.Marshal(c0)
		if _, err := loadFiles(files{made, text}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestCallsAfterTheFirstAllocateLittle(t *testing.T) {
	m := load(t, filepath.Join("testdata", "llama"))
	s := m.NewSession(llama.Options{Workers: 1})
	tokens := make([]int32, 16)
	run := func() {
		s.Reset()
		if _, err := s.Forward(tokens); err != nil {
			t.Fatal(err)
		}
	}
	run()
	// Each product is one value on the heap.
	if n := testing.AllocsPerRun(20, run); n > 60 {
		t.Errorf("%v allocations", n)
	}
}

func ExampleSession_Forward() {
	// A model made up from a seed; checkpoint.Dir opens a folder.
	ck, err := checkpoint.Open(context.Background(), fakemodel.LlamaFamily(fakemodel.TinyQwen2(), 1))
	if err != nil {
		panic(err)
	}
	defer ck.Close()
	m, err := llama.Load(context.Background(), ck)
	if err != nil {
		panic(err)
	}
	vectors := 0
	s := m.NewSession(llama.Options{Hook: func(layer, position int, k, v []float32) {
		vectors += 2 // what is written to k and v here is what attention reads
	}})
	logits, err := s.Forward([]int32{10, 20, 30})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d logits of %d tokens, %d keys and values\n", len(logits), m.Config.VocabSize, vectors)
	// Output: 960 logits of 320 tokens, 12 keys and values
}
