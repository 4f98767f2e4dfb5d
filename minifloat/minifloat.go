// Package minifloat converts between float32 and the narrow floating-point
// formats that KV caches and model weights are stored in.
//
//	format  bits  exponent  mantissa  bias  largest   smallest   Inf  NaN
//	E4M3    8     4         3         7     448       2^-9       no   0x7f, 0xff
//	E5M2    8     5         2         15    57344     2^-16      yes  yes
//	E2M1    4     2         1         1     6         0.5        no   no
//	FP16    16    5         10        15    65504     2^-24      yes  yes
//	BF16    16    8         7         127   3.39e38   2^-133     yes  yes
//	E8M0    8     8         -         127   2^127     2^-127     no   0xff
//
// E4M3 is the variant that is also called E4M3FN: it has no infinities and
// spends their codes on finite values. The 8- and 4-bit formats are those of
// the OCP 8-bit Floating Point (2023) and Microscaling (2023) specifications.
//
// Every XFromFloat32 rounds to the nearest value of the format, ties to the
// even code; -0 and values that round to it keep their sign. A finite value
// beyond the largest finite one becomes the largest finite one. An infinity
// stays one where the format has infinities, else it becomes the largest
// finite value. A NaN becomes the positive quiet NaN of the format; E2M1 has
// none and codes NaN as 0.
package minifloat

import "math"

// The largest finite value of each format.
const (
	E4M3Max float32 = 448
	E5M2Max float32 = 57344
	E2M1Max float32 = 6
	FP16Max float32 = 65504
	BF16Max float32 = 0x1.fep127
)

const (
	float32Sign = 1 << 31
	float32Inf  = 0xff << 23 // bits of +Inf; above it lie the NaNs
)

// round returns the code, without sign, of the non-negative float32 whose bits
// are mag, in a format of man mantissa bits and the given exponent bias. The
// exponent of the code is not limited: the caller saturates. mag may be up to
// the bits of infinity.
func round(mag, man, bias uint32) uint32 {
	if mag < (128-bias)<<23 {
		// Subnormal in the format. At the value of the float32 with these bits
		// the float32 spacing is the format's step, so one addition rounds to
		// the nearest multiple of it, ties to even.
		anchor := (151 - bias - man) << 23
		return math.Float32bits(math.Float32frombits(mag)+math.Float32frombits(anchor)) - anchor
	}
	shift := 23 - man
	// Half a unit less one, plus one where the code is odd: ties go to even. A
	// carry out of the mantissa moves to the next exponent, as it should.
	mag += 1<<(shift-1) - 1 + mag>>shift&1
	return mag>>shift - (127-bias)<<man
}

// decodeTable lists the values of all codes of a format with a sign, exp
// exponent bits and man mantissa bits; nothing is special.
func decodeTable(table []float32, exp, man, bias int) {
	for code := range table {
		e := code >> man & (1<<exp - 1)
		m := code & (1<<man - 1)
		if e == 0 {
			e = 1 // subnormal: no implied bit
		} else {
			m |= 1 << man
		}
		v := float32(math.Ldexp(float64(m), e-bias-man))
		if code>>(exp+man) != 0 {
			v = -v
		}
		table[code] = v
	}
}
