package codec

import (
	"fmt"
	"slices"
)

// gsRecords frames vectors as records of their own length.
type gsRecords struct {
	base    int // a body of code c, 1 to 6, has base + c bytes
	longest int // bytes of a body
	raw     int // bytes of a body
	bits    int // of a gain's mantissa
}

const (
	recordCodeBits = 3
	zeroRecord     = 0 // the code of the zero vector
	prefixed       = 7 // the code of a body with a prefix
	maxPrefix      = 4 // bytes of a prefix
	longPrefix     = 31
)

func newGSRecords(s *gsShape) *gsRecords {
	m := gainBits(s.dim)
	return &gsRecords{base: s.base(m), longest: s.longestBody(1, m), raw: s.rawBytes, bits: m}
}

func (f *gsRecords) size() Size    { return Size{Bytes: maxPrefix + f.longest} }
func (f *gsRecords) mantissa() int { return f.bits }

func (f *gsRecords) append(dst []byte, l *gsEncoding) ([]byte, bool) {
	if l.gain == 0 {
		return append(dst, zeroRecord), true
	}
	header, size := sealBody(&l.writer, f.raw, recordCodeBits)
	code := f.code(size)
	if code == prefixed {
		dst = f.appendPrefix(dst, size)
	}
	start := len(dst)
	dst = slices.Grow(dst, size)[:start+size]
	putBody(dst[start:], &l.writer, l.raw, header, uint32(code), recordCodeBits)
	return dst, true
}

// code is the code of a body of the given size.
func (f *gsRecords) code(size int) int {
	if code := size - f.base; code > zeroRecord && code < prefixed {
		return code
	}
	return prefixed
}

// prefixField is what the prefix of a body says whose size has no code.
func (f *gsRecords) prefixField(size int) int {
	switch beyond := size - f.base - prefixed; {
	case beyond >= 0 && beyond < 16:
		return beyond
	case beyond <= -prefixed && beyond > -prefixed-15:
		return 16 - prefixed - beyond
	}
	return longPrefix
}

// appendPrefix appends the prefix of a body whose size has no code.
func (f *gsRecords) appendPrefix(dst []byte, size int) []byte {
	field := f.prefixField(size)
	dst = append(dst, byte(field<<recordCodeBits|prefixed))
	if field == longPrefix {
		dst = append(dst, byte(size), byte(size>>8), byte(size>>16))
	}
	return dst
}

// prefix returns the size of the prefix that src begins with and of the body
// after it.
func (f *gsRecords) prefix(src []byte) (prefix, body int, err error) {
	prefix = 1
	field := int(src[0] >> recordCodeBits)
	switch {
	case field < 16:
		body = f.base + prefixed + field
	case field < longPrefix:
		body = f.base + 16 - field
	case len(src) < maxPrefix:
		return 0, 0, ErrShort
	default:
		prefix, body = maxPrefix, int(src[1])|int(src[2])<<8|int(src[3])<<16
	}
	if body < 1 || body > f.longest || f.code(body) != prefixed || f.prefixField(body) != field {
		return 0, 0, fmt.Errorf("%w: a prefix %d of a body of %d bytes", ErrCorrupt, field, body)
	}
	return prefix, body, nil
}

// split returns the sizes of the prefix and the body that src begins with; the
// zero vector has no body.
func (f *gsRecords) split(src []byte) (prefix, body int, err error) {
	if len(src) == 0 {
		return 0, 0, ErrShort
	}
	switch code := int(src[0]) & (1<<recordCodeBits - 1); {
	case code == prefixed:
		return f.prefix(src)
	case code != zeroRecord:
		return 0, f.base + code, nil
	case src[0] != 0:
		return 0, 0, fmt.Errorf("%w: a record cannot begin with %#02x", ErrCorrupt, src[0])
	}
	return 1, 0, nil
}

func (f *gsRecords) open(l *gsDecoding, src []byte) (size int, err error) {
	prefix, body, err := f.split(src)
	if err != nil {
		return 0, err
	}
	size = prefix + body
	if len(src) < size {
		return 0, fmt.Errorf("it has %d bytes, %d are there: %w", size, len(src), ErrShort)
	}
	if l.zero = body == 0; l.zero {
		return size, nil
	}
	var code uint32
	code, l.reader, l.raw, err = openBody(src[prefix:size], f.raw, recordCodeBits)
	if err == nil && code != uint32(src[0])&(1<<recordCodeBits-1) {
		err = fmt.Errorf("%w: the code after a prefix is %d", ErrCorrupt, code)
	}
	l.class = 0
	return size, err
}

func (f *gsRecords) close(l *gsDecoding) error {
	if len(l.reader.words) != 0 {
		return fmt.Errorf("%w: %d bytes follow the last symbol", ErrCorrupt, len(l.reader.words))
	}
	return nil
}
