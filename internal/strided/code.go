package strided

import (
	"errors"
	"fmt"
	"sync"

	"kakeyalattice/codec"
)

// ErrSpace is what the error of an output that is too small wraps.
var ErrSpace = errors.New("the output is too small")

// blockValues is about how many values are converted and coded at a time: they stay
// in the cache.
const blockValues = 1 << 16

// block is the number of vectors of dim values that are coded at a time.
func block(dim int) int { return max(16, blockValues/dim) }

// scratch is the memory of a goroutine.
type scratch struct {
	x []float32
	b []byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) floats(n int) []float32 {
	if cap(s.x) < n {
		s.x = make([]float32, n)
	}
	return s.x[:n]
}

// MaxBytes is what n vectors take at most; fixed says that they take just that.
func MaxBytes(c codec.Codec, n int) (bytes int, fixed bool) {
	size := c.Size()
	return n * size.Bytes, size.Fixed
}

// Encode writes the vectors of a to dst and returns the number of bytes. With more
// than one thread the bytes are the same.
func Encode(c codec.Codec, dst []byte, a *Array, threads int) (int, error) {
	if err := a.check(c.Dim(), false); err != nil {
		return 0, err
	}
	n := a.Vectors()
	size := c.Size()
	if size.Fixed && n*size.Bytes > len(dst) {
		return 0, fmt.Errorf("%w: %d bytes, %d vectors of %s take %d", ErrSpace, len(dst), n, c.Spec(), n*size.Bytes)
	}
	threads = min(threads, (n+block(c.Dim())-1)/block(c.Dim()))
	if threads <= 1 {
		return encodeRange(c, dst, a, 0, n)
	}
	return encodeParallel(c, dst, a, threads)
}

func encodeParallel(c codec.Codec, dst []byte, a *Array, threads int) (int, error) {
	n, size := a.Vectors(), c.Size()
	parts := make([]*scratch, threads)
	errs := make([]error, threads)
	var wait sync.WaitGroup
	for t := range threads {
		first, end := t*n/threads, (t+1)*n/threads
		wait.Go(func() {
			if size.Fixed {
				_, errs[t] = encodeRange(c, dst[first*size.Bytes:end*size.Bytes], a, first, end)
				return
			}
			s := scratches.Get().(*scratch)
			parts[t] = s
			s.b, errs[t] = appendRange(c, s.b[:0], a, first, end, false)
		})
	}
	wait.Wait()
	if size.Fixed {
		return n * size.Bytes, firstOf(errs)
	}
	at, err := 0, firstOf(errs)
	for _, s := range parts {
		at += len(s.b)
	}
	if err == nil && at > len(dst) {
		err = fmt.Errorf("%w: %d bytes, %d vectors of %s take %d", ErrSpace, len(dst), n, c.Spec(), at)
	}
	at = 0
	for _, s := range parts {
		if err == nil {
			at += copy(dst[at:], s.b)
		}
		scratches.Put(s)
	}
	return at, err
}

// firstOf is the first error, which is that of the earliest vectors.
func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// encodeRange writes vectors first to end to dst.
func encodeRange(c codec.Codec, dst []byte, a *Array, first, end int) (int, error) {
	out, err := appendRange(c, dst[:0:len(dst)], a, first, end, true)
	return len(out), err
}

// appendRange appends vectors first to end to dst, beyond its capacity unless bounded.
func appendRange(c codec.Codec, dst []byte, a *Array, first, end int, bounded bool) ([]byte, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	most, dim := c.Size().Bytes, c.Dim()
	for n := 0; first < end; first += n {
		n = min(block(dim), end-first)
		x := a.view(first, n)
		if x == nil {
			x = s.floats(n * dim)
			a.load(x, first)
		}
		var err error
		if !bounded || cap(dst)-len(dst) >= n*most {
			dst, err = c.AppendEncode(dst, x)
		} else if s.b, err = c.AppendEncode(s.b[:0], x); err == nil {
			if cap(dst)-len(dst) < len(s.b) {
				return dst, fmt.Errorf("%w: %d bytes are full after %d vectors; %d vectors of %s take at most %d",
					ErrSpace, cap(dst), first, a.Vectors(), c.Spec(), a.Vectors()*most)
			}
			dst = append(dst, s.b...)
		}
		if err != nil {
			return dst, shifted(err, first)
		}
	}
	return dst, nil
}

// shifted is an error about vectors of a block, as one about those of the array.
func shifted(err error, first int) error {
	var value *codec.ValueError
	var scale *codec.ScaleError
	switch {
	case errors.As(err, &value):
		v := *value
		v.Vector += first
		return &v
	case errors.As(err, &scale):
		s := *scale
		s.Vector += first
		return &s
	}
	return err
}

// Decode sets the vectors of a to what src holds and returns the bytes read.
func Decode(c codec.Codec, a *Array, src []byte, threads int) (int, error) {
	if err := a.check(c.Dim(), true); err != nil {
		return 0, err
	}
	n := a.Vectors()
	threads = min(threads, (n+block(c.Dim())-1)/block(c.Dim()))
	if threads <= 1 {
		return decodeRange(c, a, src, 0, n)
	}
	return decodeParallel(c, a, src, threads)
}

func decodeParallel(c codec.Codec, a *Array, src []byte, threads int) (int, error) {
	n := a.Vectors()
	begins, err := borders(c, src, n, threads)
	if err != nil {
		return 0, err
	}
	errs := make([]error, threads)
	var wait sync.WaitGroup
	for t := range threads {
		wait.Go(func() {
			_, errs[t] = decodeRange(c, a, src[begins[t]:begins[t+1]], t*n/threads, (t+1)*n/threads)
		})
	}
	wait.Wait()
	return begins[threads], firstOf(errs)
}

// borders are where the parts of n vectors begin in src, and the end of the last.
func borders(c codec.Codec, src []byte, n, parts int) ([]int, error) {
	at := make([]int, parts+1)
	if size := c.Size(); size.Fixed {
		if len(src) < n*size.Bytes {
			return nil, fmt.Errorf("%w: %d bytes, %d vectors of %s take %d", codec.ErrShort, len(src), n, c.Spec(), n*size.Bytes)
		}
		for p := range at {
			at[p] = p * n / parts * size.Bytes
		}
		return at, nil
	}
	v := c.(codec.Varying)
	for p, offset, i := 0, 0, 0; p < parts; p++ {
		for end := (p + 1) * n / parts; i < end; i++ {
			k, err := v.VectorLen(src[offset:])
			if err == nil && k > len(src)-offset {
				err = codec.ErrShort
			}
			if err != nil {
				return nil, fmt.Errorf("vector %d, at byte %d: %w", i, offset, err)
			}
			offset += k
		}
		at[p+1] = offset
	}
	return at, nil
}

// decodeRange sets vectors first to end from src.
func decodeRange(c codec.Codec, a *Array, src []byte, first, end int) (int, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	dim, at := c.Dim(), 0
	for n := 0; first < end; first += n {
		n = min(block(dim), end-first)
		x := a.view(first, n)
		inPlace := x != nil
		if !inPlace {
			x = s.floats(n * dim)
		}
		k, err := c.Decode(x, src[at:])
		if err != nil {
			return at, fmt.Errorf("vectors from %d on, at byte %d: %w", first, at, err)
		}
		if !inPlace {
			a.store(x, first)
		}
		at += k
	}
	return at, nil
}
