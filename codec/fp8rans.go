package codec

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"kakeyalattice/internal/kernel"
	"kakeyalattice/minifloat"
)

// newFP8Rans makes a control for codes that are not FP8: the codes and scales of
// fp8:group=64, entropy coded without loss.
//
// Layout of one vector:
//
//	2 bytes  n, little endian; 4 bytes where the vector has 65,535 bytes or more
//	         in fp8:group=64
//	n bytes  nothing where all bytes in fp8:group=64 are 0; else one of:
//
//	         a body ([bodyHeader]) with the number of an alphabet, 0 to 6, in the 3
//	         bits of its code: the magnitudes of the codes in their order, each a
//	         symbol of this alphabet. The decoder ends with the state
//	         2^16 + the first scale. Raw are the signs, dense bits from the lowest
//	         of the first byte, up to a whole byte, and the other scales;
//
//	         a byte 7 and the vector in fp8:group=64, where that is shorter.
func newFP8Rans(spec Spec, dim int) (Codec, error) {
	scale := fp16Scale{levels: minifloat.E4M3Max, try: "fp8-v41"}
	c := &fp8Rans{spec: spec, dim: dim, plain: newGrouped(dim, dim, fp8RansGroup, kernel.E4M3, scale), prefix: 2}
	if c.plain.end >= 1<<16-1 {
		c.prefix = 4
	}
	c.signs = (dim + 7) / 8
	for _, freqs := range fp8Alphabets(c.plain.group) {
		costs := make([]int64, len(freqs))
		for i, f := range freqs {
			costs[i] = ransBits<<16 - log2Fixed(uint32(f))
		}
		c.symbols = append(c.symbols, ransSymbols(freqs))
		c.slots = append(c.slots, ransSlots(freqs))
		c.costs = append(c.costs, costs)
	}
	c.scratch.New = func() any {
		return &fp8Scratch{
			scales: make([]float32, c.plain.groups()),
			work:   make([]float32, c.plain.groups()),
			plain:  make([]byte, c.plain.end),
			raw:    make([]byte, c.rawBytes()),
			items:  make([]ransItem, dim),
			words:  make([]byte, ransRoom(dim)),
		}
	}
	return c, nil
}

const (
	fp8RansGroup    = 64
	fp8RansCodeBits = 3
	fp8RansPlain    = 7 // the code of a vector as it is
	fp8RansTables   = 7
	fp8Magnitudes   = 127 // codes of finite magnitudes
)

// fp8Alphabets returns the frequencies of the magnitudes of E4M3 codes in groups
// whose largest has the code 126.
//
// Each is [apportion] of the weights
//
//	w_c = sum over the deviations d of width_c/d * expNegative(v_c^2/(2*d^2))
//
// of the magnitudes v_c, where width_c is half the distance of the neighbours,
// from 0 for v_0 and to 448 for v_126, and after that w_126 grows by the sum of
// all over the values of a group. The deviations suit values without tails, then
// Gaussian ones, those with longer tails, and those of mixed scales; the last
// alphabet is for vectors with many zeros: the weights of the fifth, where w_0 then
// grows by the sum of all.
func fp8Alphabets(group int) [fp8RansTables][]int {
	octaves := []float64{224, 112, 56, 28, 14, 7, 3.5, 1.75}
	deviations := [fp8RansTables][]float64{{320}, {176}, {128}, {176, 88, 44}, octaves, {160, 40, 10, 2.5, 0.625}, octaves}
	var alphabets [fp8RansTables][]int
	for t, list := range deviations {
		weights := make([]float64, fp8Magnitudes)
		var whole float64
		for c := range weights {
			for _, d := range list {
				weights[c] += fp8Weight(c, d)
			}
			whole += weights[c]
		}
		largest := whole / float64(group)
		weights[fp8Magnitudes-1] += largest
		whole += largest
		if t == fp8RansTables-1 {
			weights[0] += whole
			whole += whole
		}
		alphabets[t] = apportion(weights, whole, ransTotal)
	}
	return alphabets
}

// fp8Weight is the weight of magnitude c for the deviation d.
func fp8Weight(c int, d float64) float64 {
	value := func(c int) float64 {
		return float64(minifloat.E4M3ToFloat32(uint8(max(0, min(fp8Magnitudes-1, c)))))
	}
	width := (value(c+1) - value(c-1)) / 2
	z := value(c) / d
	return float64(width / d * expNegative(float64(z*z)/2))
}

type fp8Rans struct {
	spec    Spec
	dim     int
	plain   *grouped
	prefix  int // bytes of the length
	signs   int // bytes of the signs
	symbols [][]ransSymbol
	slots   []*[ransTotal]ransSlot
	costs   [][]int64 // by alphabet and magnitude, 2^-16 bits
	scratch sync.Pool // of *fp8Scratch
}

type fp8Scratch struct {
	work   []float32
	scales []float32
	plain  []byte
	raw    []byte
	items  []ransItem
	words  []byte
}

func (c *fp8Rans) Spec() Spec { return c.spec }
func (c *fp8Rans) Dim() int   { return c.dim }
func (c *fp8Rans) Size() Size { return Size{Bytes: c.prefix + 1 + c.plain.end} }

// rawBytes is the size of the raw part of a body.
func (c *fp8Rans) rawBytes() int { return c.signs + c.plain.end - c.plain.scales - 2 }

