package deepseek4_test

import (
	"context"
	"fmt"
	"log"

	"kakeyalattice/checkpoint"
	"kakeyalattice/model/deepseek4"
)

// A text with a hook on the cache: here the entries of the compressors are read back
// as zeros.
func ExampleModel_NewSession() {
	ctx := context.Background()
	ck, err := checkpoint.Open(ctx, checkpoint.Dir("testdata/forward"))
	if err != nil {
		log.Fatal(err)
	}
	defer ck.Close()
	model, err := deepseek4.Load(ctx, ck)
	if err != nil {
		log.Fatal(err)
	}
	entries := 0
	s := model.NewSession(deepseek4.Options{
		Hook: func(w deepseek4.Write) (replaced bool, err error) {
			if w.Stream != deepseek4.Compressed {
				return false, nil
			}
			entries += len(w.Entries) / w.Dim
			clear(w.Entries)
			return true, nil
		},
	})
	tokens := make([]int32, 128)
	for i := range tokens {
		tokens[i] = int32(i % 60)
	}
	if _, err := s.Last(tokens[:100]); err != nil { // in blocks of any size
		log.Fatal(err)
	}
	logits, err := s.Last(tokens[100:])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Positions(), "tokens,", entries, "compressed entries,", len(logits), "logits")
	// Output: 128 tokens, 65 compressed entries, 64 logits
}

// Weights are needed one layer at a time: all texts go through a layer together, and
// so could several ways to store their entries.
func ExampleLayer_Forward() {
	ctx := context.Background()
	ck, err := checkpoint.Open(ctx, checkpoint.Dir("testdata/forward"))
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
	ends, err := deepseek4.LoadEnds(ctx, ck, cfg)
	if err != nil {
		log.Fatal(err)
	}
	texts := [][]int32{{5, 4, 3}, {1, 2}}
	streams := make([][]float32, len(texts)) // [tokens, hc_mult, hidden] of each
	for i, tokens := range texts {
		streams[i] = make([]float32, len(tokens)*cfg.HCMult*cfg.HiddenSize)
		if err := ends.Embed(streams[i], tokens); err != nil {
			log.Fatal(err)
		}
	}
	var run deepseek4.Run
	for i := range cfg.Layers {
		layer, err := deepseek4.LoadLayer(ctx, ck, cfg, i)
		if err != nil {
			log.Fatal(err)
		}
		layer = layer.With(deepseek4.AsServed)
		for j, tokens := range texts {
			if err := layer.Forward(&run, layer.NewCache(nil), streams[j], tokens); err != nil {
				log.Fatal(err)
			}
		}
	}
	for i, tokens := range texts {
		logits, err := ends.With(deepseek4.AsServed).Logits(&run, streams[i], len(tokens))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(tokens), "tokens,", len(logits), "logits")
	}
	// Output:
	// 3 tokens, 192 logits
	// 2 tokens, 128 logits
}
