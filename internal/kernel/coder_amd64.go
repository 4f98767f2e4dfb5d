//go:build !noasm

package kernel

import "math"

// rowsLevel returns the level whose transforms from and to rows take runs of
// these lengths, Go if there is none.
func rowsLevel(runs []int) Level {
	level := Active()
	if level == Go || runs[0] > maxHadamard {
		return Go
	}
	// Runs descend, so that the last is the shortest.
	shortest := runs[len(runs)-1]
	switch {
	case level == AVX512 && shortest >= AVX512.group():
		return AVX512
	case shortest >= AVX2.group():
		return AVX2
	}
	return Go
}

// table returns the table of the active level, nil where it has no kernels for
// this coder. packing tells whether words are packed.
func (c *BoxCoder) table(packing bool) (Level, *boxTable) {
	level := rowsLevel(c.runs)
	if packing && !c.box.tables.packs {
		level = Go
	}
	switch level {
	case AVX512:
		return level, c.box.tables.avx512
	case AVX2:
		return level, c.box.tables.avx2
	}
	return Go, nil
}

// rows sets work to the rotated x, in rows, and returns the largest magnitude.
// Behind the rows are the peaks of the blocks, for AVX-512.
func (c *BoxCoder) rows(level Level, x, work []float32) float32 {
	return level.toRows(work, x[:c.dim], c.runs)
}

// toRows sets rows to x with its runs rotated, in rows, and what is behind them,
// an eighth as many, to the peaks of the blocks, for AVX-512. It returns the
// largest magnitude.
func (l Level) toRows(rows, x []float32, runs []int) float32 {
	rows, peaks := rows[:len(x)], rows[len(x):len(x)+len(x)/8]
	var largest uint32
	for _, n := range runs {
		var m uint32
		if l == AVX512 {
			m = hadamardToRowsAVX512(&rows[0], &x[0], n, &peaks[0])
		} else {
			m = hadamardToRowsAVX2(&rows[0], &x[0], n)
		}
		largest = max(largest, m)
		x, rows, peaks = x[n:], rows[n:], peaks[n/8:]
	}
	return math.Float32frombits(largest)
}

func (c *BoxCoder) encode(dst []byte, x, work []float32) (step float32, ok bool) {
	level, t := c.table(true)
	if t == nil {
		return 0, false
	}
	step = c.rows(level, x, work) / c.q
	groups, bytes := c.groups(level, t)
	p, rows, peaks, inverse := &dst[:bytes][0], &work[0], &work[c.dim], 1/step
	switch {
	case level == AVX512 && c.box.lattice == E8:
		packBoxE8AVX512(p, rows, peaks, groups, inverse, &t[0][0])
	case level == AVX512:
		packBoxD4AVX512(p, rows, peaks, groups, inverse, &t[0][0])
	case c.box.lattice == E8:
		packBoxE8AVX2(p, rows, peaks, groups, inverse, &t[0][0])
	default:
		packBoxD4AVX2(p, rows, peaks, groups, inverse, &t[0][0])
	}
	return step, true
}

// groups returns the number of groups of a vector and the bytes of its ranks.
func (c *BoxCoder) groups(level Level, t *boxTable) (groups, bytes int) {
	groups = c.dim / level.group()
	size := &t[rowOffsets]
	if level == AVX512 {
		return groups, groups * int(size[1])
	}
	return groups, groups * int(size[7])
}

func (c *BoxCoder) decode(x []float32, src []byte, step, factor float32) bool {
	level, t := c.table(true)
	if t == nil || factor < 0x1p-90 || factor > 0x1p90 {
		return false // beyond, values may be subnormal
	}
	x = x[:c.dim]
	groups, bytes := c.groups(level, t)
	p, rows := &src[:bytes][0], &x[0]
	var bad uint32
	switch {
	case level == AVX512 && c.box.lattice == E8:
		bad = unpackBoxE8AVX512(rows, p, groups, step, &t[0][0])
	case level == AVX512:
		bad = unpackBoxD4AVX512(rows, p, groups, step, &t[0][0])
	case c.box.lattice == E8:
		bad = unpackBoxE8AVX2(rows, p, groups, step, &t[0][0])
	default:
		bad = unpackBoxD4AVX2(rows, p, groups, step, &t[0][0])
	}
	if bad != 0 {
		return false
	}
	c.fromRows(level, x, x, factor)
	return true
}

// fromRows sets x to the rotation of rows, times factor, a power of two; x may be
// rows.
func (c *BoxCoder) fromRows(level Level, x, rows []float32, factor float32) {
	for _, n := range c.runs {
		if level == AVX512 {
			hadamardFromRowsAVX512(&x[0], &rows[0], n, factor)
		} else {
			hadamardFromRowsAVX2(&x[0], &rows[0], n, factor)
		}
		x, rows = x[n:], rows[n:]
	}
}

func (c *BoxCoder) roundTrip(y, x, work []float32) bool {
	level, t := c.table(false)
	if t == nil {
		return false
	}
	step := c.rows(level, x, work) / c.q
	groups := c.dim / level.group()
	rows, peaks, inverse := &work[0], &work[c.dim], 1/step
	switch {
	case level == AVX512 && c.box.lattice == E8:
		roundTripBoxE8AVX512(rows, peaks, groups, inverse, step, &t[0][0])
	case level == AVX512:
		roundTripBoxD4AVX512(rows, peaks, groups, inverse, step, &t[0][0])
	case c.box.lattice == E8:
		roundTripBoxE8AVX2(rows, peaks, groups, inverse, step, &t[0][0])
	default:
		roundTripBoxD4AVX2(rows, peaks, groups, inverse, step, &t[0][0])
	}
	c.fromRows(level, y[:c.dim], work[:c.dim], 1)
	return true
}
