package page

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"kakeyalattice/codec"
)

// Options say how a page is written; what it holds does not depend on them.
type Options struct {
	// Workers is the number of goroutines that encode; 0 stands for as many as
	// there are processors.
	Workers int
	// Codec is the codec of the header's spec and dimension, where there is one
	// already: making it takes longer than coding a small page.
	Codec codec.Codec
}

// Writer writes one page to an [io.Writer], from first byte to last. It keeps
// a few chunks a worker in memory.
type Writer struct {
	w      io.Writer
	header Header
	layout layout
	crc    uint32
	codec  codec.Codec

	workers int
	batch   int       // values that are encoded at a time
	pending []float32 // less than a batch
	written int       // vectors that were encoded
	encoded [][]byte  // the chunks of a batch
	at      int64     // end of what was written
	err     error     // of an earlier call
}

// batchBytes is about what a worker gets to encode at a time, so that handing
// out work costs little.
const batchBytes = 1 << 19

// NewWriter writes the header of a page; h.Vectors vectors must follow. The
// spec must hold the constant of a codec that is fitted: see [codec.Fitter].
func NewWriter(w io.Writer, h Header, opt Options) (*Writer, error) {
	if opt.Codec != nil {
		if err := h.expect(opt.Codec); err != nil {
			return nil, err
		}
	}
	c, _, err := h.validate(opt.Codec)
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	h.Shape = append([]int(nil), h.Shape...)
	b, crc := appendHeader(nil, h, c.Size().Fixed)
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	workers := workersOr(opt.Workers)
	values := h.ChunkVectors * h.Dim
	return &Writer{
		w:       w,
		header:  h,
		layout:  layout{vectors: h.Vectors, chunkVectors: h.ChunkVectors, size: c.Size(), start: int64(len(b))},
		crc:     crc,
		codec:   c,
		workers: workers,
		batch:   workers * max(1, batchBytes/4/values) * values,
		at:      int64(len(b)),
	}, nil
}

// Write appends whole vectors. A NaN or an infinity is refused with a
// [*codec.ValueError], a vector that the codec cannot hold with a
// [*codec.ScaleError]; their Vector counts from the start of the page. After
// an error the page is lost.
func (w *Writer) Write(values []float32) error {
	if w.err != nil {
		return w.err
	}
	w.err = w.write(values)
	return w.err
}

func (w *Writer) write(values []float32) error {
	dim := w.header.Dim
	if len(values)%dim != 0 {
		return fmt.Errorf("page: %d values are not whole vectors of dimension %d", len(values), dim)
	}
	if have := w.written + len(w.pending)/dim; len(values)/dim > w.header.Vectors-have {
		return fmt.Errorf("page: %d vectors after %d, its header promises %d in all", len(values)/dim, have, w.header.Vectors)
	}
	for len(values) > 0 {
		if len(w.pending) == 0 && len(values) >= w.batch {
			if err := w.encode(values[:w.batch]); err != nil {
				return err
			}
			values = values[w.batch:]
			continue
		}
		n := min(len(values), w.batch-len(w.pending))
		w.pending = append(w.pending, values[:n]...)
		values = values[n:]
		if len(w.pending) == w.batch {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush encodes what is pending.
func (w *Writer) flush() error {
	values := w.pending
	w.pending = w.pending[:0]
	return w.encode(values)
}

// encode writes the chunks of values, at most a batch, which begin a chunk.
func (w *Writer) encode(values []float32) error {
	size := w.header.ChunkVectors * w.header.Dim
	chunks := (len(values) + size - 1) / size
	for len(w.encoded) < chunks {
		w.encoded = append(w.encoded, nil)
	}
	first := w.written / w.header.ChunkVectors
	err := each(chunks, w.workers, func(i int) error {
		part := values[i*size : min((i+1)*size, len(values))]
		b, err := w.codec.AppendEncode(w.encoded[i][:0], part)
		if err != nil {
			return w.locate(err, (first+i)*w.header.ChunkVectors)
		}
		if n := len(part) / w.header.Dim; !w.layout.fits(n, int64(len(b))) {
			return fmt.Errorf("page: codec %s wrote %d bytes for %d vectors of size %+v: this is a fault of the codec",
				w.header.Spec, len(b), n, w.layout.size)
		}
		w.encoded[i] = binary.LittleEndian.AppendUint32(b, chunkCRC(w.crc, first+i, b))
		return nil
	})
	if err != nil {
		return err
	}
	w.written += len(values) / w.header.Dim
	for _, b := range w.encoded[:chunks] {
		if _, err := w.w.Write(b); err != nil {
			return fmt.Errorf("page: %w", err)
		}
		w.at += int64(len(b))
		if !w.layout.size.Fixed {
			w.layout.ends = append(w.layout.ends, w.at)
		}
	}
	return nil
}

// locate makes the vector of an encoder's error count from the start of the
// page; first is that of the encoder's input.
func (w *Writer) locate(err error, first int) error {
	var value *codec.ValueError
	var scale *codec.ScaleError
	switch {
	case errors.As(err, &value):
		value.Vector += first
	case errors.As(err, &scale):
		scale.Vector += first
	default:
		return fmt.Errorf("page: vectors from %d on: %w", first, err)
	}
	return fmt.Errorf("page: %w", err)
}

// Close completes the page, which needs all of its vectors. It does not close
// the underlying writer.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	if w.err = w.close(); w.err != nil {
		return w.err
	}
	w.err = errors.New("page: the writer is closed")
	return nil
}

func (w *Writer) close() error {
	if err := w.flush(); err != nil {
		return err
	}
	if w.written != w.header.Vectors {
		return fmt.Errorf("page: %d vectors were written, its header promises %d", w.written, w.header.Vectors)
	}
	if w.layout.size.Fixed {
		return nil
	}
	if _, err := w.w.Write(appendIndex(nil, &w.layout, w.crc)); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

// Append appends a page of the given vectors to dst. On an error it returns
// dst as it was.
func Append(dst []byte, h Header, values []float32, opt Options) ([]byte, error) {
	b := buffer(dst)
	w, err := NewWriter(&b, h, opt)
	if err != nil {
		return dst, err
	}
	if err := w.Write(values); err != nil {
		return dst, err
	}
	if err := w.Close(); err != nil {
		return dst, err
	}
	return b, nil
}

type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}
