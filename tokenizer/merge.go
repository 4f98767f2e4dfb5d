package tokenizer

import (
	"math/bits"
	"math/rand/v2"
)

// pairTable maps pairs of ids below 1<<21 to what merges them: a hash table
// with open addressing, because a map takes several times as long.
type pairTable struct {
	slots []pairSlot
	mul   uint64
	shift int
}

type pairSlot struct {
	key uint64 // the pair and 1<<63; 0: the slot is free
	merge
}

// merge joins two tokens.
type merge struct {
	rank uint32 // merges of lower rank come first
	into int32
}

// newPairTable makes a table for n pairs.
func newPairTable(n int) pairTable {
	log := bits.Len(uint(2 * n)) // at least twice as many slots as pairs
	return pairTable{
		slots: make([]pairSlot, 1<<log),
		// Nobody can prepare a file whose pairs all fall into one slot.
		mul:   rand.Uint64() | 1,
		shift: 64 - log,
	}
}

// slot returns where the pair is or belongs.
func (t *pairTable) slot(a, b int32) (*pairSlot, uint64) {
	key := 1<<63 | uint64(uint32(a))<<32 | uint64(uint32(b))
	for i := key * t.mul >> t.shift; ; i++ {
		s := &t.slots[i&uint64(len(t.slots)-1)]
		if s.key == key || s.key == 0 {
			return s, key
		}
	}
}

func (t *pairTable) put(a, b int32, m merge) {
	s, key := t.slot(a, b)
	s.key, s.merge = key, m
}

func (t *pairTable) find(a, b int32) (merge, bool) {
	s, _ := t.slot(a, b)
	return s.merge, s.key != 0
}

// merger joins the symbols of one piece. The pairs that may be joined wait in a
// heap, so that a piece of n symbols takes time n log n. Its memory is used
// again for the next piece.
type merger struct {
	at   []symbolAt
	heap []uint64 // rank<<32 | position
}

// symbolAt is a symbol of the piece. Joined symbols stay where the first was.
type symbolAt struct {
	id         int32 // -1: joined to an earlier one
	prev, next int32 // positions; next is len(at) at the end, prev -1 at the start
	rank       uint32
	into       int32 // what this symbol and the next make, at rank; -1: nothing
}

func (w *merger) begin() { w.at, w.heap = w.at[:0], w.heap[:0] }

func (w *merger) add(id int32) {
	n := int32(len(w.at))
	w.at = append(w.at, symbolAt{id: id, prev: n - 1, next: n + 1})
}

// shrink lets go of memory for more than keep symbols.
func (w *merger) shrink(keep int) {
	if cap(w.at) > keep {
		w.at = nil
	}
	if cap(w.heap) > keep {
		w.heap = nil
	}
}

// merge joins what can be joined and appends the ids to dst.
func (w *merger) merge(dst []int32, pairs *pairTable) []int32 {
	n := int32(len(w.at))
	for i := range n {
		w.look(i, pairs)
	}
	for i := len(w.heap)/2 - 1; i >= 0; i-- {
		w.down(i)
	}
	for len(w.heap) > 0 {
		top := w.heap[0]
		last := len(w.heap) - 1
		w.heap[0] = w.heap[last]
		w.heap = w.heap[:last]
		w.down(0)

		i := int32(uint32(top))
		a := &w.at[i]
		if a.id < 0 || a.into < 0 || a.rank != uint32(top>>32) {
			continue // one of the two has been joined to another since
		}
		b := &w.at[a.next]
		a.id, a.next = a.into, b.next
		b.id = -1
		if a.next < n {
			w.at[a.next].prev = i
		}
		for _, j := range [...]int32{a.prev, i} {
			if j < 0 {
				continue
			}
			if k := len(w.heap); w.look(j, pairs) {
				w.up(k)
			}
		}
	}
	for i := int32(0); i < n; i = w.at[i].next {
		dst = append(dst, w.at[i].id)
	}
	return dst
}

// look sets what the symbol at i and the next one make and puts it at the end
// of the heap.
func (w *merger) look(i int32, pairs *pairTable) bool {
	a := &w.at[i]
	a.into = -1
	if int(a.next) == len(w.at) {
		return false
	}
	m, ok := pairs.find(a.id, w.at[a.next].id)
	if !ok {
		return false
	}
	a.rank, a.into = m.rank, m.into
	w.heap = append(w.heap, uint64(m.rank)<<32|uint64(uint32(i)))
	return true
}

func (w *merger) up(i int) {
	h := w.heap
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent] <= h[i] {
			return
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}

func (w *merger) down(i int) {
	h := w.heap
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if h[i] <= h[child] {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
