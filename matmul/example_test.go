package matmul_test

import (
	"fmt"

	"kakeyalattice/checkpoint"
	"kakeyalattice/matmul"
)

func ExampleMul() {
	// Two outputs of three inputs, as bfloat16: the upper halves of 1, 2, 3 and of
	// 0.5, 0, -1.
	w := &checkpoint.Matrix{
		Name: "w", Rows: 2, Cols: 3, Format: checkpoint.BF16,
		Data: []byte{0x80, 0x3f, 0x00, 0x40, 0x40, 0x40, 0x00, 0x3f, 0x00, 0x00, 0x80, 0xbf},
	}
	x := []float32{
		1, 1, 1, // one token
		2, 0, 4, // another
	}
	y := make([]float32, 2*w.Rows)
	matmul.Mul(y, x, 2, w, 1)
	fmt.Println(y)
	// Output: [6 -0.5 14 -3]
}
