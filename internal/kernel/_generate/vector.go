package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vector is what is done to every value of a vector alike.
func vector(c *build.Context) {
	both(c, maxMagnitude)
	both(c, addScaled)
}

// maxMagnitude reduces blocks of 64 values.
func maxMagnitude(s *simd) {
	s.function("maxMagnitude", "func(x *float32, n int) uint32",
		"returns the largest of the n values at x without their signs, as bits; n is a positive multiple of 64.")
	x, n := s.Load(s.Param("x"), s.GP64()), s.Load(s.Param("n"), s.GP64())
	abs := s.splat(1<<31 - 1)
	var top [4]reg.VecVirtual
	for i := range top {
		top[i] = s.zero()
	}
	v := make([]reg.VecVirtual, len(top))
	for i := range v {
		v[i] = s.vec()
	}
	s.Label("loop")
	for at := 0; at < 64; at += len(top) * s.lanes() {
		for i := range top {
			s.and(operand.Mem{Base: x, Disp: 4*at + i*s.bytes()}, abs, v[i])
			s.VPMAXUD(v[i], top[i], top[i])
		}
	}
	s.ADDQ(operand.U32(256), x)
	s.SUBQ(operand.U32(64), n)
	s.JNZ(operand.LabelRef("loop"))
	s.VPMAXUD(top[1], top[0], top[0])
	s.VPMAXUD(top[3], top[2], top[2])
	s.VPMAXUD(top[2], top[0], top[0])
	s.Store(s.largestLane(top[0]), s.ReturnIndex(0))
	s.VZEROUPPER()
	s.RET()
}

// largestLane returns the largest of the unsigned 32-bit lanes of v, which it
// destroys.
func (s *simd) largestLane(v reg.VecVirtual) reg.GPVirtual {
	t := s.YMM()
	if s.wide {
		s.VEXTRACTI64X4(operand.U8(1), v, t)
		s.VPMAXUD(t, v.AsY(), v.AsY())
	}
	s.VEXTRACTI128(operand.U8(1), v.AsY(), t.AsX())
	s.VPMAXUD(t.AsX(), v.AsX(), v.AsX())
	for _, order := range []int{0x4e, 0xb1} {
		s.VPSHUFD(operand.U8(order), v.AsX(), t.AsX())
		s.VPMAXUD(t.AsX(), v.AsX(), v.AsX())
	}
	r := s.GP32()
	s.VMOVD(v.AsX(), r)
	return r
}

// addScaled takes 16 values at a time.
func addScaled(s *simd) {
	s.function("addScaled", "func(y *float32, f float32, x *float32, n int)",
		"adds f times the n values at x to those at y, each product rounded; n is a positive multiple of 16.")
	y, x, n := s.Load(s.Param("y"), s.GP64()), s.Load(s.Param("x"), s.GP64()), s.Load(s.Param("n"), s.GP64())
	f := s.splatParam("f")
	s.Label("loop")
	for i := range 16 / s.lanes() {
		v := s.vec()
		s.VMULPS(s.at(x, i), f, v)
		s.VADDPS(s.at(y, i), v, v)
		s.VMOVUPS(v, s.at(y, i))
	}
	s.ADDQ(operand.U8(64), x)
	s.ADDQ(operand.U8(64), y)
	s.SUBQ(operand.U8(16), n)
	s.JNZ(operand.LabelRef("loop"))
	s.VZEROUPPER()
	s.RET()
}
