package kv

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/safetensors"
)

func TestPassagesAreCutIntoBlocks(t *testing.T) {
	perHead := []safetensors.Entry{ramp("k.0", 0, 10, 4, 2), ramp("v.0", 500, 10, 4, 2)}
	for _, tt := range []struct {
		name    string
		opt     Options
		entries []safetensors.Entry
		tokens  []int
		titles  []string
		blocks  bool
		notices []string
	}{
		{
			name: "blocks that fit exactly", opt: Options{PassageVectors: 20}, entries: perHead,
			tokens: []int{5, 5}, titles: []string{"block 0 of a", "block 1 of a"}, blocks: true,
		},
		{
			name: "a remainder is left out", opt: Options{PassageVectors: 12}, entries: perHead,
			tokens: []int{3, 3, 3}, titles: []string{"block 0 of a", "block 1 of a", "block 2 of a"}, blocks: true,
			notices: []string{"left out: 4 of k.0, v.0"},
		},
		{
			name: "blocks are whole tokens", opt: Options{PassageVectors: 23}, entries: perHead,
			tokens: []int{5, 5}, titles: []string{"block 0 of a", "block 1 of a"}, blocks: true,
			notices: []string{"blocks hold 20 vectors, whole tokens of 4, where 23 were asked for"},
		},
		{
			name: "a block is at least one token", opt: Options{PassageVectors: 1, Tensors: []string{"k.0"}}, entries: []safetensors.Entry{ramp("k.0", 0, 2, 4, 2)},
			tokens: []int{1, 1}, titles: []string{"block 0 of a", "block 1 of a"}, blocks: true,
			notices: []string{"blocks hold 4 vectors"},
		},
		{
			name: "token vectors are cut by tokens", opt: Options{PassageVectors: 5, Vector: "token"}, entries: perHead,
			tokens: []int{5, 5}, titles: []string{"block 0 of a", "block 1 of a"}, blocks: true,
		},
		{
			name: "a passage that is a block stays whole", opt: Options{PassageVectors: 40}, entries: perHead,
			tokens: []int{10}, titles: []string{"a"},
		},
		{
			name: "a passage shorter than a block stays whole", opt: Options{PassageVectors: 1000}, entries: perHead,
			tokens: []int{10}, titles: []string{"a"},
		},
		{
			name: "every passage is cut by itself", opt: Options{PassageVectors: 2}, entries: []safetensors.Entry{ramp("x", 0, 10, 2), offsets("passages", 0, 5, 6, 10)},
			tokens: []int{2, 2, 1, 2, 2}, blocks: true, notices: []string{"left out: 1 of x"},
			titles: []string{"block 0 of passage 0", "block 1 of passage 0", "passage 1", "block 0 of passage 2", "block 1 of passage 2"},
		},
		{
			name: "a single block with a remainder is still a block", opt: Options{PassageVectors: 8}, entries: []safetensors.Entry{ramp("x", 0, 10, 2)},
			tokens: []int{8}, titles: []string{"block 0 of a"}, blocks: true, notices: []string{"left out: 2 of x"},
		},
		{
			name: "queries of more heads are cut at the same tokens", opt: Options{PassageVectors: 8},
			entries: []safetensors.Entry{ramp("k.0", 0, 6, 2, 2), ramp("q.0", 0, 6, 8, 2)},
			tokens:  []int{4}, titles: []string{"block 0 of a"}, blocks: true, notices: []string{"left out: 4 of k.0; 16 of q.0"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := one(t, tt.opt, nil, tt.entries...)
			if !slices.Equal(titles(src), tt.titles) || src.Blocks != tt.blocks {
				t.Errorf("titles %q, blocks %v; want %q, %v", titles(src), src.Blocks, tt.titles, tt.blocks)
			}
			for i, p := range src.Passages {
				if p.ID != i || p.Tokens != tt.tokens[i] {
					t.Errorf("passage %+v, want ID %d and %d tokens", p, i, tt.tokens[i])
				}
			}
			if len(src.Notices) != len(tt.notices) {
				t.Errorf("notices %q, want %d", src.Notices, len(tt.notices))
			}
			for _, n := range tt.notices {
				wantNotice(t, src, n)
			}
		})
	}
}

