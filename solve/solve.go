package solve

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"kakeyalattice/codec"
	"kakeyalattice/decide"
	"kakeyalattice/experiment"
	"kakeyalattice/kv"
)

// Parameter is a continuous parameter of a codec and the range it is searched
// in.
type Parameter struct {
	Spec   codec.Spec // any spec of the family; the parameter is set in it
	Key    string
	Lo, Hi float64
}

// Swept lists the continuous parameters of which at least two values are among
// the specs with all else equal, each over the whole range that its codec
// allows.
func Swept(specs []codec.Spec) []Parameter {
	var swept []Parameter
	count := map[string]int{}
	for _, s := range specs {
		key, lo, hi, ok := s.Continuous()
		if !ok {
			continue
		}
		rest := s
		rest.Params = slices.DeleteFunc(slices.Clone(s.Params), func(p codec.Param) bool { return p.Key == key })
		if count[rest.String()]++; count[rest.String()] == 2 {
			swept = append(swept, Parameter{Spec: s, Key: key, Lo: lo, Hi: hi})
		}
	}
	return swept
}

// Options are the choices of a search that do not change its outcome; see
// [experiment.Options]. Progress counts decisions.
type Options struct {
	Workers  int
	Journal  *experiment.Journal
	Progress func(done, total int)
}

// Parameters finds, for every stream, baseline, threshold and view, the value
// of the parameter that stores the fewest bits, and adds what was measured at
// it to the stream's codecs, marked Solved. Where no value is admissible it
// adds nothing. The data is the same in every measurement.
func Parameters(ctx context.Context, plan *experiment.Plan, outcome *experiment.Outcome, p Parameter, opt Options) error {
	done, total := 0, 0
	for i := range outcome.Streams {
		t, _ := Table(&outcome.Streams[i])
		total += len(t.Baselines) * len(decide.Thresholds) * len(decide.Views)
	}
	for i := range outcome.Streams {
		s := &outcome.Streams[i]
		m, err := newMeasurer(plan, s, p, opt)
		if err != nil {
			return err
		}
		err = m.solve(ctx, func() {
			done++
			if opt.Progress != nil {
				opt.Progress(done, total)
			}
		})
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("solve: %w after %d of %d decisions: %w; continue with --resume", experiment.ErrInterrupted, done, total, context.Cause(ctx))
		case err != nil:
			return fmt.Errorf("solve: %s of %s on stream %s: %w", p.Key, p.Spec.Name, s.Stream.Name, err)
		}
	}
	return nil
}

// measurer measures a codec at values of its parameter on one stream.
type measurer struct {
	stream   *experiment.StreamOutcome
	source   *kv.Source
	param    Parameter
	opt      Options
	figure   figure
	measured map[string]experiment.CodecOutcome // by spec
}

func newMeasurer(plan *experiment.Plan, s *experiment.StreamOutcome, p Parameter, opt Options) (*measurer, error) {
	stream, err := inMemory(s.Stream)
	if err != nil {
		return nil, err
	}
	source := *plan.Source
	source.Streams = []*kv.Stream{stream}
	m := &measurer{stream: s, source: &source, param: p, opt: opt, measured: map[string]experiment.CodecOutcome{}}
	m.figure, _ = figureOf(s)
	return m, nil
}

// solve searches every decision of the stream and adds the solutions.
func (m *measurer) solve(ctx context.Context, decided func()) error {
	search, err := decide.NewSearch(m.param.Lo, m.param.Hi, m.measure)
	if err != nil {
		return err
	}
	t, _ := Table(m.stream)
	if _, err := codec.New(m.param.Spec, m.stream.Stream.Dim); err != nil {
		return nil // the plan has skipped the family on this stream, and said so
	}
	added := map[string]bool{}
	for _, c := range m.stream.Codecs {
		added[c.Spec.String()] = true
	}
	for _, base := range t.Baselines {
		for _, th := range decide.Thresholds {
			for _, view := range decide.Views {
				s, err := search.Solve(ctx, func(c decide.Candidate) bool {
					ok, _ := decide.Admissible(c, base, th, view)
					return ok
				})
				if err != nil {
					return err
				}
				if s.OK && !added[s.Candidate.Codec] {
					added[s.Candidate.Codec] = true
					m.stream.Codecs = append(m.stream.Codecs, m.measured[s.Candidate.Codec])
				}
				decided()
			}
		}
	}
	return nil
}

// measure is a [decide.Measure].
func (m *measurer) measure(ctx context.Context, value float64) (decide.Candidate, error) {
	spec, err := m.param.Spec.With(m.param.Key, strconv.FormatFloat(value, 'g', -1, 64))
	if err != nil {
		return decide.Candidate{}, err
	}
	plan := &experiment.Plan{Source: m.source, Codecs: []codec.Spec{spec}, Named: true, SkipAudit: true}
	outcome, err := experiment.Run(ctx, plan, experiment.Options{Workers: m.opt.Workers, Journal: m.opt.Journal})
	if err != nil {
		return decide.Candidate{}, err
	}
	c := outcome.Streams[0].Codecs[0]
	c.Solved = true
	m.measured[spec.String()] = c
	return candidate(&c, m.figure), nil
}

// maxInMemory bounds the values of a stream that are kept while it is
// searched; a larger one is read anew for every measurement.
const maxInMemory = 1 << 25

// inMemory returns a stream of the same values that reads them from memory.
func inMemory(s *kv.Stream) (*kv.Stream, error) {
	values, tokens := 0, make([]int, s.Passages())
	for p := range tokens {
		tokens[p] = s.Tokens(p)
		values += s.Vectors(p) * s.Dim
	}
	if values > maxInMemory {
		return s, nil
	}
	passages := make([][]float32, len(tokens))
	for p := range passages {
		var err error
		if passages[p], err = s.Read(nil, p); err != nil {
			return nil, err
		}
	}
	return kv.NewStream(*s, tokens, func(dst []float32, p int) error {
		copy(dst, passages[p])
		return nil
	}), nil
}
