package experiment

import (
	"errors"
	"fmt"
	"slices"

	"kakeyalattice/codec"
	"kakeyalattice/kv"
)

// Plan is what to measure.
type Plan struct {
	Source *kv.Source
	// Codecs are measured on every stream that supports them. With Named, the
	// user chose them, and a stream that cannot be coded by one is an error;
	// otherwise the codec is skipped there, with the reason.
	Codecs []codec.Spec
	Named  bool
	// Baselines are codecs that others are compared with; BaselinesNamed is
	// their Named. A spec in both lists is measured once, as a baseline.
	Baselines      []codec.Spec
	BaselinesNamed bool
	// AttentionQueries is the largest number of query positions per passage
	// for the attention-output error; 0 leaves it out.
	AttentionQueries int
	// SkipAudit leaves out the non-Gaussian audit.
	SkipAudit bool
}

// Units is the number of units of work in the plan: an audit for every
// passage of every stream, and every codec on every passage of every group of
// streams that it supports. It reports the errors that [Run] would report
// before it measures anything.
func (p *Plan) Units() (int, error) {
	s, err := newSchedule(p)
	if err != nil {
		return 0, err
	}
	return len(s.units), nil
}

// candidate is one codec of a plan.
type candidate struct {
	spec     codec.Spec // canonical
	baseline bool
	codec    bool // among the plan's codecs
	named    bool
}

// candidates lists the plan's codecs, baselines first, each once.
func (p *Plan) candidates() ([]candidate, error) {
	var list []candidate
	add := func(specs []codec.Spec, baseline, named bool) error {
		for _, s := range specs {
			spec, err := codec.Parse(s.String())
			if err != nil {
				return fmt.Errorf("experiment: %w", err)
			}
			same := func(c candidate) bool { return c.spec.String() == spec.String() }
			i := slices.IndexFunc(list, same)
			if i < 0 {
				i = len(list)
				list = append(list, candidate{spec: spec})
			}
			list[i].named = list[i].named || named
			list[i].baseline = list[i].baseline || baseline
			list[i].codec = list[i].codec || !baseline
		}
		return nil
	}
	if err := add(p.Baselines, true, p.BaselinesNamed); err != nil {
		return nil, err
	}
	if err := add(p.Codecs, false, p.Named); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("experiment: no codecs to measure; name some with --codecs")
	}
	return list, nil
}

// schedule is a plan worked out: the units in the order of work, group by
// group and passage by passage, so that few passages are in memory at a time.
type schedule struct {
	groups  []*group
	units   []*unit
	notices []string
	order   map[string]int // of stream names in the source
	byKey   map[key]*coder // see coders
}

// trial is one codec on the streams of one group.
type trial struct {
	candidate
	unsupported string   // why no stream of the group can be coded; nothing else is set then
	coders      []*coder // per stream
	units       []*unit  // per passage
}

func newSchedule(p *Plan) (*schedule, error) {
	if p.AttentionQueries < 0 {
		return nil, fmt.Errorf("experiment: %d attention queries; want 0 (none) or more", p.AttentionQueries)
	}
	candidates, err := p.candidates()
	if err != nil {
		return nil, err
	}
	s := &schedule{order: map[string]int{}}
	if s.groups, s.notices, err = newGroups(p.Source, p.AttentionQueries); err != nil {
		return nil, err
	}
	for i, stream := range p.Source.Streams {
		s.order[stream.Name] = i
	}
	for _, g := range s.groups {
		for _, c := range candidates {
			t, err := newTrial(c, g.streams)
			if err != nil {
				return nil, err
			}
			g.trials = append(g.trials, t)
		}
		s.addUnits(g, !p.SkipAudit)
	}
	return s, nil
}

// newTrial puts a codec on the streams of a group, which have one dimension.
func newTrial(c candidate, streams []*kv.Stream) (*trial, error) {
	t := &trial{candidate: c}
	for _, stream := range streams {
		coder, err := newCoder(c.spec, stream)
		switch {
		case errors.Is(err, codec.ErrDim) && !c.named:
			return &trial{candidate: c, unsupported: err.Error()}, nil
		case errors.Is(err, codec.ErrDim):
			return nil, fmt.Errorf("experiment: stream %s: %w; choose other streams with --tensors or leave the codec out", stream.Name, err)
		case err != nil:
			return nil, fmt.Errorf("experiment: stream %s: %w", stream.Name, err)
		}
		t.coders = append(t.coders, coder)
	}
	return t, nil
}

func (s *schedule) addUnits(g *group, audit bool) {
	g.audits = make([][]*unit, len(g.streams))
	for _, p := range g.passages {
		for i, stream := range g.streams {
			if !audit {
				break
			}
			u := &unit{key: key{Kind: auditKind, Name: stream.Name, Passage: p.index}, passage: p, stream: i}
			g.audits[i] = append(g.audits[i], u)
			s.units = append(s.units, u)
		}
		for _, t := range g.trials {
			if t.unsupported != "" {
				continue
			}
			u := &unit{key: key{Kind: codeKind, Name: g.name, Passage: p.index, Codec: t.spec.String()}, passage: p, trial: t}
			t.units = append(t.units, u)
			s.units = append(s.units, u)
		}
	}
}
