package codec

import (
	"bytes"
	"fmt"
	"math"

	"kakeyalattice/internal/kernel"
)

// gsDecodings is vectors that are decoded side by side.
type gsDecodings struct {
	lanes []*gsDecoding
	batch *kernel.RansBatch // the symbols of lanes; nil where shift = 0
}

// A gsDecoding is a vector on its way from bytes.
type gsDecoding struct {
	zero    bool // the zero vector, which has nothing of what follows
	class   int  // of the step
	reader  ransReader
	raw     []byte
	batched bool      // the symbols are in a batch, all without escape; else
	values  []int32   // what they stand for, where shift > 0; made when needed
	points  []float32 // where the vector goes
}

func (s *gsShape) newDecodings() *gsDecodings {
	d := &gsDecodings{lanes: make([]*gsDecoding, s.lanes())}
	for i := range d.lanes {
		d.lanes[i] = &gsDecoding{}
	}
	if s.alphabet != nil {
		d.batch = kernel.NewRansBatch(s.dim, len(d.lanes))
	}
	return d
}

// forget drops what the first n decodings hold of a caller's memory.
func (d *gsDecodings) forget(n int) {
	for _, l := range d.lanes[:min(n, len(d.lanes))] {
		l.reader, l.raw, l.points = ransReader{}, nil, nil
	}
}

