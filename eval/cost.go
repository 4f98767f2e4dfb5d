package eval

import (
	"context"
	"fmt"
	"time"

	"kakeyalattice/checkpoint"
	"kakeyalattice/matmul"
	"kakeyalattice/model/deepseek4"
	"kakeyalattice/model/llama"
)

// Cost is what a plan takes, known before it runs.
type Cost struct {
	Arms     int   `json:"arms"` // the exact model not counted
	Tokens   int   `json:"tokens"`
	Bytes    int64 `json:"bytes"`            // of the model that are read
	Cached   int64 `json:"cached"`           // of them on this machine already
	Fetched  int64 `json:"fetched"`          // bytes on disk, at the most at a time, that the run brings
	Memory   int64 `json:"memory"`           // at the peak; files mapped into memory included
	Residual int64 `json:"residual_streams"` // of a DeepSeek-V4: in Memory, and the size of its state file
	// FLOP counts the products of the forward passes, two for each weight and
	// token; not the codecs and the scores.
	FLOP float64 `json:"flop"`
	// Rate is the FLOP per second of a short matrix product on this machine, and
	// Seconds the time at that rate, transfers not counted: of a DeepSeek-V4 with what
	// else is done to residual streams, of another model less than it will take.
	Rate    float64 `json:"flop_per_second"`
	Seconds float64 `json:"seconds"`

	other float64 // FLOP that would take as long as what is no product
}

// otherFLOP is the time of all that is no product, hyper-connections, norms, routing,
// gathering of entries, codecs, over the values of the residual streams before each
// layer, in FLOP of a product. It was measured: a run of nano with 9 codecs, and layers
// of V4-Flash over 8 texts of 2,048 tokens, on two cores with AVX-512, take the time
// that it gives to 10 %.
const otherFLOP = 7000

// Estimate is Needs with the speed of the machine, which it uses for a fraction of a
// second.
func Estimate(ctx context.Context, p *Plan) (*Cost, error) {
	c, err := Needs(ctx, p)
	if err != nil {
		return nil, err
	}
	c.Rate = calibrate(p.workers())
	c.Seconds = (c.FLOP + c.other) / c.Rate
	return c, nil
}

