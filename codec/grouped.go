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
	scales := work[:c.groups()]
	kernel.GroupMaxAbs(scales, x[:c.head], c.group)
	if !finite(max(maxAbs(scales), maxAbs(x[c.head:]))) {
		return errNonFinite
	}
	if err := c.scale.put(dst[c.scales:][:len(scales)*c.scale.width()], scales); err != nil {
		return err
	}
	c.format.Encode(dst[c.codes:][:c.format.Bytes(c.head)], x[:c.head], scales, c.group)
	kernel.EncodeBF16(dst[c.tail:], x[c.head:])
	clear(dst[c.end:])
	return nil
}

func (c *grouped) decode(dst []float32, src []byte, work []float32) error {
	scales, codes := work[:c.groups()], src[c.codes:][:c.format.Bytes(c.head)]
	if err := c.scale.get(scales, src[c.scales:][:len(scales)*c.scale.width()]); err != nil {
		return err
	}
	if i := c.format.Decode(dst[:c.head], codes, scales, c.group); i >= 0 {
		return c.refused(i, codes, scales)
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
