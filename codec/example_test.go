package codec_test

import (
	"errors"
	"fmt"
	"math"

	"kakeyalattice/codec"
)

func Example() {
	spec, err := codec.Parse("e8:q=38")
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := codec.New(spec, 8)
	if err != nil {
		fmt.Println(err)
		return
	}
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 1}
	bytes, err := c.AppendEncode(nil, x) // two vectors
	if err != nil {
		fmt.Println(err)
		return
	}
	y := make([]float32, len(x))
	if _, err := c.Decode(y, bytes); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d bytes for %d values: %.2f\n", len(bytes), len(x), y)
	// Output: 22 bytes for 16 values: [0.95 1.89 3.08 4.03 4.97 5.92 7.11 8.05 8.05 7.11 5.92 4.97 4.03 3.08 1.89 0.95]
}

func ExampleParseList() {
	specs, err := codec.ParseList("e8:q=36..40/2; int6:hadamard")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range specs {
		fmt.Println(s)
	}
	// Output:
	// e8:q=36
	// e8:q=38
	// e8:q=40
	// int6:group=64,hadamard
}

func ExampleRoundTrip() {
	spec, err := codec.Parse("fp8-tensor")
	if err != nil {
		fmt.Println(err)
		return
	}
	trip, err := codec.RoundTrip(spec, 4, []float32{0.1, -0.2, 0.3, 448})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(trip.Fitted, trip.Decoded, trip.BitsPerVector)
	// Output: fp8-tensor:scale=1 [0.1015625 -0.203125 0.3125 448] 64
}

func ExampleValueError() {
	spec, _ := codec.Parse("bf16")
	c, _ := codec.New(spec, 2)
	_, err := c.AppendEncode(nil, []float32{1, 2, 3, float32(math.NaN())})
	var bad *codec.ValueError
	fmt.Println(errors.As(err, &bad), err)
	// Output: true bf16: vector 1, coordinate 1 is NaN: only finite values can be coded
}

func ExampleNewSimulator() {
	spec, _ := codec.Parse("ref-e8:q=38")
	sim, err := codec.NewSimulator(spec, 512)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sim.ClaimedBits(), "bits, claimed")
	// Output: 3296 bits, claimed
}
