package hadamard

// Runs splits a vector of n values into runs that [Transform] takes, in the
// order in which they lie in the vector: descending powers of two, at most
// [MaxLen] each, that add up to n. It is the binary expansion of n, with as
// many runs of MaxLen in front as fit: 80 = 64+16, 448 = 256+128+64,
// 8200 = 4096+4096+8. A power of two up to MaxLen is one run.
//
// Rotating run by run is orthogonal, so it keeps energies and distances, for
// every n; a run of 1 is left as it is. Everything that rotates vectors of a
// length that is no power of two, codecs and statistics alike, must use this
// one split: the order of the runs is part of what an encoded vector means.
//
// Runs returns nil for n < 1.
func Runs(n int) []int {
	var runs []int
	for size := MaxLen; n > 0; {
		if n < size {
			size /= 2
			continue
		}
		runs = append(runs, size)
		n -= size
	}
	return runs
}
