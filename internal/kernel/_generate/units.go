package main

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// unitValues is what the kernels of stored formats convert at a time at every
// level: one vector of 32-bit lanes in AVX-512, two in AVX2.
const unitValues = 16

// units emits kernels that work through values in units.
type units struct {
	*simd
	constants map[string]operand.Mem // static data by name, shared by the levels
}

// bothUnits calls f for each level.
func bothUnits(c *build.Context, f func(*units)) {
	constants := map[string]operand.Mem{}
	both(c, func(s *simd) { f(&units{s, constants}) })
}

// data returns static data, made once.
func (u *units) data(name string, data []byte) operand.Mem {
	m, ok := u.constants[name]
	if !ok {
		m = u.StaticGlobal(name)
		u.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := 0; i < len(data); i += 8 {
			u.AppendDatum(operand.U64(binary.LittleEndian.Uint64(data[i:])))
		}
		u.constants[name] = m
	}
	return m
}

// words returns static data of 32-bit words.
func (u *units) words(name string, words []uint32) operand.Mem {
	var data []byte
	for _, w := range words {
		data = binary.LittleEndian.AppendUint32(data, w)
	}
	return u.data(name, data)
}

// bytes16 returns static data of 16 bytes alike.
func (u *units) bytes16(name string, b byte) operand.Mem {
	return u.data(name, bytes.Repeat([]byte{b}, 16))
}

// words16 returns static data of 16 words of 16 bits alike.
func (u *units) words16(name string, w uint16) operand.Mem {
	return u.data(name, bytes.Repeat([]byte{byte(w), byte(w >> 8)}, 16))
}

// constant returns lanes that hold the given bits as the second source of an
// instruction: in memory for AVX2, which has few registers.
func (u *units) constant(bits uint32) operand.Op {
	if u.wide {
		return u.splat(bits)
	}
	words := make([]uint32, 8)
	for i := range words {
		words[i] = bits
	}
	return u.words(fmt.Sprintf("all%08x", bits), words)
}

// vectors returns fresh registers for a unit of 32-bit lanes.
func (u *units) vectors() []reg.VecVirtual {
	v := make([]reg.VecVirtual, unitValues/u.lanes())
	for i := range v {
		v[i] = u.vec()
	}
	return v
}

// part is vector i of the unit of 32-bit lanes at m.
func (u *units) part(m operand.Mem, i int) operand.Mem { return m.Offset(i * u.bytes()) }

// pointer loads a parameter of 64 bits.
func (u *units) pointer(name string) reg.GPVirtual {
	return u.Load(u.Param(name), u.GP64()).(reg.GPVirtual)
}

// Predicates of comparisons of floats.
const (
	below  = 1 // false for NaN
	differ = 4
)

// compare returns where b stands in the relation to a: a mask of bits in
// AVX-512, of lanes in AVX2.
func (u *units) compare(relation uint8, a operand.Op, b reg.VecVirtual) reg.Register {
	if u.wide {
		k := u.K()
		u.VCMPPS(operand.U8(relation), a, b, k)
		return k
	}
	m := u.vec()
	u.VCMPPS(operand.U8(relation), a, b, m)
	return m
}

// equalLanes returns a bit for each 32-bit lane of a, destroyed, that has the
// bits of b.
func (u *units) equalLanes(b operand.Op, a reg.VecVirtual) reg.GPVirtual {
	r := u.GP32()
	if u.wide {
		k := u.K()
		u.VPCMPEQD(b, a, k)
		u.KMOVW(k, r)
	} else {
		u.VPCMPEQD(b, a, a)
		u.VMOVMSKPS(a, r)
	}
	return r
}

// bytesOf returns the low bytes of a unit, whose other bytes are zero unless
// the level is AVX-512.
func (u *units) bytesOf(v []reg.VecVirtual) reg.VecVirtual {
	b := u.XMM()
	if u.wide {
		u.VPMOVDB(v[0], b)
		return b
	}
	words := u.wordsOf(v)
	u.VEXTRACTI128(operand.U8(1), words, b)
	u.VPACKUSWB(b, words.AsX(), b)
	return b
}

// bytesOrder returns the order of bytesOfFour.
func (u *units) bytesOrder() reg.VecVirtual {
	var words []uint32
	for i := range uint32(16) {
		words = append(words, i%4*4+i/4)
	}
	order := u.vec()
	u.VMOVDQU32(u.words("bytesOrder", words), order)
	return order
}

// bytesOfFour returns, in AVX-512, the low bytes of four vectors whose other
// bytes are zero; order is that of bytesOrder.
func (u *units) bytesOfFour(v []reg.VecVirtual, order reg.VecVirtual) reg.VecVirtual {
	// Packing works within quarters, each of which has four bytes of each vector
	// then.
	low, high, b := u.vec(), u.vec(), u.vec()
	u.VPACKUSDW(v[1], v[0], low)
	u.VPACKUSDW(v[3], v[2], high)
	u.VPACKUSWB(high, low, b)
	u.VPERMD(b, order, b)
	return b
}

// wordsOf returns the low words of a unit, with the condition of bytesOf.
func (u *units) wordsOf(v []reg.VecVirtual) reg.VecVirtual {
	w := u.YMM()
	if u.wide {
		u.VPMOVDW(v[0], w)
		return w
	}
	u.VPACKUSDW(v[1], v[0], w) // within the halves of the vectors
	u.VPERMQ(operand.U8(0xd8), w, w)
	return w
}

// A cursor is a pointer with the number of bytes that it moves by.
type cursor struct {
	at   reg.GPVirtual
	step int
}

// each emits body n times, n positive and destroyed, with the cursors moved
// after each.
func (u *units) each(label string, n reg.GPVirtual, body func(), cursors ...cursor) {
	u.Label(label)
	body()
	for _, c := range cursors {
		u.ADDQ(operand.U32(c.step), c.at)
	}
	u.DECQ(n)
	u.JNZ(operand.LabelRef(label))
}

// or sets dst = a | b.
func (u *units) or(a, b operand.Op, dst reg.Register) {
	if u.wide {
		u.VPORD(a, b, dst)
	} else {
		u.VPOR(a, b, dst)
	}
}
