package eval

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kakeyalattice/kv"
	"kakeyalattice/model/deepseek4"
)

// v4 is a DeepSeek-V4 under evaluation. The exact model and all arms go through a
// layer before the next one is read, so that weights are read once.
type v4 struct {
	*Plan
	cfg   *deepseek4.Config
	run   deepseek4.Run
	width int // values in the residual streams of a token
	texts deepseek4.Texts
	exact []float32
	arms  []*v4Arm
	// runs are of texts of the exact model, and armRuns of arms, that are under way at
	// the same time.
	runs, armRuns []*deepseek4.Run
	overRuns      []*deepseek4.Run // of arms, where fewer are left than armRuns
	// outputs are those of the exact model's attention in the layer at hand,
	// [tokens, hidden].
	outputs []float32
	saved   time.Time     // when the state was written
	saving  time.Duration // how long that took
}

type v4Arm struct {
	*armState
	x []float32 // [tokens of all texts, hc_mult, hidden]
}

// entries are those of one layer, by stream, text by text.
type entries map[deepseek4.Streams][][]float32

func (p *Plan) deepSeek4(ctx context.Context) (*Outcome, error) {
	cfg, err := p.v4Config(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.short(cfg.MaxPositions); err != nil {
		return nil, err
	}
	out := &Outcome{Texts: make([]Scored, len(p.Texts))}
	begun, err := p.states(v4Dims(cfg), cfg.Layers, out)
	if err != nil {
		return nil, err
	}
	e := &v4{Plan: p, cfg: cfg, run: deepseek4.Run{Workers: p.workers()}, runs: deepseek4.Runs(p.Workers, len(p.Texts)), armRuns: deepseek4.Runs(p.Workers, len(p.Arms)), width: cfg.HCMult * cfg.HiddenSize}
	for _, t := range p.Texts {
		e.texts.Add(t.Title, t.IDs)
	}
	ends, err := deepseek4.LoadEnds(ctx, p.Model.Checkpoint, cfg)
	if err != nil {
		return nil, err
	}
	ends = ends.With(p.Arithmetic)
	e.exact = make([]float32, len(e.texts.IDs)*e.width)
	e.outputs = make([]float32, len(e.texts.IDs)*cfg.HiddenSize)
	if err := ends.Embed(e.exact, e.texts.IDs); err != nil {
		return nil, err
	}
	for _, s := range begun {
		e.arms = append(e.arms, &v4Arm{s, slices.Clone(e.exact)})
	}
	first, err := e.restore()
	if err != nil {
		return nil, err
	}
	if err := e.layers(ctx, first); err != nil {
		return nil, err
	}
	if err := e.score(ctx, ends, out); err != nil {
		return nil, err
	}
	return out, out.end(states(e.arms))
}

func (p *Plan) v4Config(ctx context.Context) (*deepseek4.Config, error) {
	text, err := p.Model.Config(ctx)
	if err != nil {
		return nil, err
	}
	cfg, err := deepseek4.ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Model.Name(), err)
	}
	return cfg, nil
}

// v4Kind is the kind of a layer's stream.
func v4Kind(cfg *deepseek4.Config, layer int, stream deepseek4.Streams) kv.Kind {
	switch {
	case stream == deepseek4.Window:
		return kv.SWA
	case stream == deepseek4.Indexer:
		return kv.Indexer
	case cfg.Ratio(layer) == deepseek4.RatioCSA:
		return kv.CSA
	}
	return kv.HCA
}

// v4Dims are the dimensions of the kinds that the model's layers have.
func v4Dims(cfg *deepseek4.Config) map[kv.Kind]int {
	dims := map[kv.Kind]int{}
	for l := range cfg.Layers {
		for _, stream := range v4Streams {
			if cfg.Streams(l)&stream != 0 {
				dims[v4Kind(cfg, l, stream)] = cfg.HeadDim
			}
		}
	}
	if _, ok := dims[kv.Indexer]; ok {
		dims[kv.Indexer] = cfg.IndexHeadDim
	}
	return dims
}

var v4Streams = [...]deepseek4.Streams{deepseek4.Window, deepseek4.Compressed, deepseek4.Indexer}

