package kv

import (
	"fmt"
	"math"
	"strings"
)

// FindNonFinite returns the index of the first NaN or infinity, or -1.
func FindNonFinite(values []float32) int {
	const exponent = 0xff << 23
	for i, v := range values {
		if math.Float32bits(v)&exponent == exponent {
			return i
		}
	}
	return -1
}

// NonFiniteError reports a NaN or an infinity in a stream.
type NonFiniteError struct {
	File    string // "" where the stream is from no file
	Stream  string
	Passage int // index of the passage; the others count inside it
	Vector  int
	Coord   int
	Value   float32
}

func (e *NonFiniteError) Error() string {
	var b strings.Builder
	b.WriteString("kv: ")
	if e.File != "" {
		b.WriteString(e.File + ": ")
	}
	fmt.Fprintf(&b, "%s, passage %d: vector %d, coordinate %d is %v; only finite values can be coded: mend the dump or choose other streams with --tensors",
		e.Stream, e.Passage, e.Vector, e.Coord, e.Value)
	return b.String()
}

// CheckFinite returns a [*NonFiniteError] for the first NaN or infinity in the
// values of a passage, as [Stream.Read] returned them.
func CheckFinite(s *Stream, passage int, values []float32) error {
	i := FindNonFinite(values)
	if i < 0 {
		return nil
	}
	e := &NonFiniteError{Stream: s.Name, Passage: passage, Vector: i / s.Dim, Coord: i % s.Dim, Value: values[i]}
	if s.files != nil {
		e.File = s.files[passage]
	}
	return e
}