func (c *fp8Rans) AppendEncode(dst []byte, x []float32) ([]byte, error) {
	n, err := vectors(c.spec, c.dim, len(x))
	if err != nil {
		return dst, err
	}
	w := c.scratch.Get().(*fp8Scratch)
	defer c.scratch.Put(w)
	out := dst
	for i := range n {
		v := x[i*c.dim : (i+1)*c.dim]
		if err := c.plain.encode(w.plain, v, w.scales); err != nil {
			return dst, encodeError(c.spec, i, v, err)
		}
		out = c.append(out, w)
	}
	return out, nil
}

// append appends the record of the vector in w.plain.
func (c *fp8Rans) append(dst []byte, w *fp8Scratch) []byte {
	if !slices.ContainsFunc(w.plain, nonZero) {
		return c.appendLength(dst, 0)
	}
	codes, scales := w.plain[:c.plain.scales], w.plain[c.plain.scales:]
	clear(w.raw)
	for i, code := range codes {
		w.items[i] = ransItem(code & 0x7f)
		w.raw[i/8] |= code >> 7 << (i % 8)
	}
	copy(w.raw[c.signs:], scales[2:])
	table := c.cheapest(codes)
	writer := ransWriter{state: ransLow + uint32(binary.LittleEndian.Uint16(scales)), words: w.words, at: len(w.words)}
	writer.encode(w.items, c.symbols[table], 0)
	header, size := sealBody(&writer, len(w.raw), fp8RansCodeBits)
	if size > len(w.plain) {
		dst = c.appendLength(dst, 1+len(w.plain))
		return append(append(dst, fp8RansPlain), w.plain...)
	}
	dst = c.appendLength(dst, size)
	start := len(dst)
	dst = slices.Grow(dst, size)[:start+size]
	putBody(dst[start:], &writer, w.raw, header, uint32(table), fp8RansCodeBits)
	return dst
}

// cheapest returns the alphabet that codes takes the fewest bits in.
func (c *fp8Rans) cheapest(codes []byte) int {
	var counts [128]int64
	for _, code := range codes {
		counts[code&0x7f]++
	}
	best, least := 0, int64(-1)
	for t, costs := range c.costs {
		var sum int64
		for m, cost := range costs {
			sum += counts[m] * cost
		}
		if least < 0 || sum < least {
			best, least = t, sum
		}
	}
	return best
}

func (c *fp8Rans) appendLength(dst []byte, n int) []byte {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], uint32(n))
	return append(dst, b[:c.prefix]...)
}

func (c *fp8Rans) VectorLen(src []byte) (int, error) {
	n, err := c.length(src)
	if err != nil {
		return 0, fmt.Errorf("codec %s: %w", c.spec, err)
	}
	return n, nil
}

// length returns the length of the record that src begins with.
func (c *fp8Rans) length(src []byte) (int, error) {
	if len(src) < c.prefix {
		return 0, ErrShort
	}
	var b [4]byte
	copy(b[:], src[:c.prefix])
	n := binary.LittleEndian.Uint32(b[:])
	if n > uint32(1+c.plain.end) {
		return 0, fmt.Errorf("%w: a record of %d bytes", ErrCorrupt, n)
	}
	return c.prefix + int(n), nil
}

func (c *fp8Rans) Decode(dst []float32, src []byte) (int, error) {
	n, err := vectors(c.spec, c.dim, len(dst))
	if err != nil {
		return 0, err
	}
	w := c.scratch.Get().(*fp8Scratch)
	defer c.scratch.Put(w)
	at := 0
	for i := range n {
		size, err := c.length(src[at:])
		if err == nil && size > len(src)-at {
			err = fmt.Errorf("it has %d bytes, %d are there: %w", size, len(src)-at, ErrShort)
		}
		if err == nil {
			err = c.decode(w.plain, src[at+c.prefix:at+size])
		}
		if err == nil {
			err = c.plain.decode(dst[i*c.dim:(i+1)*c.dim], w.plain, w.scales)
		}
		if err != nil {
			return at, fmt.Errorf("codec %s: vector %d at byte %d: %w", c.spec, i, at, err)
		}
		at += size
	}
	return at, nil
}

// decode sets plain to the vector in fp8:group=64.
func (c *fp8Rans) decode(plain, record []byte) error {
	if len(record) == 0 {
		clear(plain)
		return nil
	}
	if record[0] == fp8RansPlain && len(record) == 1+len(plain) {
		copy(plain, record[1:])
		return nil
	}
	table, r, raw, err := openBody(record, c.rawBytes(), fp8RansCodeBits)
	if err != nil {
		return err
	}
	if table >= fp8RansTables {
		return fmt.Errorf("%w: there is no alphabet %d", ErrCorrupt, table)
	}
	codes, scales := plain[:c.plain.scales], plain[c.plain.scales:]
	slots := c.slots[table]
	for i := range codes {
		codes[i] = byte(r.symbol(slots)) | raw[i/8]>>(i%8)<<7
	}
	switch {
	case len(r.words) != 0:
		return fmt.Errorf("%w: %d bytes follow the last symbol", ErrCorrupt, len(r.words))
	case r.state>>16 != 1:
		return errState(r.state)
	case c.dim%8 != 0 && raw[c.signs-1]>>(c.dim%8) != 0:
		return fmt.Errorf("%w: padding is not zero", ErrCorrupt)
	}
	binary.LittleEndian.PutUint16(scales, uint16(r.state))
	copy(scales[2:], raw[c.signs:])
	return nil
}
