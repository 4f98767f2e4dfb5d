package page

import (
	"encoding/binary"
	"io"
	"math"
)

// The footer of a page whose vectors vary in size follows the index, which is
// a uint64 for every chunk: where it ends, from the start of the page.
const (
	footIndex   = 0  // uint64: where the index begins
	footPayload = 8  // uint64: bytes of all chunks without their CRCs
	footCRC     = 16 // uint32: of index and footer so far, see indexCRC
	footMagic   = 20 // 4 bytes
	footerSize  = 24

	endMagic = "KLPE"
)

// appendIndex appends index and footer of a page whose chunks end at ends.
func appendIndex(dst []byte, l *layout, header uint32) []byte {
	begin := len(dst)
	le := binary.LittleEndian
	at := l.start
	for _, end := range l.ends {
		dst = le.AppendUint64(dst, uint64(end))
		at = end
	}
	dst = le.AppendUint64(dst, uint64(at))
	dst = le.AppendUint64(dst, uint64(at-l.start-crcSize*int64(len(l.ends))))
	dst = le.AppendUint32(dst, indexCRC(header, dst[begin:]))
	return append(dst, endMagic...)
}

// readIndex fills in l.ends for a page of the given size and checks that
// chunks, index and footer fill it exactly.
func readIndex(r io.ReaderAt, size int64, l *layout, header uint32) error {
	le := binary.LittleEndian
	chunks := int64(l.chunks())
	// Not computed as a product: a page of any size must not overflow.
	if have := size - l.start - footerSize; have < 0 || have/8 < chunks {
		return corrupt(size, "the page ends before an index of %d chunks and a footer of %d bytes: it is truncated", chunks, footerSize)
	}
	begin := size - footerSize - 8*chunks
	b := make([]byte, size-begin)
	if err := readAt(r, b, begin); err != nil {
		return err
	}
	index, foot := b[:8*chunks], b[8*chunks:]
	at := begin + int64(len(index)) // of the footer
	if string(foot[footMagic:]) != endMagic {
		return corrupt(at+footMagic, "the last bytes are %x, those of a page %x: it is truncated", foot[footMagic:], endMagic)
	}
	crc := le.Uint32(foot[footCRC:])
	if got := indexCRC(header, b[:len(index)+footCRC]); got != crc {
		return corrupt(at+footCRC, "the index's CRC-32C is %08x, its bytes give %08x", crc, got)
	}
	if v := le.Uint64(foot[footIndex:]); v != uint64(begin) {
		return corrupt(at+footIndex, "an index at byte %d; one of %d chunks begins at %d", v, chunks, begin)
	}
	l.ends = make([]int64, chunks)
	from := l.start
	for i := range l.ends {
		end := le.Uint64(index[8*i:])
		if end > math.MaxInt64 || !l.fits(l.count(i), int64(end)-from-crcSize) {
			return corrupt(begin+8*int64(i), "chunk %d of %d vectors from byte %d to %d", i, l.count(i), from, end)
		}
		l.ends[i], from = int64(end), int64(end)
	}
	if from != begin {
		return corrupt(begin, "the last chunk ends at byte %d, the index begins at %d", from, begin)
	}
	if v := le.Uint64(foot[footPayload:]); v != uint64(begin-l.start-crcSize*chunks) {
		return corrupt(at+footPayload, "a payload of %d bytes; the chunks have %d", v, begin-l.start-crcSize*chunks)
	}
	return nil
}
