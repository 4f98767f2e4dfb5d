// Package capture runs a model over passages and gives what it writes into its
// KV cache as streams. A Job is such a run as a user asks for it; DeepSeek4 and
// Llama are its parts for the two families of models.
package capture

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"kakeyalattice/checkpoint"
	"kakeyalattice/corpus"
	"kakeyalattice/kv"
	"kakeyalattice/model/deepseek4"
	"kakeyalattice/model/llama"
	"kakeyalattice/protocol"
	"kakeyalattice/tokenizer"
)

// DefaultTokens is the sequence length of the published experiment.
const DefaultTokens = 2048

// projectionSeed is the seed of the default projection; the reference's own
// seed, in another generator.
const projectionSeed = 20260425

// Job is one capture.
type Job struct {
	Model    string           // a folder, or ORG/NAME[@REV]
	Passages []corpus.Passage // the texts
	Tokens   int              // most tokens of a passage; 0: all of them
	Layers   string           // see ParseLayers; empty: a default for the model
	Protocol protocol.Protocol
	// HostLayer takes the hidden states that the host has after so many of its
	// layers; 0 its token embeddings.
	HostLayer  int
	Projection string // a file with the matrix [hidden, width]; empty: a Gaussian one
	Hidden     string // a dump of hidden states, instead of a host
	Vector     string // head or token: see kv.Options
	Want       func(stream string) bool
	Workers    int // 0: one a processor
	Temp       string
	// Discard removes from this machine what the job fetched of a DeepSeek-V4's layer
	// when the layer is done; what was there before stays.
	Discard bool

	// Files opens a model by its name.
	Files func(ctx context.Context, model string) (checkpoint.Files, error)
	// Progress is told about the parts of the work; may be nil.
	Progress func(stage string, done, total int)
}

// Open captures the streams.
func (j *Job) Open(ctx context.Context) (*kv.Source, error) {
	m, err := j.model(ctx, j.Model)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	var src *kv.Source
	if m.DeepSeekV4() {
		src, err = j.deepSeek4(ctx, m)
	} else {
		src, err = j.llama(ctx, m)
	}
	if err != nil {
		return nil, err
	}
	src.Protocol, src.Config = j.Protocol.Name(), m.config
	return src, nil
}

func (j *Job) options(layers []int) Options {
	o := Options{Layers: layers, Want: j.Want, Workers: j.workers(), Temp: j.Temp, Discard: j.Discard}
	if j.Progress != nil {
		o.Progress = func(done, total int) { j.Progress("layers", done, total) }
	}
	return o
}