// layers takes the residual streams through the layers from first on. While one is
// computed the next is fetched.
func (e *v4) layers(ctx context.Context, first int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fetched := e.fetch(ctx, first)
	defer func() { <-fetched }()
	for l := first; l < e.cfg.Layers; l++ {
		e.progress("layers", l, e.cfg.Layers)
		err := <-fetched
		fetched = e.fetch(ctx, l+1)
		if err != nil {
			return err
		}
		layer, err := deepseek4.LoadLayer(ctx, e.Model.Checkpoint, e.cfg, l)
		if err != nil {
			return err
		}
		if err := e.layer(ctx, layer.With(e.Arithmetic)); err != nil {
			return err
		}
		if e.Discard {
			if err := e.Model.Discard(ctx, deepseek4.LayerTensors(e.cfg, l)...); err != nil {
				return err
			}
		}
		if err := e.save(l + 1); err != nil {
			return err
		}
	}
	e.progress("layers", e.cfg.Layers, e.cfg.Layers)
	return nil
}

// fetch begins to bring a layer; the channel gives its error, once, and is closed.
func (e *v4) fetch(ctx context.Context, layer int) chan error {
	done := make(chan error, 1)
	go func() {
		defer close(done)
		if layer < e.cfg.Layers {
			if err := e.Model.Fetch(ctx, deepseek4.LayerTensors(e.cfg, layer)...); err != nil {
				done <- fmt.Errorf("layer %d: %w", layer, err)
			}
		}
	}()
	return done
}

