package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"kakeyalattice/capacity"
	"kakeyalattice/codec"
	"kakeyalattice/experiment"
	"kakeyalattice/kv"
	"kakeyalattice/nano"
	"kakeyalattice/report"
	"kakeyalattice/solve"
)

// measureFlags are shared by audit and sweep.
type measureFlags struct {
	sourceFlags      `embed:""`
	Codecs           []string `sep:"none" placeholder:"SPECS" help:"Codecs to measure instead of the default ones, separated by spaces or ';'; ranges as in 'e8:q=10..76/2'. Repeatable. See kakeya codec list."`
	Baselines        []string `sep:"none" placeholder:"SPECS" help:"Baselines, the first one decides the headline. Default: ${baselines}."`
	AttentionQueries int      `default:"64" placeholder:"N" help:"Query positions per passage for the attention-output error; 0 leaves it out. Default 64."`
	Quality          *bool    `negatable:"" help:"Also run the model with what is recommended, and with the baselines, in its cache, over the first ${qualityTokens} tokens of each passage: perplexity, KL. Default for the built-in model; --no-quality leaves it out."`
	Context          int      `placeholder:"TOKENS" help:"Context length at which streams are weighted by the bytes they hold. Default 1048576, or the most that the model allows."`
	Workers          int      `placeholder:"N" help:"Units measured at once. Default: all cores. The result does not depend on it."`
	Out              string   `placeholder:"DIR" help:"Folder for result.json and the reports. Default: kakeya-out/<command>-<time>."`
	Resume           bool     `help:"Continue an interrupted run in --out."`
	JSON             bool     `name:"json" help:"Print result.json to standard output."`
	Quiet            bool     `help:"Print nothing but errors."`
	distributeFlags  `embed:""`
}

// defaults are the codecs of a command where the user names none: under the
// protocol's own choice of codecs, and under the reference's.
type defaults struct{ own, reference string }

// specs returns the codecs to measure and whether the user named them.
func (f *measureFlags) specs(codecsFor defaults) (codecs, baselines []codec.Spec, named bool, err error) {
	p, err := f.protocolChoices()
	if err != nil {
		return nil, nil, false, err
	}
	list := strings.Join(f.Codecs, " ")
	if named = len(f.Codecs) > 0; !named {
		list = codecsFor.own
		if p.ReferenceCodec {
			list = codecsFor.reference
		}
	}
	if codecs, err = codec.ParseList(list); err != nil {
		return nil, nil, false, usageError{err}
	}
	list = strings.Join(f.Baselines, " ")
	if len(f.Baselines) == 0 {
		list = experiment.DefaultBaselines
		if p.ReferenceBaseline {
			list = experiment.ReferenceBaselines
		}
	}
	if baselines, err = codec.ParseList(list); err != nil {
		return nil, nil, false, usageError{err}
	}
	if len(codecs) == 0 || len(baselines) == 0 {
		return nil, nil, false, usagef("no codec is named; see kakeya codec list")
	}
	return codecs, baselines, named, nil
}

// measure runs the whole path from source to reports. finish, if any, adds to
// the result before it is written.
func (f *measureFlags) measure(t *terminal, command string, codecsFor defaults, finish func(*report.Result) error) error {
	started := time.Now()
	if err := f.resolve(); err != nil {
		return err
	}
	if f.Quality != nil && *f.Quality && f.Model == "" {
		return usagef("--quality runs a model; give --model, or neither --kv nor --synthetic")
	}
	if err := f.check(); err != nil {
		return err
	}
	codecs, baselines, named, err := f.specs(codecsFor)
	if err != nil {
		return err
	}
	if f.AttentionQueries < 0 || f.Context < 0 || f.Workers < 0 {
		return usagef("--attention-queries, --context and --workers take positive numbers")
	}
	source, err := f.open(t, f.Quiet, f.Workers)
	if err != nil {
		return err
	}
	defer source.Close()
	plan := &experiment.Plan{
		Source:           source,
		Codecs:           codecs,
		Named:            named,
		Baselines:        baselines,
		BaselinesNamed:   len(f.Baselines) > 0,
		AttentionQueries: f.AttentionQueries,
	}
	if _, err := plan.Units(); err != nil {
		return err
	}
	dir, err := makeOutDir(f.Out, command, f.Resume)
	if err != nil {
		return err
	}
	var params []solve.Parameter
	if command == "sweep" {
		params = solve.Swept(codecs)
	}
	outcome, err := f.run(t, plan, params, dir, f.settings(command, source, codecs, baselines))
	if err != nil {
		return err
	}
	shape, err := modelOf(source)
	if err != nil {
		return err
	}
	result := report.Assemble(outcome, source, report.Options{
		Model:   shape,
		Tool:    thisTool(),
		Command: append([]string{"kakeya"}, t.args...),
		Context: f.context(shape),
		Protocol: report.Protocol{
			Vector:           f.Vector,
			PassageVectors:   f.PassageVectors,
			Tensors:          f.Tensors,
			AttentionQueries: f.AttentionQueries,
		},
	})
	if finish != nil {
		if err := finish(result); err != nil {
			return err
		}
	}
	if f.Quality == nil && f.Model == nano.Name || f.Quality != nil && *f.Quality {
		if err := f.quality(t, result, dir); err != nil {
			return err
		}
	}
	result.WallSeconds = time.Since(started).Seconds()
	if err := report.Write(dir.path, result); err != nil {
		return err
	}
	return f.print(t, dir.path, result)
}