func (j *Job) workers() int {
	if j.Workers > 0 {
		return j.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// texts encodes the passages for a model.
func (j *Job) texts(ctx context.Context, m *Model) ([]Text, error) {
	t, err := m.Tokenizer(ctx)
	if err != nil {
		return nil, err
	}
	opt := TextOptions{Tokens: j.Tokens}
	if j.Protocol.Repeated {
		opt.Words, opt.Repeat = protocol.ReferenceWords, protocol.ReferenceRepeat
	}
	if j.Protocol.Padded {
		if opt.Tokens == 0 {
			return nil, errors.New("capture: padding needs a sequence length; give --seqlen")
		}
		pad, ok := t.PAD()
		if !ok {
			return nil, fmt.Errorf("%s: tokenizer_config.json names no pad token, which the switch padding=scored needs", m.Name())
		}
		opt.Pad, opt.PadID = true, pad
	}
	encode := func(text string) []int32 {
		return t.EncodeWith(text, tokenizer.EncodeOptions{AddSpecial: true})
	}
	return Texts(encode, j.Passages, opt)
}

// plan is what a DeepSeek-V4 capture reads and from where.
type plan struct {
	cfg    *deepseek4.Config
	layers []int
	host   *Model // nil: the model itself, or a file
	texts  []Text
	hidden *kv.Source // nil without Hidden
	// forward says that the model's own layers make the hidden states.
	forward bool
}

func (p *plan) close() {
	if p.host != nil {
		p.host.Close()
	}
	if p.hidden != nil {
		p.hidden.Close()
	}
}

const embedding = "embed.weight" // of DeepSeek-V4

func (j *Job) planDeepSeek4(ctx context.Context, m *Model) (_ *plan, err error) {
	p := &plan{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.cfg, err = deepseek4.ParseConfig(m.config); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name(), err)
	}
	if p.layers, err = ParseLayers(j.Layers, p.cfg); err != nil {
		return nil, err
	}
	reader := m
	switch {
	case j.Hidden != "":
		if j.HostLayer != 0 || j.Projection != "" {
			return nil, errors.New("capture: --hidden replaces the host; leave --host-layer and --projection out")
		}
		if p.hidden, err = kv.OpenDump([]string{j.Hidden}, kv.Options{}); err != nil {
			return nil, err
		}
		for _, passage := range p.hidden.Passages {
			p.texts = append(p.texts, Text{Title: passage.Title, IDs: make([]int32, passage.Tokens)})
		}
		return p, nil
	case !own(j.Protocol.Host):
		if p.host, err = j.model(ctx, j.Protocol.Host); err != nil {
			return nil, err
		}
		reader = p.host
	case j.HostLayer != 0 || j.Projection != "":
		return nil, errors.New("capture: --host-layer and --projection go with --host MODEL")
	default:
		p.forward = j.Protocol.Host == protocol.ForwardHost || j.Protocol.Host == protocol.SelfHost && len(p.layers) == p.cfg.Layers
	}
	p.texts, err = j.texts(ctx, reader)
	return p, err
}

// own says that a host is the model itself.
func own(host string) bool {
	return host == protocol.SelfHost || host == protocol.EmbeddingHost || host == protocol.ForwardHost
}

// passed are the layers that a forward pass goes through.
func (p *plan) passed() int {
	if !p.forward {
		return 0
	}
	return slices.Max(p.layers) + 1
}

func (j *Job) deepSeek4(ctx context.Context, m *Model) (*kv.Source, error) {
	p, err := j.planDeepSeek4(ctx, m)
	if err != nil {
		return nil, err
	}
	defer p.close()
	hidden, err := j.hiddenStates(ctx, m, p)
	if err != nil {
		return nil, err
	}
	src, err := DeepSeek4(ctx, m.Checkpoint, p.cfg, p.texts, hidden, j.Protocol.KV, j.deepSeek4Options(p))
	if err != nil {
		return nil, err
	}
	for _, s := range protocol.Switches {
		src.Choices = append(src.Choices, kv.Choice{Name: s.Name, Value: j.Protocol.Value(s)})
	}
	if j.Protocol.ReferenceWeights {
		src.Counts.Layers = protocol.ReferenceLayers()
	}
	return src, nil
}

func (j *Job) deepSeek4Options(p *plan) Options {
	o := j.options(p.layers)
	if j.Protocol.OneStream && o.Want == nil {
		o.Want = func(stream string) bool { return ownStream(p.cfg, stream) }
	}
	return o
}

// hiddenStates is the input of the layers.
func (j *Job) hiddenStates(ctx context.Context, m *Model, p *plan) (Hidden, error) {
	switch {
	case p.hidden != nil:
		return HiddenFile(p.hidden, p.cfg.HiddenSize)
	case p.forward:
		return ForwardPass(ctx, m.Checkpoint, p.cfg, p.texts, ForwardOptions{Workers: j.workers(), Discard: j.Discard})
	case p.host == nil:
		return SelfEmbedding(ctx, m.Checkpoint, embedding, p.cfg.HiddenSize, p.texts)
	}
	host, err := llama.ParseConfig(p.host.config)
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", p.host.Name(), err)
	}
	projection := GaussianProjection(p.cfg.HiddenSize, host.HiddenSize, projectionSeed)
	if j.Projection != "" {
		if projection, err = ReadProjection(j.Projection, p.cfg.HiddenSize, host.HiddenSize); err != nil {
			return nil, err
		}
	}
	if j.HostLayer == 0 {
		return HostEmbedding(ctx, p.host.Checkpoint, host, p.texts, projection, j.workers())
	}
	return HostLayer(ctx, p.host.Checkpoint, j.HostLayer, p.texts, projection, j.workers())
}

