//go:build !noasm

package kernel

func largest(x []float32) float32 {
	n := len(x) / sumLanes
	if n == 0 {
		return plainLargest(x)
	}
	var lanes [sumLanes]float32
	switch Active() {
	case AVX512:
		largestAVX512(&x[0], n, &lanes)
	case AVX2:
		largestAVX2(&x[0], n, &lanes)
	default:
		return plainLargest(x)
	}
	return max(plainLargest(lanes[:]), plainLargest(x[n*sumLanes:]))
}

// expAbout returns what lanes add up to, with the number of values in them.
func expAbout(e []float64, x []float32, scale, top float64) (sum float64, done int) {
	n := len(x) / sumLanes
	if n == 0 {
		return 0, 0
	}
	var s [sumLanes]float64
	switch Active() {
	case AVX512:
		expAboutAVX512(&e[0], &x[0], n, scale, top, &s)
	case AVX2:
		expAboutAVX2(&e[0], &x[0], n, scale, top, &s)
	default:
		return plainExpAbout(e, x, scale, top)
	}
	return total(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), n * sumLanes
}

// scaleDown and siluTimes return the number of values that they did.

func scaleDown(x []float32, e []float64, factor float64) (done int) {
	n := len(x) / sumLanes
	if n == 0 {
		return 0
	}
	switch Active() {
	case AVX512:
		scaleDownAVX512(&x[0], &e[0], n, factor)
	case AVX2:
		scaleDownAVX2(&x[0], &e[0], n, factor)
	default:
		return 0
	}
	return n * sumLanes
}

func siluTimes(gate, up []float32) (done int) {
	n := len(gate) / sumLanes
	if n == 0 {
		return 0
	}
	switch Active() {
	case AVX512:
		siluTimesAVX512(&gate[0], &up[0], n)
	case AVX2:
		siluTimesAVX2(&gate[0], &up[0], n)
	default:
		return 0
	}
	return n * sumLanes
}
