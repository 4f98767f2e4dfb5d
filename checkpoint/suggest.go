package checkpoint

import (
	"cmp"
	"slices"
	"strings"
)

// suggest names the tensors whose names are most like one that is not there,
// as the end of a message.
func (c *Checkpoint) suggest(name string) string {
	type candidate struct {
		name string
		cost int
	}
	var near []candidate
	limit := max(3, len(name)/3)
	for other := range c.where {
		cost := distance(name, other, limit)
		if strings.HasSuffix(other, "."+name) || strings.HasSuffix(name, "."+other) {
			cost = 0 // the same tensor of a model inside another, or bare
		}
		if cost <= limit {
			near = append(near, candidate{other, cost})
		}
	}
	slices.SortFunc(near, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), strings.Compare(a.name, b.name))
	})
	if len(near) == 0 {
		return ""
	}
	names := make([]string, min(3, len(near)))
	for i := range names {
		names[i] = near[i].name
	}
	return "; like it: " + strings.Join(names, ", ")
}

// distance is the number of bytes to insert, delete or replace to make b of a
// (Levenshtein), or limit + 1 if it is more than limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	row := make([]int, len(b)+1) // distances of a[:i] to every b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal, least := row[0], i+1
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
			least = min(least, row[j+1])
		}
		if least > limit {
			return limit + 1
		}
	}
	return min(row[len(b)], limit+1)
}
