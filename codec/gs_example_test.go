package codec_test

import (
	"fmt"
	"math/rand/v2"

	"kakeyalattice/codec"
)

// Vectors of varying length tell where the next one begins.
func ExampleVarying() {
	spec, err := codec.Parse("e8-gs:delta=0.09")
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := codec.New(spec, 8)
	if err != nil {
		fmt.Println(err)
		return
	}
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1}
	b, err := c.AppendEncode(nil, x)
	if err != nil {
		fmt.Println(err)
		return
	}
	for len(b) > 0 {
		n, err := c.(codec.Varying).VectorLen(b)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Print(n, " bytes; ")
		b = b[n:]
	}
	// Output: 8 bytes; 1 bytes; 8 bytes;
}

// Slots of a fixed size hold every vector, few of them more coarsely.
func ExampleOverflower() {
	spec, err := codec.Parse("e8-gs:slot=auto")
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := codec.New(spec, 128)
	if err != nil {
		fmt.Println(err)
		return
	}
	x := make([]float32, 1000*128)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	b, err := c.AppendEncode(nil, x)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Spec(), "of 256 bytes in bf16 and", len(b)/1000, "here;", c.(codec.Overflower).Overflows(b), "overflows")
	// Output: e8-gs:delta=0.09,slot=92 of 256 bytes in bf16 and 92 here; 0 overflows
}
