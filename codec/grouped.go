package codec

import (
	"fmt"
	"slices"

	"kakeyalattice/internal/kernel"
)

// grouped codes the first values of a vector in groups that share a scale, the
// last group shorter where they do not come out even, and the rest in BF16.
// Codes, scales and BF16 values are in any order; bytes from end on are zero.
type grouped struct {
	head   int // values that are coded in groups
	group  int
	format kernel.Format
	scale  groupScale

	codes, scales, tail, end int // where the parts and the zeros begin
}

// newGrouped returns a coder of dim values of which head are in groups. The
// parts are in the order codes, scales, BF16 values.
func newGrouped(dim, head, group int, f kernel.Format, s groupScale) *grouped {
	c := &grouped{head: head, group: min(group, head), format: f, scale: s}
	c.scales = f.Bytes(head)
	c.tail = c.scales + c.groups()*s.width()
	c.end = c.tail + 2*(dim-head)
	return c
}

// groups is the number of groups, and of the scratch values that encode and
// decode need.
func (c *grouped) groups() int { return (c.head + c.group - 1) / c.group }

func (c *grouped) encode(dst []byte, x, work []float32) error {
	if err := c.encodeGroups(dst, x[:c.head], work[:c.groups()]); err != nil {
		return err
	}
	tail := x[c.head:]
	if !finite(maxAbs(tail)) {
		return errNonFinite
	}
	kernel.EncodeBF16(dst[c.tail:], tail)
	clear(dst[c.end:])
	return nil
}

// encodeGroups sets the codes and scales of the head x.
func (c *grouped) encodeGroups(dst []byte, x, scales []float32) error {
	codes, fields := dst[c.codes:][:c.format.Bytes(c.head)], dst[c.scales:][:len(scales)*c.scale.width()]
	if s, ok := c.powers(); ok {
		if amax, ok := kernel.EncodeE4M3Powers(codes, fields, x, s.floor, s.inverse); ok {
			if !finite(amax) {
				return errNonFinite
			}
			return nil
		}
	}
	kernel.GroupMaxAbs(scales, x, c.group)
	if !finite(maxAbs(scales)) {
		return errNonFinite
	}
	if err := c.scale.put(fields, scales); err != nil {
		return err
	}
	c.format.Encode(codes, x, scales, c.group)
	return nil
}

func (c *grouped) decode(dst []float32, src []byte, work []float32) error {
	if err := c.decodeGroups(dst[:c.head], src, work[:c.groups()]); err != nil {
		return err
	}
	if err := getBF16(dst[c.head:], src[c.tail:]); err != nil {
		return err
	}
	if slices.ContainsFunc(src[c.end:], nonZero) {
		return fmt.Errorf("padding after byte %d is not zero: %w", c.end, ErrCorrupt)
	}
	return nil
}

// decodeGroups is the inverse of encodeGroups.
func (c *grouped) decodeGroups(dst []float32, src []byte, scales []float32) error {
	codes, fields := src[c.codes:][:c.format.Bytes(c.head)], src[c.scales:][:len(scales)*c.scale.width()]
	if _, ok := c.powers(); ok && kernel.DecodeE4M3Powers(dst, codes, fields) {
		return nil
	}
	if err := c.scale.get(scales, fields); err != nil {
		return err
	}
	if i := c.format.Decode(dst, codes, scales, c.group); i >= 0 {
		return c.refused(i, codes, scales)
	}
	return nil
}

// powers returns the scale of groups that there are kernels for, scale included.
func (c *grouped) powers() (ue8m0Scale, bool) {
	s, ok := c.scale.(ue8m0Scale)
	return s, ok && c.group == 64 && c.format == kernel.E4M3
}

func nonZero(b byte) bool { return b != 0 }

// refused says what is wrong with code i.
func (c *grouped) refused(i int, codes []byte, scales []float32) error {
	if i == c.head {
		return fmt.Errorf("padding after the code of value %d is not zero: %w", i-1, ErrCorrupt)
	}
	width := uint(c.format.Bits())
	r := bitReader{src: codes}
	for range i {
		r.get(width)
	}
	code := fmt.Sprintf("%#02x", r.get(width))
	if at := i / c.group; scales[at] == 0 {
		code += " at a scale of 0"
	}
	return fmt.Errorf("group %d: value %d has the code %s: %w", i/c.group, i%c.group, code, ErrCorrupt)
}
