package lattice_test

import (
	"fmt"

	"kakeyalattice/lattice"
)

func ExampleClosestE8() {
	y := [8]float32{0.6, 0.4, 0.7, 0.5, 0.3, 0.6, 0.4, 0.6}
	var z [8]float32
	lattice.ClosestE8(&z, &y)
	fmt.Println(z)
	// Output: [0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5]
}

func ExampleClosestDn() {
	z := make([]float32, 4)
	lattice.ClosestDn(z, []float32{1.1, 0.2, -0.3, 0}) // sum of the rounded: 1, odd
	fmt.Println(z)
	// Output: [1 0 -1 0]
}

func ExampleIsE8() {
	fmt.Println(lattice.IsE8([]float32{1, 1, 0, 0, 0, 0, 0, 0}),
		lattice.IsE8([]float32{1, 0, 0, 0, 0, 0, 0, 0}),
		lattice.IsE8([]float32{0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5}))
	// Output: true false true
}

// Clamping the unbounded point would give two ones among halves, which is no
// lattice point.
func ExampleBox_ClosestE8() {
	box, err := lattice.NewBox(1)
	if err != nil {
		panic(err)
	}
	y := [8]float32{1.4, 1.6, 0.4, 0.6, 0.5, 0.3, 0.4, 0.6}
	var z, unbounded [8]float32
	lattice.ClosestE8(&unbounded, &y)
	box.ClosestE8(&z, &y)
	fmt.Println(unbounded)
	fmt.Println(z)
	// Output:
	// [1.5 1.5 0.5 0.5 0.5 0.5 0.5 0.5]
	// [1 1 0 1 0 0 0 1]
}

func ExampleBox_RankE8() {
	box, err := lattice.NewBox(38)
	if err != nil {
		panic(err)
	}
	y := [8]float32{3.1, -37.9, 0.4, 12.6, -5.5, 1.2, 38.7, 0.1}
	var z, back [8]float32
	box.ClosestE8(&z, &y)
	hi, lo := box.RankE8(&z)
	ok := box.UnrankE8(&back, hi, lo)
	fmt.Println(z, box.BitsE8(), "bits", back == z, ok)
	// Output: [3 -38 0 13 -5 1 38 0] 51 bits true true
}

func ExampleBox_CountE8() {
	box, err := lattice.NewBox(1)
	if err != nil {
		panic(err)
	}
	fmt.Println(box.CountE8(), "points,", box.BitsE8(), "bits")
	// Output: 3409 points, 13 bits
}
