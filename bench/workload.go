package bench

import (
	"math/rand/v2"
	"slices"
	"time"

	"kakeyalattice/codec"
)

const (
	batchValues = 1 << 16 // of a batch, which with its codes fits the second-level cache
	minBatch    = 16      // vectors
	poolValues  = 1 << 20 // at least
)

// A pool is the vectors that all cases work on, in batches.
type pool struct {
	dim     int
	batch   int         // vectors of a batch
	vectors [][]float32 // by batch
}

func newPool(dim int) *pool {
	p := &pool{dim: dim, batch: max(minBatch, batchValues/dim)}
	r := rand.New(rand.NewPCG(1, uint64(dim)))
	for range (poolValues + p.batch*dim - 1) / (p.batch * dim) {
		x := make([]float32, p.batch*dim)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		p.vectors = append(p.vectors, x)
	}
	return p
}

// storedBytes is the size of a batch in bfloat16.
func (p *pool) storedBytes() int { return 2 * p.dim * p.batch }

// A workload is a pool and what a codec makes of it.
type workload struct {
	*pool
	codec   codec.Codec
	encoded [][]byte // by batch
}

// newWorkload makes the codec of a spec, fitted to the pool if it needs that,
// and encodes the pool.
func newWorkload(spec codec.Spec, p *pool) (*workload, error) {
	c, err := codec.New(spec, p.dim)
	if err != nil {
		return nil, err
	}
	if f, ok := c.(codec.Fitter); ok && !f.Fitted() {
		if spec, err = f.Fit(slices.Values(p.vectors)); err != nil {
			return nil, err
		}
		if c, err = codec.New(spec, p.dim); err != nil {
			return nil, err
		}
	}
	w := &workload{pool: p, codec: c}
	for _, x := range p.vectors {
		b, err := c.AppendEncode(nil, x)
		if err != nil {
			return nil, err
		}
		w.encoded = append(w.encoded, b)
	}
	return w, nil
}

// A worker does a workload's operations in buffers of its own. Each method
// brings the next batch into the cache and returns the time of what follows.
type worker struct {
	*workload
	next   int       // batch
	x      []float32 // a batch to encode
	bytes  []byte    // a batch to decode
	out    []byte
	y      []float32
	copied []byte // a batch in bfloat16, twice
}

// newWorker returns the worker of a thread; workers begin at different batches.
func (w *workload) newWorker(thread int) *worker {
	return &worker{
		workload: w,
		next:     thread * 5 % len(w.vectors),
		x:        make([]float32, w.dim*w.batch),
		out:      make([]byte, 0, 2*w.codec.Size().Bytes*w.batch),
		y:        make([]float32, w.dim*w.batch),
		copied:   make([]byte, 2*w.storedBytes()),
	}
}

// stage makes the next batch the one to work on.
func (w *worker) stage() {
	copy(w.x, w.vectors[w.next])
	w.bytes = append(w.bytes[:0], w.encoded[w.next]...)
	if w.next++; w.next == len(w.vectors) {
		w.next = 0
	}
}

// An operation is what is timed of a codec: on a whole batch, and vector by
// vector.
type operation struct {
	name        string
	batch, each func(*worker) error
}

var operations = []operation{
	{"encode", (*worker).encode, (*worker).encodeEach},
	{"decode", (*worker).decode, (*worker).decodeEach},
	{"roundtrip", (*worker).roundtrip, (*worker).roundtripEach},
}

// timed runs an operation on a fresh batch.
func (w *worker) timed(f func(*worker) error) (time.Duration, error) {
	w.stage()
	start := time.Now()
	err := f(w)
	return time.Since(start), err
}

func (w *worker) encode() (err error) {
	w.out, err = w.codec.AppendEncode(w.out[:0], w.x)
	return err
}

func (w *worker) decode() error {
	_, err := w.codec.Decode(w.y, w.bytes)
	return err
}

func (w *worker) roundtrip() error {
	if err := w.encode(); err != nil {
		return err
	}
	_, err := w.codec.Decode(w.y, w.out)
	return err
}

// vector is a vector of a batch.
func (w *worker) vector(batch []float32, i int) []float32 { return batch[i*w.dim : (i+1)*w.dim] }

func (w *worker) encodeEach() (err error) {
	w.out = w.out[:0]
	for i := 0; i < w.batch && err == nil; i++ {
		w.out, err = w.codec.AppendEncode(w.out, w.vector(w.x, i))
	}
	return err
}

func (w *worker) decodeEach() (err error) {
	at, n := 0, 0
	for i := 0; i < w.batch && err == nil; i++ {
		n, err = w.codec.Decode(w.vector(w.y, i), w.bytes[at:])
		at += n
	}
	return err
}

func (w *worker) roundtripEach() (err error) {
	for i := 0; i < w.batch && err == nil; i++ {
		if w.out, err = w.codec.AppendEncode(w.out[:0], w.vector(w.x, i)); err == nil {
			_, err = w.codec.Decode(w.vector(w.y, i), w.out)
		}
	}
	return err
}

// copy copies a batch's size in bfloat16; what the bytes are does not matter.
func (w *worker) copy() error {
	size := len(w.copied) / 2
	copy(w.copied[:size], w.copied[size:])
	return nil
}
