package strided

import (
	"encoding/binary"
	"math"

	"kakeyalattice/internal/kernel"
	"kakeyalattice/minifloat"
)

// at is the byte of the first value of a vector.
func (a *Array) at(vector int) int {
	heads := a.Shape[1]
	return (vector/heads*a.Stride[0] + vector%heads*a.Stride[1]) * a.Type.Size()
}

// load sets dst to vectors from first on.
func (a *Array) load(dst []float32, first int) {
	dim, size := a.Dim(), a.Type.Size()
	for ; len(dst) > 0; dst, first = dst[dim:], first+1 {
		x, at := dst[:dim], a.at(first)
		if a.Stride[2] == 1 {
			loadRow(x, a.Data[at:at+dim*size], a.Type)
			continue
		}
		for i := range x {
			loadRow(x[i:i+1], a.Data[at:at+size], a.Type)
			at += a.Stride[2] * size
		}
	}
}

func loadRow(x []float32, b []byte, t DType) {
	switch t {
	case F32:
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case BF16:
		if kernel.DecodeBF16(x, b) < 0 {
			return
		}
		for i := range x { // with what is not finite, for the codec to refuse
			x[i] = minifloat.BF16ToFloat32(binary.LittleEndian.Uint16(b[2*i:]))
		}
	case F16:
		for i := range x {
			x[i] = minifloat.FP16ToFloat32(binary.LittleEndian.Uint16(b[2*i:]))
		}
	}
}

// store sets vectors from first on to x, rounded to the nearest value of the array's
// type, the largest finite one at most.
func (a *Array) store(x []float32, first int) {
	dim, size := a.Dim(), a.Type.Size()
	for ; len(x) > 0; x, first = x[dim:], first+1 {
		row, at := x[:dim], a.at(first)
		if a.Stride[2] == 1 {
			storeRow(a.Data[at:at+dim*size], row, a.Type)
			continue
		}
		for i := range row {
			storeRow(a.Data[at:at+size], row[i:i+1], a.Type)
			at += a.Stride[2] * size
		}
	}
}

func storeRow(b []byte, x []float32, t DType) {
	switch t {
	case F32:
		for i, v := range x {
			binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
		}
	case BF16:
		kernel.EncodeBF16(b, x)
	case F16:
		for i, v := range x {
			binary.LittleEndian.PutUint16(b[2*i:], minifloat.FP16FromFloat32(v))
		}
	}
}
