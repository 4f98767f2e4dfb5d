package eval

import (
	"context"
	"fmt"
	"iter"

	"kakeyalattice/capture"
	"kakeyalattice/kv"
	"kakeyalattice/model/llama"
)

// llamaArm is an arm's session.
type llamaArm struct {
	*armState
	session *llama.Session
	coders  map[kv.Kind][]*coder // of the layers
}

// llama runs a model of the Llama family: text by text, and within a text block
// by block, the exact model before the arms.
func (p *Plan) llama(ctx context.Context) (*Outcome, error) {
	cfg, err := p.llamaConfig(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.short(cfg.MaxPositions); err != nil {
		return nil, err
	}
	dim := cfg.HeadDim
	if p.Token {
		dim *= cfg.KVHeads
	}
	out := &Outcome{Texts: make([]Scored, len(p.Texts))}
	states, err := p.states(map[kv.Kind]int{kv.Key: dim, kv.Value: dim}, cfg.Layers, out)
	if err != nil {
		return nil, err
	}
	coders, err := p.llamaCoders(ctx, states, dim, cfg.Layers)
	if err != nil {
		return nil, err
	}

	m, err := llama.Load(ctx, p.Model.Checkpoint)
	if err != nil {
		return nil, err
	}

	// The entries that the exact model wrote for the tokens of the block.
	width := cfg.KVHeads * cfg.HeadDim
	written := snapshots{first: 0, width: width, k: make([][]float32, cfg.Layers), v: make([][]float32, cfg.Layers)}
	options := llama.Options{Workers: p.workers()}
	if p.Mode == Snapshot {
		options.Hook = written.take
	}
	// The attention outputs of the exact model for the tokens of the block.
	block := blockTokens(cfg.VocabSize)
	outputs := make([]float32, cfg.Layers*block*cfg.HiddenSize)
	begin := 0
	output := func(layer, position int) []float32 {
		at := (layer*block + position - begin) * cfg.HiddenSize
		return outputs[at : at+cfg.HiddenSize]
	}
	options.Attention = func(layer, position int, x []float32) { copy(output(layer, position), x) }
	exact := m.NewSession(options)
	arms := make([]*llamaArm, len(states))
	text := 0
	for i, s := range states {
		a := &llamaArm{armState: s, coders: coders[i]}
		a.session = m.NewSession(llama.Options{Workers: p.workers(), Hook: func(layer, position int, k, v []float32) {
			if p.Mode == Snapshot {
				written.give(layer, position, k, v)
			}
			a.write(kv.Key, layer, text, k)
			a.write(kv.Value, layer, text, v)
		}, Attention: func(layer, position int, x []float32) {
			a.attended(layer, text, output(layer, position), x)
		}})
		arms[i] = a
	}
	score := &exactBlock{vocab: cfg.VocabSize, workers: p.workers()}
	done, total := 0, p.tokens()
	for text = range p.Texts {
		ids := p.Texts[text].IDs
		exact.Reset()
		for _, a := range arms {
			a.session.Reset()
		}
		for at := 0; at < len(ids); at += block {
			p.progress("tokens", done, total)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			part := ids[at:min(at+block, len(ids))]
			targets := ids[at+1 : min(at+block+1, len(ids))]
			written.begin(at)
			begin = at
			logits, err := exact.Forward(part)
			if err != nil {
				return nil, fmt.Errorf("passage %q: %w", p.Texts[text].Title, err)
			}
			out.Texts[text].add(score.set(logits, targets))
			for _, a := range arms {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				if a.failed != nil {
					continue
				}
				logits, err := a.session.Forward(part)
				if a.failed == nil && err != nil {
					a.fail(fmt.Errorf("eval: %s: passage %q: %w", a.out.Name(), p.Texts[text].Title, err))
				}
				if a.failed != nil {
					continue
				}
				var s Scored
				s, a.out.KL = score.compare(logits, a.out.KL)
				a.out.Texts[text].add(s)
			}
			if err := p.someLeft(states); err != nil {
				return nil, err
			}
			done += len(part)
		}
	}
	p.progress("tokens", total, total)
	return out, out.end(states)
}

func (p *Plan) llamaConfig(ctx context.Context) (*llama.Config, error) {
	text, err := p.Model.Config(ctx)
	if err != nil {
		return nil, err
	}
	cfg, err := llama.ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; DeepSeek-V4 is the other family that this program runs", p.Model.Name(), err)
	}
	return cfg, nil
}

