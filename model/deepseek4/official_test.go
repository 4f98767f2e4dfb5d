package deepseek4

import (
	"context"
	"strings"
	"testing"

	"kakeyalattice/checkpoint"
	"kakeyalattice/minifloat"
)

// small gives the whole numbers from -span to span that official_kv.py makes
// weights of.
func small(salt, n, span int, value func(int) float32) []float32 {
	v := make([]float32, n)
	for i := range v {
		h := (uint32(i) + uint32(salt)*1000003) * 2654435761
		h = (h ^ h>>15) * 2246822519
		h = (h ^ h>>13) * 3266489917
		h ^= h >> 16
		v[i] = value(int(h%uint32(2*span+1)) - span)
	}
	return v
}

func per(unit float32) func(int) float32  { return func(k int) float32 { return float32(k) / unit } }
func norm(unit float32) func(int) float32 { return func(k int) float32 { return 1 + float32(k)/unit } }

// official is a checkpoint of the weights of official_kv.py; wkv is FP8.
type official struct{ memory }

func (o official) Matrix(ctx context.Context, name string, rows, cols int) (*checkpoint.Matrix, error) {
	m, err := o.memory.Matrix(ctx, name, rows, cols)
	if err != nil || strings.Contains(name, "compressor") {
		return m, err
	}
	m.Format, m.BlockRows, m.BlockCols, m.Data = checkpoint.FP8, 128, 128, nil
	for _, v := range o.memory[name].values {
		m.Data = append(m.Data, minifloat.E4M3FromFloat32(v))
	}
	for _, k := range small(3, 4, 2, per(1)) {
		m.Scale = append(m.Scale, uint8(127+int(k)))
	}
	return m, nil
}

func newOfficial(cfg *Config) official {
	m := memory{}
	h, d := cfg.HiddenSize, cfg.HeadDim
	for layer := range cfg.Layers {
		p := layerPrefix(layer) + "attn."
		m[attnNorm(layer)] = tensor{[]int{h}, small(5, h, 32, norm(64))}
		m[p+"wkv.weight"] = tensor{[]int{d, h}, small(2, d*h, 15, per(8))}
		m[p+"kv_norm.weight"] = tensor{[]int{d}, small(4, d, 32, norm(64))}
		ratio := cfg.Ratio(layer)
		add := func(prefix string, dim, salt int) {
			w := dim
			if ratio == RatioCSA {
				w = 2 * dim
			}
			m[prefix+"wkv.weight"] = tensor{[]int{w, h}, small(salt, w*h, 16, per(256))}
			m[prefix+"wgate.weight"] = tensor{[]int{w, h}, small(salt+1, w*h, 16, per(128))}
			m[prefix+"ape"] = tensor{[]int{ratio, w}, small(salt+2, ratio*w, 64, per(32))}
			m[prefix+"norm.weight"] = tensor{[]int{dim}, small(salt+3, dim, 32, norm(64))}
		}
		switch ratio {
		case RatioCSA:
			add(p+"compressor.", d, 10)
			add(p+"indexer.compressor.", cfg.IndexHeadDim, 30)
		case RatioHCA:
			add(p+"compressor.", d, 20)
		}
	}
	return official{m}
}

// testdata/official_kv.safetensors holds entries by the official program with
// all its roundings: tools/golden/deepseek4/official_kv.py.
func TestEntriesAreThoseOfTheOfficialProgram(t *testing.T) {
	g := golden(t, "official_kv.safetensors")
	cfg := flash()
	cfg.HiddenSize, cfg.HeadDim = 256, 192
	w := newOfficial(cfg)
	x := small(1, 300*cfg.HiddenSize, 128, per(64))
	var picked []int
	for t := 0; t < 300; t += 13 {
		picked = append(picked, t)
	}
	for layer, name := range []string{"swa", "", "csa", "hca"} {
		if name == "" {
			continue
		}
		l := load(t, w, cfg, layer, AllStreams)
		e := entries(t, l, project(t, l, x), upTo(300))
		served := l.Served(e)
		if name != "hca" { // whose window is that of csa
			alike(t, "window of "+name, rows(e.Window, 192, picked), g["window."+name].values)
			alike(t, "served window of "+name, rows(served.Window, 192, picked), g["window."+name+".served"].values)
		}
		if name != "swa" {
			alike(t, name, e.Compressed, g[name].values)
			alike(t, "served "+name, served.Compressed, g[name+".served"].values)
		}
		if name == "csa" {
			alike(t, "indexer", e.Indexer, g["indexer"].values)
			alike(t, "served indexer", served.Indexer, g["indexer.served"].values)
		}
	}
}

// alike wants the same bits, but for at most four values on which the float32
// softmax or norm of the official program fell to the other side: they are one
// bfloat16 step away.
func alike(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	differ := 0
	for i := range want {
		if got[i] == want[i] {
			continue
		}
		differ++
		if step := int(minifloat.BF16FromFloat32(got[i])) - int(minifloat.BF16FromFloat32(want[i])); step < -1 || step > 1 {
			t.Errorf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
	}
	t.Logf("%s: %d of %d values differ", what, differ, len(want))
	if differ > 4 {
		t.Errorf("%s: %d of %d values differ", what, differ, len(want))
	}
}
