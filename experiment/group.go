package experiment

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"kakeyalattice/kv"
)

// group is the streams whose decoded values one attention needs together: the
// keys and the values of a layer, or a single stream.
type group struct {
	name      string
	streams   []*kv.Stream
	attention *attention // nil where there is none
	trials    []*trial
	passages  []*passage
	audits    [][]*unit // per stream, per passage
}

// newGroups sorts the streams of a source into groups, in the order of each
// group's first stream. Notices tell what keeps a group from its attention.
func newGroups(src *kv.Source, queries int) ([]*group, []string, error) {
	if src == nil {
		return nil, nil, errors.New("experiment: the plan has no source")
	}
	var (
		groups  []*group
		notices []string
	)
	grouped := map[*kv.Stream]bool{}
	names := map[string]bool{}
	for _, s := range src.Streams {
		if names[s.Name] {
			return nil, nil, fmt.Errorf("experiment: two streams are called %s; rename one or leave it out with --tensors", s.Name)
		}
		names[s.Name] = true
		if p := slices.Index(tokens(s), 0); p >= 0 {
			return nil, nil, fmt.Errorf("experiment: stream %s: passage %d is empty; use longer passages or leave the stream out with --tensors", s.Name, p)
		}
		if s.Kind == kv.Query || grouped[s] {
			continue
		}
		members, notice := membersWith(s, src.Streams)
		if notice != "" && queries > 0 {
			notices = append(notices, notice)
		}
		g := newGroup(members)
		for _, m := range members {
			grouped[m] = true
		}
		groups = append(groups, g)
	}
	if len(groups) == 0 {
		return nil, nil, errors.New("experiment: no streams to code; check --tensors")
	}
	for _, g := range groups {
		if queries > 0 {
			var notice string
			if g.attention, notice = newAttention(g, src, queries); notice != "" {
				notices = append(notices, notice)
			}
		}
	}
	return groups, notices, nil
}

func newGroup(members []*kv.Stream) *group {
	g := &group{streams: members}
	var names []string
	for _, s := range members {
		names = append(names, s.Name)
	}
	g.name = strings.Join(names, "+")
	for p := range members[0].Passages() {
		g.passages = append(g.passages, &passage{group: g, index: p})
	}
	return g
}

// membersWith returns the group of a stream: keys and values of a layer where
// they match, else the stream alone. The notice says why a key or a value
// stream is alone.
func membersWith(s *kv.Stream, all []*kv.Stream) (members []*kv.Stream, notice string) {
	alone := []*kv.Stream{s}
	if s.Kind != kv.Key && s.Kind != kv.Value {
		return alone, ""
	}
	of := func(kind kv.Kind) []*kv.Stream {
		var found []*kv.Stream
		for _, o := range all {
			if o.Kind == kind && o.Layer == s.Layer && s.Layer >= 0 {
				found = append(found, o)
			}
		}
		return found
	}
	keys, values := of(kv.Key), of(kv.Value)
	switch {
	case len(keys) > 1 || len(values) > 1:
		return alone, fmt.Sprintf("%s: layer %d has %d key and %d value streams: no attention-output error", s.Name, s.Layer, len(keys), len(values))
	case len(keys) == 0 || len(values) == 0:
		return alone, fmt.Sprintf("%s: the source lacks the other half of its layer's keys and values: no attention-output error", s.Name)
	case !sameShape(keys[0], values[0]):
		return alone, fmt.Sprintf("%s: %s and %s differ in shape: no attention-output error", s.Name, keys[0].Name, values[0].Name)
	}
	return []*kv.Stream{keys[0], values[0]}, ""
}

func sameShape(a, b *kv.Stream) bool {
	return a.Dim == b.Dim && a.Heads == b.Heads && a.HeadDim == b.HeadDim && slices.Equal(tokens(a), tokens(b))
}

// tokens lists the numbers of tokens of a stream's passages.
func tokens(s *kv.Stream) []int {
	n := make([]int, s.Passages())
	for p := range n {
		n[p] = s.Tokens(p)
	}
	return n
}
