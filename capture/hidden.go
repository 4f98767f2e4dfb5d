package capture

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"kakeyalattice/checkpoint"
	"kakeyalattice/kv"
	"kakeyalattice/model/deepseek4"
	"kakeyalattice/model/llama"
)

// Hidden is the input of the attention of each layer, before its norm.
type Hidden interface {
	// Batches yields inputs until every passage had its turn.
	Batches(ctx context.Context, layer int) iter.Seq2[*Batch, error]
	// Label says in a few words what the inputs of a layer are.
	Label(layer int) string
	// Fed is what the layers are fed where that is not what the whole model
	// would feed them; empty where it is.
	Fed(layers []int) string
}

// Batch is the inputs of a few passages.
type Batch struct {
	X []float32 // [rows, hidden]
	// Passages lists the passages, and Rows, per passage, the row of X of each
	// token. Tokens with the same input share a row, so that what depends on
	// the input alone is computed once.
	Passages []int
	Rows     [][]int
}

// embedded is a Hidden of token embeddings: the same for all layers.
type embedded struct {
	batch Batch
	label func(layer int) string
	fed   func(layers []int) string
}

func (h *embedded) Label(layer int) string  { return h.label(layer) }
func (h *embedded) Fed(layers []int) string { return h.fed(layers) }

func (h *embedded) Batches(context.Context, int) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) { yield(&h.batch, nil) }
}

// Distinct lists the tokens of texts in ascending order, each once.
func Distinct(texts []Text) []int {
	seen := map[int32]bool{}
	for _, t := range texts {
		for _, id := range t.IDs {
			seen[id] = true
		}
	}
	ids := make([]int, 0, len(seen))
	for id := range seen {
		ids = append(ids, int(id))
	}
	slices.Sort(ids)
	return ids
}

// index gives every token of the texts its row among the distinct ones.
func index(texts []Text, distinct []int) (passages []int, rows [][]int) {
	at := make(map[int32]int, len(distinct))
	for i, id := range distinct {
		at[int32(id)] = i
	}
	for p, t := range texts {
		r := make([]int, len(t.IDs))
		for i, id := range t.IDs {
			r[i] = at[id]
		}
		passages, rows = append(passages, p), append(rows, r)
	}
	return passages, rows
}

// SelfEmbedding is the model's own token embeddings: exact for layer 0, whose
// input is the embedding up to a positive factor that its norm removes; for
// deeper layers an input that no preceding layer has touched.
func SelfEmbedding(ctx context.Context, ck *checkpoint.Checkpoint, name string, hidden int, texts []Text) (Hidden, error) {
	distinct := Distinct(texts)
	x, err := ck.Rows(ctx, name, hidden, distinct)
	if err != nil {
		return nil, err
	}
	h := &embedded{label: func(layer int) string {
		if layer == 0 {
			return "own embedding: exact"
		}
		return "own embedding, no preceding layers"
	}, fed: func(layers []int) string {
		if len(layers) == 1 && layers[0] == 0 {
			return ""
		}
		return "its own embeddings"
	}}
	h.batch.X = x
	h.batch.Passages, h.batch.Rows = index(texts, distinct)
	return h, nil
}

// HostEmbedding is the token embeddings of another model, projected: the
// recipe of the reference.
func HostEmbedding(ctx context.Context, host *checkpoint.Checkpoint, cfg *llama.Config, texts []Text, p Projection, workers int) (Hidden, error) {
	distinct := Distinct(texts)
	x, err := host.Rows(ctx, llama.EmbeddingName, cfg.HiddenSize, distinct)
	if err != nil {
		return nil, err
	}
	label := fmt.Sprintf("token embeddings of %s through %s; no transformer layers", host.Name(), p.Label)
	h := &embedded{
		label: func(int) string { return label },
		fed:   func([]int) string { return "embeddings of " + host.Name() },
	}
	h.batch.X = p.apply(x, len(distinct), workers)
	h.batch.Passages, h.batch.Rows = index(texts, distinct)
	return h, nil
}

// dense is a Hidden whose every token has an input of its own.
type dense struct {
	passages int
	read     func(ctx context.Context, layer, passage int) ([]float32, error)
	hidden   int
	label    func(layer int) string
	fed      string
}

func (h *dense) Label(layer int) string { return h.label(layer) }
func (h *dense) Fed([]int) string       { return h.fed }

func (h *dense) Batches(ctx context.Context, layer int) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		for p := range h.passages {
			x, err := h.read(ctx, layer, p)
			if err != nil {
				yield(nil, err)
				return
			}
			rows := make([]int, len(x)/h.hidden)
			for i := range rows {
				rows[i] = i
			}
			if !yield(&Batch{X: x, Passages: []int{p}, Rows: [][]int{rows}}, nil) {
				return
			}
		}
	}
}

// forward is a Hidden of a DeepSeek-V4's own forward pass. Layers are asked for in
// ascending order; the residual streams of all texts are taken through those below.
type forward struct {
	ck      *checkpoint.Checkpoint
	cfg     *deepseek4.Config
	runs    []*deepseek4.Run
	texts   *deepseek4.Texts
	streams []float32 // [tokens, hc_mult, hidden], before layer at
	at      int
	layer   *deepseek4.Layer // number at, or nil
	fetched chan error       // of layer at, begun while the one before was computed; or nil
	discard bool
}

