package main

import (
	"strconv"
	"strings"

	"kakeyalattice/capture"
	"kakeyalattice/experiment"
	"kakeyalattice/kv"
	"kakeyalattice/nano"
	"kakeyalattice/synthetic"
)

// sourceFlags say where the KV streams come from; the same for every command
// that measures.
type sourceFlags struct {
	KV             []string `name:"kv" sep:"none" placeholder:"FILE" help:"KV dump, .safetensors or .npy. Repeat it (or give a quoted glob) for several texts: a tensor of the same name in another file is another passage."`
	Synthetic      []string `placeholder:"NAME,..." help:"Synthetic families instead of a dump: ${families}, or all."`
	modelFlags     `embed:""`
	keepFlags      `embed:""`
	Vector         string   `enum:"head,token" default:"head" help:"What a vector of a [tokens, heads, dim] tensor is: one head (head) or all heads of a token (token)."`
	Tensors        []string `sep:"none" placeholder:"GLOB" help:"Only streams whose name matches, such as 'k.*'. Repeatable."`
	PassageVectors int      `placeholder:"N" help:"Cut each text of a dump into blocks of N vectors. Blocks of one text are not independent passages; the report says so."`
}

// resolve settles where streams come from, the built-in model where nothing is named,
// and refuses flags that do not go together.
func (f *sourceFlags) resolve() error {
	sources := 0
	for _, given := range []bool{len(f.KV) > 0, len(f.Synthetic) > 0, f.Model != ""} {
		if given {
			sources++
		}
	}
	switch {
	case sources > 1:
		return usagef("--kv, --synthetic and --model are three sources; give one of them")
	case sources > 0 && f.Model == "" && f.modelFlags.named():
		return usagef("--text, --layers, --host, --protocol and their like go with a model, not with --kv or --synthetic")
	case f.PassageVectors < 0:
		return usagef("--passage-vectors %d: want a positive number", f.PassageVectors)
	case len(f.KV) == 0 && f.PassageVectors != 0:
		return usagef("--passage-vectors applies to a dump; add --kv FILE")
	case len(f.Synthetic) > 0 && (f.Vector != "head" || len(f.Tensors) > 0):
		return usagef("--vector and --tensors apply to a dump or a model, not to --synthetic")
	}
	if sources == 0 {
		f.Model = nano.Name
	}
	return nil
}

// open returns the source, which resolve settled; the caller closes it.
func (f *sourceFlags) open(t *terminal, quiet bool, workers int) (*kv.Source, error) {
	switch {
	case len(f.KV) > 0:
		return kv.OpenDump(f.KV, kv.Options{Vector: f.Vector, Tensors: f.Tensors, PassageVectors: f.PassageVectors})
	case f.Model != "":
		return f.capture(t, quiet, workers)
	}
	names := f.Synthetic
	if len(names) == 1 && strings.EqualFold(names[0], "all") {
		names = synthetic.Names()
	}
	source, err := synthetic.Source(names, synthetic.Options{})
	if err != nil {
		return nil, usageError{err}
	}
	return source, nil
}

// capture runs the model.
func (f *sourceFlags) capture(t *terminal, quiet bool, workers int) (*kv.Source, error) {
	bars := newStages(t.stderr, quiet)
	defer bars.finish()
	job, err := f.job(bars, workers)
	if err != nil {
		return nil, err
	}
	return job.Open(t.ctx)
}

// job is the capture that the flags describe.
func (f *sourceFlags) job(s *stages, workers int) (*capture.Job, error) {
	job, err := f.modelFlags.job(s, f.Tensors, workers)
	if err != nil {
		return nil, err
	}
	job.Vector, job.Discard = f.Vector, !f.KeepShards
	return job, nil
}

// modelSettings are the choices of a model source that a resumed run must agree
// on.
func (f *modelFlags) settings() []experiment.Setting {
	if f.Model == "" {
		return nil
	}
	p, err := f.protocolChoices()
	if err != nil {
		return nil // refused when the source was opened
	}
	return []experiment.Setting{
		{Name: "--text", Value: strings.Join(f.Text, " ")},
		{Name: "--passages", Value: strconv.Itoa(f.Passages)},
		{Name: "--seqlen", Value: strconv.Itoa(f.tokens(capture.DefaultTokens))},
		{Name: "--layers", Value: f.Layers},
		{Name: "--host-layer", Value: strconv.Itoa(f.HostLayer)},
		{Name: "--projection", Value: f.Projection},
		{Name: "--hidden", Value: f.Hidden},
		{Name: "protocol", Value: p.Name()},
	}
}
