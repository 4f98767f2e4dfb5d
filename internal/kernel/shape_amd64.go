//go:build !noasm

package kernel

import "math"

func squaredNorm(x []float32) (sum float32, ok bool) {
	units := len(x) / unit
	if units == 0 || len(x)%unit != 0 {
		return 0, false
	}
	switch Active() {
	case AVX512:
		return math.Float32frombits(squaredNormAVX512(&x[0], units)), true
	case AVX2:
		return math.Float32frombits(squaredNormAVX2(&x[0], units)), true
	}
	return 0, false
}

// maxCut is the number of values up to which those of Cut fit bytes with the bit
// that is cut off.
const maxCut = 128

func (s *ShapeE8) cut(b *RansBatch, lane int, raw []byte, x, work []float32, factor float32) (fits, done bool) {
	parts := s.plan.active()
	if parts == nil || s.values > maxCut {
		return false, false
	}
	var top uint32
	for i := range parts {
		part := &parts[i]
		part.toRows(work, x, work[len(x):])
		top = max(top, s.cutStretch(part, b, lane, raw, work, factor))
	}
	return top < 2*uint32(s.values), true
}

// cutStretch cuts the points closest to a stretch of rows times factor and
// returns the largest value with the bit that is cut off.
func (s *ShapeE8) cutStretch(part *stretch, b *RansBatch, lane int, raw []byte, rows []float32, factor float32) (top uint32) {
	for at, end := part.first, part.first+part.size; at < end; {
		tile := at - at%ransTile
		symbols := b.Symbols(lane, tile)[at-tile:]
		symbols = symbols[:min(len(symbols), end-at)]
		groups, twiceLo, table := len(symbols)/part.level.group(), 2*s.lo, &unbounded[0][0]
		if part.level == AVX512 {
			top = max(top, cutE8AVX512(&symbols[0], &raw[at/8], &rows[at], groups, factor, twiceLo, table))
		} else {
			top = max(top, cutE8AVX2(&symbols[0], &raw[at/8], &rows[at], groups, factor, twiceLo, table))
		}
		at += len(symbols)
	}
	return top
}

// splitBlocks returns the number of blocks that it split and the largest of
// their symbols, which is too large if it is no byte.
func (s *ShapeE8) splitBlocks(symbols, raw []byte, points []float32) (blocks int, top uint32) {
	units := len(points) / unit
	if units == 0 {
		return 0, 0
	}
	switch Active() {
	case AVX512:
		return 2 * units, splitE8AVX512(&symbols[0], &raw[0], &points[0], units, s.lo)
	case AVX2:
		return 2 * units, splitE8AVX2(&symbols[0], &raw[0], &points[0], units, s.lo)
	}
	return 0, 0
}

// joinBlocks returns the number of blocks that it joined.
func (s *ShapeE8) joinBlocks(points []float32, symbols, raw []byte, factor float32) int {
	words := len(points) / 64
	if words == 0 {
		return 0
	}
	switch Active() {
	case AVX512:
		joinE8AVX512(&points[0], &symbols[0], &raw[0], words, s.lo, factor)
	case AVX2:
		joinE8AVX2(&points[0], &symbols[0], &raw[0], words, s.lo, factor)
	default:
		return 0
	}
	return 8 * words
}
