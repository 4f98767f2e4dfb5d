package main

import (
	"bytes"
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// integers is two's complement of 8, 6 or 4 bits, dense from the lowest bit of
// the first byte.
func integers(bits int) storedFormat {
	f := storedFormat{
		name:  fmt.Sprintf("Int%d", bits),
		bytes: unitValues * bits / 8,
		encoder: func(u *units) func([]reg.VecVirtual, operand.Mem) {
			mask, pack := u.constant(1<<bits-1), u.packer(bits)
			return func(v []reg.VecVirtual, dst operand.Mem) {
				for i := range v {
					u.VCVTPS2DQ(v[i], v[i])
					u.and(mask, v[i], v[i])
				}
				pack(u.bytesOf(v), dst)
			}
		},
	}
	f.decoder = func(u *units) decoder {
		least := u.vec() // of the integers read, and 0
		u.xor(least, least, least)
		load := u.integerLoader(bits)
		return decoder{
			factor: 1,
			values: func(src operand.Mem) []reg.VecVirtual {
				v := load(src)
				for i := range v {
					u.VPMINSD(v[i], least, least)
					u.VCVTDQ2PS(v[i], v[i])
				}
				return v
			},
			refused: func() reg.GPVirtual {
				// Encoders write no integer without its opposite.
				return u.equalLanes(u.constant(^uint32(0)<<(bits-1)), least)
			},
		}
	}
	return f
}

// packer returns what stores the 16 bytes of a register, whose values have the
// given bits, at a place, dense; it destroys the register.
func (u *units) packer(bits int) func(b reg.VecVirtual, dst operand.Mem) {
	switch bits {
	case 4:
		pairs := u.data("nibblePairs", repeat(8, 1, 1<<4))
		return func(b reg.VecVirtual, dst operand.Mem) {
			u.VPMADDUBSW(pairs, b, b)
			u.VPACKUSWB(b, b, b)
			u.VMOVQ(b, dst)
		}
	case 6:
		pairs := u.data("sextetPairs", repeat(8, 1, 1<<6))
		fours := u.data("sextetFours", repeat(4, 1, 0, 0, 1<<(12-8)))
		dense := u.data("sextetBytes", []byte{0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, zeroByte, zeroByte, zeroByte, zeroByte})
		return func(b reg.VecVirtual, dst operand.Mem) {
			u.VPMADDUBSW(pairs, b, b)
			u.VPMADDWD(fours, b, b)
			u.VPSHUFB(dense, b, b)
			u.VMOVQ(b, dst)
			u.VPEXTRD(operand.U8(2), b, dst.Offset(8))
		}
	}
	return func(b reg.VecVirtual, dst operand.Mem) { u.VMOVDQU(b, dst) }
}

// zeroByte is the index of VPSHUFB that gives 0.
const zeroByte = 0x80

// repeat returns the bytes n times.
func repeat(n int, b ...byte) []byte { return bytes.Repeat(b, n) }

// integerLoader returns what gives the integers that packer stored.
func (u *units) integerLoader(bits int) func(src operand.Mem) []reg.VecVirtual {
	switch bits {
	case 4:
		return func(src operand.Mem) []reg.VecVirtual {
			v := u.nibbles(src)
			for i := range v {
				u.VPSLLD(operand.U8(28), v[i], v[i])
				u.VPSRAD(operand.U8(28), v[i], v[i])
			}
			return v
		}
	case 6:
		// The two bytes that hold an integer go to the upper half of its lane, and
		// it from there to the highest bits.
		var from []byte
		var left []uint32
		for i := range unitValues {
			first, bit := bits*i/8, bits*i%8
			from = append(from, zeroByte, zeroByte, byte(first), byte(first+1))
			left = append(left, uint32(16-bits-bit))
		}
		spread, shifts := u.data("sextetSpread", from), u.words("sextetShifts", left)
		return func(src operand.Mem) []reg.VecVirtual {
			all, v := u.vec(), u.vectors()
			u.VMOVQ(src, all.AsX())
			u.VPINSRD(operand.U8(2), src.Offset(8), all.AsX(), all.AsX())
			if u.wide {
				u.VSHUFI32X4(operand.U8(0), all, all, all)
			} else {
				u.VPERMQ(operand.U8(0x44), all, all)
			}
			for i := range v {
				u.VPSHUFB(u.part(spread, i), all, v[i])
				u.VPSLLVD(u.part(shifts, i), v[i], v[i])
				u.VPSRAD(operand.U8(32-bits), v[i], v[i])
			}
			return v
		}
	}
	return func(src operand.Mem) []reg.VecVirtual {
		v := u.vectors()
		for i := range v {
			u.VPMOVSXBD(src.Offset(i*u.lanes()), v[i])
		}
		return v
	}
}

// nibbles returns the half bytes at src, the low one of a byte first, in the
// lowest four bits of lanes whose other bits are undefined.
func (u *units) nibbles(src operand.Mem) []reg.VecVirtual {
	v := u.vectors()
	for i := range v {
		t := u.vec()
		u.VPMOVZXBQ(src.Offset(i*u.lanes()/2), v[i])
		u.VPSLLQ(operand.U8(32-4), v[i], t)
		u.or(t, v[i], v[i])
	}
	return v
}
