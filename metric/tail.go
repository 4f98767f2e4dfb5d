package metric

import "math"

// tails finds the 99 % quantile of each of several columns without sorting or
// even holding them: of n values only the largest n/100 matter, and they are
// kept in one bounded min-heap per column. A value that is no tail costs one
// comparison.
type tails struct {
	size int       // of each heap: the values at and above the quantile
	frac float64   // where the quantile lies between the two smallest of them
	heap []float64 // [columns][size]
}

// newTails returns the tails of columns of n values, none negative.
func newTails(columns, n int) *tails {
	at := float64(tailLevel * float64(n-1)) // position among the values in ascending order
	below := int(at)
	t := &tails{size: n - below, frac: at - float64(below)}
	t.heap = make([]float64, columns*t.size)
	for i := range t.heap {
		t.heap[i] = -1 // yields to every value
	}
	return t
}

// add adds a value to column j.
func (t *tails) add(j int, v float64) {
	if h := t.heap[j*t.size : (j+1)*t.size]; v > h[0] {
		replaceMin(h, v)
	}
}

// replaceMin puts v into the min-heap h in place of its smallest value.
func replaceMin(h []float64, v float64) {
	i := 0
	for {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1] < h[c] {
			c++
		}
		if v <= h[c] {
			break
		}
		h[i] = h[c]
		i = c
	}
	h[i] = v
}

// quantile is the quantile of column j, interpolated linearly.
func (t *tails) quantile(j int) float64 {
	h := t.heap[j*t.size : (j+1)*t.size]
	next := h[0]
	switch {
	case len(h) == 2:
		next = h[1]
	case len(h) > 2:
		next = min(h[1], h[2])
	}
	return h[0] + float64(t.frac*(next-h[0]))
}

// excess is the root mean square over columns of quantile/(std gaussian) - 1,
// NaN where a std is 0.
func (t *tails) excess(std []float64, gaussian float64) float64 {
	var sum float64
	for j, s := range std {
		e := ratio(t.quantile(j), s)/gaussian - 1
		sum += float64(e * e)
	}
	return math.Sqrt(sum / float64(len(std)))
}
