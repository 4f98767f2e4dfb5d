package capture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"kakeyalattice/checkpoint"
	"kakeyalattice/kv"
	"kakeyalattice/model/deepseek4"
)

// Options are the choices that models share.
type Options struct {
	Layers []int // ascending
	// Want says whether a stream is wanted, by its name; nil: those that
	// attention reads.
	Want    func(name string) bool
	Workers int
	Temp    string // folder of the temporary file; empty: the system's
	Discard bool   // see Job
	// Progress is told how many parts of the work are done.
	Progress func(done, total int)
}

func (o *Options) progress(done, total int) {
	if o.Progress != nil {
		o.Progress(done, total)
	}
}

// component is one kind of entries of DeepSeek-V4.
type component struct {
	stream deepseek4.Streams
	kind   kv.Kind
	dim    int
	of     func(*deepseek4.Entries) []float32
}

// components lists what a layer writes, as streams.
func components(cfg *deepseek4.Config, layer int) []component {
	list := []component{{deepseek4.Window, kv.SWA, cfg.HeadDim, func(e *deepseek4.Entries) []float32 { return e.Window }}}
	compressed := component{deepseek4.Compressed, kv.HCA, cfg.HeadDim, func(e *deepseek4.Entries) []float32 { return e.Compressed }}
	switch cfg.Ratio(layer) {
	case deepseek4.RatioHCA:
		list = append(list, compressed)
	case deepseek4.RatioCSA:
		compressed.kind = kv.CSA
		list = append(list, compressed, component{deepseek4.Indexer, kv.Indexer, cfg.IndexHeadDim, func(e *deepseek4.Entries) []float32 { return e.Indexer }})
	}
	return list
}

// wanted is the components of a layer that the options ask for.
func wanted(cfg *deepseek4.Config, layer int, want func(string) bool) (list []component, streams deepseek4.Streams) {
	for _, c := range components(cfg, layer) {
		if want == nil && c.kind != kv.Indexer || want != nil && want(streamName(c.kind, layer)) {
			list = append(list, c)
			streams |= c.stream
		}
	}
	return list, streams
}

func streamName(kind kv.Kind, layer int) string { return fmt.Sprintf("%s.%d", kind, layer) }

// DeepSeek4Tensors names the tensors that [DeepSeek4] reads besides the
// embedding.
func DeepSeek4Tensors(cfg *deepseek4.Config, opt Options) []string {
	var names []string
	for _, layer := range opt.Layers {
		if _, streams := wanted(cfg, layer, opt.Want); streams != 0 {
			names = append(names, deepseek4.KVTensors(cfg, layer, streams)...)
		}
	}
	return names
}

