package tokenizer

import "hash/maphash"

// wordCache remembers the ids of words: most words of a text have occurred in
// it before. Each word has one place, which the last word of that place holds.
// It belongs to one encoder, so that goroutines do not wait for each other.
type wordCache struct {
	seed    maphash.Seed
	entries []cachedWord
}

// cachedWord fills a cache line.
type cachedWord struct {
	ids [8]int32
	n   uint8 // ids in use
	len uint8 // bytes in use
	key [30]byte
}

const cachedWords = 1 << 14

func newWordCache() wordCache {
	return wordCache{seed: maphash.MakeSeed(), entries: make([]cachedWord, cachedWords)}
}

// at returns the place of s, nil if s is too long to be kept.
func (c *wordCache) at(s string) *cachedWord {
	if len(s) > len(cachedWord{}.key) {
		return nil
	}
	return &c.entries[maphash.String(c.seed, s)%cachedWords]
}

func (w *cachedWord) is(s string) bool { return string(w.key[:w.len]) == s }

func (w *cachedWord) set(s string, ids []int32) {
	if len(ids) > len(w.ids) {
		return
	}
	w.len = uint8(copy(w.key[:], s))
	w.n = uint8(copy(w.ids[:], ids))
}
