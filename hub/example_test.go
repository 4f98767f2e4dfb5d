package hub_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"kakeyalattice/hub"
	"kakeyalattice/internal/fakehub"
	"kakeyalattice/safetensors"
)

// fake stands in for the Hub, so that the examples run without a network.
func fake() (endpoint, cache string, done func()) {
	h := fakehub.Start()
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(safetensors.Write(w, []safetensors.Entry{
			safetensors.Float32s("layers.0.attn.wkv.weight", []int{2, 2}, []float32{1, 2, 3, 4}),
			safetensors.Float32s("layers.0.ffn.w1.weight", []int{1 << 20}, make([]float32, 1<<20)),
		}, nil))
	}()
	weights, err := io.ReadAll(r)
	if err != nil {
		log.Fatal(err)
	}
	h.Add("acme/toy").Commit("main", fakehub.Files{
		"config.json":       fakehub.Small([]byte(`{"model_type": "toy"}`)),
		"model.safetensors": fakehub.Large(weights),
	})
	dir, err := os.MkdirTemp("", "hub")
	if err != nil {
		log.Fatal(err)
	}
	return h.URL, dir, func() { h.Close(); os.RemoveAll(dir) }
}

// Small files come whole, through the cache that other programs use too.
func ExampleSnapshot_ReadFile() {
	endpoint, cache, done := fake()
	defer done()
	ctx := context.Background()

	client, err := hub.New(hub.Options{Endpoint: endpoint, Cache: cache}) // hub.Options{} for the real one
	if err != nil {
		log.Fatal(err)
	}
	model, err := client.Snapshot(ctx, "acme/toy@main")
	if err != nil {
		log.Fatal(err)
	}
	config, err := model.ReadFile(ctx, "config.json")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s of %s: %s\n", "config.json", model.ID(), config)

	_, err = model.ReadFile(ctx, "model.safetensors.index.json")
	fmt.Println("sharded:", !errors.Is(err, hub.ErrFileNotFound))
	// Output:
	// config.json of acme/toy: {"model_type": "toy"}
	// sharded: false
}

// Of a large file only the wanted bytes are fetched: here one small tensor of a
// checkpoint of 4 MB.
func ExampleFile_Fetch() {
	endpoint, cache, done := fake()
	defer done()
	ctx := context.Background()
	client, err := hub.New(hub.Options{Endpoint: endpoint, Cache: cache})
	if err != nil {
		log.Fatal(err)
	}
	model, err := client.Snapshot(ctx, "acme/toy")
	if err != nil {
		log.Fatal(err)
	}
	f, err := model.Open(ctx, "model.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()

	var prefix [8]byte // the length of the header
	if _, err := f.ReadAt(prefix[:], 0); err != nil {
		log.Fatal(err)
	}
	head := make([]byte, binary.LittleEndian.Uint64(prefix[:]))
	if _, err := f.ReadAt(head, 8); err != nil {
		log.Fatal(err)
	}
	begin := int64(8 + len(head))
	header, err := safetensors.Parse(head, f.Size()-begin)
	if err != nil {
		log.Fatal(err)
	}
	tensor, _ := header.Lookup("layers.0.attn.wkv.weight")
	want := []hub.Range{{Begin: begin + tensor.Begin, End: begin + tensor.End}}
	bytes, requests := f.Cost(want)
	fmt.Println("to fetch:", bytes, "bytes in", requests, "request")
	if err := f.Fetch(ctx, want); err != nil {
		log.Fatal(err)
	}
	fmt.Println("on disk now:", f.Cached(want), "bytes")
	fmt.Println("small part of the file:", client.Stats().Bytes < f.Size()/100)
	// Output:
	// to fetch: 16 bytes in 1 request
	// on disk now: 16 bytes
	// small part of the file: true
}
