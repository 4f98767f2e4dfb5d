package checkpoint

import (
	"context"
	"fmt"
	"slices"
)

// Rows reads some rows of a matrix of cols columns, in a float type without
// scales, as float32: rows[0], then rows[1] and so on, each cols values. Only
// these rows are fetched, every one once; rows may repeat and need no order.
func (c *Checkpoint) Rows(ctx context.Context, name string, cols int, rows []int) ([]float32, error) {
	p, err := c.rowPart(ctx, name, cols, rows)
	if err != nil {
		return nil, err
	}
	if err := c.fetch(ctx, []part{p}); err != nil {
		return nil, err
	}
	// The places in values that want each row, in the order of the file.
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return rows[a] - rows[b] })
	values := make([]float32, len(rows)*cols)
	rowBytes := int64(cols * p.tensor.DType.Size())
	for i := 0; i < len(order); {
		row := rows[order[i]]
		begin := p.tensor.Range.Begin + int64(row)*rowBytes
		data, err := c.readRange(p.tensor, p.shard, Range{begin, begin + rowBytes})
		if err != nil {
			return nil, err
		}
		first := values[order[i]*cols:][:cols]
		if err := p.tensor.DType.Float32(first, data); err != nil {
			return nil, c.errorf("%s: tensor %s: row %d: %w", p.shard.name, name, row, err)
		}
		for i++; i < len(order) && rows[order[i]] == row; i++ {
			copy(values[order[i]*cols:], first)
		}
	}
	return values, nil
}

// PlanRows is what [Checkpoint.Rows] of the same arguments needs.
func (c *Checkpoint) PlanRows(ctx context.Context, name string, cols int, rows []int) (Need, error) {
	p, err := c.rowPart(ctx, name, cols, rows)
	if err != nil {
		return Need{}, err
	}
	return p.need(), nil
}

// rowPart is the bytes of some rows; neighbours are one range.
func (c *Checkpoint) rowPart(ctx context.Context, name string, cols int, rows []int) (part, error) {
	t, s, err := c.find(ctx, name)
	if err != nil {
		return part{}, err
	}
	switch {
	case len(t.Shape) != 2 || t.Shape[1] != cols:
		return part{}, c.wrongShape(t, fmt.Sprintf("[rows %d]", cols))
	case !t.DType.IsFloat():
		return part{}, c.errorf("%s: tensor %s: rows of %s cannot be read as float32", t.Shard, name, t.DType)
	case c.scaleName(t) != "":
		return part{}, c.errorf("%s: tensor %s: it is quantised, with scales in %s: it can only be read as a matrix", t.Shard, name, c.scaleName(t))
	}
	sorted := slices.Sorted(slices.Values(rows))
	if n := len(sorted); n > 0 && (sorted[0] < 0 || sorted[n-1] >= t.Shape[0]) {
		bad := sorted[0]
		if bad >= 0 {
			bad = sorted[n-1]
		}
		return part{}, c.errorf("%s: tensor %s: row %d is asked for, but it has %d rows: is the tokenizer that of this model?", t.Shard, name, bad, t.Shape[0])
	}
	p := part{tensor: t, shard: s}
	size := int64(cols * t.DType.Size())
	for _, row := range sorted {
		begin := t.Range.Begin + int64(row)*size
		p.ranges = appendRange(p.ranges, Range{begin, begin + size})
	}
	return p, nil
}
