package deepseek4_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"kakeyalattice/checkpoint"
	"kakeyalattice/model/deepseek4"
)

// tinyConfig is the shape of the model in testdata/hf_kv.safetensors.
const tinyConfig = `{"model_type": "deepseek_v4", "hidden_size": 16, "num_hidden_layers": 3, "head_dim": 128,
	"qk_rope_head_dim": 64, "sliding_window": 128, "index_head_dim": 128, "compress_ratios": [0, 4, 128],
	"rms_norm_eps": 1e-6, "rope_theta": 10000, "compress_rope_theta": 160000, "rope_scaling": {"type": "yarn",
	"factor": 16, "beta_fast": 32, "beta_slow": 1, "original_max_position_embeddings": 65536}}`

// tinyModel makes a model folder of the weights in testdata.
func tinyModel() (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "deepseek4")
	if err != nil {
		log.Fatal(err)
	}
	weights, err := os.ReadFile("testdata/hf_kv.safetensors")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "model.safetensors"), weights, 0o644)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), []byte(tinyConfig), 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
	return dir, func() { os.RemoveAll(dir) }
}

// The entries of a layer for a text whose hidden states are embeddings: every
// distinct token is projected once.
func Example() {
	dir, remove := tinyModel()
	defer remove()
	ctx := context.Background()
	ck, err := checkpoint.Open(ctx, checkpoint.Dir(dir))
	if err != nil {
		log.Fatal(err)
	}
	defer ck.Close()
	text, err := ck.Config(ctx)
	if err != nil {
		log.Fatal(err)
	}
	cfg, err := deepseek4.ParseConfig(text)
	if err != nil {
		log.Fatal(err)
	}

	layer, err := deepseek4.LoadKV(ctx, ck, cfg, 1, deepseek4.AllStreams)
	if err != nil {
		log.Fatal(err)
	}
	distinct := []int{3, 17, 40}
	passage := []int{0, 1, 0, 2, 1, 1, 0, 2, 2} // rows of distinct
	embeddings, err := ck.Rows(ctx, "embed.weight", cfg.HiddenSize, distinct)
	if err != nil {
		log.Fatal(err)
	}
	projected, err := layer.Project(layer.Norm(embeddings), len(distinct), 1)
	if err != nil {
		log.Fatal(err)
	}
	entries, err := layer.Entries(projected, passage)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("window:    ", len(entries.Window)/cfg.HeadDim)
	fmt.Println("compressed:", len(entries.Compressed)/cfg.HeadDim)
	fmt.Println("indexer:   ", len(entries.Indexer)/cfg.IndexHeadDim)

	served := layer.Served(entries)
	rotary := cfg.HeadDim - cfg.RopeDim
	fmt.Println("rotary values are served as they are:", served.Window[rotary] == entries.Window[rotary])
	// Output:
	// window:     9
	// compressed: 2
	// indexer:    2
	// rotary values are served as they are: true
}

// A passage that arrives token by token.
func ExampleState() {
	dir, remove := tinyModel()
	defer remove()
	ctx := context.Background()
	ck, err := checkpoint.Open(ctx, checkpoint.Dir(dir))
	if err != nil {
		log.Fatal(err)
	}
	defer ck.Close()
	cfg, err := deepseek4.ParseConfig([]byte(tinyConfig))
	if err != nil {
		log.Fatal(err)
	}
	layer, err := deepseek4.LoadKV(ctx, ck, cfg, 1, deepseek4.Compressed)
	if err != nil {
		log.Fatal(err)
	}
	state := layer.NewState(0)
	hidden := make([]float32, cfg.HiddenSize)
	for t := range 9 {
		hidden[t] = 1
		token, err := layer.Project(layer.Norm(hidden), 1, 1)
		if err != nil {
			log.Fatal(err)
		}
		e, err := state.Append(token, []int{0})
		if err != nil {
			log.Fatal(err)
		}
		if n := len(e.Compressed) / cfg.HeadDim; n > 0 {
			fmt.Printf("token %d completes %d entry\n", t, n)
		}
	}
	// Output:
	// token 3 completes 1 entry
	// token 7 completes 1 entry
}

// What has to be fetched for the compressed entries of a layer.
func ExampleKVTensors() {
	cfg, err := deepseek4.ParseConfig([]byte(tinyConfig))
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range deepseek4.KVTensors(cfg, 2, deepseek4.Compressed) {
		fmt.Println(name)
	}
	// Output:
	// layers.2.attn_norm.weight
	// layers.2.attn.compressor.wkv.weight
	// layers.2.attn.compressor.wgate.weight
	// layers.2.attn.compressor.ape
	// layers.2.attn.compressor.norm.weight
}
