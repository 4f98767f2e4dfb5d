//go:build !noasm

package kernel

// tile returns false where plain Go must do it.
func (t Tiles) tile(dst []float32, stride int, x []float32, m int, panel []float32, panelStride, k int, add bool) bool {
	start := 0
	if add {
		start = 1
	}
	switch t.level {
	case AVX512:
		tileAVX512(&dst[0], stride, &x[0], &panel[0], panelStride, k, start, m)
	case AVX2:
		tileAVX2(&dst[0], stride, &x[0], &panel[0], panelStride, k, start, m)
	default:
		return false
	}
	return true
}

// row returns false where plain Go must do it.
func (t Tiles) row(dst, x, panels []float32, add bool) bool {
	start := 0
	if add {
		start = 1
	}
	switch t.level {
	case AVX512:
		tileRowAVX512(&dst[0], &x[0], &panels[0], len(x), start)
	case AVX2:
		tileRowAVX2(&dst[0], &x[0], &panels[0], len(x), start)
	default:
		return false
	}
	return true
}

func fmaProbe(n int) float64 {
	const each = 2 * 12 // operations, times chains
	switch Active() {
	case AVX512:
		fmaProbeAVX512(n)
		return each * 16 * float64(n)
	case AVX2:
		fmaProbeAVX2(n)
		return each * 8 * float64(n)
	}
	return 0
}