// Need is bytes that a job reads.
type Need struct {
	Model  string `json:"model"`
	What   string `json:"what"` // tensors of a layer, rows of an embedding
	Bytes  int64  `json:"bytes"`
	Cached int64  `json:"cached"` // of them already here
}

// Needs lists what the job reads of its models' tensors, without reading it.
func (j *Job) Needs(ctx context.Context) ([]Need, error) {
	m, err := j.model(ctx, j.Model)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if !m.DeepSeekV4() {
		return m.needs(ctx, "all tensors", m.Names())
	}
	p, err := j.planDeepSeek4(ctx, m)
	if err != nil {
		return nil, err
	}
	defer p.close()
	var list []Need
	opt := j.deepSeek4Options(p)
	for layer := range p.cfg.Layers {
		one := opt
		one.Layers = []int{layer}
		names := DeepSeek4Tensors(p.cfg, one)
		switch {
		case layer < p.passed():
			names = deepseek4.LayerTensors(p.cfg, layer)
		case !slices.Contains(p.layers, layer):
			continue
		}
		needs, err := m.needs(ctx, fmt.Sprintf("layer %d", layer), names)
		if err != nil {
			return nil, err
		}
		list = append(list, needs...)
	}
	rows, err := j.embeddingNeeds(ctx, m, p)
	return append(list, rows...), err
}

func (m *Model) needs(ctx context.Context, what string, names []string) ([]Need, error) {
	parts, err := m.Plan(ctx, names...)
	if err != nil {
		return nil, err
	}
	n := Need{Model: m.Name(), What: what}
	for _, p := range parts {
		n.Bytes += p.Bytes
		n.Cached += p.Cached
	}
	return []Need{n}, nil
}

// embeddingNeeds is the part of an embedding that the texts ask for.
func (j *Job) embeddingNeeds(ctx context.Context, m *Model, p *plan) ([]Need, error) {
	switch {
	case p.hidden != nil:
		return nil, nil
	case p.forward:
		return m.needs(ctx, "embedding and head", deepseek4.EndTensors(p.cfg))
	}
	name, width := embedding, p.cfg.HiddenSize
	if p.host != nil {
		if j.HostLayer > 0 {
			return p.host.needs(ctx, "all tensors", p.host.Names())
		}
		cfg, err := llama.ParseConfig(p.host.config)
		if err != nil {
			return nil, fmt.Errorf("host %s: %w", p.host.Name(), err)
		}
		m, name, width = p.host, llama.EmbeddingName, cfg.HiddenSize
	}
	distinct := Distinct(p.texts)
	need, err := m.PlanRows(ctx, name, width, distinct)
	if err != nil {
		return nil, err
	}
	return []Need{{m.Name(), fmt.Sprintf("%d rows of %s", len(distinct), name), need.Bytes, need.Cached}}, nil
}

// Fetch brings what the job reads, and keeps it where checkpoints are cached.
func (j *Job) Fetch(ctx context.Context) error {
	m, err := j.model(ctx, j.Model)
	if err != nil {
		return err
	}
	defer m.Close()
	if !m.DeepSeekV4() {
		return m.Checkpoint.Fetch(ctx, m.Names()...)
	}
	p, err := j.planDeepSeek4(ctx, m)
	if err != nil {
		return err
	}
	defer p.close()
	if err := m.Checkpoint.Fetch(ctx, DeepSeek4Tensors(p.cfg, j.deepSeek4Options(p))...); err != nil {
		return err
	}
	switch {
	case p.host != nil && j.HostLayer > 0:
		return p.host.Checkpoint.Fetch(ctx, p.host.Names()...)
	case p.forward:
		names := deepseek4.EndTensors(p.cfg)
		for layer := range p.passed() {
			names = append(names, deepseek4.LayerTensors(p.cfg, layer)...)
		}
		return m.Checkpoint.Fetch(ctx, names...)
	}
	_, err = j.hiddenStates(ctx, m, p)
	return err
}
