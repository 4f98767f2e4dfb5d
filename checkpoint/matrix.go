package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"

	"kakeyalattice/minifloat"
)

// Format is how the elements of a matrix are stored.
type Format int

// The formats of weight matrices. Every element is exactly a float32; in the
// scaled formats it is the product of a code and a scale, rounded once.
const (
	F32   Format = iota
	BF16         // two bytes, little endian
	FP16         // IEEE half precision, two bytes, little endian
	FP8          // E4M3, one byte, a scale per block
	MXFP4        // two E2M1 codes a byte, the even column in the low four bits; a scale per block
)

func (f Format) String() string {
	return [...]string{"F32", "BF16", "FP16", "FP8", "MXFP4"}[f]
}

// RowBytes is the number of bytes of a row of n elements.
func (f Format) RowBytes(n int) int {
	switch f {
	case F32:
		return 4 * n
	case BF16, FP16:
		return 2 * n
	case FP8:
		return n
	default:
		return (n + 1) / 2
	}
}

// Matrix is a weight matrix as a checkpoint stores it: Rows outputs by Cols
// inputs, row-major.
type Matrix struct {
	Name       string
	Rows, Cols int
	Format     Format
	Data       []byte // Rows * Format.RowBytes(Cols) bytes

	// Scale holds the E8M0 scales of FP8 and MXFP4, one for every block of
	// BlockRows by BlockCols elements, row-major; the last blocks of a row or
	// a column may be cut. It is nil for other formats.
	Scale                []byte
	BlockRows, BlockCols int
}

// ScaleCols is the number of scales in a row of blocks.
func (m *Matrix) ScaleCols() int { return (m.Cols + m.BlockCols - 1) / m.BlockCols }

// Check says what is inconsistent about the sizes of a matrix.
func (m *Matrix) Check() error {
	if m.Rows < 1 || m.Cols < 1 {
		return fmt.Errorf("%s: a matrix of %d x %d", m.Name, m.Rows, m.Cols)
	}
	if want := m.Rows * m.Format.RowBytes(m.Cols); len(m.Data) != want {
		return fmt.Errorf("%s: %d bytes for %d x %d %v, want %d", m.Name, len(m.Data), m.Rows, m.Cols, m.Format, want)
	}
	if m.Format != FP8 && m.Format != MXFP4 {
		return nil
	}
	if m.BlockRows < 1 || m.BlockCols < 1 {
		return fmt.Errorf("%s: blocks of %d x %d", m.Name, m.BlockRows, m.BlockCols)
	}
	if want := (m.Rows + m.BlockRows - 1) / m.BlockRows * m.ScaleCols(); len(m.Scale) != want {
		return fmt.Errorf("%s: %d scales, want %d for blocks of %d x %d", m.Name, len(m.Scale), want, m.BlockRows, m.BlockCols)
	}
	return nil
}

// Row sets dst, Cols values, to row r: the specification of what every faster
// path expands.
func (m *Matrix) Row(dst []float32, r int) {
	n := m.Format.RowBytes(m.Cols)
	row := m.Data[r*n : (r+1)*n]
	switch m.Format {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(row[4*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = minifloat.BF16ToFloat32(binary.LittleEndian.Uint16(row[2*i:]))
		}
	case FP16:
		for i := range dst {
			dst[i] = minifloat.FP16ToFloat32(binary.LittleEndian.Uint16(row[2*i:]))
		}
	case FP8:
		for i := range dst {
			dst[i] = minifloat.E4M3ToFloat32(row[i]) * m.scale(r, i)
		}
	case MXFP4:
		for i := range dst {
			dst[i] = minifloat.E2M1ToFloat32(row[i/2]>>(4*(i%2))) * m.scale(r, i)
		}
	}
}

// scale is the factor of the element in row r and column c.
func (m *Matrix) scale(r, c int) float32 {
	return minifloat.E8M0ToFloat32(m.Scale[r/m.BlockRows*m.ScaleCols()+c/m.BlockCols])
}
