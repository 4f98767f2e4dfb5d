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

// addScaled returns the number of values that it added to.
func addScaled(y []float32, f float32, x []float32) (done int) {
	done = len(y) &^ 15
	if done == 0 {
		return 0
	}
	switch Active() {
	case AVX512:
		addScaledAVX512(&y[0], f, &x[0], done)
	case AVX2:
		addScaledAVX2(&y[0], f, &x[0], done)
	default:
		return 0
	}
	return done
}