// Needs says what the plan takes, but for time, without reading weights.
func Needs(ctx context.Context, p *Plan) (*Cost, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	c := &Cost{Arms: len(p.Arms), Tokens: p.tokens()}
	var err error
	if p.Model.DeepSeekV4() {
		err = p.v4Cost(ctx, c)
	} else {
		err = p.llamaCost(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// add counts tensors that are read, of which so many bytes are not here yet.
func (c *Cost) add(ctx context.Context, p *Plan, names []string) (n, missing int64, err error) {
	needs, err := p.Model.Plan(ctx, names...)
	if err != nil {
		return 0, 0, err
	}
	for _, need := range needs {
		n += need.Bytes
		missing += need.Bytes - need.Cached
	}
	c.Bytes += n
	c.Cached += n - missing
	c.Fetched += missing
	return n, missing, nil
}

// scoring is the memory of the predictions of a block, of the exact model and an
// arm.
func scoring(vocab int) int64 {
	const perLogit = 4 + 4 + 4 + 8 // two models' logits, a copy, probabilities
	return int64(blockTokens(vocab)) * int64(vocab) * perLogit
}

func (p *Plan) llamaCost(ctx context.Context, c *Cost) error {
	cfg, err := p.llamaConfig(ctx)
	if err != nil {
		return err
	}
	if err := p.short(cfg.MaxPositions); err != nil {
		return err
	}
	if _, _, err := c.add(ctx, p, p.Model.Names()); err != nil {
		return err
	}
	passes, fits := float64(1+len(p.Arms)), false
	for _, a := range p.Arms {
		for _, kind := range a.Kinds {
			_, needsFit, err := newCoder(a.Spec(kind), cfg.HeadDim)
			fits = fits || err == nil && needsFit
		}
	}
	longest := 0
	for _, t := range p.Texts {
		longest = max(longest, len(t.IDs))
	}
	c.Memory = c.Bytes + int64(1+len(p.Arms))*int64(8*cfg.Layers*cfg.KVHeads*cfg.HeadDim*longest) + scoring(cfg.VocabSize)
	layers := llamaFLOP(cfg, p)
	c.FLOP = passes * (layers + 2*float64(cfg.VocabSize)*float64(cfg.HiddenSize)*float64(c.Tokens))
	if fits {
		c.FLOP += layers
	}
	return nil
}

// llamaFLOP is that of all texts through the layers.
func llamaFLOP(c *llama.Config, p *Plan) (flop float64) {
	heads, kv := float64(c.Heads*c.HeadDim), float64(c.KVHeads*c.HeadDim)
	hidden := float64(c.HiddenSize)
	weights := hidden*(2*heads+2*kv) + 3*hidden*float64(c.IntermediateSize)
	for _, t := range p.Texts {
		n := float64(len(t.IDs))
		flop += float64(c.Layers) * (2*weights*n + 4*heads*n*(n+1)/2)
	}
	return flop
}

func (p *Plan) v4Cost(ctx context.Context, c *Cost) error {
	cfg, err := p.v4Config(ctx)
	if err != nil {
		return err
	}
	if err := p.short(cfg.MaxPositions); err != nil {
		return err
	}
	ends, _, err := c.add(ctx, p, deepseek4.EndTensors(cfg))
	if err != nil {
		return err
	}
	largest, fetched := int64(0), c.Fetched
	atATime := fetched // where layers do not stay
	for l, before := 0, int64(0); l < cfg.Layers; l++ {
		n, missing, err := c.add(ctx, p, deepseek4.LayerTensors(cfg, l))
		if err != nil {
			return err
		}
		largest = max(largest, n)
		atATime = max(atATime, fetched+before+missing) // a layer and the one that comes meanwhile
		before = missing
		c.FLOP += v4LayerFLOP(cfg, l, p)
	}
	if p.Discard {
		c.Fetched = atATime
	}
	c.FLOP += 2 * float64(cfg.VocabSize) * float64(cfg.HiddenSize) * float64(c.Tokens)
	c.FLOP *= float64(1 + len(p.Arms))
	c.other = otherFLOP * float64(1+len(p.Arms)) * float64(c.Tokens) * float64(cfg.Layers) * float64(cfg.HCMult*cfg.HiddenSize)
	c.Residual = 4 * int64(1+len(p.Arms)) * int64(c.Tokens) * int64(cfg.HCMult) * int64(cfg.HiddenSize)
	entries := 4 * int64(c.Tokens) * int64(cfg.HeadDim+cfg.HeadDim/4+cfg.IndexHeadDim/4+cfg.HiddenSize)
	work := 4 * int64(len(deepseek4.Runs(p.Workers, max(len(p.Arms), len(p.Texts))))) * int64(min(deepseek4.ExpertBlock, c.Tokens)) * int64(4*cfg.HiddenSize+cfg.OGroups*cfg.OLoraRank)
	c.Memory = ends + 2*largest + c.Residual + entries + work + scoring(cfg.VocabSize)
	return nil
}

// v4LayerFLOP is that of all texts through a layer.
func v4LayerFLOP(c *deepseek4.Config, layer int, p *Plan) (flop float64) {
	f := func(v ...int) float64 {
		product := 1.0
		for _, x := range v {
			product *= float64(x)
		}
		return product
	}
	weights := f(c.HiddenSize, c.QLoraRank) + f(c.QLoraRank, c.Heads, c.HeadDim) + f(c.HiddenSize, c.HeadDim) +
		f(c.Heads, c.HeadDim, c.OLoraRank) + f(c.OGroups, c.OLoraRank, c.HiddenSize) +
		f(3, c.ExpertsPerToken+c.SharedExperts, c.HiddenSize, c.MoEIntermediate) + f(c.HiddenSize, c.RoutedExperts) +
		2*f(c.HCMult, c.HiddenSize, (2+c.HCMult)*c.HCMult)
	ratio := c.Ratio(layer)
	switch ratio {
	case deepseek4.RatioCSA:
		weights += f(4, c.HiddenSize, c.HeadDim) + f(c.QLoraRank, c.IndexHeads, c.IndexHeadDim) + f(c.HiddenSize, c.IndexHeads) + f(4, c.HiddenSize, c.IndexHeadDim)
	case deepseek4.RatioHCA:
		weights += f(2, c.HiddenSize, c.HeadDim)
	}
	for _, t := range p.Texts {
		n := len(t.IDs)
		flop += 2 * weights * float64(n)
		read := min(c.Window, n)
		switch ratio {
		case deepseek4.RatioCSA:
			read += min(c.IndexTopK, n/8)
			flop += 2 * f(n, n/8, c.IndexHeads, c.IndexHeadDim)
		case deepseek4.RatioHCA:
			read += n / 256 // on average over the tokens
		}
		flop += 4 * f(n, read, c.Heads, c.HeadDim)
	}
	return flop
}

// calibrate measures the FLOP per second of a matrix product.
func calibrate(workers int) float64 {
	const rows, cols, n = 1024, 1024, 256
	w := &checkpoint.Matrix{Name: "calibration", Rows: rows, Cols: cols, Format: checkpoint.BF16, Data: make([]byte, 2*rows*cols)}
	x, dst := make([]float32, n*cols), make([]float32, n*rows)
	least := time.Duration(0)
	for begin := time.Now(); time.Since(begin) < 200*time.Millisecond || least == 0; {
		at := time.Now()
		matmul.Mul(dst, x, n, w, workers)
		if d := max(1, time.Since(at)); least == 0 || d < least {
			least = d
		}
	}
	return 2 * rows * cols * n / least.Seconds()
}

// String is the cost in words, a line each.
func (c *Cost) String() string {
	const giga = 1e9
	disk := ""
	if c.Residual > 0 {
		disk = fmt.Sprintf("disk:     %.3f GB for the state of the run\n", float64(c.Residual)/giga)
	}
	if c.Fetched > 0 {
		disk += fmt.Sprintf("disk:     %.3f GB for what is fetched\n", float64(c.Fetched)/giga)
	}
	return disk + fmt.Sprintf(`model:    %.3f GB to read, %.3f GB of them not on this machine yet
work:     %d tokens, %d runs, the exact one included: %.4g TFLOP
memory:   %.3f GB at the peak
time:     %s %v and transfers, from the %.1f GFLOP/s of a short product on this machine
`,
		float64(c.Bytes)/giga, float64(c.Bytes-c.Cached)/giga, c.Tokens, 1+c.Arms, c.FLOP/1e12,
		float64(c.Memory)/giga, map[bool]string{true: "about", false: "at least"}[c.other > 0], roundTime(c.Seconds), c.Rate/giga)
}

func roundTime(seconds float64) time.Duration {
	d := time.Duration(seconds * float64(time.Second))
	if d > time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(10 * time.Millisecond)
}
