package experiment

import (
	"fmt"
	"sync"
	"sync/atomic"

	"kakeyalattice/kv"
	"kakeyalattice/metric"
)

// passage is one passage of a group, with what its units share. Whichever unit
// needs a part first computes it; the last unit to end drops them all.
type passage struct {
	group   *group
	index   int
	pending atomic.Int32 // units of this run that have not ended
	shared
}

// shared is the data of a passage while units are at work on it.
type shared struct {
	values    once[[][]float32]         // per stream of the group
	reference once[[]*metric.Reference] // per stream of the group
	attention once[*metric.Attention]
}

// once computes a value when it is first asked for.
type once[T any] struct {
	sync.Once
	value T
	err   error
}

func (o *once[T]) get(compute func() (T, error)) (T, error) {
	o.Do(func() { o.value, o.err = compute() })
	return o.value, o.err
}

// load returns the values of each stream, all finite.
func (p *passage) load(free *buffers) ([][]float32, error) {
	return p.values.get(func() ([][]float32, error) {
		values := make([][]float32, len(p.group.streams))
		for i, s := range p.group.streams {
			var err error
			if values[i], err = readPassage(free.take(), s, p.index); err != nil {
				return nil, err
			}
		}
		return values, nil
	})
}

// references returns the sums of each stream that all codecs share.
func (p *passage) references(free *buffers) ([]*metric.Reference, error) {
	return p.reference.get(func() ([]*metric.Reference, error) {
		values, err := p.load(free)
		if err != nil {
			return nil, err
		}
		refs := make([]*metric.Reference, len(values))
		for i, s := range p.group.streams {
			if refs[i], err = metric.NewReference(values[i], s.Dim, s.RopeDims); err != nil {
				return nil, fmt.Errorf("stream %s, passage %d: %w", s.Name, p.index, err)
			}
		}
		return refs, nil
	})
}

// done marks one unit as ended.
func (p *passage) done(free *buffers) {
	if p.pending.Add(-1) > 0 {
		return
	}
	for _, x := range p.values.value {
		free.give(x)
	}
	p.shared = shared{}
}

// readPassage returns the values of one passage, in dst if its capacity
// suffices, having checked that all are finite.
func readPassage(dst []float32, s *kv.Stream, p int) ([]float32, error) {
	x, err := s.Read(dst, p)
	if err != nil {
		return nil, fmt.Errorf("stream %s, passage %d: %w", s.Name, p, err)
	}
	if err := kv.CheckFinite(s, p, x); err != nil {
		return nil, err
	}
	return x, nil
}

// buffers is a list of buffers of released passages, for the next to use.
type buffers struct {
	mu   sync.Mutex
	free [][]float32
}

// take returns a buffer of any capacity, maybe none.
func (b *buffers) take() []float32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.free)
	if n == 0 {
		return nil
	}
	x := b.free[n-1]
	b.free = b.free[:n-1]
	return x
}

// give hands a buffer back.
func (b *buffers) give(x []float32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = append(b.free, x)
}
