package codec

import (
	"fmt"
	"slices"
)

// slotFactors are the factors by which the step of a class is larger. Most
// vectors that overflow a slot do so by a few bits, and 1.0625 saves some 40 of
// 512 coordinates; 2 lets every vector fit the slots that nearly all fit without.
var slotFactors = [slotClasses]float64{1, 1.0625, 1.25, 2}

const (
	slotClassBits = 2
	slotClasses   = 1 << slotClassBits
)

// gsSlots frames vectors as slots of a fixed size.
type gsSlots struct {
	bytes int
	raw   int // bytes of a body
}

// leastSlot is the smallest slot that every vector fits at the step of the last
// class.
func (s *gsShape) leastSlot() int {
	return s.longestBody(slotFactors[slotClasses-1], slotGainBits)
}

func (f *gsSlots) size() Size    { return Size{Bytes: f.bytes, Fixed: true} }
func (f *gsSlots) mantissa() int { return slotGainBits }

func (f *gsSlots) append(dst []byte, l *gsEncoding) ([]byte, bool) {
	start := len(dst)
	n := f.bytes - f.raw
	header := bodyHeader(n)
	if l.gain != 0 {
		fitState(&l.writer, 8*header-slotClassBits)
		if len(l.writer.words)-l.writer.at > n-header {
			return dst, false
		}
	}
	dst = slices.Grow(dst, f.bytes)[:start+f.bytes]
	clear(dst[start:])
	if l.gain != 0 {
		putBody(dst[start:], &l.writer, l.raw, header, uint32(l.class), slotClassBits)
	}
	return dst, true
}

func (f *gsSlots) open(l *gsDecoding, src []byte) (size int, err error) {
	if len(src) < f.bytes {
		return 0, fmt.Errorf("a slot has %d bytes, %d are there: %w", f.bytes, len(src), ErrShort)
	}
	var class uint32
	if class, l.reader, l.raw, err = openBody(src[:f.bytes], f.raw, slotClassBits); err != nil {
		return 0, err
	}
	l.class = int(class)
	if l.zero = l.reader.state == 0; l.zero {
		if i := slices.IndexFunc(src[:f.bytes], nonZero); i >= 0 {
			return 0, fmt.Errorf("%w: byte %d of a zero vector is not zero", ErrCorrupt, i)
		}
	}
	return f.bytes, nil
}

func (f *gsSlots) close(l *gsDecoding) error {
	if slices.ContainsFunc(l.reader.words, nonZero) {
		return fmt.Errorf("%w: padding is not zero", ErrCorrupt)
	}
	return nil
}
