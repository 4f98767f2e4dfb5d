package deepseek4

import (
	"fmt"
	"slices"

	"kakeyalattice/internal/kernel"
)

// Write is consecutive entries of a stream on their way into a cache.
type Write struct {
	Layer  int
	Stream Streams // one
	// First is the number of the first entry: of a window entry the position of its
	// token, of another the number of whole blocks of tokens before its own.
	First   int
	Dim     int
	Entries []float32 // [n, Dim]: what a cache format sees, rounded to bfloat16 at most
}

// Hook is given all entries before they are stored. If it replaces them it returns
// true, and what it left in Entries is stored: every later read sees that, those of
// the tokens that wrote them included. Otherwise they are stored as the [Mode] says.
// How many entries come at a time depends on how tokens come, and must not make a
// difference.
type Hook func(w Write) (replaced bool, err error)

// Record is the hook that appends what a layer writes to e and replaces nothing.
func Record(e *Entries) Hook {
	return func(w Write) (bool, error) {
		to := e.stream(w.Stream)
		*to = append(*to, w.Entries...)
		return false, nil
	}
}

// Snapshot is the hook that makes attention read given entries of the passage, such
// as coded ones that [Record] took from another pass, in place of its own. Streams
// that e does not have are left as they are.
func Snapshot(e *Entries) Hook {
	return func(w Write) (bool, error) {
		from := *e.stream(w.Stream)
		if len(from) == 0 {
			return false, nil
		}
		begin := w.First * w.Dim
		if end := begin + len(w.Entries); end > len(from) {
			return false, fmt.Errorf("the snapshot has %d entries, the passage makes %d", len(from)/w.Dim, end/w.Dim)
		}
		copy(w.Entries, from[begin:])
		return true, nil
	}
}

// Cache is what a layer keeps of a passage: the entries that later tokens read and
// the tokens that compressed entries to come draw on.
type Cache struct {
	l     *Layer
	hook  Hook
	state *State

	window     []float32 // [n, head_dim], of positions from windowAt on
	windowAt   int
	compressed []float32 // [n, head_dim]
	keys       []float32 // [n, index_head_dim], of the indexer
}

// NewCache begins a passage; hook may be nil.
func (l *Layer) NewCache(hook Hook) *Cache {
	return &Cache{l: l, hook: hook, state: l.kv.NewState(0)}
}

// Tokens is the number of tokens read.
func (c *Cache) Tokens() int { return c.state.Tokens() }

// write computes the entries that the tokens with the input x, [n, hidden],
// complete, and stores them.
func (c *Cache) write(x []float32, n, workers int) error {
	p, err := c.l.kv.Project(x, n, workers)
	if err != nil {
		return err
	}
	first := c.Tokens()
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	e, err := c.state.Append(p, rows)
	if err != nil {
		return err
	}
	cfg := c.l.cfg
	// Earlier positions than these are read no more.
	if old := first - (cfg.Window - 1) - c.windowAt; old > 0 {
		c.window = slices.Delete(c.window, 0, old*cfg.HeadDim)
		c.windowAt += old
	}
	if err := c.store(&c.window, e.Window, Window, first, cfg.HeadDim); err != nil {
		return err
	}
	if ratio := cfg.Ratio(c.l.index); ratio != RatioSWA {
		if err := c.store(&c.compressed, e.Compressed, Compressed, first/ratio, cfg.HeadDim); err != nil {
			return err
		}
		return c.store(&c.keys, e.Indexer, Indexer, first/ratio, cfg.IndexHeadDim)
	}
	return nil
}

// store appends entries as the hook leaves them.
func (c *Cache) store(to *[]float32, entries []float32, stream Streams, first, dim int) error {
	if len(entries) == 0 {
		return nil
	}
	replaced := false
	if c.hook != nil {
		var err error
		if replaced, err = c.hook(Write{c.l.index, stream, first, dim, entries}); err != nil {
			return fmt.Errorf("deepseek4: layer %d: %v entries from %d on: %w", c.l.index, stream, first, err)
		}
		if i := kernel.NonFinite(entries); i >= 0 {
			return &NonFiniteError{c.l.index, fmt.Sprintf("what the hook left as %v entry", stream), first + i/dim, entries[i]}
		}
	}
	if !replaced && c.l.mode == AsServed {
		c.l.kv.serve(stream, entries)
	}
	*to = append(*to, entries...)
	return nil
}
