package kernel

//go:generate go run -C _generate . vector

import (
	"math"
	"unsafe"
)

// MaxAbs returns the largest magnitude of x, 0 for an empty x. It is finite if
// and only if all values of x are.
func MaxAbs(x []float32) float32 {
	m, done := maxMagnitude(x)
	u := words(x[done:])
	var a, b, c uint32 // with m, chains that run side by side
	for ; len(u) >= 16; u = u[16:] {
		v := (*[16]uint32)(u)
		for i := 0; i < len(v); i += 4 {
			m = max(m, v[i]&^signBit) // magnitudes order like their bits
			a = max(a, v[i+1]&^signBit)
			b = max(b, v[i+2]&^signBit)
			c = max(c, v[i+3]&^signBit)
		}
	}
	for _, v := range u {
		m = max(m, v&^signBit)
	}
	return math.Float32frombits(max(m, a, b, c))
}

// AddScaled adds f x to y, of one length, the product and the sum rounded.
func AddScaled(y []float32, f float32, x []float32) {
	x = x[:len(y)]
	for i := addScaled(y, f, x); i < len(y); i++ {
		y[i] += float32(f * x[i])
	}
}

// blockPeaks sets peaks to the largest magnitudes of blocks of eight values and
// returns the largest of all.
func blockPeaks(peaks, x []float32) float32 {
	u := words(x)
	var top uint32
	for i := 0; i < len(peaks) && len(u) >= 8; i++ {
		v := (*[8]uint32)(u)
		a := max(v[0]&^signBit, v[1]&^signBit, v[2]&^signBit, v[3]&^signBit)
		b := max(v[4]&^signBit, v[5]&^signBit, v[6]&^signBit, v[7]&^signBit)
		a = max(a, b)
		peaks[i] = math.Float32frombits(a)
		top = max(top, a)
		u = u[8:]
	}
	return math.Float32frombits(top)
}

// words is the bits of x, in the same memory: the compiler does not load a
// float32 straight into an integer register.
func words(x []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// signBit is the sign of a float32.
const signBit = 1 << 31

// NonFinite returns the index of the first NaN or infinity of x, or -1.
func NonFinite(x []float32) int {
	if m := MaxAbs(x); m <= math.MaxFloat32 {
		return -1
	}
	for i, v := range x {
		if math.Float32bits(v)&expBits == expBits {
			return i
		}
	}
	return -1
}

// expBits is the exponent of a float32; all its bits are set in a NaN and an
// infinity alone.
const expBits = 0xff << 23