// DeepSeek4 computes what layers of a DeepSeek-V4 write into their caches for
// the texts, from the hidden states given: streams swa.<layer>, csa.<layer>,
// hca.<layer> and indexer.<layer>, before the rounding of a cache format.
func DeepSeek4(ctx context.Context, ck *checkpoint.Checkpoint, cfg *deepseek4.Config, texts []Text, hidden Hidden, switches deepseek4.Switches, opt Options) (_ *kv.Source, err error) {
	// All at once, where they stay: in fewer requests than layer by layer.
	if !opt.Discard {
		if err := ck.Fetch(ctx, DeepSeek4Tensors(cfg, opt)...); err != nil {
			return nil, err
		}
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
	src := &kv.Source{
		Input:    kv.Input{Kind: "checkpoint", Name: ck.Name(), Fed: hidden.Fed(opt.Layers)},
		Passages: passages(texts),
		Counts:   counts(cfg),
		Close:    st.close,
	}
	var labels labels
	for done, layer := range opt.Layers {
		opt.progress(done, len(opt.Layers))
		list, streams := wanted(cfg, layer, opt.Want)
		if streams == 0 {
			continue
		}
		l, err := deepseek4.LoadKV(ctx, ck, cfg, layer, streams)
		if err != nil {
			return nil, err
		}
		drafts := make([]*draft, len(list))
		for i, c := range list {
			drafts[i] = newDraft(kv.Stream{
				Name: streamName(c.kind, layer), Kind: c.kind, Layer: layer,
				Dim: c.dim, Heads: 1, HeadDim: c.dim, RopeDims: cfg.RopeDim,
			}, len(texts))
		}
		if err := writeLayer(ctx, st, l.With(switches), hidden, layer, list, drafts, opt.Workers); err != nil {
			return nil, err
		}
		if opt.Discard {
			if err := ck.Discard(ctx, deepseek4.LayerTensors(cfg, layer)...); err != nil {
				return nil, err
			}
		}
		labels.add(layer, hidden.Label(layer))
		for _, d := range drafts {
			if p := slices.Index(d.tokens, 0); p >= 0 {
				src.Notices = append(src.Notices, fmt.Sprintf("stream %s is left out: passage %d, of %d tokens, completes no entry; use longer passages", d.Name, p, len(texts[p].IDs)))
				continue
			}
			src.Streams = append(src.Streams, d.stream(st))
		}
	}
	opt.progress(len(opt.Layers), len(opt.Layers))
	if len(src.Streams) == 0 {
		return nil, errors.New("capture: no stream is left; check the layers and the tensor patterns, and use longer passages")
	}
	src.Notices = append(src.Notices, labels.notices()...)
	return src, nil
}

// writeLayer computes the entries of one layer for all passages.
func writeLayer(ctx context.Context, st *store, l *deepseek4.KVLayer, hidden Hidden, layer int, list []component, drafts []*draft, workers int) error {
	for batch, err := range hidden.Batches(ctx, layer) {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		x := l.Norm(batch.X)
		n := 0
		for _, rows := range batch.Rows {
			n = max(n, slices.Max(rows)+1)
		}
		projected, err := l.Project(x, n, workers)
		if err != nil {
			return err
		}
		errs := make([]error, len(batch.Passages))
		each(len(batch.Passages), workers, func(i int) {
			if errs[i] = ctx.Err(); errs[i] != nil {
				return
			}
			entries, err := l.Entries(projected, batch.Rows[i])
			for c := 0; c < len(list) && err == nil; c++ {
				err = drafts[c].add(st, batch.Passages[i], list[c].of(entries))
			}
			errs[i] = err
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

// each calls f for 0..n-1 from up to workers goroutines.
func each(n, workers int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range max(min(workers, n), 1) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// counts is the layers of each kind in the whole model.
func counts(cfg *deepseek4.Config) kv.Counts {
	c := kv.Counts{Layers: map[kv.Kind]int{}, Caches: map[kv.Kind]int{}}
	for layer := range cfg.Layers {
		for _, part := range components(cfg, layer) {
			c.Caches[part.kind]++
		}
		switch cfg.Ratio(layer) {
		case deepseek4.RatioCSA:
			c.Layers[kv.CSA]++
		case deepseek4.RatioHCA:
			c.Layers[kv.HCA]++
		default:
			c.Layers[kv.SWA]++
		}
	}
	return c
}

// labels gathers the layers whose inputs have the same label.
type labels struct {
	order  []string
	layers map[string][]int
}

func (l *labels) add(layer int, label string) {
	if l.layers == nil {
		l.layers = map[string][]int{}
	}
	if l.layers[label] == nil {
		l.order = append(l.order, label)
	}
	l.layers[label] = append(l.layers[label], layer)
}

func (l *labels) notices() []string {
	var out []string
	for _, label := range l.order {
		list := l.layers[label]
		name := fmt.Sprintf("layer %d", list[0])
		if len(list) > 1 {
			name = fmt.Sprintf("%d layers from %d on", len(list), list[0])
		}
		out = append(out, "input of "+name+": "+label)
	}
	return out
}
