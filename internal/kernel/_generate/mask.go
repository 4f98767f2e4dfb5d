package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A mask tells lanes of 32 bits apart: a mask register in AVX-512, a vector of
// all ones and all zeros in AVX2.
type mask interface{ operand.Op }

func (s *simd) mask() reg.Register {
	if s.wide {
		return s.K()
	}
	return s.YMM()
}

// lowBit returns the lanes of v whose lowest bit is set; ones is a vector of
// integer ones.
func (s *simd) lowBit(v reg.Register, ones operand.Op) mask {
	m := s.mask()
	if s.wide {
		s.VPTESTMD(ones, v, m)
	} else {
		s.VPSLLD(operand.U8(31), v, m)
		s.VPSRAD(operand.U8(31), m, m)
	}
	return m
}

// negative returns the lanes of v whose highest bit is set.
func (s *simd) negative(v reg.Register) mask {
	m := s.mask()
	if s.wide {
		s.VPMOVD2M(v, m)
	} else {
		s.VPSRAD(operand.U8(31), v, m)
	}
	return m
}

// less returns the lanes where a < b, floats; b may be in memory, as in the
// comparisons below.
func (s *simd) less(a reg.Register, b operand.Op) mask {
	m := s.mask()
	s.VCMPPS(operand.U8(0x11), b, a, m)
	return m
}

// notLess returns the lanes where a >= b, floats.
func (s *simd) notLess(a reg.Register, b operand.Op) mask {
	m := s.mask()
	s.VCMPPS(operand.U8(0x1d), b, a, m)
	return m
}

// equal returns the lanes where a and b have the same bits.
func (s *simd) equal(a reg.Register, b operand.Op) mask {
	m := s.mask()
	s.VPCMPEQD(b, a, m)
	return m
}

// same returns the lanes where a and b are equal floats.
func (s *simd) same(a reg.Register, b operand.Op) mask {
	m := s.mask()
	s.VCMPPS(operand.U8(0), b, a, m)
	return m
}

// first returns the lanes of left that are in m, and left without them. It may
// destroy both.
func (s *simd) first(left, m mask) (found, rest mask) {
	if s.wide {
		found = s.mask()
		s.KANDW(left, m, found)
		return found, s.without(left, found)
	}
	s.VPAND(left, m, m)
	s.VPXOR(m, left, left)
	return m, left
}

// firstEqual is first for the lanes where a and b have the same bits.
func (s *simd) firstEqual(left mask, a reg.Register, b operand.Op) (found, rest mask) {
	if s.wide {
		found = s.mask()
		s.VPCMPEQD(b, a, left, found)
		return found, s.without(left, found)
	}
	return s.first(left, s.equal(a, b))
}

// without returns the lanes of a that are not in b, AVX-512.
func (s *simd) without(a, b mask) mask {
	m := s.mask()
	s.KANDNW(a, b, m)
	return m
}

func (s *simd) maskXor(a, b mask) mask {
	m := s.mask()
	if s.wide {
		s.KXORW(a, b, m)
	} else {
		s.VPXOR(a, b, m)
	}
	return m
}

func (s *simd) maskAnd(a, b mask) mask {
	m := s.mask()
	if s.wide {
		s.KANDW(a, b, m)
	} else {
		s.VPAND(a, b, m)
	}
	return m
}

func (s *simd) maskOr(a, b mask) mask {
	m := s.mask()
	if s.wide {
		s.KORW(a, b, m)
	} else {
		s.VPOR(a, b, m)
	}
	return m
}

// jumpIfAny jumps if m has a lane.
func (s *simd) jumpIfAny(m mask, label string) {
	if s.wide {
		s.KORTESTW(m, m)
	} else {
		s.VPTEST(m, m)
	}
	s.JNZ(operand.LabelRef(label))
}

// storeMask puts m into memory.
func (s *simd) storeMask(m mask, at operand.Mem) {
	if s.wide {
		s.KMOVW(m, at)
	} else {
		s.VMOVUPS(m, at)
	}
}

// loadMask takes a mask from memory.
func (s *simd) loadMask(at operand.Mem) mask {
	m := s.mask()
	if s.wide {
		s.KMOVW(at, m)
	} else {
		s.VMOVUPS(at, m)
	}
	return m
}

// moveMask sets dst to m.
func (s *simd) moveMask(m, dst mask) {
	if s.wide {
		s.KMOVW(m, dst)
	} else {
		s.VMOVAPS(m, dst)
	}
}

// pick returns yes in the lanes of m and no in the others; yes may be in memory.
func (s *simd) pick(m mask, yes operand.Op, no reg.Register) reg.VecVirtual {
	v := s.vec()
	if s.wide {
		s.VBLENDMPS(yes, no, m, v)
	} else {
		s.VBLENDVPS(m, yes, no, v)
	}
	return v
}

// masked returns v in the lanes of m and 0 in the others; v may be in memory.
func (s *simd) masked(m mask, v operand.Op) reg.VecVirtual {
	d := s.vec()
	if s.wide {
		s.VMOVUPS_Z(v, m, d)
	} else {
		s.VPAND(v, m, d)
	}
	return d
}
