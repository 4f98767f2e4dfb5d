// Package eval measures what a codec in the KV cache does to a model's
// predictions: perplexity, the divergence from the exact model token by token,
// and how often the most likely token stays the same.
//
// [Run] takes a model over texts, once exactly and once for every [Arm], a codec
// on some kinds of streams. Every figure compares an arm with the exact run on the
// same tokens.
package eval

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"kakeyalattice/capture"
	"kakeyalattice/codec"
	"kakeyalattice/kv"
	"kakeyalattice/model/deepseek4"
)

// Mode is what the entries of an arm are computed from.
type Mode string

const (
	// InForward codes an entry when it is written: every later read, the current
	// token's included, sees the decoded value, and so do the layers above.
	InForward Mode = "in-forward"
	// Snapshot lets attention read the coded entries of the exact run: errors do
	// not add up from layer to layer within the cache.
	Snapshot Mode = "snapshot"
)

// Arm is a codec in the cache, or one for each kind of streams.
type Arm struct {
	Codec codec.Spec
	// PerKind are codecs of kinds in place of Codec: a policy.
	PerKind  map[kv.Kind]codec.Spec
	Baseline bool
	Kinds    []kv.Kind // of the streams that are coded; others stay exact
}

// Spec is the codec of the streams of a kind.
func (a Arm) Spec(kind kv.Kind) codec.Spec {
	if s, ok := a.PerKind[kind]; ok {
		return s
	}
	return a.Codec
}

// Name is the codec, or the codecs with the kinds that they are for.
func (a Arm) Name() string {
	if len(a.PerKind) == 0 {
		return a.Codec.String()
	}
	var specs []string
	kinds := map[string][]string{}
	for _, k := range a.Kinds {
		s := a.Spec(k).String()
		if kinds[s] == nil {
			specs = append(specs, s)
		}
		kinds[s] = append(kinds[s], string(k))
	}
	for i, s := range specs {
		specs[i] = strings.Join(kinds[s], "+") + " " + s
	}
	return strings.Join(specs, ", ")
}

// Simulated says whether any of the codecs has no bytes.
func (a Arm) Simulated() bool {
	return slices.ContainsFunc(a.Kinds, func(k kv.Kind) bool { return a.Spec(k).Simulated() })
}

// Label names the arm in messages.
func (a Arm) Label() string {
	names := make([]string, len(a.Kinds))
	for i, k := range a.Kinds {
		names[i] = string(k)
	}
	return a.Name() + " on " + strings.Join(names, ",")
}

// Plan is one evaluation.
type Plan struct {
	Model *capture.Model
	Texts []capture.Text
	Arms  []Arm
	Mode  Mode
	// Arithmetic is that of all runs of a DeepSeek-V4, the exact one included.
	Arithmetic deepseek4.Mode
	// Discard removes from this machine what the run fetched of a layer when it is
	// done with it.
	Discard bool
	// Token makes all heads of a token one vector; else every head is one. Entries
	// of a DeepSeek-V4 have one head.
	Token bool
	// Workers is the number of cores to use, 0 for all. Results do not depend on
	// it.
	Workers int
	Temp    string // folder for temporary files; empty: the system's
	// State is a file that keeps the run of a DeepSeek-V4 between layers, written
	// anew after each unless that would cost more than a tenth of the time; a run
	// of the same plan continues from it. It stays when the run ends. Empty: none.
	State string
	// Progress is told about the parts of the work; may be nil.
	Progress func(stage string, done, total int)
}

// Kinds lists the kinds of streams that a model's cache has, and those of them
// that are coded where nothing else is asked for: all but the indexer's, whose
// dimension few codecs share with the others.
func Kinds(m *capture.Model) (all, usual []kv.Kind) {
	if m.DeepSeekV4() {
		all = []kv.Kind{kv.SWA, kv.CSA, kv.HCA, kv.Indexer}
		return all, all[:3]
	}
	all = []kv.Kind{kv.Key, kv.Value}
	return all, all
}

// Run measures the plan.
func Run(ctx context.Context, p *Plan) (*Outcome, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if p.Model.DeepSeekV4() {
		return p.deepSeek4(ctx)
	}
	return p.llama(ctx)
}

func (p *Plan) check() error {
	if p.Mode != InForward && p.Mode != Snapshot {
		return fmt.Errorf("eval: mode %q: want %s or %s", p.Mode, InForward, Snapshot)
	}
	if p.Arithmetic != deepseek4.Exact && !p.Model.DeepSeekV4() {
		return fmt.Errorf("eval: %s is not a DeepSeek-V4: its arithmetic is %s alone", p.Model.Name(), deepseek4.Exact)
	}
	if len(p.Arms) == 0 {
		return fmt.Errorf("eval: no codec is named")
	}
	known, _ := Kinds(p.Model)
	for _, a := range p.Arms {
		if len(a.Kinds) == 0 {
			return fmt.Errorf("eval: %s codes no streams", a.Name())
		}
		for _, k := range a.Kinds {
			if !slices.Contains(known, k) {
				return fmt.Errorf("eval: %s has no streams of the kind %q: it has %v", p.Model.Name(), k, known)
			}
		}
	}
	if len(p.Texts) == 0 {
		return fmt.Errorf("eval: no texts")
	}
	for _, t := range p.Texts {
		if len(t.IDs) < 2 {
			return fmt.Errorf("eval: passage %q has %d token: a prediction needs two", t.Title, len(t.IDs))
		}
	}
	return nil
}

// ErrTooLong is what the error of a text that needs more positions than the model
// was made for wraps.
var ErrTooLong = errors.New("the text is longer than the model's positions")

// short refuses texts that are too long, before anything is computed.
func (p *Plan) short(positions int) error {
	for _, t := range p.Texts {
		if positions > 0 && len(t.IDs) > positions {
			return fmt.Errorf("eval: passage %q: %w: %d tokens, the model has %d positions; give --seqlen %d",
				t.Title, ErrTooLong, len(t.IDs), positions, positions)
		}
	}
	return nil
}

func (p *Plan) workers() int {
	if p.Workers > 0 {
		return p.Workers
	}
	return runtime.GOMAXPROCS(0)
}

func (p *Plan) progress(stage string, done, total int) {
	if p.Progress != nil {
		p.Progress(stage, done, total)
	}
}

// tokens is the number of tokens of all texts.
func (p *Plan) tokens() int {
	n := 0
	for _, t := range p.Texts {
		n += len(t.IDs)
	}
	return n
}
