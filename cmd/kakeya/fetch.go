package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"kakeyalattice/capture"
)

type fetchCmd struct {
	modelFlags `embed:""`
	Tensors    []string `sep:"none" placeholder:"GLOB" help:"Only what these streams need, such as 'csa.*'. Repeatable."`
	DryRun     bool     `help:"List the bytes and fetch none of them; headers and the tokenizer are read."`
	JSON       bool     `name:"json" help:"Print the list as JSON."`
	Quiet      bool     `help:"Print nothing but errors."`
}

// Help adds examples to the generated text.
func (fetchCmd) Help() string {
	return `Brings the tensors and embedding rows that audit, sweep and capture read with the same flags, and no others, into the cache.

Examples:
  kakeya fetch --model deepseek-ai/DeepSeek-V4-Flash --dry-run
  kakeya fetch --model deepseek-ai/DeepSeek-V4-Flash --layers all
  HF_HUB_OFFLINE=1 kakeya audit --model deepseek-ai/DeepSeek-V4-Flash --layers all`
}

func (c *fetchCmd) Run(t *terminal) error {
	if c.Model == "" {
		return usagef("give the model with --model")
	}
	s := newStages(t.stderr, c.Quiet)
	defer s.finish()
	job, err := c.job(s, c.Tensors, 0)
	if err != nil {
		return err
	}
	needs, err := job.Needs(t.ctx)
	if err != nil {
		return err
	}
	if !c.DryRun {
		if err := job.Fetch(t.ctx); err != nil {
			return err
		}
	}
	s.finish()
	return c.print(t, needs, s.fetched())
}

func (c *fetchCmd) print(t *terminal, needs []capture.Need, fetched int64) error {
	var total, cached int64
	for _, n := range needs {
		total += n.Bytes
		cached += n.Cached
	}
	if c.JSON {
		out := json.NewEncoder(t.stdout)
		out.SetIndent("", "  ")
		return out.Encode(struct {
			Needs   []capture.Need `json:"needs"`
			Bytes   int64          `json:"bytes"`
			Cached  int64          `json:"cached"`  // before this run
			Fetched int64          `json:"fetched"` // over the network, headers and small files included
		}{needs, total, cached, fetched})
	}
	if c.Quiet {
		return nil
	}
	w := tabwriter.NewWriter(t.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "what\tbytes\tin the cache\t")
	for _, n := range needs {
		fmt.Fprintf(w, "%s\t%d\t%d\t\n", n.What, n.Bytes, n.Cached)
	}
	fmt.Fprintf(w, "total\t%d\t%d\t\n", total, cached)
	if err := w.Flush(); err != nil {
		return err
	}
	verb := "would be fetched"
	missing := total - cached
	if !c.DryRun {
		verb, missing = "came over the network, headers and small files included", fetched
	}
	_, err := fmt.Fprintf(t.stdout, "%.1f MB %s\n", float64(missing)/1e6, verb)
	return err
}
