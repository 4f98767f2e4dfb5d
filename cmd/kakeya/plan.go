package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"kakeyalattice/capacity"
)

type planCmd struct {
	Model       string   `xor:"model" placeholder:"DIR|ORG/NAME[@REV]" help:"A model: a folder, or a repository of the Hub. Its config.json is read and nothing else."`
	Config      string   `xor:"model" placeholder:"FILE" help:"A config.json: DeepSeek-V4, Llama, Qwen2 or Qwen3."`
	Context     string   `placeholder:"TOKENS" help:"Context length: 131072, 128Ki, 1Mi. Default: the most that the model allows."`
	Codecs      []string `sep:"none" placeholder:"SPECS" help:"Codecs to plan beside the layouts that engines use, separated by spaces or ';'; 432B stands for a layout of 432 bytes a vector. Default: ${planCodecs}."`
	Policy      []string `sep:"none" placeholder:"KIND=CODEC ..." help:"A codec per kind of entry (swa, csa, hca, indexer; k, v), * for the kinds not named, after a name and a colon if it is to have one. Repeatable."`
	Indexer     string   `placeholder:"FORMAT" help:"Indexer vectors: fp8 (132 bytes), fp4 (68), bf16 (256), or a codec. Default: fp8; bf16 beside bf16 entries."`
	GPUs        []string `name:"gpus" placeholder:"4xH200" help:"Nodes to fill: a number, x and a GPU or the memory of one, 4xH200 or 4x80GiB. Repeatable."`
	GPUMemory   string   `name:"gpu-memory" placeholder:"SIZE" help:"Memory of each GPU, in place of what the name says: 141GB, 131GiB."`
	Weights     string   `placeholder:"SIZE" help:"Memory of the weights. Default: as the checkpoint stores them, from config.json."`
	Utilisation float64  `default:"${planUtilisation}" placeholder:"SHARE" help:"Share of a GPU's memory for weights, cache and reserve. Default ${planUtilisation}."`
	Reserve     string   `default:"0B" placeholder:"SIZE" help:"Memory of each GPU for activations and graphs, within that share. Default 0B."`
	Parallel    string   `enum:"data,tensor,context," default:"" placeholder:"HOW" help:"data: a sequence on one GPU, experts shared out; tensor: weights and key/value heads shared out, a latent cache copied; context: every cache shared out. Default: data for DeepSeek-V4, tensor for others."`
	PageTokens  int      `placeholder:"N" help:"Tokens of a block of cache pages. Default: 256 for DeepSeek-V4, 16 for others."`
	JSON        bool     `name:"json" help:"Print JSON."`
}

// Help adds examples to the generated text.
func (planCmd) Help() string {
	return `Counts from config.json alone what a cache takes in each layout, and how many sequences GPUs hold; with --config or a folder it needs no network. Rates are the bytes that a codec writes; one whose vectors vary in length is measured on synthetic Gaussian vectors, and the output says so.

Examples:
  kakeya plan --config config.json --context 1Mi
  kakeya plan --model deepseek-ai/DeepSeek-V4-Flash --context 131072 --gpus 4xH200 --gpus 8xB200
  kakeya plan --config config.json --gpus 4xH200 --policy "swa=e8:q=38 csa=e8-gs:delta=0.09,slot=auto hca=fp8-v4"
  kakeya plan --config config.json --codecs "e8:q=34 e8:q=44 432B" --indexer fp4 --json | jq '.layouts[] | {name, total_bytes}'
  kakeya plan --config config.json --gpus 8 --gpu-memory 96GiB --reserve 6GiB --weights 160GB --parallel tensor`
}

func (c *planCmd) Run(t *terminal) error {
	request := capacity.Request{Codecs: strings.Join(c.Codecs, " "), Policies: c.Policy, Indexer: c.Indexer}
	options, err := c.options()
	if err != nil {
		return usageError{err}
	}
	model, err := c.model(t.ctx)
	if err != nil {
		return err
	}
	layouts, focus, notices, err := model.Layouts(request)
	if err != nil {
		return usageError{err}
	}
	options.Focus = focus
	plan, err := model.Plan(layouts, options)
	switch {
	case errors.Is(err, capacity.ErrWeights):
		return usagef("%s: %v; add --weights SIZE", model.Name, err)
	case err != nil:
		return usageError{err}
	}
	plan.Notices = append(plan.Notices, notices...)
	if c.JSON {
		out := json.NewEncoder(t.stdout)
		out.SetIndent("", "  ")
		return out.Encode(plan)
	}
	return plan.WriteText(t.stdout, width(t.stdout))
}

// options reads the flags that say what is planned for.
func (c *planCmd) options() (o capacity.Options, err error) {
	size := func(flag, text string) (n int64) {
		if text != "" && err == nil {
			if n, err = capacity.ParseSize(text); err != nil {
				err = fmt.Errorf("--%s: %w", flag, err)
			}
		}
		return n
	}
	memory := size("gpu-memory", c.GPUMemory)
	o.Serving = capacity.Serving{
		Parallel:    capacity.Parallel(c.Parallel),
		Utilisation: c.Utilisation,
		Reserve:     size("reserve", c.Reserve),
		Weights:     size("weights", c.Weights),
	}
	if err != nil {
		return o, err
	}
	if c.Context != "" {
		if o.Context, err = capacity.ParseContext(c.Context); err != nil {
			return o, fmt.Errorf("--context: %w", err)
		}
	}
	if !(c.Utilisation > 0 && c.Utilisation <= 1) {
		return o, fmt.Errorf("--utilisation %v: want more than 0 and at most 1", c.Utilisation)
	}
	if c.PageTokens < 0 {
		return o, fmt.Errorf("--page-tokens %d: want a positive number", c.PageTokens)
	}
	o.PageTokens = c.PageTokens
	if memory > 0 && len(c.GPUs) == 0 {
		return o, errors.New("--gpu-memory: of how many GPUs? add --gpus N")
	}
	for _, text := range c.GPUs {
		node, err := capacity.ParseNode(text, memory)
		if err != nil {
			return o, fmt.Errorf("--gpus: %w", err)
		}
		o.Nodes = append(o.Nodes, node)
	}
	return o, nil
}

// model reads the model's config.json.
func (c *planCmd) model(ctx context.Context) (*capacity.Model, error) {
	name, text, err := c.config(ctx)
	if err != nil {
		return nil, err
	}
	m, err := capacity.ParseModel(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	m.Name = name
	return m, nil
}

// config returns the text of the config.json and the name of its model.
func (c *planCmd) config(ctx context.Context) (name string, text []byte, err error) {
	switch {
	case c.Config != "":
		text, err = readConfig(c.Config)
		return c.Config, text, err
	case c.Model == "":
		return "", nil, usagef("plan of what? add --model DIR, --model ORG/NAME or --config FILE")
	}
	if info, err := os.Stat(c.Model); err == nil && info.IsDir() {
		text, err = readConfig(filepath.Join(c.Model, configName))
		return c.Model, text, err
	}
	files, err := new(hubOpener).files(ctx, c.Model)
	if err != nil {
		return "", nil, err
	}
	text, err = files.ReadFile(ctx, configName)
	return c.Model, text, err
}

const configName = "config.json"

// maxConfig bounds what is read of a config.json: one is a few kilobytes.
const maxConfig = 16 << 20

func readConfig(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the model's shape: %w; give a folder that holds config.json with --model, or the file with --config", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, cause(err))
	case len(text) > maxConfig:
		return nil, fmt.Errorf("%s: more than %d MiB: no config.json of a model", path, maxConfig>>20)
	}
	return text, nil
}
