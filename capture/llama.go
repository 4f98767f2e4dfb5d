package capture

import (
	"context"
	"fmt"

	"kakeyalattice/checkpoint"
	"kakeyalattice/kv"
	"kakeyalattice/model/llama"
)

// block is the number of tokens that go through a model of the Llama family at
// a time.
const block = 256

// llama captures the model of a job.
func (j *Job) llama(ctx context.Context, m *Model) (*kv.Source, error) {
	cfg, err := llama.ParseConfig(m.config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; DeepSeek-V4 is the other family that this program runs", m.Name(), err)
	}
	if j.Hidden != "" || j.HostLayer != 0 || j.Projection != "" {
		return nil, fmt.Errorf("capture: --hidden, --host and their like are for a DeepSeek-V4; %s is run in full", m.Name())
	}
	layers, err := parseLayersOrAll(j.Layers, cfg.Layers)
	if err != nil {
		return nil, err
	}
	texts, err := j.texts(ctx, m)
	if err != nil {
		return nil, err
	}
	return Llama(ctx, m.Checkpoint, texts, j.Vector == "token", j.options(layers))
}

// Llama runs a model of the Llama family over the texts and returns the keys,
// values and queries of the layers: streams k.<layer>, v.<layer> and q.<layer>.
// A vector is one head of a token, or with token all heads of one.
func Llama(ctx context.Context, ck *checkpoint.Checkpoint, texts []Text, token bool, opt Options) (_ *kv.Source, err error) {
	m, err := llama.Load(ctx, ck)
	if err != nil {
		return nil, err
	}
	st, err := newStore(opt.Temp)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			st.close()
		}
	}()
	r := &recorder{layers: map[int]*recorded{}}
	last := 0
	for _, layer := range opt.Layers {
		last = layer + 1
		l := &recorded{}
		for i, kind := range []kv.Kind{kv.Key, kv.Value, kv.Query} {
			heads := m.Config.KVHeads
			if kind == kv.Query {
				heads = m.Config.Heads
			}
			name := streamName(kind, layer)
			if opt.Want != nil && !opt.Want(name) && kind != kv.Query {
				continue
			}
			s := kv.Stream{Name: name, Kind: kind, Layer: layer, Dim: m.Config.HeadDim, Heads: heads, HeadDim: m.Config.HeadDim}
			if token {
				s.Dim *= heads
			}
			l[i] = &recording{draft: newDraft(s, len(texts))}
		}
		r.layers[layer] = l
	}
	session := m.NewSession(llama.Options{
		Workers: opt.Workers,
		Layers:  last,
		Hook:    func(layer, _ int, k, v []float32) { r.take(layer, 0, k); r.take(layer, 1, v) },
		Query:   func(layer, _ int, q []float32) { r.take(layer, 2, q) },
	})
	for p, text := range texts {
		opt.progress(p, len(texts))
		session.Reset()
		if err := runText(ctx, session, text, func([]float32) {}); err != nil {
			return nil, err
		}
		if err := r.end(st, p); err != nil {
			return nil, err
		}
	}
	opt.progress(len(texts), len(texts))
	src := &kv.Source{
		Input:    kv.Input{Kind: "checkpoint", Name: ck.Name()},
		Passages: passages(texts),
		Close:    st.close,
	}
	for _, layer := range opt.Layers {
		for _, s := range r.layers[layer] {
			if s != nil {
				src.Streams = append(src.Streams, s.draft.stream(st))
			}
		}
	}
	return src, nil
}

// runText sends a text through the layers of a session and hands over the
// hidden states of every block.
func runText(ctx context.Context, s *llama.Session, text Text, use func(x []float32)) error {
	for at := 0; at < len(text.IDs); at += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		x, err := s.Hidden(text.IDs[at:min(at+block, len(text.IDs))])
		if err != nil {
			return fmt.Errorf("passage %q: %w", text.Title, err)
		}
		use(x)
	}
	return nil
}

// recorder gathers the vectors of one passage.
type recorder struct{ layers map[int]*recorded }

// recorded is the keys, values and queries of a layer; nil where not wanted.
type recorded [3]*recording

type recording struct {
	draft  *draft
	values []float32
}

func (r *recorder) take(layer, part int, x []float32) {
	l := r.layers[layer]
	if l == nil || l[part] == nil {
		return
	}
	l[part].values = append(l[part].values, x...)
}

// end stores what was gathered as passage p.
func (r *recorder) end(st *store, p int) error {
	for _, l := range r.layers {
		for _, s := range l {
			if s == nil {
				continue
			}
			if err := s.draft.add(st, p, s.values); err != nil {
				return err
			}
			s.values = s.values[:0]
		}
	}
	return nil
}

// HostLayer is the hidden states of another model after so many of its layers,
// projected.
func HostLayer(ctx context.Context, host *checkpoint.Checkpoint, layers int, texts []Text, p Projection, workers int) (Hidden, error) {
	m, err := llama.Load(ctx, host)
	if err != nil {
		return nil, err
	}
	if layers > m.Config.Layers {
		return nil, fmt.Errorf("capture: --host-layer %d: %s has %d layers", layers, host.Name(), m.Config.Layers)
	}
	session := m.NewSession(llama.Options{Workers: workers, Layers: layers})
	states := make([][]float32, len(texts))
	for i, text := range texts {
		session.Reset()
		if err := runText(ctx, session, text, func(x []float32) { states[i] = append(states[i], x...) }); err != nil {
			return nil, err
		}
		states[i] = p.apply(states[i], len(text.IDs), workers)
	}
	label := fmt.Sprintf("hidden states of %s after %d layers through %s", host.Name(), layers, p.Label)
	return &dense{
		passages: len(texts),
		hidden:   p.Matrix.Rows,
		fed:      "hidden states of " + host.Name(),
		label:    func(int) string { return label },
		read: func(_ context.Context, _, passage int) ([]float32, error) {
			return states[passage], nil
		},
	}, nil
}
