package codec

import (
	"kakeyalattice/internal/kernel"
)

// gsEncodings is vectors that are encoded side by side.
type gsEncodings struct {
	lanes []*gsEncoding
	batch *kernel.RansBatch // the symbols of lanes; nil where shift = 0
}

// A gsEncoding is a vector on its way to bytes.
type gsEncoding struct {
	*gsWork
	x       []float32 // the vector
	gain    gain      // 0 for the zero vector, which has nothing of what follows
	scaled  []float32 // x, or in rotated x times a power of two
	length  float32   // what the gain stands for beside scaled
	class   int       // of the step
	batched bool      // its symbols are in the batch
	raw     []byte
	writer  ransWriter
}

// gsWork is what a vector needs until its symbols are cut.
type gsWork struct {
	rotated []float32 // with room for an eighth more values
	points  []float32
	// Where symbols do not go into a batch: items, and what writers write to.
	items []ransItem
	words []byte
}

// newEncodings returns as many lanes as the coder codes side by side. With a
// batch they take turns with one gsWork, which stays in the cache.
func (s *gsShape) newEncodings() *gsEncodings {
	e := &gsEncodings{lanes: make([]*gsEncoding, s.lanes())}
	var shared *gsWork
	if s.alphabet != nil {
		e.batch = kernel.NewRansBatch(s.dim, len(e.lanes))
		shared = s.newWork()
	}
	for i := range e.lanes {
		work := shared
		if work == nil {
			work = s.newWork()
		}
		e.lanes[i] = &gsEncoding{gsWork: work, raw: make([]byte, s.rawBytes)}
	}
	return e
}

func (s *gsShape) newWork() *gsWork {
	items := s.dim
	if s.codesCoset() {
		items += s.dim / s.block
	}
	return &gsWork{
		rotated: make([]float32, s.dim, s.dim+s.dim/8),
		points:  make([]float32, s.dim),
		items:   make([]ransItem, items),
		words:   make([]byte, ransRoom(items)),
	}
}

// forget drops what the first n encodings hold of a caller's memory.
func (e *gsEncodings) forget(n int) {
	for _, l := range e.lanes[:min(n, len(e.lanes))] {
		l.x, l.scaled = nil, nil
	}
}

// measure sets the vector's gain, of m bits of mantissa. The gain of the zero
// vector is 0. It returns false if x is not finite.
func (s *gsShape) measure(l *gsEncoding, m int) bool {
	amax := maxAbs(l.x)
	if amax == 0 {
		l.gain = 0
		return true
	}
	if !finite(amax) {
		return false
	}
	var exp int
	l.scaled, exp = prescale(l.rotated, l.x, amax)
	l.gain, l.length = newGain(kernel.Norm(l.scaled), exp, m)
	return true
}

// perStep is what rotated values are multiplied with to be in steps of a class.
func (s *gsShape) perStep(l *gsEncoding, class int) float32 { return 1 / (l.length * s.steps[class]) }

// quantise sets the vector's points to the closest ones at the step of a class.
func (s *gsShape) quantise(l *gsEncoding, class int) {
	l.class = class
	s.rotation.forward(l.rotated, l.scaled)
	s.closest(l.points, l.rotated, s.perStep(l, class))
}

// encode codes the first n lanes, zero vectors aside, for decoders that end with
// the gain and a state above it. With a batch that is those that are batched.
func (s *gsShape) encode(e *gsEncodings, n, mantissa int) {
	if e.batch == nil {
		var others [gsPair]*gsEncoding
		rest := others[:0]
		for _, l := range e.lanes[:n] {
			if l.gain != 0 {
				s.cut(l)
				rest = append(rest, l)
			}
		}
		s.encodeItems(rest, mantissa)
		return
	}
	lanes := 0 // up to the last that is batched
	for i, l := range e.lanes[:n] {
		if l.batched {
			e.batch.States[i] = lastState(l.gain, mantissa)
			lanes = i + 1
		}
	}
	e.batch.Encode(s.alphabet, lanes)
	for i, l := range e.lanes[:lanes] {
		if l.batched {
			l.writer.state = e.batch.States[i]
			l.writer.words, l.writer.at = e.batch.Words(i)
		}
	}
}

