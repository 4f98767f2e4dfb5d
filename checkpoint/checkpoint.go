// Package checkpoint reads a trained model as named tensors of any type, from a
// folder or by byte range from the Hub: only what is asked for is read.
//
// A checkpoint is one file, model.safetensors, or shards with an index of which
// tensor lies in which of them, model.safetensors.index.json. [Open] reads the
// index; the header of a shard is read when a tensor of it is first asked for,
// and the values of a tensor when they are.
package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"kakeyalattice/safetensors"
)

// The names that every checkpoint in the safetensors format uses.
const (
	singleFile = "model.safetensors"
	indexFile  = "model.safetensors.index.json"
	configFile = "config.json"
)

// ErrNoTensor is what the error of a tensor that a checkpoint does not have
// wraps.
var ErrNoTensor = errors.New("no such tensor")

// Checkpoint is an open checkpoint. Its methods, Close aside, may be called at
// the same time.
type Checkpoint struct {
	files  Files
	where  map[string]*shard // of a tensor
	shards []*shard
}

// Open opens the checkpoint that lies in files. It reads the index, or the
// header of a checkpoint of one file.
func Open(ctx context.Context, files Files) (*Checkpoint, error) {
	c := &Checkpoint{files: files, where: map[string]*shard{}}
	single := &shard{name: singleFile, c: c}
	switch err := single.load(ctx); {
	case err == nil:
		c.shards = []*shard{single}
		for _, t := range single.header.Tensors {
			c.where[t.Name] = single
		}
		return c, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, c.errorf("%s: %w", singleFile, err)
	}
	text, err := files.ReadFile(ctx, indexFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, c.errorf("neither %s nor %s is there: no checkpoint in the safetensors format (%w)", singleFile, indexFile, err)
	}
	if err != nil {
		return nil, c.errorf("%s: %w", indexFile, err)
	}
	if err := c.readIndex(text); err != nil {
		return nil, c.errorf("%s: %w", indexFile, err)
	}
	return c, nil
}

// Name is what messages call the checkpoint: its folder or repository.
func (c *Checkpoint) Name() string { return c.files.Name() }

// Config returns config.json.
func (c *Checkpoint) Config(ctx context.Context) ([]byte, error) { return c.ReadFile(ctx, configFile) }

// ReadFile returns a small file of the checkpoint whole. The error for one
// that is not there wraps [fs.ErrNotExist].
func (c *Checkpoint) ReadFile(ctx context.Context, name string) ([]byte, error) {
	data, err := c.files.ReadFile(ctx, name)
	if err != nil {
		return nil, c.errorf("%s: %w", name, err)
	}
	return data, nil
}

// Close releases the files. The Data of matrices must not be used after.
func (c *Checkpoint) Close() error {
	var errs []error
	for _, s := range c.shards {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

func (c *Checkpoint) errorf(format string, args ...any) error {
	return fmt.Errorf("checkpoint: %s: %w", c.Name(), fmt.Errorf(format, args...))
}

// shard is one file of tensors.
type shard struct {
	name string
	c    *Checkpoint

	mu     sync.Mutex
	file   File                // nil until load succeeds
	header *safetensors.Header // the same
	start  int64               // of the data in the file
	closed bool
}

// load opens the file and reads its header, once. What failed is tried again
// at the next call.
func (s *shard) load(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fs.ErrClosed
	}
	if s.file != nil {
		return nil
	}
	file, err := s.c.files.Open(ctx, s.name)
	if err != nil {
		return err
	}
	header, start, err := safetensors.ReadHeader(fetched{ctx, file}, file.Size())
	if err == nil {
		err = s.checkAgainstIndex(header)
	}
	if err != nil {
		file.Close()
		return err
	}
	s.file, s.header, s.start = file, header, start
	return nil
}

// checkAgainstIndex refuses a shard with a tensor that the index knows in
// another one: which of the two is meant cannot be known.
func (s *shard) checkAgainstIndex(h *safetensors.Header) error {
	for _, t := range h.Tensors {
		if other := s.c.where[t.Name]; other != nil && other != s {
			return fmt.Errorf("tensor %s is in this file, but the index has it in %s: the files are not of one revision; fetch them again", t.Name, other.name)
		}
	}
	return nil
}

func (s *shard) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// fetched reads a file after it has fetched what is to be read.
type fetched struct {
	ctx  context.Context
	file File
}

func (f fetched) ReadAt(p []byte, off int64) (int, error) {
	if err := f.file.Fetch(f.ctx, []Range{{off, off + int64(len(p))}}); err != nil {
		return 0, err
	}
	return f.file.ReadAt(p, off)
}
