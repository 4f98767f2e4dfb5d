//go:build !noasm

package kernel

import "kakeyalattice/internal/elementary"

// addExp returns the number of channels that it did, from the first. It stops
// before scores whose exponentials are not normal.
func addExp(total, sum []float64, gate, ape, kv []float32) int {
	n := len(total) / sumLanes
	if n == 0 || Active() < AVX2 {
		return 0
	}
	left := addExpAVX2(&total[0], &sum[0], &gate[0], &ape[0], &kv[0], elementary.Exp2Table(), n)
	return (n - left) * sumLanes
}
