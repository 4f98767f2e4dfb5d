package main

import (
	"errors"
	"fmt"
	"os"

	"kakeyalattice/kv"
	"kakeyalattice/nano"
)

type captureCmd struct {
	modelFlags `embed:""`
	keepFlags  `embed:""`
	Tensors    []string `sep:"none" placeholder:"GLOB" help:"Only streams whose name matches, such as 'csa.*'. Repeatable."`
	Out        string   `required:"" placeholder:"FILE" help:"The dump to write, .safetensors; it must not exist."`
	Workers    int      `placeholder:"N" help:"Processors to use. Default: all. The result does not depend on it."`
	Quiet      bool     `help:"Print nothing but errors."`
}

// Help adds examples to the generated text.
func (captureCmd) Help() string {
	return `Runs a model over texts and writes what it puts into its KV cache as a dump, for audit --kv and for other tools.

Examples:
  kakeya capture --out nano.safetensors
  kakeya capture --model ./stories260K-hf --text wikitext-2-raw-test.txt --passages 8 --out kv.safetensors
  kakeya capture --model deepseek-ai/DeepSeek-V4-Flash --layers 0,2,3 --out v4.safetensors
  kakeya capture --model deepseek-ai/DeepSeek-V4-Flash --layers csa --tensors 'csa.*' --out csa.safetensors
  kakeya capture --model deepseek-ai/DeepSeek-V4-Flash --layers all --keep-shards=false --out flash.safetensors`
}

func (c *captureCmd) Run(t *terminal) error {
	switch _, err := os.Lstat(c.Out); {
	case err == nil:
		return usagef("%s exists; choose another --out", c.Out)
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	if c.Model == "" {
		c.Model = nano.Name
	}
	s := newStages(t.stderr, c.Quiet)
	job, err := c.job(s, c.Tensors, c.Workers)
	if err != nil {
		return err
	}
	job.Discard = !c.KeepShards
	source, err := job.Open(t.ctx)
	s.finish()
	if err != nil {
		return err
	}
	defer source.Close()
	if err := kv.WriteDump(c.Out, source.Streams, kv.DumpInfo{Protocol: source.Protocol, Source: source.Input.Name}); err != nil {
		return err
	}
	if c.Quiet {
		return nil
	}
	vectors := 0
	for _, stream := range source.Streams {
		for p := range stream.Passages() {
			vectors += stream.Vectors(p)
		}
	}
	for _, n := range source.Notices {
		fmt.Fprintln(t.stdout, n)
	}
	_, err = fmt.Fprintf(t.stdout, "%s: %d vectors of %d streams, %d passages; protocol %s\n", c.Out, vectors, len(source.Streams), len(source.Passages), source.Protocol)
	return err
}
