package main

import (
	"context"
	"os"
	"sync"

	"kakeyalattice/capture"
	"kakeyalattice/checkpoint"
	"kakeyalattice/corpus"
	"kakeyalattice/hub"
	"kakeyalattice/kv"
	"kakeyalattice/nano"
	"kakeyalattice/protocol"
	"kakeyalattice/tokenizer"
)

// textFlags say which model to run over which texts.
type textFlags struct {
	Model    string   `placeholder:"DIR|ORG/NAME" help:"Model to run: a folder, or ORG/NAME[@REV] on the Hugging Face Hub, of which only the tensors needed are fetched, or nano, the built-in one, the default."`
	Text     []string `sep:"none" placeholder:"FILE|DIR" help:"Texts for the model: .txt (one passage), .jsonl, a WikiText file, a folder. Repeatable. Default: eight built-in passages."`
	Passages int      `placeholder:"N" help:"Take the first N passages."`
	SeqLen   *int     `name:"seqlen" placeholder:"TOKENS" help:"Most tokens of a passage; 0 takes all. Default 2048; of eval with the built-in model 1024."`
}

// passages are the texts of the flags.
func (f *textFlags) passages() ([]corpus.Passage, error) {
	if f.Passages < 0 || f.SeqLen != nil && *f.SeqLen < 0 {
		return nil, usagef("--passages and --seqlen take positive numbers")
	}
	texts := corpus.Builtin()
	if len(f.Text) > 0 {
		var err error
		if texts, err = corpus.Open(f.Text); err != nil {
			return nil, err
		}
	}
	if f.Passages > len(texts) {
		return nil, usagef("--passages %d: there are %d", f.Passages, len(texts))
	}
	if f.Passages > 0 {
		texts = texts[:f.Passages]
	}
	return texts, nil
}

// tokens is the most that a passage has, usual where the user does not say.
func (f *textFlags) tokens(usual int) int {
	if f.SeqLen != nil {
		return *f.SeqLen
	}
	return usual
}

// open opens the model and encodes the passages; the caller closes the model.
func (f *textFlags) open(ctx context.Context, s *stages, tokens int) (_ *capture.Model, _ []capture.Text, err error) {
	passages, err := f.passages()
	if err != nil {
		return nil, nil, err
	}
	files, err := s.files(ctx, f.Model)
	if err != nil {
		return nil, nil, err
	}
	m, err := capture.OpenModel(ctx, files)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	tok, err := m.Tokenizer(ctx)
	if err != nil {
		return nil, nil, err
	}
	encode := func(text string) []int32 {
		return tok.EncodeWith(text, tokenizer.EncodeOptions{AddSpecial: true})
	}
	texts, err := capture.Texts(encode, passages, capture.TextOptions{Tokens: tokens})
	return m, texts, err
}

// modelFlags say what a capture does; the same for every command that takes KV
// streams from a model.
type modelFlags struct {
	textFlags  `embed:""`
	Layers     string   `placeholder:"LIST" help:"Layers: numbers and ranges, all, or kinds (swa, csa, hca). Default: 0,2,3 of a DeepSeek-V4, all of another model and of the built-in one."`
	Host       string   `placeholder:"MODEL" help:"Where a DeepSeek-V4's hidden states come from: forward (its own layers), embedding (its own embeddings: exact for layer 0), self (forward where all layers are asked for, else embedding; the default), or another model."`
	HostLayer  int      `placeholder:"N" help:"Hidden states after N layers of the host. Default 0: its token embeddings."`
	Projection string   `placeholder:"FILE" help:"Matrix [hidden, host's hidden] that takes the host's states to the model's width. Default: a Gaussian one from a fixed seed."`
	Hidden     string   `placeholder:"FILE" help:"Hidden states dumped elsewhere, hidden.<layer> [tokens, hidden], in place of a host."`
	Protocol   string   `enum:"production,reference" default:"production" help:"production, the honest one, or reference, which repeats the published experiment."`
	Switch     []string `sep:"none" placeholder:"NAME=VALUE" help:"Set one choice of the protocol alone, such as padding=scored. Repeatable; docs/protocols.md lists them."`
}

// keepFlags say what stays of a model on the Hub.
type keepFlags struct {
	KeepShards bool `default:"true" negatable:"" help:"Keep what is fetched of a model on the Hub. --keep-shards=false removes each layer of a DeepSeek-V4 when it is done; what was here before stays."`
}

// named says whether any flag but --model is set: they mean nothing without it.
func (f *modelFlags) named() bool {
	return len(f.Text) > 0 || f.Passages != 0 || f.SeqLen != nil || f.Layers != "" || f.Host != "" ||
		f.HostLayer != 0 || f.Projection != "" || f.Hidden != "" || f.Protocol != protocol.ProductionName || len(f.Switch) > 0
}

// protocolChoices is the protocol of the flags; --host is one of its switches.
func (f *modelFlags) protocolChoices() (protocol.Protocol, error) {
	changes := f.Switch
	if f.Host != "" {
		changes = append(changes[:len(changes):len(changes)], "host="+f.Host)
	}
	p, err := protocol.Parse(f.Protocol, changes)
	if err != nil {
		return p, usageError{err}
	}
	return p, nil
}

// job is the capture that the flags describe.
func (f *modelFlags) job(s *stages, tensors []string, workers int) (*capture.Job, error) {
	if f.HostLayer < 0 {
		return nil, usagef("--host-layer takes a positive number")
	}
	p, err := f.protocolChoices()
	if err != nil {
		return nil, err
	}
	want, err := kv.Matcher(tensors)
	if err != nil {
		return nil, usageError{err}
	}
	texts, err := f.passages()
	if err != nil {
		return nil, err
	}
	layers := f.Layers
	if f.Model == nano.Name && layers == "" {
		layers = "all"
	}
	return &capture.Job{
		Model:      f.Model,
		Passages:   texts,
		Tokens:     f.tokens(capture.DefaultTokens),
		Layers:     layers,
		Protocol:   p,
		HostLayer:  f.HostLayer,
		Projection: f.Projection,
		Hidden:     f.Hidden,
		Want:       want,
		Workers:    workers,
		Files:      s.files,
		Progress:   s.step,
	}, nil
}

// hubOpener opens models, with one client for all that are on the Hub.
type hubOpener struct {
	progress func(hub.Progress)

	once   sync.Once
	client *hub.Client
	err    error
}

// files is the place of a model: the program itself, a folder if there is one of the
// name, or the Hub.
func (h *hubOpener) files(ctx context.Context, model string) (checkpoint.Files, error) {
	if model == nano.Name {
		return nano.Files(), nil
	}
	if info, err := os.Stat(model); err == nil && info.IsDir() {
		return checkpoint.Dir(model), nil
	}
	if _, err := hub.ParseRef(model); err != nil {
		return nil, usagef("%s is neither a folder, nor a repository of the Hub, ORG/NAME or ORG/NAME@REV, nor %s, the built-in model", model, nano.Name)
	}
	h.once.Do(func() { h.client, h.err = hub.New(hub.Options{Progress: h.progress}) })
	if h.err != nil {
		return nil, h.err
	}
	s, err := h.client.Snapshot(ctx, model)
	if err != nil {
		return nil, err
	}
	return checkpoint.FromHub(s), nil
}

// cache is the folder of what is fetched; empty where nothing is.
func (h *hubOpener) cache() string {
	if h.client == nil {
		return ""
	}
	return h.client.Cache()
}

// fetched is the number of bytes that came over the network.
func (h *hubOpener) fetched() int64 {
	if h.client == nil {
		return 0
	}
	return h.client.Stats().Bytes
}
