package metric

import "math"

// The sums over vectors behind every figure. Values are float32, products and
// sums float64. Squares and products of float32 values are exact in float64
// (48 bits of 53) and those of the largest, 1e77, are far from overflow.
//
// Element i goes to lane i mod 4 in ascending order, the last n mod 4 elements
// to lane 0; the lanes are added as (0+1) + (2+3). The order is part of the
// result: it is the same on every machine. Where a product is not exact, float64(a*b) keeps a compiler
// from fusing it with the sum.

// sumSquares returns sum x^2.
func sumSquares(x []float32) float64 {
	var s0, s1, s2, s3 float64
	for len(x) >= 4 {
		a, b, c, d := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		s0 += a * a
		s1 += b * b
		s2 += c * c
		s3 += d * d
		x = x[4:]
	}
	for _, v := range x {
		s0 += float64(v) * float64(v)
	}
	return (s0 + s1) + (s2 + s3)
}

// sumSquaresAbout returns sum (x - mean)^2.
func sumSquaresAbout(x []float32, mean []float64) float64 {
	var s0, s1, s2, s3 float64
	mean = mean[:len(x)]
	for len(x) >= 4 && len(mean) >= 4 {
		a, b, c, d := float64(x[0])-mean[0], float64(x[1])-mean[1], float64(x[2])-mean[2], float64(x[3])-mean[3]
		s0 += float64(a * a)
		s1 += float64(b * b)
		s2 += float64(c * c)
		s3 += float64(d * d)
		x, mean = x[4:], mean[4:]
	}
	for i, v := range x {
		a := float64(v) - mean[i]
		s0 += float64(a * a)
	}
	return (s0 + s1) + (s2 + s3)
}

// pairSums is the sums over a vector and its decoded form.
type pairSums struct {
	err float64 // sum (x-y)^2
	dot float64 // sum x*y
	yy  float64 // sum y^2
}

// comparePair returns the sums of x and y, of one length.
func comparePair(x, y []float32) pairSums {
	var e0, e1, e2, e3, p0, p1, p2, p3, q0, q1, q2, q3 float64
	y = y[:len(x)]
	for len(x) >= 4 && len(y) >= 4 {
		a, b := float64(x[0]), float64(y[0])
		d := a - b
		p0 += a * b
		q0 += b * b
		e0 += float64(d * d)
		a, b = float64(x[1]), float64(y[1])
		d = a - b
		p1 += a * b
		q1 += b * b
		e1 += float64(d * d)
		a, b = float64(x[2]), float64(y[2])
		d = a - b
		p2 += a * b
		q2 += b * b
		e2 += float64(d * d)
		a, b = float64(x[3]), float64(y[3])
		d = a - b
		p3 += a * b
		q3 += b * b
		e3 += float64(d * d)
		x, y = x[4:], y[4:]
	}
	for i := range x {
		a, b := float64(x[i]), float64(y[i])
		d := a - b
		p0 += a * b
		q0 += b * b
		e0 += float64(d * d)
	}
	return pairSums{
		err: (e0 + e1) + (e2 + e3),
		dot: (p0 + p1) + (p2 + p3),
		yy:  (q0 + q1) + (q2 + q3),
	}
}

// addColumns adds a row of float32 values to a row of float64 sums.
func addColumns(sum []float64, row []float32) {
	sum = sum[:len(row)]
	for j, v := range row {
		sum[j] += float64(v)
	}
}

// firstNonFinite returns the index of the first NaN or infinity in x, -1 if
// there is none.
func firstNonFinite(x []float32) int {
	const exponent = 0x7f800000
	for i, v := range x {
		if math.Float32bits(v)&exponent == exponent {
			return i
		}
	}
	return -1
}
