package page_test

import (
	"bytes"
	"fmt"
	"log"

	"kakeyalattice/codec"
	"kakeyalattice/page"
)

// A tensor of three vectors is written in two parts; then one vector is read.
func Example() {
	spec, err := codec.Parse("int8")
	if err != nil {
		log.Fatal(err)
	}
	header := page.Header{Spec: spec, Dim: 2, Vectors: 3, Tensor: "k.0", Shape: []int{3, 2}}
	var file bytes.Buffer
	w, err := page.NewWriter(&file, header, page.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, part := range [][]float32{{127, 1, 127, 2}, {127, 3}} {
		if err := w.Write(part); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	p, err := page.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		log.Fatal(err)
	}
	last := make([]float32, 2)
	if err := p.ReadVectors(last, 2); err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Header().Spec, p.Header().Shape, last)
	// Output: int8:group=64 [3 2] [127 3]
}

// A reader that has room for vectors of one kind refuses others.
func ExamplePage_Expect() {
	spec, err := codec.Parse("e8:q=38")
	if err != nil {
		log.Fatal(err)
	}
	b, err := page.Append(nil, page.Header{Spec: spec, Dim: 8, Vectors: 1, Shape: []int{8}}, make([]float32, 8), page.Options{})
	if err != nil {
		log.Fatal(err)
	}
	p, err := page.OpenBytes(b)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Expect(spec, 8))
	fmt.Println(p.Expect(spec, 16))
	// Output:
	// <nil>
	// page: it holds vectors of e8:q=38, dimension 8; e8:q=38, dimension 16 is wanted: page of another kind
}

// Damage is found before a wrong value is returned.
func ExamplePage_Verify() {
	spec, err := codec.Parse("bf16")
	if err != nil {
		log.Fatal(err)
	}
	b, err := page.Append(nil, page.Header{Spec: spec, Dim: 1, Vectors: 2, Tensor: "x", Shape: []int{2}}, []float32{1, 2}, page.Options{})
	if err != nil {
		log.Fatal(err)
	}
	b[len(b)-5]++
	p, err := page.OpenBytes(b)
	if err != nil {
		log.Fatal(err)
	}
	_, err = p.Decode(0)
	fmt.Println(err)
	// Output: page: at byte 57: chunk 0, vectors 0 to 1: its CRC-32C is ba41bd16, its bytes give 482a3e15: corrupt page
}