// layer takes the exact model and then the arms through a layer.
func (e *v4) layer(ctx context.Context, l *deepseek4.Layer) error {
	coders, fits, err := e.coders(l)
	if err != nil {
		return err
	}
	written := entries{}
	for _, stream := range v4Streams {
		written[stream] = make([][]float32, len(e.Texts))
	}
	var keep func(text int, w deepseek4.Write) (bool, error)
	if fits || e.Mode == Snapshot {
		keep = func(text int, w deepseek4.Write) (bool, error) {
			written[w.Stream][text] = append(written[w.Stream][text], w.Entries...)
			return false, nil
		}
	}
	err = e.texts.Forward(ctx, e.runs, l, e.exact, func(text int) (deepseek4.Hook, deepseek4.Tap) {
		done := e.texts.Begin(text) * e.cfg.HiddenSize
		tap := func(_ int, at deepseek4.Point, x []float32) {
			if at == deepseek4.AttentionOutput {
				done += copy(e.outputs[done:], x)
			}
		}
		if keep == nil {
			return nil, tap
		}
		return func(w deepseek4.Write) (bool, error) { return keep(text, w) }, tap
	})
	if err != nil {
		return err
	}
	for i, a := range e.arms {
		for stream, c := range coders[i] {
			if _, needsFit, _ := newCoder(c.spec, c.dim); !needsFit || !slices.ContainsFunc(written[stream], func(x []float32) bool { return len(x) > 0 }) {
				continue // a stream of no entries: the texts are shorter than a block
			}
			fitted, err := c.fit(slices.Values(written[stream]), e.margin())
			if err != nil {
				a.fail(a.wrap(v4Kind(e.cfg, l.Index(), stream), l.Index(), err))
				break
			}
			coders[i][stream] = fitted
			a.kinds[v4Kind(e.cfg, l.Index(), stream)].SideBits += int64(fitted.side)
		}
	}
	e.each(func(r *deepseek4.Run, i int, a *v4Arm) {
		code := func(text int, w deepseek4.Write) (bool, error) {
			if e.Mode == Snapshot {
				copy(w.Entries, written[w.Stream][text][w.First*w.Dim:])
			}
			c, ok := coders[i][w.Stream]
			if !ok {
				return true, nil
			}
			kind := v4Kind(e.cfg, w.Layer, w.Stream)
			if err := a.code(c, kind, text, w.Entries); err != nil {
				return false, a.wrap(kind, w.Layer, err)
			}
			return true, nil
		}
		// One text after the other: bytes are hashed in the order of writing.
		err := e.texts.Forward(ctx, []*deepseek4.Run{r}, l, a.x, func(text int) (deepseek4.Hook, deepseek4.Tap) {
			return func(w deepseek4.Write) (bool, error) { return code(text, w) }, e.compare(a, l.Index(), text)
		})
		if err != nil && ctx.Err() == nil {
			a.fail(err)
		}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	return e.someLeft(states(e.arms))
}

// each calls f for every arm that has not failed, for as many at the same time as
// there are runs of arms. Those left over at the end share all cores.
func (e *v4) each(f func(r *deepseek4.Run, i int, a *v4Arm)) {
	var left []int
	for i, a := range e.arms {
		if a.failed == nil {
			left = append(left, i)
		}
	}
	share := func(runs []*deepseek4.Run, arms []int) {
		// An arm keeps its error, which ends no other.
		_ = deepseek4.OnRuns(runs, len(arms), func(r *deepseek4.Run, n int) error {
			f(r, arms[n], e.arms[arms[n]])
			return nil
		})
	}
	over := len(left) % len(e.armRuns)
	share(e.armRuns, left[:len(left)-over])
	if over > 0 {
		if len(e.overRuns) != over {
			e.overRuns = deepseek4.Runs(e.Workers, over)
		}
		share(e.overRuns, left[len(left)-over:])
	}
}

// compare is the tap that sets the attention outputs of an arm for a text in a layer
// beside those of the exact model.
func (e *v4) compare(a *v4Arm, layer, text int) deepseek4.Tap {
	done := e.texts.Begin(text) * e.cfg.HiddenSize
	return func(_ int, at deepseek4.Point, x []float32) {
		if at != deepseek4.AttentionOutput {
			return
		}
		a.attended(layer, text, e.outputs[done:done+len(x)], x)
		done += len(x)
	}
}

// states are the arms without what is a DeepSeek-V4's.
func states(arms []*v4Arm) []*armState {
	list := make([]*armState, len(arms))
	for i, a := range arms {
		list[i] = a.armState
	}
	return list
}

// coders are those of a layer for each arm, by stream; fits says that some of them
// lack their per-stream constants.
func (e *v4) coders(l *deepseek4.Layer) (all []map[deepseek4.Streams]*coder, fits bool, err error) {
	for _, a := range e.arms {
		own := map[deepseek4.Streams]*coder{}
		for _, stream := range v4Streams {
			if e.cfg.Streams(l.Index())&stream == 0 {
				continue
			}
			w := a.kinds[v4Kind(e.cfg, l.Index(), stream)]
			if w == nil {
				continue
			}
			c, needsFit, err := newCoder(a.out.Spec(w.Kind), w.Dim)
			if err != nil {
				return nil, false, err
			}
			if own[stream] = c; needsFit {
				fits = true
			} else {
				w.SideBits += int64(c.side)
			}
		}
		all = append(all, own)
	}
	return all, fits, nil
}

func (e *v4) rows(x []float32, at, n int) []float32 { return x[at*e.width : (at+n)*e.width] }

// score compares the predictions of the arms with those of the exact model.
func (e *v4) score(ctx context.Context, ends *deepseek4.Ends, out *Outcome) error {
	block := blockTokens(e.cfg.VocabSize)
	score := &exactBlock{vocab: e.cfg.VocabSize, workers: e.workers()}
	ids := e.texts.IDs
	for t := range e.Texts {
		end := e.texts.Ends[t] - 1 // nothing follows the last token
		for at := e.texts.Begin(t); at < end; at += block {
			e.progress("predictions", at, len(ids))
			if err := ctx.Err(); err != nil {
				return err
			}
			n := min(block, end-at)
			logits, err := ends.Logits(&e.run, e.rows(e.exact, at, n), n)
			if err != nil {
				return err
			}
			out.Texts[t].add(score.set(logits, ids[at+1:at+1+n]))
			for _, a := range e.arms {
				if a.failed != nil {
					continue
				}
				if logits, err = ends.Logits(&e.run, e.rows(a.x, at, n), n); err != nil {
					a.fail(fmt.Errorf("eval: %s: %w", a.out.Name(), err))
					continue
				}
				var s Scored
				s, a.out.KL = score.compare(logits, a.out.KL)
				a.out.Texts[t].add(s)
			}
		}
	}
	e.progress("predictions", len(ids), len(ids))
	return nil
}
