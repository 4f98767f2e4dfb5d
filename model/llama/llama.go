// Package llama is the forward pass of the Llama family (Llama, Qwen2, Qwen3),
// with a hook on every key and value before it is cached.
//
// A [Model] is the weights; a [Session] runs one text through them, in blocks of
// tokens of any size: a token gives the same bits in any block, on any number of
// cores. All arithmetic is float32, with sums of squares, softmax and the
// activation in float64 inside. forward.go is the model from top to bottom.
package llama

import (
	"context"
	"fmt"

	"kakeyalattice/checkpoint"
)

// EmbeddingName is the tensor of the token embeddings, [vocab, hidden].
const EmbeddingName = "model.embed_tokens.weight"

// Model is a model's weights, as the checkpoint stores them. Sessions share it.
type Model struct {
	Config *Config

	embed  *checkpoint.Matrix // [vocab, hidden]
	layers []layer
	norm   []float32          // [hidden]
	head   *checkpoint.Matrix // [vocab, hidden], embed where they are tied
}

// layer is a transformer layer; w is [outputs, inputs].
type layer struct {
	attentionNorm, mlpNorm []float32 // [hidden]
	q, k, v, o             linear    // [heads*dim, hidden], [kvHeads*dim, hidden] twice, [hidden, heads*dim]
	qNorm, kNorm           []float32 // [dim], Qwen3; else nil
	gate, up, down         linear    // [intermediate, hidden] twice, [hidden, intermediate]
}

// linear is a linear map.
type linear struct {
	w    *checkpoint.Matrix
	bias []float32 // nil: none
}

// Load reads the model of a checkpoint. The weights stay where they are: the
// checkpoint must remain open for as long as the model is in use.
func Load(ctx context.Context, ck *checkpoint.Checkpoint) (*Model, error) {
	text, err := ck.Config(ctx)
	if err != nil {
		return nil, err
	}
	c, err := ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("llama: %s: %w", ck.Name(), err)
	}
	// What a remote checkpoint has to send is asked for at once.
	plan := &loader{ctx: ctx, ck: ck, names: []string{}}
	plan.model(c)
	if err := ck.Fetch(ctx, plan.names...); err != nil {
		return nil, err
	}
	l := &loader{ctx: ctx, ck: ck}
	m := l.model(c)
	return m, l.err
}

// loader reads tensors until one fails, or only collects their names.
type loader struct {
	ctx   context.Context
	ck    *checkpoint.Checkpoint
	names []string // nil: read
	err   error
}

func (l *loader) model(c *Config) *Model {
	m := &Model{
		Config: c,
		embed:  l.matrix(EmbeddingName, c.VocabSize, c.HiddenSize),
		norm:   l.vector("model.norm.weight", c.HiddenSize),
	}
	m.head = m.embed
	if !c.TieWordEmbeddings {
		m.head = l.matrix("lm_head.weight", c.VocabSize, c.HiddenSize)
	}
	for i := range c.Layers {
		if l.err != nil {
			return nil
		}
		m.layers = append(m.layers, l.layer(c, fmt.Sprintf("model.layers.%d.", i)))
	}
	return m
}

func (l *loader) layer(c *Config, prefix string) layer {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	qkvBias := c.AttentionBias || c.ModelType == "qwen2"
	outBias := c.AttentionBias && c.ModelType != "qwen2"
	y := layer{
		attentionNorm: l.vector(prefix+"input_layernorm.weight", c.HiddenSize),
		mlpNorm:       l.vector(prefix+"post_attention_layernorm.weight", c.HiddenSize),
		q:             l.linear(prefix+"self_attn.q_proj", q, c.HiddenSize, qkvBias),
		k:             l.linear(prefix+"self_attn.k_proj", kv, c.HiddenSize, qkvBias),
		v:             l.linear(prefix+"self_attn.v_proj", kv, c.HiddenSize, qkvBias),
		o:             l.linear(prefix+"self_attn.o_proj", c.HiddenSize, q, outBias),
		gate:          l.linear(prefix+"mlp.gate_proj", c.IntermediateSize, c.HiddenSize, c.MLPBias),
		up:            l.linear(prefix+"mlp.up_proj", c.IntermediateSize, c.HiddenSize, c.MLPBias),
		down:          l.linear(prefix+"mlp.down_proj", c.HiddenSize, c.IntermediateSize, c.MLPBias),
	}
	if c.ModelType == "qwen3" {
		y.qNorm = l.vector(prefix+"self_attn.q_norm.weight", c.HeadDim)
		y.kNorm = l.vector(prefix+"self_attn.k_norm.weight", c.HeadDim)
	}
	return y
}

func (l *loader) linear(name string, outputs, inputs int, bias bool) linear {
	y := linear{w: l.matrix(name+".weight", outputs, inputs)}
	if bias {
		y.bias = l.vector(name+".bias", outputs)
	}
	return y
}

func (l *loader) matrix(name string, rows, cols int) *checkpoint.Matrix {
	return read(l, name, func() (*checkpoint.Matrix, error) { return l.ck.Matrix(l.ctx, name, rows, cols) })
}

func (l *loader) vector(name string, n int) []float32 {
	return read(l, name, func() ([]float32, error) { return l.ck.Vector(l.ctx, name, n) })
}

func read[T any](l *loader, name string, f func() (T, error)) (v T) {
	switch {
	case l.names != nil:
		l.names = append(l.names, name)
	case l.err == nil:
		v, l.err = f()
	}
	return v
}
