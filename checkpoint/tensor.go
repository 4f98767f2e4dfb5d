package checkpoint

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"kakeyalattice/safetensors"
)

// Tensor says what a tensor is and where it lies.
type Tensor struct {
	Name  string
	DType safetensors.DType
	Shape []int
	Shard string // the file that it lies in
	Range Range  // in that file
}

// Has says whether the checkpoint has a tensor, by its index.
func (c *Checkpoint) Has(name string) bool { return c.where[name] != nil }

// Names lists all tensors, sorted.
func (c *Checkpoint) Names() []string { return slices.Sorted(maps.Keys(c.where)) }

// Lookup finds a tensor and reads the header of its shard if that was not yet
// done. The error for a name that the checkpoint does not have wraps
// [ErrNoTensor] and tells the names that are like it.
func (c *Checkpoint) Lookup(ctx context.Context, name string) (Tensor, error) {
	t, _, err := c.find(ctx, name)
	return t, err
}

func (c *Checkpoint) find(ctx context.Context, name string) (Tensor, *shard, error) {
	s := c.where[name]
	if s == nil {
		return Tensor{}, nil, c.errorf("tensor %s: %w%s", name, ErrNoTensor, c.suggest(name))
	}
	if err := s.load(ctx); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return Tensor{}, nil, c.errorf("tensor %s: the index has it in %s, which is not there: fetch that file: %w", name, s.name, err)
		}
		return Tensor{}, nil, c.errorf("%s (where the index has tensor %s): %w", s.name, name, err)
	}
	t, ok := s.header.Lookup(name)
	if !ok {
		return Tensor{}, nil, c.errorf("%s: tensor %s: %w: the index has it in this file, whose header has not; the files are not of one revision; fetch them again", s.name, name, ErrNoTensor)
	}
	return Tensor{
		Name: name, DType: t.DType, Shape: slices.Clone(t.Shape),
		Shard: s.name, Range: Range{s.start + t.Begin, s.start + t.End},
	}, s, nil
}

// parallel is how many shards are opened or fetched from at a time. Waiting
// for a server takes most of it.
const parallel = 8

// each calls do for every item, some at a time, and returns the first error in
// the order of the items.
func each[T any](items []T, do func(T) error) error {
	errs := make([]error, len(items))
	slots := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for i, item := range items {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = do(item)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// wrongShape is the error for a tensor that has another shape than it should.
func (c *Checkpoint) wrongShape(t Tensor, want string) error {
	return c.errorf("%s: tensor %s: shape is %s %v, want %s", t.Shard, t.Name, t.DType, t.Shape, want)
}
