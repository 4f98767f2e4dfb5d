package deepseek4

import (
	"context"
	"fmt"
	"slices"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/kernel"
)

// Ends are what is before the first layer of a model and after the last.
type Ends struct {
	cfg   *Config
	mode  Mode
	embed *checkpoint.Matrix // [vocab, hidden]
	hc    hyper              // with weights to read alone
	norm  []float32          // [hidden]
	head  *checkpoint.Matrix // [vocab, hidden]
	l     *Layer             // whose arithmetic and errors are those of the ends
}

// EndTensors names the tensors that [LoadEnds] reads.
func EndTensors(cfg *Config) []string {
	names := []string{}
	(&reader{names: &names}).ends(cfg)
	return names
}

func (r *reader) ends(c *Config) *Ends {
	return &Ends{
		cfg:   c,
		embed: r.matrix("embed.weight", c.VocabSize, c.HiddenSize),
		hc:    r.hyper("hc_head_", c, 1, 1),
		norm:  r.vector("norm.weight", c.HiddenSize),
		head:  r.matrix("head.weight", c.VocabSize, c.HiddenSize),
	}
}

// LoadEnds reads the embedding and the head of a model; see [LoadLayer].
func LoadEnds(ctx context.Context, ck *checkpoint.Checkpoint, cfg *Config) (*Ends, error) {
	if err := cfg.checkForward(); err != nil {
		return nil, fmt.Errorf("deepseek4: config.json of %s: %w", ck.Name(), err)
	}
	if err := ck.Fetch(ctx, EndTensors(cfg)...); err != nil {
		return nil, fmt.Errorf("deepseek4: %w", err)
	}
	read := &reader{ctx: ctx, from: ck}
	e := read.ends(cfg)
	if read.err != nil {
		return nil, fmt.Errorf("deepseek4: %w", read.err)
	}
	return e.With(Exact), nil
}

// With is the same in other arithmetic.
func (e *Ends) With(m Mode) *Ends {
	c := *e
	c.mode = m
	c.l = &Layer{cfg: e.cfg, index: e.cfg.Layers, mode: m, kv: &KVLayer{cfg: e.cfg, layer: e.cfg.Layers}}
	return &c
}

// Embed sets x, [n, hc_mult, hidden], to the residual streams of tokens before the
// first layer: all are the embedding of the token.
func (e *Ends) Embed(x []float32, tokens []int32) error {
	hidden, k := e.cfg.HiddenSize, e.cfg.HCMult
	if len(x) != len(tokens)*k*hidden {
		return fmt.Errorf("deepseek4: %d values for %d tokens of %d streams of %d", len(x), len(tokens), k, hidden)
	}
	for i, t := range tokens {
		if t < 0 || int(t) >= e.cfg.VocabSize {
			return badToken(i, t, e.cfg)
		}
		first := row(x, i*k, hidden)
		e.embed.Row(first, int(t))
		e.mode.bf16(first)
		for j := 1; j < k; j++ {
			copy(row(x, i*k+j, hidden), first)
		}
	}
	if i := kernel.NonFinite(x); i >= 0 {
		return fmt.Errorf("deepseek4: %s: the row of token %d holds %v", e.embed.Name, tokens[i/(k*hidden)], x[i])
	}
	return nil
}

// Logits returns those of n tokens whose residual streams after the last layer are
// x, [n, hc_mult, hidden]: [n, vocab], valid until the next call with r.
func (e *Ends) Logits(r *Run, x []float32, n int) ([]float32, error) {
	if err := e.l.check(x, n); err != nil {
		return nil, err
	}
	r.hidden = grow(r.hidden, n*e.cfg.HiddenSize)
	if err := r.read(e.l, &e.hc, r.hidden, x, n); err != nil {
		return nil, err
	}
	r.normRows(e.l, r.hidden, e.norm)
	r.logits = grow(r.logits, n*e.cfg.VocabSize)
	return r.logits, r.mul(e.l, r.logits, r.hidden, n, e.head)
}

// badToken is the error of token i of a block.
func badToken(i int, token int32, c *Config) error {
	return fmt.Errorf("deepseek4: token %d of the block is %d, the model knows 0 to %d: is the tokenizer that of this model?", i, token, c.VocabSize-1)
}

// Model is a whole model, for checkpoints that fit in memory or are mapped into it.
// Sessions share it.
type Model struct {
	Config *Config
	ends   *Ends
	layers []*Layer
}

// Load reads the model of a checkpoint, which must remain open for as long as the
// model is in use.
func Load(ctx context.Context, ck *checkpoint.Checkpoint) (*Model, error) {
	text, err := ck.Config(ctx)
	if err != nil {
		return nil, err
	}
	c, err := ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("deepseek4: %s: %w", ck.Name(), err)
	}
	if err := c.checkForward(); err != nil {
		return nil, fmt.Errorf("deepseek4: config.json of %s: %w", ck.Name(), err)
	}
	// What a remote checkpoint has to send is asked for at once.
	names := EndTensors(c)
	for l := range c.Layers {
		names = slices.Concat(names, LayerTensors(c, l))
	}
	if err := ck.Fetch(ctx, names...); err != nil {
		return nil, fmt.Errorf("deepseek4: %w", err)
	}
	m := &Model{Config: c}
	if m.ends, err = LoadEnds(ctx, ck, c); err != nil {
		return nil, err
	}
	for i := range c.Layers {
		l, err := LoadLayer(ctx, ck, c, i)
		if err != nil {
			return nil, err
		}
		m.layers = append(m.layers, l)
	}
	return m, nil
}
