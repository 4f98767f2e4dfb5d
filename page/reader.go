package page

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"kakeyalattice/codec"
)

// Page is an open page. Its methods may be called at the same time if the
// reader allows that, as those of files and byte slices do.
type Page struct {
	r      io.ReaderAt
	size   int64
	header Header
	crc    uint32
	codec  codec.Codec
	layout layout
	// lengths is the codec where vectors vary in size.
	lengths codec.Varying

	bytes  sync.Pool // *[]byte, for payloads
	values sync.Pool // *[]float32, for chunks that are only checked
}

// Open reads the header of the page that is all of r, size bytes, and the index
// of its chunks where it has one. It checks that they add up to the page before
// it takes memory for them; the chunks themselves are checked when they are
// read, or by [Page.Verify].
func Open(r io.ReaderAt, size int64) (*Page, error) { return open(r, size, nil) }

// OpenWith opens a page that must be of this codec, which it uses: making one
// takes longer than decoding a small page. The error for a page of another codec
// or dimension wraps [ErrMismatch].
func OpenWith(c codec.Codec, r io.ReaderAt, size int64) (*Page, error) { return open(r, size, c) }

// OpenBytes opens a page in memory, which must not change.
func OpenBytes(b []byte) (*Page, error) { return Open(bytes.NewReader(b), int64(len(b))) }

func open(r io.ReaderAt, size int64, given codec.Codec) (*Page, error) {
	if size < offShape+crcSize {
		return nil, corrupt(max(size, 0), "%d bytes are too few for a header: it is truncated or no .klp page", size)
	}
	b := make([]byte, offShape, 256)
	if err := readAt(r, b, 0); err != nil {
		return nil, err
	}
	n, err := parsePrefix(b, size)
	if err != nil {
		return nil, err
	}
	b = slices.Grow(b, n-offShape)[:n]
	if err := readAt(r, b[offShape:], offShape); err != nil {
		return nil, err
	}
	p := &Page{r: r, size: size}
	if p.header, p.codec, p.crc, err = parseHeader(b, size, given); err != nil {
		return nil, err
	}
	p.layout = layout{
		vectors:      p.header.Vectors,
		chunkVectors: p.header.ChunkVectors,
		size:         p.codec.Size(),
		start:        int64(n),
	}
	if p.layout.size.Fixed {
		err = p.checkSize()
	} else {
		p.lengths = p.codec.(codec.Varying) // all such codecs are
		err = readIndex(r, size, &p.layout, p.crc)
	}
	if err != nil {
		return nil, err
	}
	p.bytes.New = func() any { return new([]byte) }
	p.values.New = func() any { return new([]float32) }
	return p, nil
}

// checkSize compares the size of a page of fixed-size vectors with the header.
func (p *Page) checkSize() error {
	// Neither product overflows: there are at most size vectors, and a page in
	// which they do not fit is found by division.
	l := &p.layout
	room := p.size - l.start
	if l.vectors > 0 && room/int64(l.size.Bytes) < int64(l.vectors) {
		return corrupt(offVectors, "%d vectors of %d bytes in the %d bytes after the header: the page is truncated", l.vectors, l.size.Bytes, room)
	}
	want := int64(l.vectors)*int64(l.size.Bytes) + crcSize*int64(l.chunks())
	switch {
	case room < want:
		return corrupt(p.size, "%d bytes of chunks, its header promises %d: the page is truncated", room, want)
	case room > want:
		return corrupt(l.start+want, "%d bytes after the last chunk", room-want)
	}
	return nil
}

// readAt fills b.
func readAt(r io.ReaderAt, b []byte, offset int64) error {
	if n, err := r.ReadAt(b, offset); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("page: read %d bytes at byte %d: %w", len(b), offset, err)
	}
	return nil
}

// Header returns what the page says about itself.
func (p *Page) Header() Header {
	h := p.header
	h.Shape = slices.Clone(h.Shape)
	return h
}

// Codec is the codec of the page's vectors.
func (p *Page) Codec() codec.Codec { return p.codec }

// Size is the size of the whole page in bytes.
func (p *Page) Size() int64 { return p.size }

// PayloadSize is the number of bytes that the codec wrote: the page without
// header, CRCs, index and footer.
func (p *Page) PayloadSize() int64 {
	var n int64
	if chunks := p.layout.chunks(); chunks > 0 {
		_, to := p.layout.bounds(chunks - 1)
		n = to - p.layout.start - crcSize*int64(chunks)
	}
	return n
}

// Expect returns an error that wraps [ErrMismatch] unless the page is of this
// codec and dimension. A spec without the constant of a codec that is fitted
// stands for any constant.
func (p *Page) Expect(spec codec.Spec, dim int) error {
	c, err := codec.New(spec, dim)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	spec = c.Spec()
	f, ok := c.(codec.Fitter)
	same := spec.String() == p.header.Spec.String()
	if ok && !f.Fitted() {
		same = spec.Name == p.header.Spec.Name
		for _, param := range spec.Params {
			same = same && slices.Contains(p.header.Spec.Params, param)
		}
	}
	if !same || dim != p.header.Dim {
		return mismatch(&p.header, spec, dim)
	}
	return nil
}
