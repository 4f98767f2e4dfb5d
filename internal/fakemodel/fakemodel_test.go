package fakemodel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"kakeyalattice/checkpoint"
	"kakeyalattice/model/deepseek4"
	"kakeyalattice/model/llama"
	"kakeyalattice/safetensors"
)

var bg = context.Background()

var flash = sync.OnceValue(func() *Model { return DeepSeekV4(Flash(), 1) })

func opening(t testing.TB, files checkpoint.Files) *checkpoint.Checkpoint {
	t.Helper()
	c, err := checkpoint.Open(bg, files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// The figures are those of the released checkpoint (revision 60d8d707).
func TestFlashHasTheTensorsAndTheFileSizesOfTheRelease(t *testing.T) {
	m := flash()
	var fileBytes, tensorBytes int64
	counts := map[safetensors.DType]int{}
	sizes := map[string]int64{}
	for _, f := range m.Files() {
		s, ok := f.ReaderAt.(*shard)
		if !ok {
			continue
		}
		sizes[f.Name] = f.Size
		fileBytes += f.Size
		for _, tensor := range s.placed {
			counts[tensor.DType]++
			tensorBytes += tensor.End - tensor.Begin
		}
	}
	if len(sizes) != 46 || tensorBytes != 159_609_485_896 || fileBytes != 159_617_149_040 {
		t.Errorf("%d shards, %d tensor bytes, %d file bytes", len(sizes), tensorBytes, fileBytes)
	}
	for d, want := range map[safetensors.DType]int{"BF16": 433, "F32": 417, "F8_E4M3": 375, "F8_E8M0": 34_167, "I8": 33_792, "I64": 3} {
		if counts[d] != want {
			t.Errorf("%d tensors of %s, want %d", counts[d], d, want)
		}
	}
	for file, want := range map[string]int64{
		"model-00001-of-00046.safetensors": 1_059_061_856,
		"model-00045-of-00046.safetensors": 1_059_332_516,
		"model-00046-of-00046.safetensors": 3_593_956_092,
	} {
		if sizes[file] != want {
			t.Errorf("%s has %d bytes, want %d", file, sizes[file], want)
		}
	}
	c := opening(t, m)
	if n := len(c.Names()); n != 69_187 {
		t.Errorf("%d tensors, want 69,187", n)
	}
	for _, tt := range []struct {
		name  string
		dtype safetensors.DType
		shape []int
		shard int
	}{
		{"embed.weight", "BF16", []int{129280, 4096}, 1},
		{"layers.0.attn.wkv.weight", "F8_E4M3", []int{512, 4096}, 2},
		{"layers.0.attn.wkv.scale", "F8_E8M0", []int{4, 32}, 2},
		{"layers.0.ffn.gate.tid2eid", "I64", []int{129280, 6}, 2},
		{"layers.2.attn.compressor.wkv.weight", "BF16", []int{1024, 4096}, 4},
		{"layers.2.attn.compressor.ape", "F32", []int{4, 1024}, 4},
		{"layers.2.attn.indexer.wq_b.scale", "F8_E8M0", []int{64, 8}, 4},
		{"layers.2.attn.indexer.compressor.norm.weight", "BF16", []int{128}, 4},
		{"layers.3.attn.compressor.wgate.weight", "BF16", []int{512, 4096}, 5},
		{"layers.3.attn.compressor.ape", "F32", []int{128, 512}, 5},
		{"layers.3.ffn.gate.bias", "F32", []int{256}, 5},
		{"layers.42.ffn.experts.255.w2.weight", "I8", []int{4096, 1024}, 44},
		{"layers.42.ffn.experts.255.w2.scale", "F8_E8M0", []int{4096, 64}, 44},
		{"layers.42.attn.wo_a.weight", "F8_E4M3", []int{8192, 4096}, 44},
		{"layers.42.hc_ffn_fn", "F32", []int{24, 16384}, 44},
		{"hc_head_fn", "F32", []int{4, 16384}, 45},
		{"mtp.0.e_proj.scale", "F8_E8M0", []int{32, 32}, 46},
		{"mtp.0.hc_head_scale", "F32", []int{1}, 46},
	} {
		got, err := c.Lookup(bg, tt.name)
		if err != nil || got.DType != tt.dtype || !slices.Equal(got.Shape, tt.shape) || got.Shard != fmt.Sprintf("model-%05d-of-00046.safetensors", tt.shard) {
			t.Errorf("%s is %+v (%v), want %s %v in shard %d", tt.name, got, err, tt.dtype, tt.shape, tt.shard)
		}
	}
}

// 494,032,768 parameters is what the model's page says.
func TestQwen2HasTheParametersOfTheRelease(t *testing.T) {
	c := opening(t, LlamaFamily(Qwen2(), 1))
	needs, err := c.Plan(bg, c.Names()...)
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, n := range needs {
		total += n.Bytes
	}
	if len(needs) != 290 || total != 2*494_032_768 {
		t.Errorf("%d tensors of %d bytes", len(needs), total)
	}
}

func TestTheReadersOfTheModelsAcceptTheConfigurations(t *testing.T) {
	for _, m := range []*Model{flash(), DeepSeekV4(Tiny(), 1)} {
		text, err := m.ReadFile(bg, "config.json")
		if err == nil {
			_, err = deepseek4.ParseConfig(text)
		}
		if err != nil {
			t.Error(err)
		}
	}
	qwen3 := TinyQwen2()
	qwen3.ModelType, qwen3.HeadDim, qwen3.TieWordEmbeddings = "qwen3", 32, false
	for _, config := range []Llama{Qwen2(), TinyQwen2(), qwen3} {
		text, err := LlamaFamily(config, 1).ReadFile(bg, "config.json")
		if err == nil {
			_, err = llama.ParseConfig(text)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// all reads a whole file.
func all(t testing.TB, f File) []byte {
	t.Helper()
	content, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestAnyPartOfAFileIsAsInTheWhole(t *testing.T) {
	for _, f := range append(DeepSeekV4(Tiny(), 1).Files(), LlamaFamily(TinyQwen2(), 1).Files()...) {
		whole := all(t, f)
		if int64(len(whole)) != f.Size {
			t.Fatalf("%s: %d bytes, want %d", f.Name, len(whole), f.Size)
		}
		rapid.Check(t, func(t *rapid.T) {
			begin := rapid.IntRange(0, len(whole)-1).Draw(t, "begin")
			part := make([]byte, rapid.IntRange(0, 500).Draw(t, "length"))
			n, err := f.ReadAt(part, int64(begin))
			want := whole[begin:min(begin+len(part), len(whole))]
			if !bytes.Equal(part[:n], want) || (n < len(part)) != (err == io.EOF) {
				t.Fatalf("%s: %d bytes at %d: %d (%v) differ from the whole", f.Name, len(part), begin, n, err)
			}
		})
	}
}

func TestTheSeedAndTheNameDecideTheContent(t *testing.T) {
	const shard = "model-00004-of-00008.safetensors"
	first := all(t, DeepSeekV4(Tiny(), 1).files[shard])
	if !bytes.Equal(first, all(t, DeepSeekV4(Tiny(), 1).files[shard])) {
		t.Error("one seed gives two models")
	}
	if bytes.Equal(first, all(t, DeepSeekV4(Tiny(), 2).files[shard])) {
		t.Error("two seeds give one model")
	}
	c := opening(t, DeepSeekV4(Tiny(), 1))
	a, errA := c.Matrix(bg, "layers.0.attn.wkv.weight", 512, 128)
	b, errB := c.Matrix(bg, "layers.1.attn.wkv.weight", 512, 128)
	if errA != nil || errB != nil || bytes.Equal(a.Data, b.Data) || bytes.Equal(a.Data[:256], a.Data[256:512]) {
		t.Errorf("weights repeat (%v, %v)", errA, errB)
	}
}

func TestWeightsKeepTheVarianceOfTheirInputs(t *testing.T) {
	c := opening(t, flash())
	for _, tt := range []struct {
		name       string
		rows, cols int
	}{
		{"layers.0.attn.wkv.weight", 512, 4096},
		{"layers.0.attn.wq_b.weight", 32768, 1024},
		{"layers.2.attn.compressor.wkv.weight", 1024, 4096},
		{"layers.1.ffn.experts.7.w1.weight", 2048, 4096},
		{"layers.1.ffn.experts.7.w2.weight", 4096, 2048},
	} {
		m, err := c.Matrix(bg, tt.name, tt.rows, tt.cols)
		if err != nil {
			t.Fatal(err)
		}
		// The first rows are enough, and all scales.
		m.Rows = min(m.Rows, 256)
		m.Data = m.Data[:m.Rows*m.Format.RowBytes(m.Cols)]
		if m.Scale != nil {
			m.Scale = m.Scale[:(m.Rows+m.BlockRows-1)/m.BlockRows*m.ScaleCols()]
			if first := m.Scale[0]; !slices.ContainsFunc(m.Scale, func(s byte) bool { return s != first }) {
				t.Errorf("%s: all scales are %d", tt.name, first)
			}
		}
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
		var sum, squares float64
		row := make([]float32, m.Cols)
		for r := range m.Rows {
			m.Row(row, r)
			for _, v := range row {
				sum += float64(v)
				squares += float64(v) * float64(v)
			}
		}
		mean := sum / float64(m.Rows)
		if gain := squares / float64(m.Rows); gain < 0.8 || gain > 1.25 || math.Abs(mean) > 0.3 {
			t.Errorf("%s: squares of a row sum to %.3f and its values to %.3f, want about 1 and 0", tt.name, gain, mean)
		}
	}
}

func TestEmbeddingRowsDifferInStrength(t *testing.T) {
	c := opening(t, flash())
	rows := make([]int, 200)
	for i := range rows {
		rows[i] = 641 * i
	}
	values, err := c.Rows(bg, "embed.weight", 4096, rows)
	if err != nil {
		t.Fatal(err)
	}
	least, most := math.Inf(1), 0.0
	for row := range slices.Chunk(values, 4096) {
		var squares float64
		for _, v := range row {
			squares += float64(v) * float64(v)
		}
		rms := math.Sqrt(squares / 4096)
		least, most = min(least, rms), max(most, rms)
	}
	if least < 0.009 || least > 0.012 || most < 0.028 || most > 0.031 {
		t.Errorf("root mean squares from %.4f to %.4f, want about 0.01 to 0.03", least, most)
	}
}

func TestHashLayersRouteEveryTokenToDifferentExperts(t *testing.T) {
	c := opening(t, DeepSeekV4(Tiny(), 1))
	table, err := c.Int64s(bg, "layers.2.ffn.gate.tid2eid", 320, 2)
	if err != nil {
		t.Fatal(err)
	}
	used := map[int64]bool{}
	for row := range slices.Chunk(table, 2) {
		if row[0] == row[1] || min(row[0], row[1]) < 0 || max(row[0], row[1]) >= 8 {
			t.Fatalf("experts %v", row)
		}
		used[row[0]] = true
	}
	if len(used) != 8 {
		t.Errorf("%d of 8 experts are used", len(used))
	}
}

func TestAWrittenFolderIsTheModel(t *testing.T) {
	m, dir := DeepSeekV4(Tiny(), 1), t.TempDir()
	m.Add("tokenizer.json", []byte("{}"))
	if err := m.WriteDir(dir, nil); err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Files() {
		got, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil || !bytes.Equal(got, all(t, f)) {
			t.Errorf("%s differs (%v)", f.Name, err)
		}
	}
}

func TestAFolderOfSomeTensorsHasThemAndNoOtherShards(t *testing.T) {
	m, dir := DeepSeekV4(Tiny(), 1), t.TempDir()
	if err := m.WriteDir(dir, func(tensor string) bool { return strings.HasPrefix(tensor, "layers.2.attn.wkv.") }); err != nil {
		t.Fatal(err)
	}
	c, whole := opening(t, checkpoint.Dir(dir)), opening(t, m)
	got, err := c.Matrix(bg, "layers.2.attn.wkv.weight", 512, 128)
	if err != nil {
		t.Fatal(err)
	}
	want, err := whole.Matrix(bg, "layers.2.attn.wkv.weight", 512, 128)
	if err != nil || !bytes.Equal(got.Data, want.Data) || !bytes.Equal(got.Scale, want.Scale) {
		t.Errorf("the tensor that was asked for differs (%v)", err)
	}
	hole, err := c.Vector(bg, "layers.2.attn_norm.weight", 128)
	if err != nil || slices.Max(hole) != 0 {
		t.Errorf("a tensor that was not asked for is %v (%v)", hole, err)
	}
	if _, err := c.Lookup(bg, "embed.weight"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a shard without any is there (%v)", err)
	}
}

func ExampleDeepSeekV4() {
	c, err := checkpoint.Open(context.Background(), DeepSeekV4(Tiny(), 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	wkv, err := c.Matrix(context.Background(), "layers.0.attn.wkv.weight", 512, 128)
	fmt.Println(wkv.Format, len(wkv.Data), len(wkv.Scale), err)
	// Output: FP8 65536 4 <nil>
}

func BenchmarkContent(b *testing.B) {
	s := flash().files["model-00002-of-00046.safetensors"].ReaderAt.(*shard)
	dst := make([]byte, 1<<20)
	seen := map[safetensors.DType]bool{}
	for i, t := range s.placed {
		if seen[t.DType] || t.End-t.Begin < 1<<10 {
			continue
		}
		seen[t.DType] = true
		b.Run(string(t.DType), func(b *testing.B) {
			b.SetBytes(int64(len(dst)))
			for b.Loop() {
				fillAt(s.fills[i], dst, 0)
			}
		})
	}
}

func BenchmarkFlash(b *testing.B) {
	for b.Loop() {
		DeepSeekV4(Flash(), 1)
	}
}
