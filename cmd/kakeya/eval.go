package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kakeyalattice/capture"
	"kakeyalattice/codec"
	"kakeyalattice/eval"
	"kakeyalattice/experiment"
	"kakeyalattice/kv"
	"kakeyalattice/model/deepseek4"
	"kakeyalattice/nano"
	"kakeyalattice/report"
)

// evalCodecs are evaluated where the user names none: bf16 is the control, which
// must move next to nothing.
const evalCodecs = "e8-gs:delta=0.09 e8:q=38 int6:group=64,hadamard nvfp4 bf16"

type evalCmd struct {
	textFlags       `embed:""`
	Codecs          []string `sep:"none" placeholder:"SPECS" help:"Codecs to put into the cache, separated by spaces or ';'. Repeatable. Default: ${evalCodecs}."`
	Baselines       []string `sep:"none" placeholder:"SPECS" help:"Baselines beside them. Default: ${baselines}."`
	Streams         []string `sep:"none" placeholder:"KINDS" help:"Kinds of streams to code, k,v or swa,csa,hca,indexer; others stay exact. Repeat it to compare kinds. Default: k,v; swa,csa,hca."`
	Mode            string   `enum:"in-forward,snapshot" default:"in-forward" help:"in-forward: an entry is coded when it is written, every later read sees that. snapshot: attention reads the coded entries of the exact run."`
	Vector          string   `enum:"head,token" default:"head" help:"What a vector of k and v is: one head of a token (head), or all heads (token)."`
	Workers         int      `placeholder:"N" help:"Processors to use. Default: all. The result does not depend on it."`
	Exact           bool     `xor:"arithmetic" help:"Compute in float32, without the roundings of a serving engine. The default."`
	AsServed        bool     `xor:"arithmetic" help:"Compute as the released kernels of a DeepSeek-V4 do, in all runs: activations in FP8, results in bfloat16, entries that no codec takes in the cache's own formats."`
	keepFlags       `embed:""`
	DryRun          bool   `help:"Say what it takes, bytes, memory and time, and run nothing."`
	Out             string `placeholder:"DIR" help:"Folder for result.json and the reports. Default: kakeya-out/eval-<time>."`
	Resume          bool   `help:"Continue an interrupted run of a DeepSeek-V4 in --out, from the last layer that was kept."`
	JSON            bool   `name:"json" help:"Print result.json to standard output."`
	Quiet           bool   `help:"Print nothing but errors."`
	distributeFlags `embed:""`
}

// Help adds examples to the generated text.
func (evalCmd) Help() string {
	return `Runs a model over texts, once exactly and once with each codec in its KV cache, and compares the predictions: perplexity with a paired interval, KL token by token, agreement of the most likely token.

Examples:
  kakeya eval
  kakeya eval --model ./stories260K-hf --seqlen 512
  kakeya eval --model ./Qwen2-0.5B --text wikitext-2-raw-test.txt --passages 8 --codecs "e8:q=38 e8:q=10"
  kakeya eval --model ./Qwen2-0.5B --streams k --streams v --streams k,v
  kakeya eval --model deepseek-ai/DeepSeek-V4-Flash --dry-run
  kakeya eval --model deepseek-ai/DeepSeek-V4-Flash --keep-shards=false --as-served --out runs/flash`
}

func (c *evalCmd) Run(t *terminal) error {
	started := time.Now()
	if c.Model == "" {
		c.Model = nano.Name
	}
	if c.Workers < 0 {
		return usagef("--workers takes a positive number")
	}
	if err := c.check(); err != nil {
		return err
	}
	codecs, baselines, err := c.specs()
	if err != nil {
		return err
	}
	s := newStages(t.stderr, c.Quiet)
	defer s.finish()
	plan, err := c.plan(t, s, codecs, baselines)
	if err != nil {
		return err
	}
	defer plan.Model.Close()
	if c.DryRun {
		return c.estimate(t, s, plan)
	}
	dir, err := c.dir()
	if err != nil {
		return err
	}
	if err := checkResources(t.ctx, plan, &s.hubOpener, dir.path); err != nil {
		dir.discard()
		return err
	}
	plan.State = filepath.Join(dir.path, stateFile)
	var outcome *eval.Outcome
	if c.on() {
		outcome, err = c.distributed(t, s, plan, dir)
	} else {
		outcome, err = eval.Run(t.ctx, plan)
	}
	s.finish()
	if err != nil {
		dir.discard()
		_, missing := os.Stat(plan.State)
		if c.on() {
			_, missing = os.Stat(filepath.Join(dir.path, jobFile))
		}
		switch {
		case errors.Is(err, eval.ErrTooLong), errors.Is(err, eval.ErrState):
			return usageError{err}
		case missing == nil:
			return fmt.Errorf("%w; continue with --resume --out %s and the same flags", err, dir.path)
		case errors.Is(err, context.Canceled):
			return fmt.Errorf("interrupted, nothing is kept: %w", err)
		}
		return err
	}
	result := report.AssembleQuality(plan, outcome, report.Options{
		Tool:        thisTool(),
		Command:     append([]string{"kakeya"}, t.args...),
		WallSeconds: time.Since(started).Seconds(),
		Protocol:    report.Protocol{Name: "production", Vector: c.Vector, Distortion: "rel_mse_energy", Arithmetic: plan.Arithmetic.String()},
	})
	if err := report.Write(dir.path, result); err != nil {
		return err
	}
	if err := removeState(plan.State); err != nil {
		return err
	}
	if c.JSON {
		if err := report.Render(t.stdout, result, "json"); err != nil {
			return err
		}
		return failed(outcome)
	}
	if c.Quiet {
		return failed(outcome)
	}
	if err := report.Summary(t.stdout, result, width(t.stdout)); err != nil {
		return err
	}
	for _, k := range result.Skipped {
		fmt.Fprintf(t.stdout, "note: %s is not used on %s: %s\n", k.Codec, k.Stream, k.Reason)
	}
	if _, err = fmt.Fprintf(t.stdout, "\nreport: %s\ndata:   %s\n", filepath.Join(dir.path, "report.html"), filepath.Join(dir.path, report.FileName)); err != nil {
		return err
	}
	return failed(outcome)
}

