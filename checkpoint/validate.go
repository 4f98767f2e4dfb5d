package checkpoint

import (
	"fmt"
	"math"

	"kakeyalattice/minifloat"
)

// ValueError is a value of a matrix that no computation can use.
type ValueError struct {
	Matrix   string
	Row, Col int    // of the value, or the first of the block of a scale
	Reason   string // "the code 0x7f is NaN"
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("checkpoint: %s: row %d, column %d: %s", e.Matrix, e.Row, e.Col, e.Reason)
}

// Validate looks at every value and scale and reports the first that is NaN or
// infinite, as a [*ValueError].
func (m *Matrix) Validate() error {
	if err := m.Check(); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	for i, code := range m.Scale {
		if code == minifloat.E8M0NaN {
			return &ValueError{m.Name, i / m.ScaleCols() * m.BlockRows, i % m.ScaleCols() * m.BlockCols, "the scale of the block that begins here is NaN (code 255)"}
		}
	}
	row := make([]float32, m.Cols)
	for r := range m.Rows {
		m.Row(row, r)
		for i, v := range row {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return &ValueError{m.Name, r, i, fmt.Sprintf("the value is %v", v)}
			}
		}
	}
	return nil
}
