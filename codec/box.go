package codec

import (
	"encoding/binary"
	"fmt"

	"kakeyalattice/internal/kernel"
	"kakeyalattice/lattice"
)

// maxQ keeps a block of eight coordinates within 128 bits, and coordinates
// where float32 still resolves the lattice.
const maxQ = 4095

// newD4 and newE8 make the box codes: the rotated vector divided by
// step = (largest rotated magnitude)/q, every block of 4 or 8 coordinates
// replaced by the closest lattice point inside [-q, q].
//
// Layout of one vector, little endian:
//
//	4 bytes  step, see [step]; 0 for the zero vector, whose blocks are zero bits
//	the rest one rank a block, dense bits from the lowest of the first byte:
//	         E8 bits(n^8 - 1) wide, D4 bits((n^4 - 1)/2) wide, n = 2q+1;
//	         the ranks are those of [lattice.Box]
//
// and zero bits up to a whole byte.
func newE8(spec Spec, dim int) (Codec, error) { return newBox(spec, dim, e8Blocks{}) }

func newD4(spec Spec, dim int) (Codec, error) { return newBox(spec, dim, d4Blocks{}) }

// stepBytes is the size of the side information of a box code.
const stepBytes = 4

// blocks packs the points of one lattice.
type blocks interface {
	// lattice is that of the points.
	lattice() kernel.Lattice
	// bits is the width of a rank.
	bits(box *lattice.Box) int
	// pack fills dst with the ranks of the points z.
	pack(dst []byte, box *lattice.Box, z []float32)
	// unpack sets z to the points whose ranks src holds.
	unpack(z []float32, box *lattice.Box, src []byte) error
}

type boxCoder struct {
	rotation rotation
	box      lattice.Box
	blocks   blocks
	vectors  *kernel.BoxCoder
}

func newBox(spec Spec, dim int, b blocks) (Codec, error) {
	rot, ok := newRotation(dim)
	size := int(b.lattice())
	if !ok || dim%size != 0 {
		want := rotationDims
		if dim < size {
			want = fmt.Sprintf("at least %d values", size)
		}
		return nil, dimError(spec, dim, want)
	}
	q := spec.integer("q")
	box, err := lattice.NewBox(q)
	if err != nil {
		return nil, fmt.Errorf("codec %s: %w", spec, err)
	}
	points, err := kernel.NewBox(b.lattice(), q)
	if err != nil {
		return nil, fmt.Errorf("codec %s: %w", spec, err)
	}
	bytes := stepBytes + (dim/size*b.bits(&box)+7)/8
	c := &boxCoder{
		rotation: rot, box: box, blocks: b,
		vectors: kernel.NewBoxCoder(points, rot.runs),
	}
	return newFixed(spec, dim, bytes, c.vectors.Work(), c), nil
}

func (c *boxCoder) encode(dst []byte, x, work []float32) error {
	amax := maxAbs(x)
	if amax == 0 {
		clear(dst)
		return nil
	}
	if !finite(amax) {
		return errNonFinite
	}
	ranks, rotated := dst[stepBytes:], work[:len(x)]
	x, exp := prescale(rotated, x, amax)
	s, ok := c.vectors.Encode(ranks, x, work)
	if !ok {
		s = c.vectors.Points(rotated, x, work)
		c.blocks.pack(ranks, &c.box, rotated)
	}
	binary.LittleEndian.PutUint32(dst, uint32(newStep(s, exp)))
	return nil
}

func (c *boxCoder) decode(dst []float32, src []byte, _ []float32) error {
	field := step(binary.LittleEndian.Uint32(src))
	if field == 0 {
		for i, b := range src {
			if b != 0 {
				return fmt.Errorf("%w: byte %d of a zero vector is not zero", ErrCorrupt, i)
			}
		}
		clear(dst)
		return nil
	}
	m, exp, ok := field.split()
	if !ok {
		return fmt.Errorf("%w: step exponent %d", ErrCorrupt, exp)
	}
	ranks := src[stepBytes:]
	if f, ok := scaleFactor(exp); ok && c.vectors.Decode(dst, ranks, m, f) {
		return nil
	}
	if err := c.blocks.unpack(dst, &c.box, ranks); err != nil {
		return err
	}
	for i := range dst {
		dst[i] *= m
	}
	c.rotation.inverse(dst, dst)
	scale(dst, dst, exp)
	return nil
}

func errRank(block int) error {
	return fmt.Errorf("%w: block %d is no lattice point of the box", ErrCorrupt, block)
}

type e8Blocks struct{}

func (e8Blocks) lattice() kernel.Lattice   { return kernel.E8 }
func (e8Blocks) bits(box *lattice.Box) int { return box.BitsE8() }

func (e8Blocks) pack(dst []byte, box *lattice.Box, z []float32) {
	w := bitWriter{dst: dst}
	width := uint(box.BitsE8())
	for ; len(z) >= 8; z = z[8:] {
		hi, lo := box.RankE8((*[8]float32)(z))
		if width <= 64 {
			w.put(lo, width)
		} else {
			w.put(lo, 64)
			w.put(hi, width-64)
		}
	}
	w.flush()
}

func (e8Blocks) unpack(z []float32, box *lattice.Box, src []byte) error {
	r := bitReader{src: src}
	width := uint(box.BitsE8())
	for k := 0; len(z) >= 8; k++ {
		var hi uint64
		lo := r.get(min(width, 64))
		if width > 64 {
			hi = r.get(width - 64)
		}
		if !box.UnrankE8((*[8]float32)(z), hi, lo) {
			return errRank(k)
		}
		z = z[8:]
	}
	return r.end()
}

type d4Blocks struct{}

func (d4Blocks) lattice() kernel.Lattice   { return kernel.D4 }
func (d4Blocks) bits(box *lattice.Box) int { return box.BitsD4() }

func (d4Blocks) pack(dst []byte, box *lattice.Box, z []float32) {
	w := bitWriter{dst: dst}
	width := uint(box.BitsD4())
	for ; len(z) >= 4; z = z[4:] {
		w.put(box.RankD4((*[4]float32)(z)), width)
	}
	w.flush()
}

func (d4Blocks) unpack(z []float32, box *lattice.Box, src []byte) error {
	r := bitReader{src: src}
	width := uint(box.BitsD4())
	for k := 0; len(z) >= 4; k++ {
		if !box.UnrankD4((*[4]float32)(z), r.get(width)) {
			return errRank(k)
		}
		z = z[4:]
	}
	return r.end()
}
