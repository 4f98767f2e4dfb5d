package page

import (
	"context"
	"encoding/binary"
	"fmt"

	"kakeyalattice/codec"
)

// ReadVectors fills dst, whole vectors, with those from vector first on. It
// reads and decodes only the chunks that hold them. After an error dst is
// undefined.
func (p *Page) ReadVectors(dst []float32, first int) error {
	return p.ReadParallel(dst, first, 1)
}

// ReadParallel is [Page.ReadVectors] on so many goroutines; 0 stands for as
// many as there are processors.
func (p *Page) ReadParallel(dst []float32, first, workers int) error {
	dim, size := p.header.Dim, p.header.ChunkVectors
	n := len(dst) / dim
	if len(dst)%dim != 0 || first < 0 || first > p.header.Vectors || n > p.header.Vectors-first {
		return fmt.Errorf("page: %d values from vector %d on: it has %d vectors of %d values", len(dst), first, p.header.Vectors, dim)
	}
	if n == 0 {
		return nil
	}
	from, to := first/size, (first+n-1)/size+1 // chunks
	return each(to-from, workersOr(workers), func(i int) error {
		begin, end := max((from+i)*size, first), min((from+i+1)*size, first+n)
		return p.decode(dst[(begin-first)*dim:(end-first)*dim], from+i, begin-(from+i)*size)
	})
}

// suspicious is the ratio of decoded to encoded size above which Decode first
// makes sure that all chunks are intact. A codec exceeds it on zeros alone.
const suspicious = 64

// Decode returns all values of the tensor, decoded by so many goroutines; 0
// stands for as many as there are processors. The values take 4*Dim bytes a
// vector, however few the page needs for it: a caller who cannot trust a page
// looks at the header first.
func (p *Page) Decode(workers int) ([]float32, error) {
	if int64(p.header.Vectors) > p.size*suspicious/4/int64(p.header.Dim) {
		if err := p.Verify(context.Background(), workers); err != nil {
			return nil, err
		}
	}
	values := make([]float32, p.header.Vectors*p.header.Dim)
	if err := p.ReadParallel(values, 0, workers); err != nil {
		return nil, err
	}
	return values, nil
}

// decode fills dst with vectors of chunk i, leaving out the first skip.
func (p *Page) decode(dst []float32, i, skip int) error {
	buffer := p.bytes.Get().(*[]byte)
	defer p.bytes.Put(buffer)
	payload, err := p.payload(buffer, i)
	if err != nil {
		return err
	}
	last := skip+len(dst)/p.header.Dim == p.layout.count(i)
	b, err := p.skip(payload, skip)
	if err == nil {
		var n int
		if n, err = p.codec.Decode(dst, b); err == nil && last && n != len(b) {
			err = fmt.Errorf("%w: %d bytes after the last vector", codec.ErrCorrupt, len(b)-n)
		}
	}
	if err != nil {
		from, _ := p.layout.bounds(i)
		return &FormatError{
			Offset: from,
			Reason: fmt.Sprintf("chunk %d, vectors %s, cannot be decoded", i, p.span(i)),
			Err:    fmt.Errorf("%w: %w", ErrCorrupt, err),
		}
	}
	return nil
}

// skip returns the payload without its first n vectors.
func (p *Page) skip(payload []byte, n int) ([]byte, error) {
	if p.layout.size.Fixed {
		return payload[n*p.layout.size.Bytes:], nil
	}
	for range n {
		size, err := p.lengths.VectorLen(payload)
		if err == nil && size > len(payload) {
			err = codec.ErrShort
		}
		if err != nil {
			return nil, err
		}
		payload = payload[size:]
	}
	return payload, nil
}

// payload reads chunk i into the buffer and checks its CRC.
func (p *Page) payload(buffer *[]byte, i int) ([]byte, error) {
	from, to := p.layout.bounds(i)
	b := resize(buffer, int(to-from))
	if err := readAt(p.r, b, from); err != nil {
		return nil, err
	}
	end := len(b) - crcSize
	want, got := binary.LittleEndian.Uint32(b[end:]), chunkCRC(p.crc, i, b[:end])
	if got != want {
		return nil, corrupt(from, "chunk %d, vectors %s: its CRC-32C is %08x, its bytes give %08x", i, p.span(i), want, got)
	}
	return b[:end], nil
}

// AppendPayload appends the encoded vectors of chunk i, 0 <= i < Chunks(), as the
// codec wrote them, to dst.
func (p *Page) AppendPayload(dst []byte, i int) ([]byte, error) {
	buffer := p.bytes.Get().(*[]byte)
	defer p.bytes.Put(buffer)
	payload, err := p.payload(buffer, i)
	return append(dst, payload...), err
}

// span names the vectors of chunk i.
func (p *Page) span(i int) string {
	first := i * p.header.ChunkVectors
	return fmt.Sprintf("%d to %d", first, first+p.layout.count(i)-1)
}

// resize returns *buffer with n elements, whose values are undefined.
func resize[T any](buffer *[]T, n int) []T {
	if cap(*buffer) < n {
		*buffer = make([]T, n)
	}
	*buffer = (*buffer)[:n]
	return *buffer
}

// Verify reads and decodes every chunk on so many goroutines, 0 for as many as
// there are processors, and returns the first that is damaged.
func (p *Page) Verify(ctx context.Context, workers int) error {
	return each(p.Chunks(), workersOr(workers), func(i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return p.VerifyChunk(i)
	})
}

// VerifyChunk reads and decodes chunk i, 0 <= i < Chunks(), and returns an
// error that wraps [ErrCorrupt] if it is damaged.
func (p *Page) VerifyChunk(i int) error {
	scratch := p.values.Get().(*[]float32)
	defer p.values.Put(scratch)
	return p.decode(resize(scratch, p.layout.count(i)*p.header.Dim), i, 0)
}

// Chunk is a part of a page that is checked and decoded as a whole.
type Chunk struct {
	First   int // the number of its first vector
	Vectors int
	Offset  int64 // from the start of the page
	Size    int64 // in bytes, its CRC included
}

// Chunks is the number of chunks.
func (p *Page) Chunks() int { return p.layout.chunks() }

// Chunk describes chunk i, 0 <= i < Chunks().
func (p *Page) Chunk(i int) Chunk {
	from, to := p.layout.bounds(i)
	return Chunk{First: i * p.header.ChunkVectors, Vectors: p.layout.count(i), Offset: from, Size: to - from}
}
