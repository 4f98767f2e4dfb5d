package deepseek4

import (
	"context"
	"fmt"
	"slices"

	"kakeyalattice/checkpoint"
)

// Layer is the weights of one layer, as the checkpoint stores them, and the
// arithmetic that it is computed in. It is safe for concurrent use.
type Layer struct {
	cfg   *Config
	index int
	mode  Mode
	kv    *KVLayer // attn_norm, wkv and the compressors

	hcAttention hyper
	wqA         *checkpoint.Matrix   // [q_lora, hidden]
	qNorm       []float32            // [q_lora]
	wqB         *checkpoint.Matrix   // [heads*head_dim, q_lora]
	sink        []float32            // [heads]
	woA         []*checkpoint.Matrix // of each group, [o_lora, heads*head_dim/groups]
	woB         *checkpoint.Matrix   // [hidden, groups*o_lora]
	indexQ      *checkpoint.Matrix   // [index_heads*index_head_dim, q_lora], ratio 4 only
	indexWeight *checkpoint.Matrix   // [index_heads, hidden], ratio 4 only

	hcExperts hyper
	ffnNorm   []float32          // [hidden]
	gate      *checkpoint.Matrix // [experts, hidden]
	bias      []float32          // [experts], added where experts are chosen; nil: chosen by hash
	hash      []int64            // [vocab, experts per token]; nil: chosen by score
	routed    []expert
	shared    expert
}

// expert is the weights of one.
type expert struct{ w1, w2, w3 *checkpoint.Matrix } // gate [inter, hidden], down [hidden, inter], up [inter, hidden]

// LayerTensors names the tensors that [LoadLayer] reads; the scales of quantised
// ones belong to them.
func LayerTensors(cfg *Config, layer int) []string {
	names := KVTensors(cfg, layer, AllStreams)
	(&reader{names: &names}).layer(cfg, layer)
	if layer < cfg.HashLayers {
		names = append(names, hashName(layer))
	}
	return names
}

func hashName(layer int) string { return layerPrefix(layer) + "ffn.gate.tid2eid" }

// LoadLayer reads a backbone layer, to be computed in [Exact] arithmetic, with one
// request for each shard of a remote checkpoint. Weights stay where they are: the
// checkpoint must remain open for as long as the layer is in use. Errors name the
// tensor.
func LoadLayer(ctx context.Context, ck *checkpoint.Checkpoint, cfg *Config, layer int) (*Layer, error) {
	if layer < 0 || layer >= cfg.Layers {
		return nil, fmt.Errorf("deepseek4: layer %d of a model of %d", layer, cfg.Layers)
	}
	if err := cfg.checkForward(); err != nil {
		return nil, fmt.Errorf("deepseek4: config.json of %s: %w", ck.Name(), err)
	}
	if err := ck.Fetch(ctx, LayerTensors(cfg, layer)...); err != nil {
		return nil, fmt.Errorf("deepseek4: layer %d: %w", layer, err)
	}
	read := &reader{ctx: ctx, from: ck}
	l := read.layer(cfg, layer)
	err := read.err
	if err == nil {
		l.kv, err = loadKV(ctx, ck, cfg, layer, AllStreams)
	}
	if err == nil && layer < cfg.HashLayers {
		l.hash, err = readHash(ctx, ck, cfg, layer)
	}
	if err != nil {
		return nil, fmt.Errorf("deepseek4: layer %d: %w", layer, err)
	}
	return l.With(Exact), nil
}

// With is the same layer in other arithmetic; the weights are shared.
func (l *Layer) With(m Mode) *Layer {
	c := *l
	c.mode = m
	c.kv = l.kv.With(m.switches())
	return &c
}

// Index is the number of the layer.
func (l *Layer) Index() int { return l.index }

