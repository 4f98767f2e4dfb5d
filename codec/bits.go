package codec

import (
	"encoding/binary"
	"fmt"
)

// bitWriter fills dst with words of any width, dense and little endian: the
// first word takes the lowest bits of the first byte.
type bitWriter struct {
	dst  []byte
	acc  uint64
	held uint // bits in acc, below 64
}

// put appends the low width bits of word; the bits above must be zero, and
// width at most 64.
func (w *bitWriter) put(word uint64, width uint) {
	w.acc |= word << w.held
	if w.held+width < 64 {
		w.held += width
		return
	}
	binary.LittleEndian.PutUint64(w.dst, w.acc)
	w.dst = w.dst[8:]
	w.acc = word >> (64 - w.held)
	w.held += width - 64
}

// flush writes the bits still held, the last byte filled up with zeros, and
// zeroes what is left of dst.
func (w *bitWriter) flush() {
	for i := range w.dst {
		w.dst[i] = byte(w.acc)
		w.acc >>= 8
	}
}

// bitReader reads what bitWriter wrote.
type bitReader struct {
	src  []byte
	acc  uint64
	held uint // bits in acc, at most 64
}

// get returns the next width bits, at most 64. Beyond the end of src it reads
// zeros: callers size src beforehand.
func (r *bitReader) get(width uint) uint64 {
	word := r.acc
	if r.held < width {
		next := r.refill()
		word |= next << r.held
		used := width - r.held
		r.acc = next >> used
		r.held = 64 - used
	} else {
		r.acc >>= width
		r.held -= width
	}
	if width < 64 {
		word &= 1<<width - 1
	}
	return word
}

// refill takes the next eight bytes, or what is left of them.
func (r *bitReader) refill() uint64 {
	if len(r.src) >= 8 {
		next := binary.LittleEndian.Uint64(r.src)
		r.src = r.src[8:]
		return next
	}
	var next uint64
	for i, b := range r.src {
		next |= uint64(b) << (8 * i)
	}
	r.src = nil
	return next
}

// end returns an error unless every bit that is left is zero.
func (r *bitReader) end() error {
	for _, b := range r.src {
		r.acc |= uint64(b)
	}
	if r.acc != 0 {
		return fmt.Errorf("%w: padding is not zero", ErrCorrupt)
	}
	return nil
}
