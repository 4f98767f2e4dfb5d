//go:build !noasm

package kernel

import "unsafe"

// copyRows returns the number of bytes of each row that it copied.
func (t Tiles) copyRows(dst []byte, dstStride int, src []byte, stride, rows, n, ahead int) int {
	const line = 64
	lines := n / line
	if lines == 0 {
		return 0
	}
	switch t.level {
	case AVX512:
		copyRowsAVX512(&dst[0], dstStride, &src[0], stride, rows, lines, ahead)
	case AVX2:
		copyRowsAVX2(&dst[0], dstStride, &src[0], stride, rows, lines, ahead)
	default:
		return 0
	}
	return lines * line
}

// Each of these returns the number of columns that it packed.

func (t Tiles) packF32(panel []float32, src []byte, stride, cols int) int {
	if len(src) == 0 {
		return 0
	}
	return t.packF32At(panel, &src[0], stride, cols)
}

func (t Tiles) packFloats(panel, src []float32, stride, cols int) int {
	if len(src) == 0 {
		return 0
	}
	return t.packF32At(panel, (*byte)(unsafe.Pointer(&src[0])), 4*stride, cols)
}

func (t Tiles) packF32At(panel []float32, src *byte, stride, cols int) int {
	const unit = 4
	n := cols / unit
	if n == 0 {
		return 0
	}
	switch t.level {
	case AVX512:
		packF32AVX512(&panel[0], src, stride, n)
	case AVX2:
		packF32AVX2(&panel[0], src, stride, n)
	default:
		return 0
	}
	return n * unit
}

func (t Tiles) packBF16(panel []float32, src []byte, stride, cols int) int {
	const unit = 8
	n := cols / unit
	if n == 0 {
		return 0
	}
	switch t.level {
	case AVX512:
		packBF16AVX512(&panel[0], &src[0], stride, n)
	case AVX2:
		packBF16AVX2(&panel[0], &src[0], stride, n)
	default:
		return 0
	}
	return n * unit
}

func (t Tiles) packFP16(panel []float32, src []byte, stride, cols int) int {
	const unit = 8
	n := cols / unit
	if n == 0 {
		return 0
	}
	switch t.level {
	case AVX512:
		packFP16AVX512(&panel[0], &src[0], stride, n)
	case AVX2:
		packFP16AVX2(&panel[0], &src[0], stride, n)
	default:
		return 0
	}
	return n * unit
}

// packFP8 packs whole units of blocks; it returns 0 where a code is NaN.
func (t Tiles) packFP8(panel []float32, src []byte, stride, cols, block int, scales []float32) int {
	const unit = 16
	if t.level == Go || cols < unit || block%unit != 0 {
		return 0
	}
	pack := packFP8AVX2
	if t.level == AVX512 {
		pack = packFP8AVX512
	}
	blocks := cols / block
	if blocks > 0 && pack(&panel[0], &src[0], stride, &scales[0], blocks, block/unit) != 0 {
		return 0
	}
	done := blocks * block
	if n := (cols - done) / unit; n > 0 {
		if pack(&panel[done*t.width], &src[done], stride, &scales[blocks*t.width], 1, n) != 0 {
			return 0
		}
		done += n * unit
	}
	return done
}

// packFP4 packs whole units of blocks.
func (t Tiles) packFP4(panel []float32, src []byte, stride, cols, block int, scales []float32) int {
	const unit = 32
	if t.level == Go || cols < unit || block%unit != 0 {
		return 0
	}
	pack := packFP4AVX2
	if t.level == AVX512 {
		pack = packFP4AVX512
	}
	blocks := cols / block
	if blocks > 0 {
		pack(&panel[0], &src[0], stride, &scales[0], blocks, block/unit)
	}
	done := blocks * block
	if n := (cols - done) / unit; n > 0 {
		pack(&panel[done*t.width], &src[done/2], stride, &scales[blocks*t.width], 1, n)
		done += n * unit
	}
	return done
}
