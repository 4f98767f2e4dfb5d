//go:build !amd64 || noasm

package kernel

func (Tiles) tile([]float32, int, []float32, int, []float32, int, int, bool) bool { return false }

func (Tiles) row([]float32, []float32, []float32, bool) bool { return false }

func fmaProbe(int) float64 { return 0 }