// batch makes the vector's points at the smallest step symbols of a lane, and raw
// bits. It returns false where one has no symbol.
func (s *gsShape) batch(b *kernel.RansBatch, lane int, l *gsEncoding) bool {
	if s.e8 != nil {
		l.class = 0
		fits, done := s.e8.Cut(b, lane, l.raw, l.scaled, l.rotated[:cap(l.rotated)], s.perStep(l, 0))
		if done {
			return fits
		}
	}
	s.quantise(l, 0)
	if s.e8 == nil {
		s.cut(l)
	}
	for first := 0; first < s.dim; {
		symbols := b.Symbols(lane, first)
		next := first + len(symbols)
		if s.e8 == nil && !plainItems(symbols, l.items[first:next]) ||
			s.e8 != nil && !s.e8.Split(symbols, l.raw[first/8:next/8], l.points[first:next]) {
			return false
		}
		first = next
	}
	return true
}

// plainItems sets symbols to items and returns false if one is an escape.
func plainItems(symbols []byte, items []ransItem) bool {
	var all ransItem
	for i, item := range items {
		all |= item
		symbols[i] = byte(item)
	}
	return !all.escaped()
}

// encodeItems codes the items of vectors, two side by side.
func (s *gsShape) encodeItems(lanes []*gsEncoding, mantissa int) {
	for _, l := range lanes {
		l.writer = ransWriter{state: lastState(l.gain, mantissa), words: l.words, at: len(l.words)}
	}
	for ; len(lanes) >= 2; lanes = lanes[2:] {
		encodePair(&lanes[0].writer, &lanes[1].writer, lanes[0].items, lanes[1].items, s.symbols, s.escapeBits)
	}
	for _, l := range lanes {
		l.writer.encode(l.items, s.symbols, s.escapeBits)
	}
}

// encodeAlone codes a vector, not zero, at the step of a class, whatever is known
// of it.
func (s *gsShape) encodeAlone(l *gsEncoding, class, mantissa int) {
	s.measure(l, mantissa)
	s.quantise(l, class)
	s.cut(l)
	s.encodeItems([]*gsEncoding{l}, mantissa)
}

// cut cuts the vector's points into items and raw bits.
func (s *gsShape) cut(l *gsEncoding) {
	if s.halves {
		s.splitE8(l)
	} else {
		s.splitIntegers(l)
	}
}

// splitE8 cuts the vector's points of E8 into items and raw bits.
func (s *gsShape) splitE8(l *gsEncoding) {
	raw, width := bitWriter{dst: l.raw}, s.rawWidth()
	shift, lastShift := s.shift&31, s.lastShift()&31
	mask := uint32(1)<<shift - 1
	items := l.items
	for z := l.points; len(z) >= 8; z = z[8:] {
		p := (*[8]float32)(z)
		coset := uint32(int32(2*p[0])) & 1
		half := float32(coset) / 2
		if shift == 0 {
			items[0] = s.codes[s.coset].item(int32(coset))
			items = items[1:]
		}
		out := (*[8]ransItem)(items)
		code, offsets := &s.codes[s.first[coset]], &s.offsets[coset]
		var bits, parity uint32
		for i := 6; i >= 0; i-- {
			k := int32(p[i] - half)
			parity ^= uint32(k)
			k += offsets[i]
			bits = bits<<shift | uint32(k)&mask
			out[i] = code.item(k >> shift)
		}
		j := int32(p[7]-half) >> 1
		out[7] = s.codes[s.last[coset][parity&1]].item(j >> lastShift)
		if shift > 0 {
			bits |= (coset<<lastShift | uint32(j)&(mask>>1)) << (7 * shift & 31)
			raw.put(uint64(bits), width)
		}
		items = items[8:]
	}
	raw.flush()
}

// splitIntegers cuts the vector's points of a lattice without halves into items
// and raw bits.
func (s *gsShape) splitIntegers(l *gsEncoding) {
	raw, width := bitWriter{dst: l.raw}, s.rawWidth()
	shift, lastShift := s.shift&31, s.lastShift()&31
	mask := uint32(1)<<shift - 1
	inner := s.inner()
	code := &s.codes[s.first[0]]
	items := l.items
	for z := l.points; len(z) >= s.block; z = z[s.block:] {
		var bits, parity uint32
		at := uint(0)
		out := items[:inner]
		for i, v := range z[:inner] {
			k := int32(v)
			parity ^= uint32(k)
			bits |= uint32(k) & mask << (at & 31)
			at += shift
			out[i] = code.item(k >> shift)
		}
		if s.even {
			j := int32(z[inner]) >> 1
			bits |= uint32(j) & (mask >> 1) << (at & 31)
			items[inner] = s.codes[s.last[0][parity&1]].item(j >> lastShift)
		}
		raw.put(uint64(bits), width)
		items = items[s.block:]
	}
	raw.flush()
}