// decode takes the symbols of the first n lanes: into the batch, or as values
// where some are escapes or words are missing. Where shift = 0 it sets the points.
func (s *gsShape) decode(d *gsDecodings, n, mantissa int) error {
	if s.alphabet != nil {
		s.decodeBatch(d, n, mantissa)
	}
	for _, l := range d.lanes[:n] {
		var err error
		switch {
		case l.zero || l.batched:
		case s.shift == 0:
			err = s.blocks(l)
		default:
			err = s.takeValues(l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decodeBatch decodes the symbols of the lanes side by side.
func (s *gsShape) decodeBatch(d *gsDecodings, n, mantissa int) {
	for i, l := range d.lanes[:n] {
		d.batch.States[i] = l.reader.state
		d.batch.Take(i, l.reader.words)
	}
	// The states that encoders of short gains begin with are below 2^16, for two
	// symbols at most: where a decoder comes to these, no words are left.
	exact := 0
	if lastState(0, mantissa) < ransLow {
		exact = 4
	}
	d.batch.Decode(s.alphabet, n, exact)
	for i, l := range d.lanes[:n] {
		taken := d.batch.Taken(i)
		l.batched = !l.zero && taken >= 0 && !s.escapes(d.batch, i)
		if l.batched {
			l.reader.state = d.batch.States[i]
			l.reader.words = l.reader.words[2*taken:]
		}
	}
}

// escapes reports whether there is an escape among the symbols of a lane.
func (s *gsShape) escapes(b *kernel.RansBatch, lane int) bool {
	a := &s.alphabets[0]
	if a.whole() {
		return false
	}
	for first := 0; first < s.dim; {
		symbols := b.Symbols(lane, first)
		if bytes.IndexByte(symbols, byte(a.values)) >= 0 {
			return true
		}
		first += len(symbols)
	}
	return false
}

// value takes a value of an alphabet.
func (s *gsShape) value(r *ransReader, alphabet int) (int32, error) {
	a := &s.alphabets[alphabet]
	i := int(r.symbol(s.slots[alphabet]))
	if i < a.values {
		return int32(a.lo + i), nil
	}
	v := int(r.value(s.escapeBits)) + s.escapeLow()
	if v < a.min || v > a.max || v >= a.lo && v <= a.hi() {
		return 0, fmt.Errorf("%w: a coordinate is escaped as %d", ErrCorrupt, v)
	}
	return int32(v), nil
}

// takeValues takes the vector's values, all of one alphabet.
func (s *gsShape) takeValues(l *gsDecoding) (err error) {
	s.needValues(l)
	for i := 0; i < len(l.values) && err == nil; i++ {
		l.values[i], err = s.value(&l.reader, 0)
	}
	return err
}

func (s *gsShape) needValues(l *gsDecoding) {
	if l.values == nil {
		l.values = make([]int32, s.dim)
	}
}

// restore turns a lane into its vector: points times the step of its class and
// the gain, rotated.
func (s *gsShape) restore(d *gsDecodings, lane int, g gain, mantissa int) error {
	value, exp, ok := g.split(mantissa)
	if !ok {
		return fmt.Errorf("%w: gain exponent %d", ErrCorrupt, exp)
	}
	l := d.lanes[lane]
	p := value * s.steps[l.class]
	// Far from the ends of float32's range a power of two changes no mantissa,
	// whenever it comes.
	if exp >= -maxEarlyExp && exp <= maxEarlyExp {
		p *= math.Float32frombits(uint32(exp+127) << 23)
		exp = 0
	}
	if err := s.join(d.batch, lane, l, p); err != nil {
		return err
	}
	s.rotation.inverse(l.points, l.points)
	if exp != 0 {
		scale(l.points, l.points, exp)
	}
	return nil
}

// maxEarlyExp bounds the powers of two that points are multiplied with before
// they are rotated. Nothing then is below 2^-90, but for 0, nor above 2^90.
const maxEarlyExp = 40

// join sets the vector's points, times p.
func (s *gsShape) join(b *kernel.RansBatch, lane int, l *gsDecoding, p float32) error {
	if s.e8 != nil && l.batched {
		for first := 0; first < s.dim; {
			symbols := b.Symbols(lane, first)
			next := first + len(symbols)
			s.e8.Join(l.points[first:next], symbols, l.raw[first/8:next/8], p)
			first = next
		}
		return nil
	}
	if l.batched {
		s.takeSymbols(b, lane, l)
	}
	var err error
	switch {
	case s.shift == 0: // they are set
	case s.halves:
		err = s.joinE8(l)
	default:
		err = s.joinIntegers(l)
	}
	if err != nil {
		return err
	}
	for i := range l.points {
		l.points[i] *= p
	}
	return nil
}

// takeSymbols sets the vector's values by the symbols of its lane.
func (s *gsShape) takeSymbols(b *kernel.RansBatch, lane int, l *gsDecoding) {
	s.needValues(l)
	lo := s.codes[0].lo
	for first := 0; first < s.dim; {
		symbols := b.Symbols(lane, first)
		values := l.values[first:][:len(symbols)]
		for i, symbol := range symbols {
			values[i] = lo + int32(symbol)
		}
		first += len(symbols)
	}
}

// joinE8 puts the vector's values and raw bits together where there are any.
func (s *gsShape) joinE8(l *gsDecoding) error {
	raw, width := bitReader{src: l.raw}, s.rawWidth()
	shift, lastShift := s.shift&31, s.lastShift()&31
	mask := uint32(1)<<shift - 1
	values := l.values
	for z := l.points; len(z) >= 8; z = z[8:] {
		p, in := (*[8]float32)(z), (*[8]int32)(values)
		bits := uint32(raw.get(width))
		coset := bits >> ((width - 1) & 31)
		half := float32(coset) / 2
		offsets := &s.offsets[coset&1]
		var parity int32
		for i := range 7 {
			k := in[i]<<shift | int32(bits&mask)
			bits >>= shift
			k -= offsets[i]
			parity ^= k
			p[i] = float32(k) + half
		}
		j := in[7]<<lastShift | int32(bits&(mask>>1))
		p[7] = float32(j<<1|parity&1) + half
		values = values[8:]
	}
	return raw.end()
}

// joinIntegers is joinE8 for a lattice without halves.
func (s *gsShape) joinIntegers(l *gsDecoding) error {
	raw, width := bitReader{src: l.raw}, s.rawWidth()
	shift, lastShift := s.shift&31, s.lastShift()&31
	mask := uint32(1)<<shift - 1
	inner := s.inner()
	values := l.values
	for z := l.points; len(z) >= s.block; z = z[s.block:] {
		bits := uint32(raw.get(width))
		var parity int32
		in := values[:inner]
		for i := range z[:inner] {
			k := in[i]<<shift | int32(bits&mask)
			bits >>= shift
			parity ^= k
			z[i] = float32(k)
		}
		if s.even {
			j := values[inner]<<lastShift | int32(bits&(mask>>1))
			z[inner] = float32(j<<1 | parity&1)
		}
		values = values[s.block:]
	}
	return raw.end()
}

// blocks takes the vector's points where there are no raw bits: which alphabet
// comes next depends on the symbols before.
func (s *gsShape) blocks(l *gsDecoding) error {
	r, inner := &l.reader, s.inner()
	for z := l.points; len(z) >= s.block; z = z[s.block:] {
		coset := int32(0)
		var err error
		if s.halves {
			if coset, err = s.value(r, s.coset); err != nil {
				return err
			}
		}
		half := float32(coset) / 2
		first := s.first[coset]
		var parity int32
		for i := range z[:inner] {
			k, err := s.value(r, first)
			if err != nil {
				return err
			}
			parity ^= k
			z[i] = float32(k) + half
		}
		if s.even {
			parity &= 1
			j, err := s.value(r, s.last[coset][parity])
			if err != nil {
				return err
			}
			z[inner] = float32(j<<1|parity) + half
		}
	}
	return nil
}
