package codec

import (
	"errors"
	"fmt"
	"strconv"
)

// newE8GS, newD4GS and newZGS make the gain-shape codes: a vector's length, the
// gain, in a few bits, and its direction, the shape, as lattice points whose
// coordinates are entropy coded with static tables. Every unit vector of a
// dimension has about the same length in bits, whatever its distribution (the
// longest that were found have two coordinates that are not 0, and are 2.2 %
// longer than the mean of 512 values at a delta of 0.0925), and the squared error
// is about moment*delta^2 of the vector's energy. (Sabin and
// Gray, "Product code vector quantizers for waveform and voice coding", IEEE
// Trans. ASSP 32, 1984, call such codes gain-shape.)
//
// The encoder, float32 throughout, each operation rounded:
//
//  1. amax = the largest |x_i|; if it is 0, the vector is the zero vector. If
//     amax is outside [2^-48, 2^48), x is multiplied by 2^-e, 2^(e-1) <= amax < 2^e.
//  2. r = the norm of x, 16 sums in float32 ([kernel.Norm]); gain = r rounded to m bits of mantissa
//     ([newGain]), and times 2^e.
//  3. y = x rotated ([rotation]).
//  4. p = gain*step (before the 2^e), step = delta*factor/sqrt(dim) rounded from
//     float64, factor by the class of a slot, else 1; v_i = y_i * (1/p).
//  5. z = the closest points of the lattice to v, unbounded
//     ([lattice.ClosestE8], [lattice.ClosestDn], [lattice.ClosestZn]).
//  6. k_i = floor(z_i), cut into raw bits and symbols ([gsModel]); the symbols in
//     the order of the coordinates coded by rANS ([ransSymbol]).
//
// As the shape is y over the rounded gain, not over r, the gain's rounding makes
// no error: it moves the length of the code by up to dim*2^-(m+1)*log2(e) bits.
//
// The decoder multiplies z_i by p, for the gain without its power of two,
// rotates, and multiplies by that power ([scale]).
//
// The raw bits of a block, from the lowest: the lowest shift bits of k_i + o_i
// ([gsModel]) of its coordinates in order; of the last coordinate of an even
// lattice without the lowest of these, which makes the sum of the block's k even;
// then E8's coset, 1 where the coordinates are halves. That is shift bytes a block
// for E8, and nothing at all where shift is 0. Blocks follow each other without
// gaps, and zero bits fill the last byte.
//
// The rANS coder begins with the state 2^(9+m) + gain, so that this is what a
// decoder ends with, with no word left.
//
// A vector of its own length, m = [gainBits](dim), is a record:
//
//	the zero vector   a byte 0
//	code 1 .. 6       a body ([bodyHeader]) of base + code bytes with this code, of
//	                  3 bits, in its header; base follows from the model
//	                  ([gsModel.base])
//	code 7            a prefix, then a body whose size n is none of these, with the
//	                  code 7. The lowest 3 bits of the prefix are 7, the 5 above
//	                  f = 0 .. 15:  n = base + 7 + f
//	                  f = 16 .. 30: n = base + 16 - f
//	                  f = 31:       n is none of these either, and follows in the
//	                                prefix in 3 bytes, little endian
//
// A vector in a slot, m = 7, is a body of the slot's size with its class, 2 bits,
// as the code, and zero bytes between words and raw bits: class 0, or where the
// words do not fit the next one, whose step is larger by the factor of
// [slotFactors]. The zero vector is a slot of zero bytes.
func newE8GS(spec Spec, dim int) (Codec, error) { return newGainShape(spec, dim, gsE8) }
func newD4GS(spec Spec, dim int) (Codec, error) { return newGainShape(spec, dim, gsD4) }

func newZGS(spec Spec, dim int) (Codec, error) {
	l := gsZ
	l.block = min(8, dim) // any will do; blocks of 8 go faster
	return newGainShape(spec, dim, l)
}

func newGainShape(spec Spec, dim int, l gsLattice) (Codec, error) {
	rot, ok := newRotation(dim)
	if !ok || dim%l.block != 0 {
		want := rotationDims
		if dim < l.block {
			want = fmt.Sprintf("at least %d values", l.block)
		}
		return nil, dimError(spec, dim, want)
	}
	s := newGSShape(newGSModel(l, dim, spec.number("delta")), rot)
	slot, ok := spec.value("slot")
	if !ok {
		return &gsVarying{gainShape{spec, s, newGSRecords(s)}}, nil
	}
	bytes, least := spec.integer("slot"), s.leastSlot()
	if slot == autoSlot {
		bytes = s.usualSlot()
		var err error
		if spec, err = spec.With("slot", strconv.Itoa(bytes)); err != nil {
			return nil, err
		}
	}
	if bytes < least {
		return nil, fmt.Errorf("codec %s: slots of %d bytes do not hold every vector of dimension %d; use slot=%d or more, or slot=%s", spec, bytes, dim, least, autoSlot)
	}
	return &gsFixed{gainShape{spec, s, &gsSlots{bytes, s.rawBytes}}}, nil
}

// gainShape is a gain-shape code: vectors coded by a shape coder and framed.
type gainShape struct {
	spec  Spec
	shape *gsShape
	frame gsFrame
}

