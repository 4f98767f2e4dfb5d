package deepseek4

import "kakeyalattice/internal/kernel"

// spread is the last step of an indexer key before it is rounded: the
// orthonormal Hadamard transform over all its values, the rotary ones included.
// Queries get the same, so that their products with keys do not change.
func (l *KVLayer) spread(key []float32) {
	if l.switches.PlainIndexer {
		return
	}
	kernel.Hadamard(key)
	l.roundBF16(key)
}
