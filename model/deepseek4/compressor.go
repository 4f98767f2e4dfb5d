package deepseek4

import (
	"math"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/elementary"
	"kakeyalattice/internal/kernel"
)

// compressor pools every ratio tokens into one entry of dim values. With
// overlap, an entry also draws on the ratio tokens before: the projections are
// twice as wide, their first half what a token gives to the next entry, their
// second half what it gives to its own.
type compressor struct {
	dim, ratio int
	overlap    bool
	wkv, wgate *checkpoint.Matrix // [width, hidden]
	ape        []float32          // [ratio, width], added to the gates
	norm       []float32          // [dim]
}

// width is the length of a token's projections.
func (c *compressor) width() int {
	if c.overlap {
		return 2 * c.dim
	}
	return c.dim
}

// slots is the number of tokens that an entry may draw on.
func (c *compressor) slots() int {
	if c.overlap {
		return 2 * c.ratio
	}
	return c.ratio
}

// gated is what a compressor's projections make of tokens.
type gated struct{ kv, gate []float32 } // [n, width]

// rolling holds the projections of the tokens that entries to come draw on.
// Token t is in row t mod slots.
type rolling struct {
	*compressor
	kept   gated
	pooled pool
	slot   []slot
}

func (c *compressor) roll() *rolling {
	return &rolling{compressor: c, pooled: newPool(c.dim), slot: make([]slot, c.slots())}
}

// pool sets dst to the pooled values of the entry whose last token is last.
// Tokens from first on are the rows of p, in order; earlier ones are kept.
func (r *rolling) pool(dst []float32, last, first int, p gated, rows []int) {
	start := last + 1 - r.ratio // of the entry's own block
	slots := r.slot[:0]
	for t := max(0, last+1-r.slots()); t <= last; t++ {
		from, row := r.kept, t%r.slots()
		if t >= first {
			from, row = p, rows[t-first]
		}
		at := row * r.width()
		ape := t % r.ratio * r.width()
		if r.overlap && t >= start {
			at, ape = at+r.dim, ape+r.dim
		}
		slots = append(slots, slot{from.kv[at : at+r.dim], from.gate[at : at+r.dim], r.ape[ape : ape+r.dim]})
	}
	r.pooled.into(dst, slots)
}

// keep copies the tokens before next that entries to come draw on.
func (r *rolling) keep(next, first int, p gated, rows []int) {
	from := next - next%r.ratio
	if r.overlap {
		from -= r.ratio
	}
	w := r.width()
	if n := r.slots() * w; r.kept.kv == nil {
		r.kept = gated{make([]float32, n), make([]float32, n)}
	}
	for t := max(first, from); t < next; t++ {
		row, at := rows[t-first]*w, t%r.slots()*w
		copy(r.kept.kv[at:at+w], p.kv[row:row+w])
		copy(r.kept.gate[at:at+w], p.gate[row:row+w])
	}
}

// slot is what one token gives to an entry.
type slot struct{ kv, gate, ape []float32 } // [dim] each

// pool is scratch space for the weighted means of dim channels.
type pool struct{ total, sum []float64 }

func newPool(dim int) pool { return pool{make([]float64, dim), make([]float64, dim)} }

// into sets every channel of dst to the mean of its values in the slots,
// weighted by the softmax over the slots of its scores, which are gate + ape
// rounded to float32. Weights and sums are float64, whose range holds the
// exponentials of most scores as they are.
func (p pool) into(dst []float32, slots []slot) {
	clear(p.total)
	clear(p.sum)
	for _, s := range slots {
		kernel.AddExp(p.total, p.sum, s.gate, s.ape, s.kv)
	}
	for i, total := range p.total {
		if total > 1e-200 && total < 1e200 {
			dst[i] = float32(p.sum[i] / total)
		} else {
			dst[i] = shiftedMean(slots, i)
		}
	}
}

// shiftedMean is the mean of channel i, its largest score subtracted from all.
func shiftedMean(slots []slot, i int) float32 {
	largest := float32(math.Inf(-1))
	for _, s := range slots {
		largest = max(largest, s.gate[i]+s.ape[i])
	}
	total, sum := 0.0, 0.0
	for _, s := range slots {
		e := elementary.Exp(float64(s.gate[i]+s.ape[i]) - float64(largest))
		total += e
		sum += float64(e * float64(s.kv[i]))
	}
	return float32(sum / total)
}
