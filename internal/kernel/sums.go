package kernel

//go:generate go run -C _generate . sums

// Sums of float32 values are float64 in one order at every level. With n the
// number of values rounded down to a multiple of 8, lane j is the sum of the
// terms j, j+8, ... below n in ascending order; the lanes are added as
//
//	((0+4) + (2+6)) + ((1+5) + (3+7))
//
// and the terms from n on to that, one by one. Products of float32 values are
// exact in float64; where a product is not, it is rounded before it is added.
const sumLanes = 8

// total adds up lanes.
func total(s0, s1, s2, s3, s4, s5, s6, s7 float64) float64 {
	return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))
}

// SumSquares returns the sum of x^2.
func SumSquares(x []float32) float64 {
	sum, done := sumSquares(x)
	for _, v := range x[done:] {
		sum += float64(v) * float64(v)
	}
	return sum
}

func plainSumSquares(x []float32) (sum float64, done int) {
	var s0, s1, s2, s3, s4, s5, s6, s7 float64
	for ; len(x) >= sumLanes; x = x[sumLanes:] {
		a, b, c, d := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		s0 += a * a
		s1 += b * b
		s2 += c * c
		s3 += d * d
		a, b, c, d = float64(x[4]), float64(x[5]), float64(x[6]), float64(x[7])
		s4 += a * a
		s5 += b * b
		s6 += c * c
		s7 += d * d
		done += sumLanes
	}
	return total(s0, s1, s2, s3, s4, s5, s6, s7), done
}

// SumSquaresAbout returns the sum of (x - mean)^2; the lengths are equal.
func SumSquaresAbout(x []float32, mean []float64) float64 {
	mean = mean[:len(x)]
	sum, done := sumSquaresAbout(x, mean)
	for i := done; i < len(x); i++ {
		d := float64(x[i]) - mean[i]
		sum += float64(d * d)
	}
	return sum
}

func plainSumSquaresAbout(x []float32, mean []float64) (sum float64, done int) {
	var s0, s1, s2, s3, s4, s5, s6, s7 float64
	for len(x) >= sumLanes && len(mean) >= sumLanes {
		a, b, c, d := float64(x[0])-mean[0], float64(x[1])-mean[1], float64(x[2])-mean[2], float64(x[3])-mean[3]
		s0 += float64(a * a)
		s1 += float64(b * b)
		s2 += float64(c * c)
		s3 += float64(d * d)
		a, b, c, d = float64(x[4])-mean[4], float64(x[5])-mean[5], float64(x[6])-mean[6], float64(x[7])-mean[7]
		s4 += float64(a * a)
		s5 += float64(b * b)
		s6 += float64(c * c)
		s7 += float64(d * d)
		x, mean, done = x[sumLanes:], mean[sumLanes:], done+sumLanes
	}
	return total(s0, s1, s2, s3, s4, s5, s6, s7), done
}

// PairSums are the sums over a vector x and another y.
type PairSums struct {
	Err float64 // sum (x-y)^2
	Dot float64 // sum x*y
	YY  float64 // sum y^2
}

// ComparePair returns the sums over x and y, of one length.
func ComparePair(x, y []float32) PairSums {
	y = y[:len(x)]
	sums, done := comparePair(x, y)
	for i := done; i < len(x); i++ {
		a, b := float64(x[i]), float64(y[i])
		d := a - b
		sums.Err += float64(d * d)
		sums.Dot += a * b
		sums.YY += b * b
	}
	return sums
}

func plainComparePair(x, y []float32) (sums PairSums, done int) {
	if done = len(x) &^ (sumLanes - 1); done == 0 {
		return PairSums{}, 0
	}
	// All lanes at once would not fit the registers.
	lo, hi := compareLanes(x[:done], y[:done]), compareLanes(x[4:done], y[4:done])
	return PairSums{
		Err: lo[0].with(hi[0]),
		Dot: lo[1].with(hi[1]),
		YY:  lo[2].with(hi[2]),
	}, done
}

// halfSum is four lanes of a sum.
type halfSum [4]float64

// with is the total of the lower half and the upper one.
func (l halfSum) with(u halfSum) float64 {
	return total(l[0], l[1], l[2], l[3], u[0], u[1], u[2], u[3])
}

