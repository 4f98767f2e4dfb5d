package deepseek4

import "kakeyalattice/checkpoint"

// mul sets dst[i*w.Rows+o] to the sum over k of x[i*w.Cols+k] times element
// (o, k) of w, for n rows of x.
func mul(dst, x []float32, n int, w *checkpoint.Matrix, workers int) {
	row := make([]float32, w.Cols)
	for o := range w.Rows {
		w.Row(row, o)
		for i := range n {
			sum := 0.0
			for k, v := range x[i*w.Cols : (i+1)*w.Cols] {
				sum += float64(v) * float64(row[k])
			}
			dst[i*w.Rows+o] = float32(sum)
		}
	}
}
