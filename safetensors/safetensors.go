// Package safetensors reads and writes the safetensors format: a JSON header
// that names tensors, then their values.
//
//	offset  size  content
//	0       8     n, the length of the header, little endian
//	8       n     the header: one JSON object, UTF-8, padded with spaces
//	8+n     -     the data: every tensor's values, little endian, row-major,
//	              without gaps
//
// The header maps a tensor's name to {"dtype": "F32", "shape": [2, 3],
// "data_offsets": [begin, end]}, offsets counted from the start of the data,
// and "__metadata__", which may be absent, to an object of strings.
//
// [Open] maps a file into memory and converts any float type to float32;
// [ReadHeader] and [Parse] read a header alone, for files that are fetched in
// parts. All check the whole header before any of it is used, and refuse what
// breaks the format with a [*FormatError].
package safetensors

import (
	"fmt"
	"strings"
)

// MaxHeader is the largest header in bytes; the reference implementation of
// the format has the same limit.
const MaxHeader = 100_000_000

// metadataKey is the one key of the header that names no tensor.
const metadataKey = "__metadata__"

// prefix is the size of the field that holds the header's length.
const prefix = 8

// Tensor describes one tensor of a file.
type Tensor struct {
	Name  string
	DType DType
	Shape []int // empty for a scalar; an axis may have length 0
	// Begin and End bound the values, in bytes from the start of the data.
	Begin, End int64
}

// Elements is the number of values: the product of the shape.
func (t Tensor) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Header is what a file says about its tensors.
type Header struct {
	Tensors  []Tensor          // in the order of their data
	Metadata map[string]string // "__metadata__"; nil where absent

	index map[string]int // by name, into Tensors
}

// Lookup returns the tensor of a name.
func (h *Header) Lookup(name string) (Tensor, bool) {
	i, ok := h.index[name]
	if !ok {
		return Tensor{}, false
	}
	return h.Tensors[i], true
}

// FormatError reports a file that breaks the format, or a list of tensors
// that cannot be written in it.
type FormatError struct {
	File   string // empty where the header came alone
	Tensor string // empty where no single tensor is at fault
	Offset int64  // in bytes from the start of the file; -1 when writing
	Reason string
}

func (e *FormatError) Error() string {
	var b strings.Builder
	b.WriteString("safetensors: ")
	if e.File != "" {
		b.WriteString(e.File + ": ")
	}
	if e.Tensor != "" {
		fmt.Fprintf(&b, "tensor %s: ", e.Tensor)
	}
	b.WriteString(e.Reason)
	if e.Offset >= 0 {
		fmt.Fprintf(&b, " (at byte %d)", e.Offset)
	}
	return b.String()
}
