package page

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"kakeyalattice/codec"
)

// magic begins every page. As in PNG, the first byte is no text and the line
// ends show a transfer that changed them.
const magic = "\x89KLP\r\n\x1a\n"

// Offsets of the header's fields.
const (
	offVersion      = 8  // uint16
	offFlags        = 10 // uint16
	offHeaderSize   = 12 // uint32: bytes before the first chunk
	offDim          = 16 // uint32
	offChunkVectors = 20 // uint32
	offVectors      = 24 // uint64
	offSpecSize     = 32 // uint16
	offTensorSize   = 34 // uint16
	offAxes         = 36 // uint32: length of the shape
	offShape        = 40 // uint64 each; then spec, tensor name, uint32 CRC
)

// flagIndex says that an index and a footer follow the chunks.
const flagIndex = 1

// appendHeader appends the header of a valid h and returns its CRC.
func appendHeader(dst []byte, h Header, fixed bool) ([]byte, uint32) {
	begin := len(dst)
	spec := h.Spec.String()
	flags := uint16(flagIndex)
	if fixed {
		flags = 0
	}
	le := binary.LittleEndian
	dst = append(dst, magic...)
	dst = le.AppendUint16(dst, Version)
	dst = le.AppendUint16(dst, flags)
	dst = le.AppendUint32(dst, uint32(headerSize(len(h.Shape), len(spec), len(h.Tensor))))
	dst = le.AppendUint32(dst, uint32(h.Dim))
	dst = le.AppendUint32(dst, uint32(h.ChunkVectors))
	dst = le.AppendUint64(dst, uint64(h.Vectors))
	dst = le.AppendUint16(dst, uint16(len(spec)))
	dst = le.AppendUint16(dst, uint16(len(h.Tensor)))
	dst = le.AppendUint32(dst, uint32(len(h.Shape)))
	for _, axis := range h.Shape {
		dst = le.AppendUint64(dst, uint64(axis))
	}
	dst = append(dst, spec...)
	dst = append(dst, h.Tensor...)
	crc := crc32.Checksum(dst[begin:], castagnoli)
	return le.AppendUint32(dst, crc), crc
}

func headerSize(axes, spec, tensor int) int {
	return offShape + 8*axes + spec + tensor + crcSize
}

// parsePrefix checks the first offShape bytes of a page of the given size and
// returns the size of the header.
func parsePrefix(b []byte, size int64) (int, error) {
	le := binary.LittleEndian
	if string(b[:len(magic)]) != magic {
		return 0, corrupt(0, "the first bytes are %x, those of a page %x: not a .klp page, or damaged in transfer", b[:len(magic)], magic)
	}
	if v := le.Uint16(b[offVersion:]); v != Version {
		return 0, &FormatError{Offset: offVersion, Err: ErrVersion,
			Reason: fmt.Sprintf("format version %d; this program reads version %d: use the program that wrote it, or a newer one", v, Version)}
	}
	n := le.Uint32(b[offHeaderSize:])
	axes, spec, tensor := le.Uint32(b[offAxes:]), le.Uint16(b[offSpecSize:]), le.Uint16(b[offTensorSize:])
	if axes < 1 || axes > maxAxes {
		return 0, corrupt(offAxes, "a shape of %d axes; want 1 to %d", axes, maxAxes)
	}
	if want := headerSize(int(axes), int(spec), int(tensor)); int64(n) != int64(want) {
		return 0, corrupt(offHeaderSize, "a header of %d bytes; its fields take %d", n, want)
	}
	if int64(n) > size {
		return 0, corrupt(offHeaderSize, "a header of %d bytes in a page of %d: the page is truncated", n, size)
	}
	return int(n), nil
}

// parseHeader reads the whole header, whose prefix is checked, of a page of the
// given size. It makes the codec unless it is given.
func parseHeader(b []byte, size int64, given codec.Codec) (h Header, c codec.Codec, crc uint32, err error) {
	le := binary.LittleEndian
	end := len(b) - crcSize
	crc = le.Uint32(b[end:])
	if got := crc32.Checksum(b[:end], castagnoli); got != crc {
		return h, nil, 0, corrupt(int64(end), "the header's CRC-32C is %08x, its bytes give %08x", crc, got)
	}
	// Every vector takes a byte or more: this keeps what follows from counting
	// beyond the page.
	vectors := le.Uint64(b[offVectors:])
	if vectors > uint64(size) {
		return h, nil, 0, corrupt(offVectors, "%d vectors in a page of %d bytes", vectors, size)
	}
	dim, chunk := le.Uint32(b[offDim:]), le.Uint32(b[offChunkVectors:])
	if dim < 1 || dim > math.MaxInt32 {
		return h, nil, 0, corrupt(offDim, "dimension %d", dim)
	}
	if chunk < 1 || chunk > math.MaxInt32 {
		return h, nil, 0, corrupt(offChunkVectors, "%d vectors a chunk", chunk)
	}
	h = Header{Dim: int(dim), ChunkVectors: int(chunk), Vectors: int(vectors)}
	at := offShape
	for range le.Uint32(b[offAxes:]) {
		axis := le.Uint64(b[at:])
		if axis > math.MaxInt {
			return h, nil, 0, corrupt(int64(at), "an axis of length %d", axis)
		}
		h.Shape = append(h.Shape, int(axis))
		at += 8
	}
	text := string(b[at : at+int(le.Uint16(b[offSpecSize:]))])
	h.Tensor = string(b[at+len(text) : end])
	if h.Spec, err = codec.Parse(text); err != nil {
		// The header is as it was written: not damage, but a codec of later days.
		return h, nil, 0, &FormatError{Offset: int64(at), Reason: err.Error(), Err: ErrVersion}
	}
	if given != nil {
		if err := h.expect(given); err != nil {
			return h, nil, 0, err
		}
	}
	parsed := h.Spec.String()
	c, field, err := h.validate(given)
	if err != nil {
		return h, nil, 0, corrupt(int64(field), "%v", err)
	}
	if h.Spec.String() != parsed {
		return h, nil, 0, corrupt(int64(at), "codec %s leaves a parameter to the program: it could be %s", parsed, h.Spec)
	}
	want := uint16(flagIndex)
	if c.Size().Fixed {
		want = 0
	}
	if flags := le.Uint16(b[offFlags:]); flags != want {
		return h, nil, 0, corrupt(offFlags, "flags %#04x; those of %s are %#04x", flags, h.Spec, want)
	}
	return h, c, crc, nil
}
