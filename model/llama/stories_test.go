package llama_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kakeyalattice/model/llama"
)

// TestStories260K holds the package against a trained model of 260,000 weights
// and what llama2.c's reference computes with it (golden.json beside it):
//
//	KAKEYA_STORIES260K=../shared/data/stories260K-hf go test -run Stories ./model/llama
func TestStories260K(t *testing.T) {
	dir := os.Getenv("KAKEYA_STORIES260K")
	if dir == "" {
		t.Skip("KAKEYA_STORIES260K names no folder with the model")
	}
	text, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Prompt []int32   `json:"prompt_ids"`
		Last   []float32 `json:"logits_last"`
		Best   []int     `json:"argmax_per_pos"`
		Greedy []int32   `json:"greedy_200_ids_from_bos"`
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	m := load(t, dir)
	vocab := m.Config.VocabSize
	s := m.NewSession(llama.Options{})
	logits, err := s.Forward(golden.Prompt)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range golden.Best {
		if got := best(logits[i*vocab:][:vocab]); got != want {
			t.Errorf("after position %d: token %d, want %d", i, got, want)
		}
	}
	isClose(t, "last logits", logits[len(logits)-vocab:], golden.Last, 1e-5)

	s.Reset()
	greedy := golden.Greedy[:1]
	for len(greedy) < len(golden.Greedy) {
		logits, err := s.Last(greedy[len(greedy)-1:])
		if err != nil {
			t.Fatal(err)
		}
		greedy = append(greedy[:len(greedy):len(greedy)], int32(best(logits)))
	}
	if !slices.Equal(greedy, golden.Greedy) {
		t.Errorf("greedy tokens are\n%v, want\n%v", greedy, golden.Greedy)
	}
}

// TestStories260KCache holds keys and values against a cache of 512 tokens that
// was computed elsewhere; see TestStories260K.
func TestStories260KCache(t *testing.T) {
	dir := os.Getenv("KAKEYA_STORIES260K")
	if dir == "" {
		t.Skip("KAKEYA_STORIES260K names no folder with the model")
	}
	g := openGolden(t, filepath.Join(dir, "kv_tinystories_512tok.safetensors"))
	ids, ok := g.file.Lookup("input_ids")
	if !ok {
		t.Fatal("no input_ids")
	}
	data, err := g.file.Bytes(ids)
	if err != nil {
		t.Fatal(err)
	}
	var tokens []int32
	for ; len(data) > 0; data = data[8:] {
		tokens = append(tokens, int32(binary.LittleEndian.Uint64(data)))
	}
	got := map[string][]float32{}
	s := load(t, dir).NewSession(llama.Options{Hook: func(layer, _ int, k, v []float32) {
		for kind, x := range map[string][]float32{"k": k, "v": v} {
			name := fmt.Sprintf("%s.%d", kind, layer)
			got[name] = append(got[name], x...)
		}
	}})
	if _, err := s.Forward(tokens); err != nil {
		t.Fatal(err)
	}
	for name, x := range got {
		isClose(t, name, x, g.floats(name), 1e-5)
	}
}

// best is the index of the largest value.
func best(x []float32) int {
	b := 0
	for i, v := range x {
		if v > x[b] {
			b = i
		}
	}
	return b
}