func readHash(ctx context.Context, ck *checkpoint.Checkpoint, cfg *Config, layer int) ([]int64, error) {
	name := hashName(layer)
	hash, err := ck.Int64s(ctx, name, cfg.VocabSize, cfg.ExpertsPerToken)
	if err != nil {
		return nil, err
	}
	for i, e := range hash {
		token, k := i/cfg.ExpertsPerToken, i%cfg.ExpertsPerToken
		if e < 0 || e >= int64(cfg.RoutedExperts) {
			return nil, fmt.Errorf("%s: token %d goes to expert %d of %d", name, token, e, cfg.RoutedExperts)
		}
		if slices.Contains(hash[i-k:i], e) {
			return nil, fmt.Errorf("%s: token %d goes to expert %d twice", name, token, e)
		}
	}
	return hash, nil
}

// layer reads what is no part of the KV path.
func (r *reader) layer(c *Config, layer int) *Layer {
	p := layerPrefix(layer)
	attn, ffn := p+"attn.", p+"ffn."
	l := &Layer{cfg: c, index: layer}

	l.hcAttention = r.hyper(p+"hc_attn_", c, 2+c.HCMult, 3)
	l.wqA = r.matrix(attn+"wq_a.weight", c.QLoraRank, c.HiddenSize)
	l.qNorm = r.vector(attn+"q_norm.weight", c.QLoraRank)
	l.wqB = r.matrix(attn+"wq_b.weight", c.Heads*c.HeadDim, c.QLoraRank)
	l.sink = r.vector(attn+"attn_sink", c.Heads)
	woA := r.matrix(attn+"wo_a.weight", c.OGroups*c.OLoraRank, c.Heads*c.HeadDim/c.OGroups)
	if woA != nil {
		for g := range c.OGroups {
			l.woA = append(l.woA, someRows(woA, g*c.OLoraRank, c.OLoraRank))
		}
	}
	l.woB = r.matrix(attn+"wo_b.weight", c.HiddenSize, c.OGroups*c.OLoraRank)
	if c.Ratio(layer) == RatioCSA {
		l.indexQ = r.matrix(attn+"indexer.wq_b.weight", c.IndexHeads*c.IndexHeadDim, c.QLoraRank)
		l.indexWeight = r.matrix(attn+"indexer.weights_proj.weight", c.IndexHeads, c.HiddenSize)
	}

	l.hcExperts = r.hyper(p+"hc_ffn_", c, 2+c.HCMult, 3)
	l.ffnNorm = r.vector(p+"ffn_norm.weight", c.HiddenSize)
	l.gate = r.matrix(ffn+"gate.weight", c.RoutedExperts, c.HiddenSize)
	if layer >= c.HashLayers {
		l.bias = r.vector(ffn+"gate.bias", c.RoutedExperts)
	}
	for e := range c.RoutedExperts {
		l.routed = append(l.routed, r.expert(fmt.Sprintf("%sexperts.%d.", ffn, e), c))
	}
	l.shared = r.expert(ffn+"shared_experts.", c)
	return l
}

func (r *reader) expert(prefix string, c *Config) expert {
	return expert{
		w1: r.matrix(prefix+"w1.weight", c.MoEIntermediate, c.HiddenSize),
		w2: r.matrix(prefix+"w2.weight", c.HiddenSize, c.MoEIntermediate),
		w3: r.matrix(prefix+"w3.weight", c.MoEIntermediate, c.HiddenSize),
	}
}

// someRows is n rows of a matrix from first on. Their scales are repeated for
// every row: the rows of a block need not begin one of m.
func someRows(m *checkpoint.Matrix, first, n int) *checkpoint.Matrix {
	part := *m
	part.Name = fmt.Sprintf("%s (rows %d to %d)", m.Name, first, first+n-1)
	part.Rows = n
	rowBytes := m.Format.RowBytes(m.Cols)
	part.Data = m.Data[first*rowBytes : (first+n)*rowBytes]
	if m.Scale != nil {
		part.Scale, part.BlockRows = nil, 1
		cols := m.ScaleCols()
		for r := first; r < first+n; r++ {
			at := r / m.BlockRows * cols
			part.Scale = append(part.Scale, m.Scale[at:at+cols]...)
		}
	}
	return &part
}
