//go:build !amd64 || noasm

package kernel

func squaredNorm([]float32) (float32, bool) { return 0, false }

func (*ShapeE8) splitBlocks(_, _ []byte, _ []float32) (int, uint32) { return 0, 0 }

func (*ShapeE8) joinBlocks([]float32, []byte, []byte, float32) int { return 0 }

func (*ShapeE8) cut(*RansBatch, int, []byte, []float32, []float32, float32) (fits, done bool) {
	return false, false
}