// compareLanes returns the sums over the first four of every eight values.
func compareLanes(x, y []float32) [3]halfSum {
	var e0, e1, e2, e3, p0, p1, p2, p3, q0, q1, q2, q3 float64
	for len(x) >= 4 && len(y) >= 4 {
		a, b := float64(x[0]), float64(y[0])
		d := a - b
		e0 += float64(d * d)
		p0 += a * b
		q0 += b * b
		a, b = float64(x[1]), float64(y[1])
		d = a - b
		e1 += float64(d * d)
		p1 += a * b
		q1 += b * b
		a, b = float64(x[2]), float64(y[2])
		d = a - b
		e2 += float64(d * d)
		p2 += a * b
		q2 += b * b
		a, b = float64(x[3]), float64(y[3])
		d = a - b
		e3 += float64(d * d)
		p3 += a * b
		q3 += b * b
		if len(x) < sumLanes || len(y) < sumLanes {
			break
		}
		x, y = x[sumLanes:], y[sumLanes:]
	}
	return [3]halfSum{{e0, e1, e2, e3}, {p0, p1, p2, p3}, {q0, q1, q2, q3}}
}

// Dot returns the sum of q*k over the length of q; k may be longer.
func Dot(q []float64, k []float32) float64 {
	k = k[:len(q)]
	sum, done := dot(q, k)
	for i := done; i < len(q); i++ {
		sum += float64(q[i] * float64(k[i]))
	}
	return sum
}

func plainDot(q []float64, k []float32) (sum float64, done int) {
	var s0, s1, s2, s3, s4, s5, s6, s7 float64
	for len(q) >= sumLanes && len(k) >= sumLanes {
		s0 += float64(q[0] * float64(k[0]))
		s1 += float64(q[1] * float64(k[1]))
		s2 += float64(q[2] * float64(k[2]))
		s3 += float64(q[3] * float64(k[3]))
		s4 += float64(q[4] * float64(k[4]))
		s5 += float64(q[5] * float64(k[5]))
		s6 += float64(q[6] * float64(k[6]))
		s7 += float64(q[7] * float64(k[7]))
		q, k, done = q[sumLanes:], k[sumLanes:], done+sumLanes
	}
	return total(s0, s1, s2, s3, s4, s5, s6, s7), done
}

// AddColumns adds a row of float32 values to a row of float64 sums.
func AddColumns(sum []float64, row []float32) {
	sum = sum[:len(row)]
	for j := addColumns(sum, row); j < len(row); j++ {
		sum[j] += float64(row[j])
	}
}

// AddRows adds to sum the rows of values, one every stride, times their weights
// w; a row is as long as sum. For rows j .. j+3, j a multiple of 4, that is
//
//	sum += (w_j*row_j + w_j+1*row_j+1) + (w_j+2*row_j+2 + w_j+3*row_j+3)
//
// and the last len(w) mod 4 rows are added one by one, every operation rounded.
func AddRows(sum, w []float64, rows []float32, stride int) {
	if len(w) == 0 {
		return
	}
	_ = rows[(len(w)-1)*stride:][:len(sum)]
	fours := len(w) / 4
	done := 0
	if fours > 0 {
		done = addRows(sum, w, rows, stride)
	}
	for j := range fours {
		addFourRows(sum[done:], w[4*j:], rows[4*j*stride+done:], stride)
	}
	for j := 4 * fours; j < len(w); j++ {
		for i, v := range rows[j*stride:][:len(sum)] {
			sum[i] += float64(w[j] * float64(v))
		}
	}
}

// addFourRows adds four rows to sum.
func addFourRows(sum, w []float64, rows []float32, stride int) {
	n := len(sum)
	w0, w1, w2, w3 := w[0], w[1], w[2], w[3]
	r0, r1, r2, r3 := rows[:n], rows[stride:][:n], rows[2*stride:][:n], rows[3*stride:][:n]
	for i := range sum {
		sum[i] += (float64(w0*float64(r0[i])) + float64(w1*float64(r1[i]))) +
			(float64(w2*float64(r2[i])) + float64(w3*float64(r3[i])))
	}
}
