//go:build !noasm

package kernel

// maxMagnitude returns the bits of the largest magnitude of the first done
// values of x.
func maxMagnitude(x []float32) (m uint32, done int) {
	done = len(x) &^ 63
	if done == 0 {
		return 0, 0
	}
	switch Active() {
	case AVX512:
		return maxMagnitudeAVX512(&x[0], done), done
	case AVX2:
		return maxMagnitudeAVX2(&x[0], done), done
	}
	return 0, 0
}
