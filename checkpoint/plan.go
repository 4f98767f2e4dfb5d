package checkpoint

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"kakeyalattice/safetensors"
)

// Need is a tensor, or a part of one, that has to be on this machine.
type Need struct {
	Shard, Tensor string
	Bytes         int64
	Cached        int64 // of these, on this machine already
}

// Plan lists what [Checkpoint.Fetch] of the same names needs, without fetching
// more than headers: every tensor once, and the scales of quantised ones.
func (c *Checkpoint) Plan(ctx context.Context, names ...string) ([]Need, error) {
	parts, err := c.parts(ctx, names)
	if err != nil {
		return nil, err
	}
	needs := make([]Need, len(parts))
	for i, p := range parts {
		needs[i] = p.need()
	}
	return needs, nil
}

// Fetch makes the values of tensors, and the scales of quantised ones, quick
// to read: from a remote checkpoint it brings just these bytes, in one request
// for each shard, several shards at a time.
func (c *Checkpoint) Fetch(ctx context.Context, names ...string) error {
	parts, err := c.parts(ctx, names)
	if err != nil {
		return err
	}
	return c.fetch(ctx, parts)
}

// Discard removes what Fetch brought of the tensors, and the scales of quantised ones,
// from this machine. What was here before stays, and so does every local file.
func (c *Checkpoint) Discard(ctx context.Context, names ...string) error {
	parts, err := c.parts(ctx, names)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := p.shard.file.Discard(p.ranges); err != nil {
			return c.errorf("%s: discarding what was fetched: %w", p.shard.name, err)
		}
	}
	return nil
}

// part is some bytes of a tensor, in ascending ranges.
type part struct {
	tensor Tensor
	shard  *shard
	ranges []Range
}

func (p part) need() Need {
	n := Need{Shard: p.shard.name, Tensor: p.tensor.Name, Cached: p.shard.file.Cached(p.ranges)}
	for _, r := range p.ranges {
		n.Bytes += r.Len()
	}
	return n
}

// parts finds tensors, all of each, and adds the scales that belong to them.
func (c *Checkpoint) parts(ctx context.Context, names []string) ([]part, error) {
	if err := c.loadShards(ctx, names); err != nil {
		return nil, err
	}
	var list []part
	seen := map[string]bool{}
	add := func(name string) (Tensor, error) {
		t, s, err := c.find(ctx, name)
		if err == nil && !seen[name] {
			list = append(list, part{t, s, appendRange(nil, t.Range)})
			seen[name] = true
		}
		return t, err
	}
	for _, name := range names {
		t, err := add(name)
		if err != nil {
			return nil, err
		}
		if scale := c.scaleName(t); scale != "" {
			if _, err := add(scale); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// loadShards reads the headers that are needed to find tensors, at the same
// time. Tensors that are not there are left for find to report.
func (c *Checkpoint) loadShards(ctx context.Context, names []string) error {
	var first []string // a tensor of each shard
	seen := map[*shard]bool{nil: true}
	for _, name := range names {
		if s := c.where[name]; !seen[s] {
			seen[s] = true
			first = append(first, name)
		}
	}
	return each(first, func(name string) error {
		_, _, err := c.find(ctx, name)
		return err
	})
}

// fetch fetches parts, a request for each shard.
func (c *Checkpoint) fetch(ctx context.Context, parts []part) error {
	byShard := map[*shard][]Range{}
	var shards []*shard
	for _, p := range parts {
		if byShard[p.shard] == nil {
			shards = append(shards, p.shard)
		}
		byShard[p.shard] = append(byShard[p.shard], p.ranges...)
	}
	return each(shards, func(s *shard) error {
		ranges := byShard[s]
		slices.SortFunc(ranges, func(a, b Range) int { return cmp.Compare(a.Begin, b.Begin) })
		var merged []Range
		for _, r := range ranges {
			merged = appendRange(merged, r)
		}
		if err := s.file.Fetch(ctx, merged); err != nil {
			return c.errorf("%s: %w", s.name, err)
		}
		return nil
	})
}

// scaleName is the name of the tensor that holds the scales of a quantised
// one, or nothing: X.scale beside X.weight, as DeepSeek-V4 has it, or
// X.weight_scale_inv or X.weight_scale.
func (c *Checkpoint) scaleName(t Tensor) string {
	switch t.DType {
	case safetensors.F8E4M3, safetensors.F4, safetensors.I8, safetensors.U8:
	default:
		return ""
	}
	for _, name := range scaleNames(t.Name) {
		if c.Has(name) {
			return name
		}
	}
	return ""
}

func scaleNames(weight string) []string {
	return []string{strings.TrimSuffix(weight, ".weight") + ".scale", weight + "_scale_inv", weight + "_scale"}
}
