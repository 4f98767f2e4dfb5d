//go:build !noasm

package kernel

// Each of these returns what lanes add up to, with the number of values in them.

func sumSquares(x []float32) (sum float64, done int) {
	if n := len(x) / sumLanes; n > 0 {
		switch Active() {
		case AVX512:
			return sumSquaresAVX512(&x[0], n), n * sumLanes
		case AVX2:
			return sumSquaresAVX2(&x[0], n), n * sumLanes
		}
	}
	return plainSumSquares(x)
}

func sumSquaresAbout(x []float32, mean []float64) (sum float64, done int) {
	if n := len(x) / sumLanes; n > 0 {
		_ = mean[n*sumLanes-1]
		switch Active() {
		case AVX512:
			return sumSquaresAboutAVX512(&x[0], &mean[0], n), n * sumLanes
		case AVX2:
			return sumSquaresAboutAVX2(&x[0], &mean[0], n), n * sumLanes
		}
	}
	return plainSumSquaresAbout(x, mean)
}

func comparePair(x, y []float32) (sums PairSums, done int) {
	if n := len(x) / sumLanes; n > 0 {
		_ = y[n*sumLanes-1]
		switch Active() {
		case AVX512:
			sums.Err, sums.Dot, sums.YY = comparePairAVX512(&x[0], &y[0], n)
			return sums, n * sumLanes
		case AVX2:
			sums.Err, sums.Dot, sums.YY = comparePairAVX2(&x[0], &y[0], n)
			return sums, n * sumLanes
		}
	}
	return plainComparePair(x, y)
}

func dot(q []float64, k []float32) (sum float64, done int) {
	if n := len(q) / sumLanes; n > 0 {
		_ = k[n*sumLanes-1]
		switch Active() {
		case AVX512:
			return dotAVX512(&q[0], &k[0], n), n * sumLanes
		case AVX2:
			return dotAVX2(&q[0], &k[0], n), n * sumLanes
		}
	}
	return plainDot(q, k)
}

// addColumns returns the number of columns that it added to.
func addColumns(sum []float64, row []float32) int {
	n := len(row) / sumLanes
	if n == 0 {
		return 0
	}
	_ = sum[n*sumLanes-1]
	switch Active() {
	case AVX512:
		addColumnsAVX512(&sum[0], &row[0], n)
	case AVX2:
		addColumnsAVX2(&sum[0], &row[0], n)
	default:
		return 0
	}
	return n * sumLanes
}

// addRows adds four rows at a time, as often as there are four, and returns the
// number of columns that it added to.
func addRows(sum, w []float64, rows []float32, stride int) int {
	n, fours := len(sum)/sumLanes, len(w)/4
	if n == 0 || fours == 0 {
		return 0
	}
	switch Active() {
	case AVX512:
		addRowsAVX512(&sum[0], &w[0], &rows[0], 4*stride, fours, n)
	case AVX2:
		addRowsAVX2(&sum[0], &w[0], &rows[0], 4*stride, fours, n)
	default:
		return 0
	}
	return n * sumLanes
}
