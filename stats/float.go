package stats

import (
	"encoding/json"
	"fmt"
	"math"
)

// Float is a float64 whose NaN and infinities are null in JSON: an undefined
// figure, never an unreadable file.
type Float float64

// Undefined is the Float that JSON writes as null.
var Undefined = Float(math.NaN())

// Defined says whether f is a number.
func (f Float) Defined() bool { return !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) }

// MarshalJSON writes null for an undefined figure.
func (f Float) MarshalJSON() ([]byte, error) {
	if !f.Defined() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

// UnmarshalJSON reads null as Undefined.
func (f *Float) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*f = Undefined
		return nil
	}
	var v float64
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("stats: figure %q: %w", b, err)
	}
	*f = Float(v)
	return nil
}
