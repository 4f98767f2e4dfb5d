package codec

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// A body is one rANS coded vector with what is stored beside it, whole bytes:
//
//	header  1 to 4 bytes, little endian: a code of the caller's in the lowest
//	        bits, the state that the decoder begins with above them
//	words   16-bit words, little endian, in the order in which the decoder
//	        takes them
//	raw     bits that are not entropy coded; how many bytes, both sides know
//
// The size of the header follows from the number n of bytes before raw: n where
// n is 1 or 2, else 3 or 4, so that the bytes left are whole words. A state that
// does not fit the header has given its lowest 16 bits to a word of its own: a
// decoder whose first state is below 2^16 takes a word at once, if there is one.
// So less than a byte of the smallest body is filler, whatever the state.
func bodyHeader(n int) int {
	if n <= 2 {
		return n
	}
	return 4 - n&1
}

// sealBody makes the state of w fit the header of the smallest body, for a code
// of the given bits, at most 8, and returns the header's size and the body's.
func sealBody(w *ransWriter, rawBytes, codeBits int) (header, body int) {
	if need := bits.Len32(w.state) + codeBits; w.at == len(w.words) && need <= 16 {
		header = (need + 7) / 8
	} else {
		fitState(w, 32-codeBits)
		header = 4
		if bits.Len32(w.state)+codeBits <= 24 {
			header = 3
		}
	}
	return header, header + len(w.words) - w.at + rawBytes
}

// fitState brings the state of w below 2^limit, limit at least 16.
func fitState(w *ransWriter, limit int) {
	if bits.Len32(w.state) > limit {
		w.word()
	}
}

// putBody writes a body into dst, whose end raw fills; bytes between words and
// raw bits are left alone. The state fits the header.
func putBody(dst []byte, w *ransWriter, raw []byte, header int, code uint32, codeBits int) {
	var h [4]byte
	binary.LittleEndian.PutUint32(h[:], w.state<<codeBits|code)
	copy(dst[:header], h[:])
	copy(dst[len(dst)-len(raw):], raw)
	copy(dst[header:], w.words[w.at:])
}

// openBody takes a body apart whose last rawBytes are raw.
func openBody(body []byte, rawBytes, codeBits int) (code uint32, r ransReader, raw []byte, err error) {
	n := len(body) - rawBytes
	if n < 1 {
		return 0, r, nil, fmt.Errorf("%w: %d bytes hold no state beside %d raw ones", ErrCorrupt, len(body), rawBytes)
	}
	header := bodyHeader(n)
	var h [4]byte
	copy(h[:], body[:header])
	word := binary.LittleEndian.Uint32(h[:])
	r = ransReader{state: word >> codeBits, words: body[header:n]}
	r.refill()
	return word & (1<<codeBits - 1), r, body[n:], nil
}
