package lattice

import "math"

// IsZn reports whether all coordinates of z are integers.
func IsZn(z []float32) bool {
	for _, v := range z {
		if v != float32(math.Trunc(float64(v))) || math.IsInf(float64(v), 0) {
			return false
		}
	}
	return true
}

// IsDn reports whether z is in D_n: integers with an even sum.
func IsDn(z []float32) bool { return IsZn(z) && evenSum(z, 0) }

// IsE8 reports whether z is in E8: len(z) is 8 and the coordinates are all
// integers or all halves of odd integers, with an even sum.
func IsE8(z []float32) bool {
	if len(z) != 8 {
		return false
	}
	if IsDn(z) {
		return true
	}
	var doubled [8]float32
	for i, v := range z {
		doubled[i] = 2 * v
		if math.Mod(float64(doubled[i]), 2) == 0 {
			return false
		}
	}
	return IsZn(doubled[:]) && evenSum(z, 0.5)
}

// evenSum reports whether the integers z_i - shift have an even sum.
func evenSum(z []float32, shift float64) bool {
	odd := false
	for _, v := range z {
		if math.Mod(float64(v)-shift, 2) != 0 {
			odd = !odd
		}
	}
	return !odd
}
