package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"kakeyalattice/codec"
	"kakeyalattice/eval"
	"kakeyalattice/kv"
	"kakeyalattice/nano"
	"kakeyalattice/report"
)

// qualityTokens is how much of each passage a model is run over with codecs in its
// cache where nothing else is asked for.
const qualityTokens = 1024

// quality runs the model of the streams with what the result recommends in its
// cache, and with the baselines that frame the others: the first, which it is judged
// by, and the last, which is that of the publication where the user names none.
func (f *measureFlags) quality(t *terminal, result *report.Result, dir *outDir) error {
	baselines := result.Baselines
	if len(baselines) > 2 {
		baselines = []string{baselines[0], baselines[len(baselines)-1]}
	}
	arms, recommended, err := qualityArms(result, baselines)
	if err != nil || len(arms) == 0 {
		return err
	}
	s := newStages(t.stderr, f.Quiet)
	defer s.finish()
	tokens := f.tokens(qualityTokens)
	if tokens == 0 || tokens > qualityTokens {
		tokens = qualityTokens
	}
	m, texts, err := f.textFlags.open(t.ctx, s, tokens)
	if err != nil {
		return err
	}
	defer m.Close()
	plan := &eval.Plan{
		Model: m, Texts: texts, Arms: arms, Mode: eval.InForward, Token: f.Vector == "token",
		Workers: f.Workers, Progress: s.step, Discard: !f.KeepShards,
	}
	if f.Model != nano.Name { // which is done in seconds, and keeping its state takes one
		plan.State = filepath.Join(dir.path, stateFile)
	}
	outcome, err := eval.Run(t.ctx, plan)
	if err != nil {
		return fmt.Errorf("%w; the streams are measured: continue with --resume --out %s and the same flags, or leave this out with --no-quality", err, dir.path)
	}
	report.AddQuality(result, plan, outcome, recommended)
	result.Protocol.Arithmetic = plan.Arithmetic.String()
	return removeState(plan.State)
}

// removeState removes what an evaluation kept between layers, if it did; path may be
// empty.
func removeState(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// qualityArms are the recommendations and the baselines of a result as arms, and what
// each of the former is recommended for.
func qualityArms(result *report.Result, baselines []string) ([]eval.Arm, map[string][]string, error) {
	var arms []eval.Arm
	recommended := map[string][]string{}
	kinds := streamKinds(result)
	for _, r := range report.Recommended(result) {
		arm := eval.Arm{Kinds: kinds, PerKind: map[kv.Kind]codec.Spec{}}
		for kind, text := range r.Kinds {
			spec, err := codec.Parse(text)
			if err != nil {
				return nil, nil, err
			}
			arm.PerKind[kind], arm.Codec = spec, spec
		}
		if one := slices.Collect(maps.Values(r.Kinds)); !slices.ContainsFunc(one, func(s string) bool { return s != one[0] }) {
			arm.PerKind = nil
		}
		recommended[arm.Name()] = r.For
		arms = append(arms, arm)
	}
	for _, name := range baselines {
		i := slices.IndexFunc(arms, func(a eval.Arm) bool { return a.Name() == name })
		if i >= 0 {
			arms[i].Baseline = true
			continue
		}
		spec, err := codec.Parse(name)
		if err != nil {
			return nil, nil, err
		}
		arms = append(arms, eval.Arm{Codec: spec, Baseline: true, Kinds: kinds})
	}
	return arms, recommended, nil
}

// streamKinds are the kinds of the result's streams.
func streamKinds(result *report.Result) []kv.Kind {
	var kinds []kv.Kind
	for i := range result.Streams {
		if k := result.Streams[i].Kind; !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}