func TestBlocksFollowEachOther(t *testing.T) {
	src := one(t, Options{PassageVectors: 6}, nil, ramp("x", 0, 10, 2, 2), offsets("passages", 1, 10))
	want := []float32{4, 16, 28} // 3 tokens of 4 values a block, from token 1 on
	for p, first := range want {
		got := values(t, src.Streams[0], p)
		if len(got) != 12 || got[0] != first {
			t.Errorf("block %d is %v, want 12 values from %v on", p, got, first)
		}
	}
	if src.Streams[0].Passages() != len(want) {
		t.Errorf("%d blocks, want %d", src.Streams[0].Passages(), len(want))
	}
}

func TestNonFiniteValuesAreFound(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, tt := range []struct {
		name   string
		values []float32
		want   int
	}{
		{"none", nil, -1},
		{"finite values", []float32{0, -1, math.MaxFloat32, math.SmallestNonzeroFloat32}, -1},
		{"a NaN", []float32{0, nan}, 1},
		{"an infinity", []float32{0, 0, inf, nan}, 2},
		{"a negative infinity", []float32{-inf}, 0},
		{"a NaN with its sign set", []float32{math.Float32frombits(0xffc00001)}, 0},
	} {
		if got := FindNonFinite(tt.values); got != tt.want {
			t.Errorf("%s: index %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestNonFiniteErrorsSayWhere(t *testing.T) {
	nan := float32(math.NaN())
	a := []float32{0, 1, 2, 3, 4, 5, 6, 7}
	b := []float32{0, 1, 2, 3, 4, nan, 6, 7}
	dir := files{
		"a.safetensors": {safetensors.Float32s("k.3", []int{4, 2}, a)},
		"b.safetensors": {safetensors.Float32s("k.3", []int{4, 2}, b)},
	}.write(t, nil)
	src := mustOpen(t, paths(dir, "a.safetensors", "b.safetensors"), Options{})
	s := src.Streams[0]
	if err := CheckFinite(s, 0, values(t, s, 0)); err != nil {
		t.Error(err)
	}
	err := CheckFinite(s, 1, values(t, s, 1))
	var bad *NonFiniteError
	if !errors.As(err, &bad) || bad.Passage != 1 || bad.Vector != 2 || bad.Coord != 1 {
		t.Fatalf("error %v", err)
	}
	if !strings.Contains(err.Error(), "b.safetensors: k.3, passage 1: vector 2, coordinate 1 is NaN") {
		t.Errorf("error %q", err)
	}
	made := NewStream(Stream{Name: "made", Dim: 2, Heads: 1, HeadDim: 2}, []int{1}, nil)
	if err := CheckFinite(made, 0, []float32{1, nan}); err == nil || !strings.HasPrefix(err.Error(), "kv: made, passage 0: vector 0, coordinate 1 is NaN") {
		t.Errorf("error %v", err)
	}
}

func BenchmarkFindNonFinite(b *testing.B) {
	v := make([]float32, 1<<18)
	b.SetBytes(int64(4 * len(v)))
	for b.Loop() {
		if FindNonFinite(v) >= 0 {
			b.Fatal("found")
		}
	}
}

func BenchmarkRead(b *testing.B) {
	const tokens, dim = 2048, 512
	for _, dtype := range []safetensors.DType{safetensors.F32, safetensors.BF16} {
		b.Run(fmt.Sprint(dtype), func(b *testing.B) {
			src := one(b, Options{}, nil, safetensors.Raw("k.0", dtype, []int{tokens, dim}, make([]byte, tokens*dim*dtype.Size())))
			var values []float32
			b.SetBytes(tokens * dim * 4)
			for b.Loop() {
				var err error
				if values, err = src.Streams[0].Read(values, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