// gsFrame puts coded vectors one after the other.
type gsFrame interface {
	size() Size
	// mantissa is the number of bits of a gain's mantissa.
	mantissa() int
	// append appends a coded vector; false where it does not fit.
	append(dst []byte, l *gsEncoding) ([]byte, bool)
	// open takes the vector apart that src begins with and returns its size.
	open(l *gsDecoding, src []byte) (size int, err error)
	// close says what is wrong with what a decoder left over.
	close(l *gsDecoding) error
}

func (c *gainShape) Spec() Spec { return c.spec }
func (c *gainShape) Dim() int   { return c.shape.dim }
func (c *gainShape) Size() Size { return c.frame.size() }

func (c *gainShape) AppendEncode(dst []byte, x []float32) ([]byte, error) {
	n, err := vectors(c.spec, c.Dim(), len(x))
	if err != nil {
		return dst, err
	}
	e := c.shape.encodings.Get().(*gsEncodings)
	defer func() {
		e.forget(n)
		c.shape.encodings.Put(e)
	}()
	out, m := dst, c.frame.mantissa()
	for first := 0; first < n; first += len(e.lanes) {
		lanes := e.lanes[:min(len(e.lanes), n-first)]
		for i, l := range lanes {
			l.x = x[(first+i)*c.Dim() : (first+i+1)*c.Dim()]
			if !c.shape.measure(l, m) {
				return dst, encodeError(c.spec, first+i, l.x, errNonFinite)
			}
			switch l.batched = false; {
			case l.gain == 0:
			case e.batch != nil:
				l.batched = c.shape.batch(e.batch, i, l)
			default:
				c.shape.quantise(l, 0)
			}
		}
		c.shape.encode(e, len(lanes), m)
		for i, l := range lanes {
			if l.gain != 0 && e.batch != nil && !l.batched {
				c.shape.encodeAlone(l, 0, m)
			}
			if out, err = c.append(out, l); err != nil {
				return dst, encodeError(c.spec, first+i, l.x, err)
			}
		}
	}
	return out, nil
}

// append appends a coded vector, at the first step at which it fits.
func (c *gainShape) append(dst []byte, l *gsEncoding) ([]byte, error) {
	dst, ok := c.frame.append(dst, l)
	for class := 1; !ok && class < slotClasses; class++ {
		c.shape.encodeAlone(l, class, c.frame.mantissa())
		dst, ok = c.frame.append(dst, l)
	}
	if !ok {
		return dst, errors.New("it does not fit its slot at the largest step, which is a fault of the codec")
	}
	return dst, nil
}

func (c *gainShape) Decode(dst []float32, src []byte) (int, error) {
	n, err := vectors(c.spec, c.Dim(), len(dst))
	if err != nil {
		return 0, err
	}
	d := c.shape.decodings.Get().(*gsDecodings)
	defer func() {
		d.forget(n)
		c.shape.decodings.Put(d)
	}()
	at := 0
	for first := 0; first < n; {
		done, size, err := c.decode(d, min(len(d.lanes), n-first), dst[first*c.Dim():], src[at:])
		first += done
		at += size
		if err != nil {
			return at, fmt.Errorf("codec %s: vector %d at byte %d: %w", c.spec, first, at, err)
		}
	}
	return at, nil
}

// decode sets the vectors that dst begins with from those that src begins with,
// up to n, and returns how many and their bytes. If it fails, it is for the first
// vector after these.
func (c *gainShape) decode(d *gsDecodings, n int, dst []float32, src []byte) (done, size int, err error) {
	for i, l := range d.lanes[:n] {
		bytes, err := c.frame.open(l, src[size:])
		if err != nil && i == 0 {
			return 0, 0, err
		}
		if err != nil {
			n = i // the next call reports it
			break
		}
		size += bytes
		l.points = dst[i*c.Dim() : (i+1)*c.Dim()]
	}
	switch err := c.restore(d, n); {
	case err == nil:
		return n, size, nil
	case n > 1:
		return c.decode(d, 1, dst, src) // which one was it?
	default:
		return 0, 0, err
	}
}

// restore sets the vectors of the first n lanes, which were opened.
func (c *gainShape) restore(d *gsDecodings, n int) error {
	m := c.frame.mantissa()
	if err := c.shape.decode(d, n, m); err != nil {
		return err
	}
	for i, l := range d.lanes[:n] {
		if l.zero {
			clear(l.points)
			continue
		}
		if err := c.frame.close(l); err != nil {
			return err
		}
		g, err := gainOf(l.reader.state, m)
		if err == nil {
			err = c.shape.restore(d, i, g, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// gsVarying is a gain-shape code whose vectors differ in length.
type gsVarying struct{ gainShape }

func (c *gsVarying) VectorLen(src []byte) (int, error) {
	prefix, body, err := c.frame.(*gsRecords).split(src)
	if err != nil {
		return 0, fmt.Errorf("codec %s: %w", c.spec, err)
	}
	return prefix + body, nil
}

// gsFixed is a gain-shape code in slots.
type gsFixed struct{ gainShape }

func (c *gsFixed) Overflows(encoded []byte) int {
	n, size := 0, c.Size().Bytes
	for ; len(encoded) >= size; encoded = encoded[size:] {
		if encoded[0]&(slotClasses-1) != 0 {
			n++
		}
	}
	return n
}
