package main

import (
	"context"

	"kakeyalattice/ablation"
	"kakeyalattice/experiment"
	"kakeyalattice/kv"
	"kakeyalattice/protocol"
	"kakeyalattice/report"
)

type auditCmd struct {
	measureFlags `embed:""`
	Effects      bool `help:"Also measure what each choice of the protocol does to the headline ratio; for a DeepSeek-V4."`
}

// Help adds examples to the generated text.
func (auditCmd) Help() string {
	return `Without a source it audits the built-in model over the built-in passages, offline, and runs it with what it recommends in the cache.

Examples:
  kakeya audit
  kakeya audit --synthetic all
  kakeya audit --kv cache.safetensors
  kakeya audit --kv cache.safetensors --vector token --passage-vectors 64
  kakeya audit --kv 'texts/*.safetensors' --tensors 'k.*' --tensors 'v.*'
  kakeya audit --kv cache.safetensors --codecs "e8:q=38 int6:hadamard" --json | jq .thresholds
  kakeya audit --model ./Qwen2-0.5B --text wikitext-2-raw-test.txt --passages 8
  kakeya audit --model deepseek-ai/DeepSeek-V4-Flash
  kakeya audit --model deepseek-ai/DeepSeek-V4-Flash --protocol reference --effects`
}

func (c *auditCmd) Run(t *terminal) error {
	codecs := defaults{experiment.DefaultAudit, experiment.ReferenceAudit}
	if !c.Effects {
		return c.measure(t, "audit", codecs, nil)
	}
	if c.Model == "" || c.Hidden != "" {
		return usagef("--effects captures a model under several protocols; give --model, and no --hidden")
	}
	return c.measure(t, "audit", codecs, func(r *report.Result) (err error) {
		r.Effects, err = c.effects(t)
		return err
	})
}

// effects captures and measures the model under every protocol of the table.
func (c *auditCmd) effects(t *terminal) ([]report.Effect, error) {
	bars := newStages(t.stderr, c.Quiet)
	defer bars.finish()
	job, err := c.job(bars, c.Workers)
	if err != nil {
		return nil, err
	}
	job.Progress = nil
	rows, err := ablation.Run(t.ctx, func(ctx context.Context, p protocol.Protocol) (*kv.Source, error) {
		one := *job
		one.Protocol = p
		return one.Open(ctx)
	}, ablation.Options{
		Workers:  c.Workers,
		Progress: func(done, total int) { bars.step("protocols", done, total) },
	})
	if err != nil {
		return nil, err
	}
	return report.NewEffects(rows), nil
}
