package codec

import "fmt"

// A gsDecoding is a vector on its way from bytes.
type gsDecoding struct {
	zero   bool // the zero vector, which has nothing of what follows
	class  int  // of the step
	reader ransReader
	raw    []byte
	values []int32
	points []float32 // where the vector goes
}

// forget drops what the decoding holds of a caller's memory.
func (l *gsDecoding) forget() { l.reader, l.raw, l.points = ransReader{}, nil, nil }

// decode sets the points of one or two vectors.
func (s *gsShape) decode(lanes []*gsDecoding) error {
	if s.shift == 0 {
		for _, l := range lanes {
			if err := s.blocks(l); err != nil {
				return err
			}
		}
		return nil
	}
	if len(lanes) == 2 {
		if err := s.valuesPair(lanes[0], lanes[1]); err != nil {
			return err
		}
	} else if err := s.valuesFrom(lanes[0], 0); err != nil {
		return err
	}
	join := s.joinIntegers
	if s.halves {
		join = s.joinE8
	}
	for _, l := range lanes {
		if err := join(l); err != nil {
			return err
		}
	}
	return nil
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

// valuesFrom takes the vector's values from the n-th on, all of one alphabet.
func (s *gsShape) valuesFrom(l *gsDecoding, n int) (err error) {
	for ; n < len(l.values) && err == nil; n++ {
		l.values[n], err = s.value(&l.reader, 0)
	}
	return err
}

// valuesPair takes the values of two vectors, all of one alphabet.
func (s *gsShape) valuesPair(l, o *gsDecoding) error {
	a := &s.alphabets[0]
	escape := uint32(a.values)
	for n := 0; ; n++ {
		n += decodePlain(&l.reader, &o.reader, l.values[n:], o.values[n:], s.slots[0], escape, int32(a.lo))
		if n == len(l.values) {
			return nil
		}
		var err error
		if l.values[n], err = s.value(&l.reader, 0); err != nil {
			return err
		}
		if o.values[n], err = s.value(&o.reader, 0); err != nil {
			return err
		}
	}
}

// restore turns the vector's points into the vector: times the step of its class
// and the gain, rotated.
func (s *gsShape) restore(l *gsDecoding, g gain, mantissa int) error {
	value, exp, ok := g.split(mantissa)
	if !ok {
		return fmt.Errorf("%w: gain exponent %d", ErrCorrupt, exp)
	}
	p := value * s.steps[l.class]
	for i := range l.points {
		l.points[i] *= p
	}
	s.rotation.inverse(l.points, l.points)
	scale(l.points, l.points, exp)
	return nil
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
