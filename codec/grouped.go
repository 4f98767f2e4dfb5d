package codec

import (
	"fmt"
	"slices"

	"kakeyalattice/minifloat"
)

// elements is the format of the values of a group, in units of its scale.
type elements interface {
	// bytes is what the codes of n values take.
	bytes(n int) int
	// encode fills dst with the codes of x/scale; scale is positive.
	encode(dst []byte, x []float32, scale float32)
	// decode fills dst with the values of the codes times scale, saturated.
	decode(dst []float32, src []byte, scale float32) error
}

// grouped codes the first values of a vector in groups that share a scale, the
// last group shorter where they do not come out even, and the rest in BF16.
// The codes are the first part of a vector; bytes from end on are zero.
type grouped struct {
	head     int // values that are coded in groups
	group    int
	elements elements
	scale    groupScale

	scales, tail, end int // where the scales, the BF16 values and the zeros begin
}

// newGrouped returns a coder of dim values of which head are in groups. The
// parts are in the order codes, scales, BF16 values.
func newGrouped(dim, head, group int, e elements, s groupScale) *grouped {
	group = min(group, head)
	scales := e.bytes(head)
	tail := scales + (head+group-1)/group*s.width()
	return &grouped{
		head: head, group: group, elements: e, scale: s,
		scales: scales, tail: tail, end: tail + 2*(dim-head),
	}
}

func (c *grouped) encode(dst []byte, x, _ []float32) error {
	codes, scales, width := dst, dst[c.scales:], c.scale.width()
	for head := x[:c.head]; len(head) > 0; {
		n := min(c.group, len(head))
		size := c.elements.bytes(n)
		scale, err := c.scale.put(scales[:width], maxAbs(head[:n]))
		if err != nil {
			return err
		}
		if scale > 0 {
			c.elements.encode(codes[:size], head[:n], scale)
		} else {
			clear(codes[:size])
		}
		head, codes, scales = head[n:], codes[size:], scales[width:]
	}
	putBF16(dst[c.tail:], x[c.head:])
	clear(dst[c.end:])
	return nil
}

func (c *grouped) decode(dst []float32, src []byte, _ []float32) error {
	codes, scales, width := src, src[c.scales:], c.scale.width()
	for i, head := 0, dst[:c.head]; len(head) > 0; i++ {
		n := min(c.group, len(head))
		size := c.elements.bytes(n)
		scale, err := c.scale.get(scales[:width])
		if err == nil && scale == 0 && slices.ContainsFunc(codes[:size], nonZero) {
			err = fmt.Errorf("its scale is 0, its codes are not: %w", ErrCorrupt)
		}
		if err == nil {
			err = c.elements.decode(head[:n], codes[:size], scale)
		}
		if err != nil {
			return fmt.Errorf("group %d: %w", i, err)
		}
		head, codes, scales = head[n:], codes[size:], scales[width:]
	}
	if err := getBF16(dst[c.head:], src[c.tail:]); err != nil {
		return err
	}
	if slices.ContainsFunc(src[c.end:], nonZero) {
		return fmt.Errorf("padding after byte %d is not zero: %w", c.end, ErrCorrupt)
	}
	return nil
}

func nonZero(b byte) bool { return b != 0 }

// e4m3 codes a value in one byte.
type e4m3 struct{}

func (e4m3) bytes(n int) int { return n }

func (e4m3) encode(dst []byte, x []float32, scale float32) {
	for i, v := range x {
		dst[i] = minifloat.E4M3FromFloat32(v / scale)
	}
}

func (e4m3) decode(dst []float32, src []byte, scale float32) error {
	for i, code := range src {
		if code&0x7f == 0x7f {
			return fmt.Errorf("value %d has the code %#02x, a NaN: %w", i, code, ErrCorrupt)
		}
		dst[i] = saturate(minifloat.E4M3ToFloat32(code) * scale)
	}
	return nil
}

// e2m1 codes two values in a byte, the first in the low half.
type e2m1 struct{}

func (e2m1) bytes(n int) int { return (n + 1) / 2 }

func (e2m1) encode(dst []byte, x []float32, scale float32) {
	for i := range len(x) / 2 {
		dst[i] = minifloat.E2M1FromFloat32(x[2*i]/scale) | minifloat.E2M1FromFloat32(x[2*i+1]/scale)<<4
	}
	if last := len(x) - 1; last%2 == 0 {
		dst[last/2] = minifloat.E2M1FromFloat32(x[last] / scale)
	}
}

func (e2m1) decode(dst []float32, src []byte, scale float32) error {
	for i := range len(dst) / 2 {
		dst[2*i] = saturate(minifloat.E2M1ToFloat32(src[i]) * scale)
		dst[2*i+1] = saturate(minifloat.E2M1ToFloat32(src[i]>>4) * scale)
	}
	if last := len(dst) - 1; last%2 == 0 {
		if src[last/2] > 0xf {
			return fmt.Errorf("the half byte after value %d is not zero: %w", last, ErrCorrupt)
		}
		dst[last] = saturate(minifloat.E2M1ToFloat32(src[last/2]) * scale)
	}
	return nil
}
