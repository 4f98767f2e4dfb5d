package deepseek4

import (
	"context"
	"fmt"
	"strings"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/kernel"
)

// Streams is a set of the kinds of entries that a layer writes.
type Streams uint8

const (
	Window     Streams = 1 << iota // the sliding window's, in every layer
	Compressed                     // the compressor's, in layers of ratio 4 or 128
	Indexer                        // the indexer's, in layers of ratio 4

	AllStreams = Window | Compressed | Indexer
)

func (s Streams) String() string {
	var names []string
	for i, name := range [...]string{"window", "compressed", "indexer"} {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "+")
}

// Streams are the kinds of entries that a backbone layer writes.
func (c *Config) Streams(layer int) Streams {
	switch c.Ratio(layer) {
	case RatioCSA:
		return Window | Compressed | Indexer
	case RatioHCA:
		return Window | Compressed
	default:
		return Window
	}
}

// KVTensors names the tensors that [LoadKV] reads for those of the streams
// that the layer has; the scales of quantised ones belong to them.
func KVTensors(cfg *Config, layer int, streams Streams) []string {
	attn := layerPrefix(layer) + "attn."
	names := []string{attnNorm(layer)}
	streams &= cfg.Streams(layer)
	if streams&Window != 0 {
		names = append(names, attn+"wkv.weight", attn+"kv_norm.weight")
	}
	for _, c := range compressors(layer) {
		if streams&c.stream != 0 {
			names = append(names, c.prefix+"wkv.weight", c.prefix+"wgate.weight", c.prefix+"ape", c.prefix+"norm.weight")
		}
	}
	return names
}

func layerPrefix(layer int) string { return fmt.Sprintf("layers.%d.", layer) }

func attnNorm(layer int) string { return layerPrefix(layer) + "attn_norm.weight" }

type compressorName struct {
	stream Streams
	prefix string
}

func compressors(layer int) [2]compressorName {
	attn := layerPrefix(layer) + "attn."
	return [2]compressorName{{Compressed, attn + "compressor."}, {Indexer, attn + "indexer.compressor."}}
}

// KVLayer is what a layer's KV entries are computed with. It is safe for
// concurrent use.
type KVLayer struct {
	cfg      *Config
	layer    int
	streams  Streams
	switches Switches

	attnNorm    []float32          // [hidden]
	wkv         *checkpoint.Matrix // [head_dim, hidden]; nil without Window
	kvNorm      []float32          // [head_dim]
	main, index *compressor        // nil without the stream
}

// LoadKV reads the weights of those of the streams that the layer has, with one
// request for each shard of a remote checkpoint. Errors name the tensor.
func LoadKV(ctx context.Context, ck *checkpoint.Checkpoint, cfg *Config, layer int, streams Streams) (*KVLayer, error) {
	if layer >= 0 && layer < cfg.Layers {
		if err := ck.Fetch(ctx, KVTensors(cfg, layer, streams)...); err != nil {
			return nil, fmt.Errorf("deepseek4: layer %d: %w", layer, err)
		}
	}
	return loadKV(ctx, ck, cfg, layer, streams)
}

// weights is what a layer is read from: a checkpoint.
type weights interface {
	Vector(ctx context.Context, name string, shape ...int) ([]float32, error)
	Matrix(ctx context.Context, name string, rows, cols int) (*checkpoint.Matrix, error)
}

func loadKV(ctx context.Context, w weights, cfg *Config, layer int, streams Streams) (*KVLayer, error) {
	if layer < 0 || layer >= cfg.Layers {
		return nil, fmt.Errorf("deepseek4: layer %d of a model of %d", layer, cfg.Layers)
	}
	l := &KVLayer{cfg: cfg, layer: layer, streams: streams & cfg.Streams(layer)}
	read := reader{ctx: ctx, from: w}
	l.attnNorm = read.vector(attnNorm(layer), cfg.HiddenSize)
	if l.streams&Window != 0 {
		attn := layerPrefix(layer) + "attn."
		l.wkv = read.matrix(attn+"wkv.weight", cfg.HeadDim, cfg.HiddenSize)
		l.kvNorm = read.vector(attn+"kv_norm.weight", cfg.HeadDim)
	}
	for _, c := range compressors(layer) {
		switch l.streams & c.stream {
		case Compressed:
			l.main = read.compressor(c.prefix, cfg, cfg.Ratio(layer), cfg.HeadDim)
		case Indexer:
			l.index = read.compressor(c.prefix, cfg, cfg.Ratio(layer), cfg.IndexHeadDim)
		}
	}
	if read.err != nil {
		return nil, fmt.Errorf("deepseek4: layer %d: %w", layer, read.err)
	}
	return l, nil
}

// With is the same layer with other switches; the weights are shared.
func (l *KVLayer) With(s Switches) *KVLayer {
	c := *l
	c.switches = s
	return &c
}

// Streams are the kinds of entries that the layer was loaded for.
func (l *KVLayer) Streams() Streams { return l.streams }

// reader reads weights until the first error, which it keeps; or it only
// collects their names.
type reader struct {
	ctx   context.Context
	from  weights
	names *[]string // nil: read
	err   error
}

// skips says that a tensor is not to be read.
func (r *reader) skips(name string) bool {
	if r.names != nil {
		*r.names = append(*r.names, name)
	}
	return r.names != nil || r.err != nil
}

func (r *reader) vector(name string, shape ...int) []float32 {
	if r.skips(name) {
		return nil
	}
	v, err := r.from.Vector(r.ctx, name, shape...)
	if i := kernel.NonFinite(v); err == nil && i >= 0 {
		err = fmt.Errorf("%s: value %d is %v", name, i, v[i])
	}
	r.err = err
	return v
}

func (r *reader) matrix(name string, rows, cols int) *checkpoint.Matrix {
	if r.skips(name) {
		return nil
	}
	m, err := r.from.Matrix(r.ctx, name, rows, cols)
	r.err = err
	return m
}

func (r *reader) compressor(prefix string, cfg *Config, ratio, dim int) *compressor {
	c := &compressor{dim: dim, ratio: ratio, overlap: ratio == RatioCSA}
	c.wkv = r.matrix(prefix+"wkv.weight", c.width(), cfg.HiddenSize)
	c.wgate = r.matrix(prefix+"wgate.weight", c.width(), cfg.HiddenSize)
	c.ape = r.vector(prefix+"ape", ratio, c.width())
	c.norm = r.vector(prefix+"norm.weight", dim)
	return c
}
