package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// simd emits code for one level: the operations that have different names in
// AVX2 and AVX-512 under one name.
type simd struct {
	*build.Context
	wide bool // AVX-512: 16 lanes of 32 bits instead of 8
}

// both calls f for each level.
func both(c *build.Context, f func(*simd)) {
	f(&simd{c, true})
	f(&simd{c, false})
}

// function begins the function name + level. params is that part of its Go
// signature; pointers do not escape.
func (s *simd) function(name, signature, doc string) {
	s.Function(name + s.level())
	s.Attributes(attr.NOSPLIT)
	s.SignatureExpr(signature)
	s.Pragma("noescape")
	s.Doc(name + s.level() + " " + doc)
}

func (s *simd) level() string {
	if s.wide {
		return "AVX512"
	}
	return "AVX2"
}

// lanes is the number of 32-bit lanes of a vector.
func (s *simd) lanes() int {
	if s.wide {
		return 16
	}
	return 8
}

// bytes is the size of a vector.
func (s *simd) bytes() int { return 4 * s.lanes() }

// vec returns a fresh vector register.
func (s *simd) vec() reg.VecVirtual {
	if s.wide {
		return s.ZMM()
	}
	return s.YMM()
}

// zero returns a vector of zeros.
func (s *simd) zero() reg.VecVirtual {
	v := s.vec()
	s.xor(v, v, v)
	return v
}

// splat returns a vector of 32-bit lanes that hold the given bits.
func (s *simd) splat(bits uint32) reg.VecVirtual {
	r, v := s.GP32(), s.vec()
	s.MOVL(operand.U32(bits), r)
	if s.wide {
		s.VPBROADCASTD(r, v)
	} else {
		s.VMOVD(r, v.AsX())
		s.VPBROADCASTD(v.AsX(), v)
	}
	return v
}

// and sets dst = a & b.
func (s *simd) and(a, b operand.Op, dst reg.Register) {
	if s.wide {
		s.VPANDD(a, b, dst)
	} else {
		s.VPAND(a, b, dst)
	}
}

// xor sets dst = a ^ b.
func (s *simd) xor(a, b operand.Op, dst reg.Register) {
	if s.wide {
		s.VPXORD(a, b, dst)
	} else {
		s.VPXOR(a, b, dst)
	}
}

// paramAddr is where a parameter lies.
func (s *simd) paramAddr(name string) operand.Mem {
	b, err := s.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// param returns a parameter in a general register.
func (s *simd) param(name string) reg.Register { return s.Load(s.Param(name), s.GP64()) }

// splatParam returns a vector of a float32 parameter.
func (s *simd) splatParam(name string) reg.VecVirtual {
	v := s.vec()
	s.VBROADCASTSS(s.paramAddr(name), v)
	return v
}
