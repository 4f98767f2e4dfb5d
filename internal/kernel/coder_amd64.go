//go:build !noasm

package kernel

import "math"

// A stretch is the part of a vector that the kernels of one level take, in rows.
type stretch struct {
	level       Level
	first, size int   // values
	runs        []int // that it is
}

// rowsPlan is the stretches of vectors at each level; there are none where the
// level does not take all runs.
type rowsPlan struct{ avx2, avx512 []stretch }

func newRowsPlan(runs []int) rowsPlan {
	// Runs descend, so that the last is the shortest.
	if runs[0] > maxHadamard || runs[len(runs)-1] < AVX2.group() {
		return rowsPlan{}
	}
	var p rowsPlan
	add := func(to *[]stretch, level Level, first int, runs []int) (end int) {
		s := stretch{level: level, first: first, runs: runs}
		for _, n := range runs {
			s.size += n
		}
		if s.size > 0 {
			*to = append(*to, s)
		}
		return first + s.size
	}
	add(&p.avx2, AVX2, 0, runs)
	long := 0 // runs that AVX-512 takes
	for long < len(runs) && runs[long] >= AVX512.group() {
		long++
	}
	end := add(&p.avx512, AVX512, 0, runs[:long])
	add(&p.avx512, AVX2, end, runs[long:])
	return p
}

// active returns the stretches at the active level.
func (p *rowsPlan) active() []stretch {
	switch Active() {
	case AVX512:
		return p.avx512
	case AVX2:
		return p.avx2
	}
	return nil
}

// groups is the number of groups of the stretch.
func (s *stretch) groups() int { return s.size / s.level.group() }

// toRows sets the stretch of rows to that of x with its runs rotated, and that of
// peaks, an eighth as many, to the peaks of its blocks, for AVX-512. It returns
// the largest magnitude.
func (s *stretch) toRows(rows, x, peaks []float32) float32 {
	var largest uint32
	at := s.first
	for _, n := range s.runs {
		var m uint32
		if s.level == AVX512 {
			m = hadamardToRowsAVX512(&rows[at], &x[at], n, &peaks[at/8])
		} else {
			m = hadamardToRowsAVX2(&rows[at], &x[at], n)
		}
		largest = max(largest, m)
		at += n
	}
	return math.Float32frombits(largest)
}

// fromRows sets the stretch of x to the rotation of that of rows, times factor, a
// power of two; x may be rows.
func (s *stretch) fromRows(x, rows []float32, factor float32) {
	at := s.first
	for _, n := range s.runs {
		if s.level == AVX512 {
			hadamardFromRowsAVX512(&x[at], &rows[at], n, factor)
		} else {
			hadamardFromRowsAVX2(&x[at], &rows[at], n, factor)
		}
		at += n
	}
}

// table is the table of a stretch's level.
func (c *BoxCoder) table(s *stretch) *boxTable {
	if s.level == AVX512 {
		return c.box.tables.avx512
	}
	return c.box.tables.avx2
}

// bytes is the size of the ranks of a stretch.
func (c *BoxCoder) bytes(s *stretch) int {
	size := &c.table(s)[rowOffsets]
	if s.level == AVX512 {
		return s.groups() * int(size[1])
	}
	return s.groups() * int(size[7])
}

// rows sets rows to the rotated x, with the peaks of blocks behind, and returns
// the step.
func (c *BoxCoder) rows(parts []stretch, rows, x []float32) (step float32) {
	rows, peaks := rows[:c.dim], c.peaks(rows)
	for i := range parts {
		step = max(step, parts[i].toRows(rows, x[:c.dim], peaks))
	}
	return step / c.q
}

func (c *BoxCoder) encode(dst []byte, x, work []float32) (step float32, ok bool) {
	parts := c.plan.active()
	if parts == nil || !c.box.tables.packs {
		return 0, false
	}
	step = c.rows(parts, work, x)
	inverse := 1 / step
	for i := range parts {
		s := &parts[i]
		bytes, t, groups := c.bytes(s), &c.table(s)[0][0], s.groups()
		p, rows, peaks := &dst[:bytes][0], &work[s.first], &work[c.dim+s.first/8]
		switch {
		case s.level == AVX512 && c.box.lattice == E8:
			packBoxE8AVX512(p, rows, peaks, groups, inverse, t)
		case s.level == AVX512:
			packBoxD4AVX512(p, rows, peaks, groups, inverse, t)
		case c.box.lattice == E8:
			packBoxE8AVX2(p, rows, peaks, groups, inverse, t)
		default:
			packBoxD4AVX2(p, rows, peaks, groups, inverse, t)
		}
		dst = dst[bytes:]
	}
	return step, true
}

func (c *BoxCoder) decode(x []float32, src []byte, step, factor float32) bool {
	parts := c.plan.active()
	if parts == nil || !c.box.tables.packs || factor < 0x1p-90 || factor > 0x1p90 {
		return false // beyond, values may be subnormal
	}
	x = x[:c.dim]
	for i := range parts {
		s := &parts[i]
		bytes, t, groups := c.bytes(s), &c.table(s)[0][0], s.groups()
		p, rows := &src[:bytes][0], &x[s.first]
		var bad uint32
		switch {
		case s.level == AVX512 && c.box.lattice == E8:
			bad = unpackBoxE8AVX512(rows, p, groups, step, t)
		case s.level == AVX512:
			bad = unpackBoxD4AVX512(rows, p, groups, step, t)
		case c.box.lattice == E8:
			bad = unpackBoxE8AVX2(rows, p, groups, step, t)
		default:
			bad = unpackBoxD4AVX2(rows, p, groups, step, t)
		}
		if bad != 0 {
			return false
		}
		s.fromRows(x, x, factor)
		src = src[bytes:]
	}
	return true
}

func (c *BoxCoder) roundTrip(y, x, work []float32) bool {
	parts := c.plan.active()
	if parts == nil {
		return false
	}
	step := c.rows(parts, work, x)
	inverse := 1 / step
	for i := range parts {
		s := &parts[i]
		t, groups := &c.table(s)[0][0], s.groups()
		rows, peaks := &work[s.first], &work[c.dim+s.first/8]
		switch {
		case s.level == AVX512 && c.box.lattice == E8:
			roundTripBoxE8AVX512(rows, peaks, groups, inverse, step, t)
		case s.level == AVX512:
			roundTripBoxD4AVX512(rows, peaks, groups, inverse, step, t)
		case c.box.lattice == E8:
			roundTripBoxE8AVX2(rows, peaks, groups, inverse, step, t)
		default:
			roundTripBoxD4AVX2(rows, peaks, groups, inverse, step, t)
		}
		s.fromRows(y[:c.dim], work, 1)
	}
	return true
}