// failed is the error of an evaluation some of whose codecs have no figures.
func failed(outcome *eval.Outcome) error {
	if len(outcome.Failed) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d codecs ended early, the report has the others: %w", len(outcome.Failed), len(outcome.Failed)+len(outcome.Arms), outcome.Failed[0].Err)
}

// stateFile keeps a run between layers.
const stateFile = "eval.state"

// dir is the folder to write to.
func (c *evalCmd) dir() (*outDir, error) {
	if !c.Resume {
		return makeOutDir(c.Out, "eval", false)
	}
	if c.Out == "" {
		return nil, usagef("--resume needs the folder of the interrupted run; add --out DIR")
	}
	kept := stateFile
	if c.on() {
		kept = jobFile
	}
	if _, err := os.Stat(filepath.Join(c.Out, kept)); err != nil {
		return nil, usagef("--resume: %s holds no %s; check --out, or leave --resume out", c.Out, kept)
	}
	return &outDir{path: c.Out}, nil
}

func (c *evalCmd) specs() (codecs, baselines []codec.Spec, err error) {
	list := strings.Join(c.Codecs, " ")
	if len(c.Codecs) == 0 {
		list = evalCodecs
	}
	if codecs, err = codec.ParseList(list); err != nil {
		return nil, nil, usageError{err}
	}
	list = strings.Join(c.Baselines, " ")
	if len(c.Baselines) == 0 {
		list = experiment.DefaultBaselines
	}
	if baselines, err = codec.ParseList(list); err != nil {
		return nil, nil, usageError{err}
	}
	if len(codecs) == 0 {
		return nil, nil, usagef("no codec is named; see kakeya codec list")
	}
	return codecs, baselines, nil
}

// plan opens the model and reads the texts; the caller closes the model.
func (c *evalCmd) plan(t *terminal, s *stages, codecs, baselines []codec.Spec) (_ *eval.Plan, err error) {
	usual := capture.DefaultTokens
	if c.Model == nano.Name {
		usual = qualityTokens
	}
	m, texts, err := c.open(t.ctx, s, c.tokens(usual))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	sets, err := c.kinds(m)
	if err != nil {
		return nil, err
	}
	p := &eval.Plan{
		Model: m, Texts: texts, Mode: eval.Mode(c.Mode), Token: c.Vector == "token",
		Workers: c.Workers, Progress: s.step, Discard: !c.KeepShards,
	}
	if c.AsServed {
		if !m.DeepSeekV4() {
			return nil, usagef("--as-served is for a DeepSeek-V4; %s is computed in float32 from its weights", m.Name())
		}
		p.Arithmetic = deepseek4.AsServed
	}
	in := func(list []codec.Spec, spec codec.Spec) bool {
		return slices.ContainsFunc(list, func(s codec.Spec) bool { return s.String() == spec.String() })
	}
	for _, kinds := range sets {
		for i, spec := range slices.Concat(codecs, baselines) {
			if i < len(codecs) || !in(codecs, spec) {
				p.Arms = append(p.Arms, eval.Arm{Codec: spec, Baseline: in(baselines, spec), Kinds: kinds})
			}
		}
	}
	return p, nil
}

// kinds are the sets of kinds that are coded.
func (c *evalCmd) kinds(m *capture.Model) ([][]kv.Kind, error) {
	all, usual := eval.Kinds(m)
	if len(c.Streams) == 0 {
		return [][]kv.Kind{usual}, nil
	}
	var sets [][]kv.Kind
	for _, list := range c.Streams {
		var set []kv.Kind
		for _, kind := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
			k := kv.Kind(kind)
			if !slices.Contains(all, k) {
				return nil, usagef("--streams %s: %s has no streams of the kind %s; it has %v", list, m.Name(), kind, all)
			}
			if !slices.Contains(set, k) {
				set = append(set, k)
			}
		}
		if len(set) == 0 {
			return nil, usagef("--streams names no kind; %s has %v", m.Name(), all)
		}
		sets = append(sets, set)
	}
	return sets, nil
}

func (c *evalCmd) estimate(t *terminal, s *stages, plan *eval.Plan) error {
	cost, err := eval.Estimate(t.ctx, plan)
	s.finish()
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(t.stdout)
		out.SetIndent("", "  ")
		return out.Encode(cost)
	}
	_, err = fmt.Fprint(t.stdout, cost)
	return err
}
