package deepseek4

import (
	"math"

	"kakeyalattice/internal/kernel"
)

// rmsNorm sets dst to w x / sqrt(mean(x^2) + eps), the factor and each product
// rounded to float32. dst may be x.
func rmsNorm(dst, x, w []float32, eps float64) {
	factor := float32(1 / math.Sqrt(kernel.SumSquares(x)/float64(len(x))+eps))
	dst, w = dst[:len(x)], w[:len(x)]
	for i, v := range x {
		dst[i] = w[i] * float32(v*factor)
	}
}
