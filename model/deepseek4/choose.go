package deepseek4

import (
	"math"
	"slices"

	"kakeyalattice/internal/kernel"
	"kakeyalattice/matmul"
)

// choose returns, for n tokens from position first on, which compressed entries each
// of them reads, in ascending order: in layers of ratio 4 the index_topk with the
// highest scores, the first of equal ones. nil for a token: all that there are. in
// [n, hidden] and qr [n, q_lora] are the tokens' input of attention and of its
// queries.
//
// The score of entry j is sum_h w_h relu(q_h . key_j) over the heads of the indexer.
func (l *Layer) choose(r *Run, cache *Cache, in, qr []float32, first, n int) ([][]int, error) {
	c := l.cfg
	chosen := make([][]int, n)
	ratio := c.Ratio(l.index)
	skip := max(0, ratio*(c.IndexTopK+1)-1-first) // tokens that read all entries
	if ratio != RatioCSA || skip >= n {
		return chosen, nil
	}
	in, qr, first, n = in[skip*c.HiddenSize:], qr[skip*c.QLoraRank:], first+skip, n-skip
	heads, dim := c.IndexHeads, c.IndexHeadDim

	r.indexQ, r.indexW = grow(r.indexQ, n*heads*dim), grow(r.indexW, n*heads)
	if err := r.linear(l, r.indexQ, qr, n, l.indexQ); err != nil { // indexQ [n, heads, dim]
		return nil, err
	}
	if err := r.linear(l, r.indexW, in, n, l.indexWeight); err != nil { // indexW [n, heads]
		return nil, err
	}
	factor := float32(1 / math.Sqrt(float64(dim)*float64(heads)))
	for i, w := range r.indexW {
		r.indexW[i] = w * factor
	}
	l.mode.bf16(r.indexW)
	r.chunks(n, func(from, end int) { l.turnIndexQueries(cache, r.indexQ, first, from, end) })

	// Scores of a few tokens at a time: there are heads for each entry.
	most := max(1, scoreValues/(heads*(first+n)/ratio))
	lens := make([]int, most*heads)
	for at := 0; at < n; at += most {
		m := min(most, n-at)
		entries := (first + at + m) / ratio
		for i := range m * heads {
			lens[i] = (first + at + i/heads + 1) / ratio
		}
		r.scores = grow(r.scores, m*heads*entries)
		q := r.indexQ[at*heads*dim : (at+m)*heads*dim]
		matmul.MulT(r.scores, q, m*heads, dim, cache.keys[:entries*dim], entries, lens[:m*heads], r.workers())
		r.chunks(m, func(from, end int) {
			sum := make([]float32, entries)
			for i := from; i < end; i++ {
				seen := sum[:lens[i*heads]]
				l.score(seen, r.scores[i*heads*entries:], entries, row(r.indexW, at+i, heads))
				chosen[skip+at+i] = highest(seen, c.IndexTopK)
			}
		})
	}
	return chosen, nil
}

// scoreValues bounds the memory of scores.
const scoreValues = 1 << 22

// turnIndexQueries gives queries of the indexer their rotary position and what keys
// have had: tokens from to end-1 of q, [n, heads, dim], whose first is at position
// first.
func (l *Layer) turnIndexQueries(cache *Cache, q []float32, first, from, end int) {
	c := l.cfg
	cos, sin := make([]float32, c.RopeDim/2), make([]float32, c.RopeDim/2)
	fp4 := newFP4Rounder(indexerGroup)
	for i := from; i < end; i++ {
		cache.state.compressed.at(first+i, cos, sin)
		for h := range c.IndexHeads {
			q := row(q, i*c.IndexHeads+h, c.IndexHeadDim)
			tail := q[c.IndexHeadDim-c.RopeDim:]
			rotate(tail, cos, sin)
			l.mode.bf16(tail)
			l.kv.spread(q)
			if l.mode == AsServed {
				fp4.round(q)
			}
		}
	}
}

// score sets sum to the scores of entries: of dots, whose rows of stride are the
// heads, the positive ones, times the weight of the head.
func (l *Layer) score(sum, dots []float32, stride int, weights []float32) {
	clear(sum)
	for h, w := range weights {
		dots := dots[h*stride:][:len(sum)]
		if l.mode == AsServed {
			for j, d := range dots {
				sum[j] += keepBF16(keepBF16(max(d, 0)) * w)
			}
			continue
		}
		for j, d := range dots { // no branch: signs are as good as random
			sum[j] += float32(max(d, 0) * w)
		}
	}
	l.mode.bf16(sum)
}

// highest returns the indices of the k highest scores in ascending order, of equal
// ones the first; nil if there are no more than k.
func highest(scores []float32, k int) []int {
	if len(scores) <= k || kernel.NonFinite(scores) >= 0 {
		return nil
	}
	limit := kthHighest(slices.Clone(scores), k)
	equal := k // how many of those at the limit to take
	for _, s := range scores {
		if s > limit {
			equal--
		}
	}
	chosen := make([]int, 0, k)
	for i, s := range scores {
		switch {
		case s > limit:
		case s == limit && equal > 0:
			equal--
		default:
			continue
		}
		chosen = append(chosen, i)
	}
	return chosen
}

// kthHighest returns the k-th highest of scores, k from 1 on, and changes their
// order: Hoare's selection, which sorts the part in question if it finds no end.
func kthHighest(scores []float32, k int) float32 {
	for rounds := 0; len(scores) > 1; rounds++ {
		if rounds == 64 {
			slices.Sort(scores)
			return scores[len(scores)-k]
		}
		pivot := scores[len(scores)/2]
		i, j := 0, len(scores)-1
		for i <= j {
			for scores[i] > pivot {
				i++
			}
			for scores[j] < pivot {
				j--
			}
			if i <= j {
				scores[i], scores[j] = scores[j], scores[i]
				i++
				j--
			}
		}
		switch { // those up to j are at least the pivot, those from i on at most
		case k <= j+1:
			scores = scores[:j+1]
		case k > i:
			scores, k = scores[i:], k-i
		default:
			return pivot
		}
	}
	return scores[0]
}
