package matmul

import (
	"sync"
	"sync/atomic"

	"kakeyalattice/internal/kernel"
)

// tasks are the blocks of a product, which workers take one by one.
type tasks struct {
	outputs, rows int // of a task
	across, total int
	next          atomic.Int64
}

// free are the scratches of workers that are done.
var free = sync.Pool{New: func() any { return new(scratch) }}

// smallWork is the number of multiply-adds that are not worth a goroutine.
const smallWork = 1 << 17

func (p *product) run(workers int) {
	checkSize("x", len(p.x), p.n, p.depth)
	checkSize("dst", len(p.dst), p.n, p.outputs)
	if p.n == 0 || p.outputs == 0 {
		return
	}
	if p.depth == 0 {
		clear(p.dst)
		return
	}
	if p.products != nil && p.products[0] == 0 {
		clear(p.dst)
	}
	p.tiles = kernel.NewTiles()
	p.divide(workers)
	workers = min(workers, p.tasks.total)
	if workers <= 1 || p.n*p.outputs*p.depth < smallWork {
		p.work()
		return
	}
	var wait sync.WaitGroup
	for range workers - 1 {
		wait.Go(p.work)
	}
	p.work()
	wait.Wait()
}

// divide makes tasks: blocks of rows about as large as each other, times some whole
// panels of outputs, a few tasks a worker.
func (p *product) divide(workers int) {
	t, width := &p.tasks, p.tiles.Width()
	down := (p.n + blockRows - 1) / blockRows
	t.rows = (p.n + down - 1) / down
	t.outputs = taskOutputs
	if workers > 1 {
		across := (4*workers + down - 1) / down
		t.outputs = max(min(t.outputs, p.outputs/across/width*width), width)
	}
	t.across = (p.outputs + t.outputs - 1) / t.outputs
	t.total = t.across * down
}

// work does tasks until none is left.
func (p *product) work() {
	s := free.Get().(*scratch)
	defer free.Put(s)
	t := &p.tasks
	for {
		task := int(t.next.Add(1)) - 1
		if task >= t.total {
			return
		}
		o, i := task%t.across*t.outputs, task/t.across*t.rows
		p.compute(s, o, min(o+t.outputs, p.outputs), i, min(i+t.rows, p.n))
	}
}
