package hadamard

import (
	"fmt"
	"testing"
)

func BenchmarkTransform(b *testing.B) {
	for _, n := range []int{8, 64, 128, 256, 512, 1024, 4096} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(i%7) - 3
			}
			b.SetBytes(int64(4 * n))
			for b.Loop() {
				Transform(x)
			}
		})
	}
}
