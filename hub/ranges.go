package hub

import (
	"cmp"
	"slices"
)

// Range is the bytes [Begin, End) of a file.
type Range struct{ Begin, End int64 }

// Len is the number of bytes.
func (r Range) Len() int64 { return r.End - r.Begin }

// union returns the same bytes as sorted ranges that neither overlap nor touch.
// Ranges with at most gap bytes between them become one, gap included.
func union(list []Range, gap int64) []Range {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b Range) int { return cmp.Compare(a.Begin, b.Begin) })
	out := sorted[:0]
	for _, r := range sorted {
		if r.Len() <= 0 {
			continue
		}
		if n := len(out); n > 0 && r.Begin-out[n-1].End <= gap {
			out[n-1].End = max(out[n-1].End, r.End)
			continue
		}
		out = append(out, r)
	}
	return out
}

// add returns the union of a union, which it may overwrite, and one more range.
func add(list []Range, r Range) []Range {
	i, _ := slices.BinarySearchFunc(list, r.Begin, func(x Range, at int64) int { return cmp.Compare(x.End, at) })
	j := i
	for ; j < len(list) && list[j].Begin <= r.End; j++ {
		r = Range{min(r.Begin, list[j].Begin), max(r.End, list[j].End)}
	}
	return slices.Replace(list, i, j, r)
}

// subtract returns the bytes of a that are not in b. Both are unions.
func subtract(a, b []Range) []Range {
	var out []Range
	for _, r := range a {
		i, _ := slices.BinarySearchFunc(b, r.Begin, func(x Range, at int64) int { return cmp.Compare(x.End, at+1) })
		for ; i < len(b) && b[i].Begin < r.End; i++ {
			if b[i].Begin > r.Begin {
				out = append(out, Range{r.Begin, b[i].Begin})
			}
			r.Begin = b[i].End
		}
		if r.Len() > 0 {
			out = append(out, r)
		}
	}
	return out
}

// total is the number of bytes of a union.
func total(list []Range) (n int64) {
	for _, r := range list {
		n += r.Len()
	}
	return n
}

// split cuts ranges into pieces of at most size bytes.
func split(list []Range, size int64) []Range {
	var out []Range
	for _, r := range list {
		for r.Len() > size {
			out = append(out, Range{r.Begin, r.Begin + size})
			r.Begin += size
		}
		out = append(out, r)
	}
	return out
}
