package main

import (
	"strings"

	"kakeyalattice/kv"
	"kakeyalattice/synthetic"
)

// sourceFlags say where the KV streams come from; the same for every command
// that measures.
type sourceFlags struct {
	KV             []string `name:"kv" sep:"none" placeholder:"FILE" help:"KV dump, .safetensors or .npy. Repeat it (or give a quoted glob) for several texts: a tensor of the same name in another file is another passage."`
	Synthetic      []string `placeholder:"NAME,..." help:"Synthetic families instead of a dump: ${families}, or all. The default when there is no --kv."`
	Vector         string   `enum:"head,token" default:"head" help:"What a vector of a [tokens, heads, dim] tensor is: one head (head) or all heads of a token (token)."`
	Tensors        []string `sep:"none" placeholder:"GLOB" help:"Only tensors whose name matches, such as 'k.*'. Repeatable."`
	PassageVectors int      `placeholder:"N" help:"Cut each text into blocks of N vectors. Blocks of one text are not independent passages; the report says so."`
}

// open returns the source; the caller closes it.
func (f *sourceFlags) open() (*kv.Source, error) {
	if len(f.KV) > 0 {
		if len(f.Synthetic) > 0 {
			return nil, usagef("--kv and --synthetic are two sources; give one of them")
		}
		if f.PassageVectors < 0 {
			return nil, usagef("--passage-vectors %d: want a positive number", f.PassageVectors)
		}
		return kv.OpenDump(f.KV, kv.Options{Vector: f.Vector, Tensors: f.Tensors, PassageVectors: f.PassageVectors})
	}
	if f.Vector != "head" || len(f.Tensors) > 0 || f.PassageVectors != 0 {
		return nil, usagef("--vector, --tensors and --passage-vectors apply to a dump; add --kv FILE")
	}
	names := f.Synthetic
	if len(names) == 0 || len(names) == 1 && strings.EqualFold(names[0], "all") {
		names = synthetic.Names()
	}
	source, err := synthetic.Source(names, synthetic.Options{})
	if err != nil {
		return nil, usageError{err}
	}
	return source, nil
}