// write codes the vectors of a token, until an error.
func (a *llamaArm) write(kind kv.Kind, layer, text int, x []float32) {
	layers, ok := a.coders[kind]
	if !ok || a.failed != nil {
		return
	}
	if err := a.code(layers[layer], kind, text, x); err != nil {
		a.fail(a.wrap(kind, layer, err))
	}
}

// snapshots are entries of a block: of each layer [n, width].
type snapshots struct {
	first, width int
	k, v         [][]float32
}

func (s *snapshots) begin(first int) {
	s.first = first
	for i := range s.k {
		s.k[i], s.v[i] = s.k[i][:0], s.v[i][:0]
	}
}

func (s *snapshots) take(layer, _ int, k, v []float32) {
	s.k[layer] = append(s.k[layer], k...)
	s.v[layer] = append(s.v[layer], v...)
}

func (s *snapshots) give(layer, position int, k, v []float32) {
	at := (position - s.first) * s.width
	copy(k, s.k[layer][at:])
	copy(v, s.v[layer][at:])
}

// llamaCoders makes the coders of each arm. Where a codec has a per-stream
// constant, the exact model is run over the texts first and the constant fitted to
// each stream of it.
func (p *Plan) llamaCoders(ctx context.Context, states []*armState, dim, layers int) ([]map[kv.Kind][]*coder, error) {
	all := make([]map[kv.Kind][]*coder, len(states))
	fits := false
	for i, a := range states {
		all[i] = map[kv.Kind][]*coder{}
		for _, kind := range a.out.Kinds {
			c, needsFit, err := newCoder(a.out.Spec(kind), dim)
			if err != nil {
				return nil, err
			}
			fits = fits || needsFit
			list := make([]*coder, layers)
			for l := range list {
				list[l] = c
			}
			all[i][kind] = list
		}
	}
	if !fits {
		countSide(states, all)
		return all, nil
	}
	opt := capture.Options{Workers: p.workers(), Temp: p.Temp}
	for l := range layers {
		opt.Layers = append(opt.Layers, l)
	}
	opt.Progress = func(done, total int) { p.progress("fitting", done, total) }
	source, err := capture.Llama(ctx, p.Model.Checkpoint, p.Texts, p.Token, opt)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	for _, stream := range source.Streams {
		for i, a := range states {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			list, ok := all[i][stream.Kind]
			if !ok {
				continue
			}
			c := list[stream.Layer]
			if _, needsFit, _ := newCoder(c.spec, dim); !needsFit {
				continue
			}
			var readErr error
			fitted, err := c.fit(passagesOf(stream, &readErr), p.margin())
			if readErr != nil {
				err = readErr
			}
			if err != nil {
				a.fail(a.wrap(stream.Kind, stream.Layer, err))
				continue
			}
			list[stream.Layer] = fitted
		}
	}
	countSide(states, all)
	return all, nil
}

// countSide counts the constants of the streams, once each.
func countSide(states []*armState, all []map[kv.Kind][]*coder) {
	for i, a := range states {
		for kind, list := range all[i] {
			for _, c := range list {
				a.kinds[kind].SideBits += int64(c.side)
			}
		}
	}
}

// passagesOf gives the vectors of a stream, text by text.
func passagesOf(s *kv.Stream, err *error) iter.Seq[[]float32] {
	return func(yield func([]float32) bool) {
		var x []float32
		for t := range s.Passages() {
			if x, *err = s.Read(x[:0], t); *err != nil || !yield(x) {
				return
			}
		}
	}
}
