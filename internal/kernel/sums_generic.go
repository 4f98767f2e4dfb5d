//go:build !amd64 || noasm

package kernel

func sumSquares(x []float32) (float64, int) { return plainSumSquares(x) }

func sumSquaresAbout(x []float32, mean []float64) (float64, int) {
	return plainSumSquaresAbout(x, mean)
}

func comparePair(x, y []float32) (PairSums, int) { return plainComparePair(x, y) }

func dot(q []float64, k []float32) (float64, int) { return plainDot(q, k) }

func addColumns([]float64, []float32) int { return 0 }

func addRows(sum, w []float64, rows []float32, stride int) int { return 0 }
