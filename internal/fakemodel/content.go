package fakemodel

import (
	"encoding/binary"
	"math"
	"sync"

	"kakeyalattice/minifloat"
)

// unit is the number of bytes that a filler makes at a time: whole elements of
// every type.
const unit = 64

// filler makes the content of a tensor from its offset.
type filler interface {
	// units fills dst, a number of units, with the content from unit i on.
	units(dst []byte, i uint64)
}

// fillAt fills dst with a tensor's content from any offset on.
func fillAt(f filler, dst []byte, off int64) {
	i := uint64(off / unit)
	if head := int(off % unit); head > 0 {
		var b [unit]byte
		f.units(b[:], i)
		n := copy(dst, b[head:])
		dst, i = dst[n:], i+1
	}
	whole := len(dst) / unit
	f.units(dst[:whole*unit], i)
	if tail := dst[whole*unit:]; len(tail) > 0 {
		var b [unit]byte
		f.units(b[:], i+uint64(whole))
		copy(tail, b[:])
	}
}

// random is the i-th 64 bits of a sequence (SplitMix64: Steele, Lea and Flood
// 2014).
func random(key, i uint64) uint64 {
	z := key + (i+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// normal holds the quantiles of the standard normal distribution at the middles
// of 4096 equal parts: an entry drawn at random is a sample of it, up to 3.7
// standard deviations.
var normal = sync.OnceValue(func() *[4096]float32 {
	var table [4096]float32
	for i := range table {
		p := (float64(i) + 0.5) / float64(len(table))
		table[i] = float32(math.Sqrt2 * math.Erfinv(2*p-1))
	}
	return &table
})

// gaussian32 is F32 values of a mean and a standard deviation.
type gaussian32 struct {
	key       uint64
	mean, std float32
}

func (g gaussian32) units(dst []byte, i uint64) {
	table := normal()
	for i *= unit / 16; len(dst) >= 16; i, dst = i+1, dst[16:] {
		r := random(g.key, i)
		for k := range 4 {
			binary.LittleEndian.PutUint32(dst[4*k:], math.Float32bits(g.mean+g.std*table[r>>(16*k)&4095]))
		}
	}
}

// gaussian16 is BF16 values of a mean and a standard deviation. If rows is not
// 0, every row of so many units has a standard deviation of its own, between
// half of it and one and a half: no two rows of an embedding are alike.
type gaussian16 struct {
	key       uint64
	mean, std float32
	rows      uint64
}

func (g gaussian16) units(dst []byte, i uint64) {
	table := normal()
	for ; len(dst) >= unit; i, dst = i+1, dst[unit:] {
		std := g.std
		if g.rows > 0 {
			std *= 0.5 + float32(random(g.key+1, i/g.rows)>>40)*0x1p-24
		}
		b := dst[:unit]
		for k := range uint64(unit / 8) {
			r := random(g.key, i*(unit/8)+k)
			w := bf16(g.mean+std*table[r&4095]) | bf16(g.mean+std*table[r>>16&4095])<<16 |
				bf16(g.mean+std*table[r>>32&4095])<<32 | bf16(g.mean+std*table[r>>48&4095])<<48
			binary.LittleEndian.PutUint64(b[8*k:], w)
		}
	}
}

// bf16 rounds a finite value: minifloat does, but not in line.
func bf16(f float32) uint64 {
	b := math.Float32bits(f)
	return uint64((b + 0x7fff + b>>16&1) >> 16)
}

// codes8 is bytes that are drawn from a table: E4M3 codes.
type codes8 struct {
	key   uint64
	table *[4096]byte
}

func (c codes8) units(dst []byte, i uint64) {
	for i *= unit / 4; len(dst) >= 4; i, dst = i+1, dst[4:] {
		r := random(c.key, i)
		binary.LittleEndian.PutUint32(dst, uint32(c.table[r&4095])|uint32(c.table[r>>16&4095])<<8|
			uint32(c.table[r>>32&4095])<<16|uint32(c.table[r>>48&4095])<<24)
	}
}

// codes4 is bytes of two E2M1 codes, drawn in pairs from a table.
type codes4 struct {
	key   uint64
	table *[1 << 16]byte
}

func (c codes4) units(dst []byte, i uint64) {
	for i *= unit / 4; len(dst) >= 4; i, dst = i+1, dst[4:] {
		r := random(c.key, i)
		binary.LittleEndian.PutUint32(dst, uint32(c.table[r&0xffff])|uint32(c.table[r>>16&0xffff])<<8|
			uint32(c.table[r>>32&0xffff])<<16|uint32(c.table[r>>48])<<24)
	}
}

// scaleSteps is how the exponents of scales differ, one drawn for each scale,
// and scaleRMS the root of the mean square of the factors that they stand for.
var scaleSteps = [4]int8{-1, 0, 0, 1}

var scaleRMS = math.Sqrt((0.25 + 1 + 1 + 4) / 4)

// exponents is E8M0 scales about a base.
type exponents struct {
	key  uint64
	base uint8
}

func (e exponents) units(dst []byte, i uint64) {
	for i *= unit / 32; len(dst) >= 32; i, dst = i+1, dst[32:] {
		r := random(e.key, i)
		for k := range 32 {
			dst[k] = e.base + uint8(scaleSteps[r&3])
			r >>= 2
		}
	}
}

// quantised divides a standard deviation into that of codes, between half of
// top and top, and the exponent of the scales.
func quantised(std, top float64) (codeStd float64, base uint8) {
	e := math.Ceil(math.Log2(std / scaleRMS / top))
	return std / scaleRMS / math.Exp2(e), uint8(127 + e)
}

// tables remembers the tables of codes by their standard deviation, of which a
// model has a few.
var tables8, tables4 sync.Map

func table8(std float64) *[4096]byte {
	if t, ok := tables8.Load(std); ok {
		return t.(*[4096]byte)
	}
	var table [4096]byte
	for i, g := range normal() {
		table[i] = minifloat.E4M3FromFloat32(float32(std) * g)
	}
	t, _ := tables8.LoadOrStore(std, &table)
	return t.(*[4096]byte)
}

func table4(std float64) *[1 << 16]byte {
	if t, ok := tables4.Load(std); ok {
		return t.(*[1 << 16]byte)
	}
	var one [256]byte
	for i := range one {
		one[i] = minifloat.E2M1FromFloat32(float32(std) * normal()[16*i+8])
	}
	var pairs [1 << 16]byte
	for i := range pairs {
		pairs[i] = one[i&255] | one[i>>8]<<4
	}
	t, _ := tables4.LoadOrStore(std, &pairs)
	return t.(*[1 << 16]byte)
}

// choices is I64 rows of different numbers below of.
type choices struct {
	key     uint64
	row, of uint64 // numbers in a row
}

func (c choices) units(dst []byte, i uint64) {
	for i *= unit / 8; len(dst) >= 8; i, dst = i+1, dst[8:] {
		r := random(c.key, i/c.row)
		first, step := r>>32%c.of, 1+r&0xffffffff%max(1, c.of/c.row)
		binary.LittleEndian.PutUint64(dst, (first+i%c.row*step)%c.of)
	}
}