// defaultContext is the context length where neither the user nor the model
// states less.
const defaultContext = 1 << 20

func (f *measureFlags) context(m *capacity.Model) int {
	switch {
	case f.Context > 0:
		return f.Context
	case m != nil && m.MaxContext > 0:
		return min(m.MaxContext, defaultContext)
	}
	return defaultContext
}

// modelOf is the shape of the model behind the streams; nil where there is none.
func modelOf(source *kv.Source) (*capacity.Model, error) {
	if source.Config == nil {
		return nil, nil
	}
	m, err := capacity.ParseModel(source.Config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source.Input.Name, err)
	}
	m.Name = source.Input.Name
	return m, nil
}

// run measures the plan, or what an earlier run left of it, and solves for the
// parameters.
func (f *measureFlags) run(t *terminal, plan *experiment.Plan, params []solve.Parameter, dir *outDir, settings []experiment.Setting) (*experiment.Outcome, error) {
	journal, err := experiment.OpenJournal(dir.path, settings, f.Resume)
	if err != nil {
		dir.discard()
		return nil, err
	}
	outcome, err := f.units(t, plan, dir, journal)
	for _, p := range params {
		if err != nil {
			break
		}
		bar := newProgress(t.stderr, f.Quiet)
		err = solve.Parameters(t.ctx, plan, outcome, p, solve.Options{Workers: f.Workers, Journal: journal, Progress: bar.update})
		bar.finish()
	}
	if closeErr := journal.Close(); err == nil {
		err = closeErr
	}
	switch {
	case errors.Is(err, experiment.ErrInterrupted):
		return nil, fmt.Errorf("%w --out %s and the same flags", err, dir.path)
	case err != nil:
		dir.discard()
	}
	return outcome, err
}

// units measures the units of the plan, here or by workers.
func (f *measureFlags) units(t *terminal, plan *experiment.Plan, dir *outDir, journal *experiment.Journal) (_ *experiment.Outcome, err error) {
	opt := experiment.Options{Workers: f.Workers, Journal: journal}
	d, err := f.distribute(t, dir.path, f.Quiet)
	if err != nil {
		return nil, err
	}
	if d != nil {
		defer func() {
			if closeErr := d.close(errors.Is(err, experiment.ErrInterrupted)); err == nil {
				err = closeErr
			}
		}()
		spec, err := newMeasureSpec(f, plan)
		if err != nil {
			return nil, err
		}
		opt.Elsewhere = d.elsewhere(plan, spec)
	}
	bar := newProgress(t.stderr, f.Quiet)
	defer bar.finish()
	opt.Progress = bar.update
	return experiment.Run(t.ctx, plan, opt)
}

// settings are what a resumed run must agree on.
func (f *measureFlags) settings(command string, source *kv.Source, codecs, baselines []codec.Spec) []experiment.Setting {
	settings := []experiment.Setting{
		{Name: "command", Value: command},
		{Name: "input", Value: source.Input.Name},
		{Name: "input sha256", Value: source.Input.SHA256},
		{Name: "--vector", Value: f.Vector},
		{Name: "--tensors", Value: strings.Join(f.Tensors, " ")},
		{Name: "--passage-vectors", Value: strconv.Itoa(f.PassageVectors)},
		{Name: "--codecs", Value: join(codecs)},
		{Name: "--baselines", Value: join(baselines)},
		{Name: "--attention-queries", Value: strconv.Itoa(f.AttentionQueries)},
		{Name: "kakeya", Value: version()},
	}
	return append(settings, f.modelFlags.settings()...)
}

func join(specs []codec.Spec) string {
	texts := make([]string, len(specs))
	for i, s := range specs {
		texts[i] = s.String()
	}
	return strings.Join(texts, " ")
}

// print shows the summary and where the reports lie, or the JSON.
func (f *measureFlags) print(t *terminal, dir string, result *report.Result) error {
	if f.JSON {
		return report.Render(t.stdout, result, "json")
	}
	if f.Quiet {
		return nil
	}
	if err := report.Summary(t.stdout, result, width(t.stdout)); err != nil {
		return err
	}
	for _, n := range result.Notices {
		if _, err := fmt.Fprintf(t.stdout, "\nnote: %s\n", n); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(t.stdout, "\nreport: %s\ndata:   %s\n", filepath.Join(dir, "report.html"), filepath.Join(dir, "result.json"))
	return err
}

// width is the number of columns of a terminal; 100 for anything else.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 100
}