// ForwardOptions are the choices of a [ForwardPass].
type ForwardOptions struct {
	Workers int
	Discard bool // see Job
}

// ForwardPass is the hidden states of the whole model: before each layer, what the
// layers below make of the texts.
func ForwardPass(ctx context.Context, ck *checkpoint.Checkpoint, cfg *deepseek4.Config, texts []Text, opt ForwardOptions) (Hidden, error) {
	ends, err := deepseek4.LoadEnds(ctx, ck, cfg)
	if err != nil {
		return nil, err
	}
	h := &forward{ck: ck, cfg: cfg, texts: &deepseek4.Texts{}, runs: deepseek4.Runs(opt.Workers, len(texts)), discard: opt.Discard}
	for _, t := range texts {
		if n := cfg.MaxPositions; n > 0 && len(t.IDs) > n {
			return nil, fmt.Errorf("capture: passage %q: %w: %d tokens, the model has %d positions; give --seqlen %d", t.Title, deepseek4.ErrTooLong, len(t.IDs), n, n)
		}
		h.texts.Add(t.Title, t.IDs)
	}
	h.streams = make([]float32, len(h.texts.IDs)*cfg.HCMult*cfg.HiddenSize)
	return h, ends.Embed(h.streams, h.texts.IDs)
}

func (h *forward) Label(int) string { return "the model's own forward pass: exact" }
func (h *forward) Fed([]int) string { return "" }

func (h *forward) Batches(ctx context.Context, layer int) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if err := h.advance(ctx, layer); err != nil {
			yield(nil, err)
			return
		}
		states := &dense{passages: len(h.texts.Ends), hidden: h.cfg.HiddenSize, read: h.read}
		states.Batches(ctx, layer)(yield)
	}
}

// advance takes the streams to a layer.
func (h *forward) advance(ctx context.Context, layer int) error {
	if layer < h.at {
		return fmt.Errorf("capture: layer %d is asked for after layer %d", layer, h.at)
	}
	for {
		if h.layer == nil {
			if h.fetched != nil {
				if err := <-h.fetched; err != nil {
					return err
				}
			}
			l, err := deepseek4.LoadLayer(ctx, h.ck, h.cfg, h.at)
			if err != nil {
				return err
			}
			h.layer = l
		}
		if h.at == layer {
			return nil
		}
		h.fetched = make(chan error, 1)
		go func(next int) { h.fetched <- h.ck.Fetch(ctx, deepseek4.LayerTensors(h.cfg, next)...) }(h.at + 1)
		if err := h.texts.Forward(ctx, h.runs, h.layer, h.streams, nil); err != nil {
			<-h.fetched
			return err
		}
		if h.discard {
			if err := h.ck.Discard(ctx, deepseek4.LayerTensors(h.cfg, h.at)...); err != nil {
				<-h.fetched
				return err
			}
		}
		h.at, h.layer = h.at+1, nil
	}
}

func (h *forward) read(_ context.Context, _, passage int) ([]float32, error) {
	begin, end := h.texts.Begin(passage), h.texts.Ends[passage]
	width := h.cfg.HCMult * h.cfg.HiddenSize
	x := make([]float32, (end-begin)*h.cfg.HiddenSize)
	return x, h.layer.Hidden(h.runs[0], x, h.streams[begin*width:end*width], end-begin)
}

// HiddenFile is hidden states that somebody dumped: tensors hidden.<layer>
// [tokens, hidden], or one tensor hidden for all layers, in a KV dump with its
// passages.
func HiddenFile(src *kv.Source, hidden int) (Hidden, error) {
	byName := map[string]*kv.Stream{}
	for _, s := range src.Streams {
		byName[s.Name] = s
		if s.Heads*s.HeadDim != hidden {
			return nil, fmt.Errorf("capture: %s: tensor %s has rows of %d values, the model's hidden size is %d", src.Input.Name, s.Name, s.Heads*s.HeadDim, hidden)
		}
	}
	find := func(layer int) *kv.Stream {
		if s := byName[fmt.Sprintf("hidden.%d", layer)]; s != nil {
			return s
		}
		return byName["hidden"]
	}
	return &dense{
		passages: len(src.Passages),
		hidden:   hidden,
		label: func(layer int) string {
			if s := find(layer); s != nil {
				return fmt.Sprintf("tensor %s of %s", s.Name, src.Input.Name)
			}
			return "missing"
		},
		read: func(_ context.Context, layer, passage int) ([]float32, error) {
			s := find(layer)
			if s == nil {
				return nil, fmt.Errorf("capture: %s has no tensor hidden.%d (nor hidden, for all layers)", src.Input.Name, layer)
			}
			x, err := s.Read(nil, passage)
			if err != nil {
				return nil, err
			}
			return x, kv.CheckFinite(s, passage, x)
		},
	}, nil
}
