package kernel

// BoxCoder turns vectors into the ranks of the lattice points closest to their
// rotation, and back.
//
// Encode and Decode have no plain Go: they return false where the active level
// has no kernel, and the caller does the same with packages hadamard and
// lattice. That is for vectors that are not runs of 64 (AVX-512: 128) to 1024 values, for
// q > 127, and for ranks so short that a word, an E8 rank or two D4 ranks, has
// 32 bits or less: q < 8 for E8, q < 10 for D4.
type BoxCoder struct {
	box  *Box
	q    float32
	dim  int
	runs []int // of hadamard.Runs
	plan rowsPlan
}

// NewBoxCoder returns the coder of vectors that are rotated in the given runs.
func NewBoxCoder(b *Box, runs []int) *BoxCoder {
	c := &BoxCoder{box: b, q: float32(b.box.Q()), runs: runs, plan: newRowsPlan(runs)}
	for _, n := range runs {
		c.dim += n
	}
	return c
}

// Work is the length of the scratch memory that Encode and RoundTrip need.
func (c *BoxCoder) Work() int { return c.dim + c.dim/8 }

// Encode rotates x, divides it by step, the largest rotated magnitude over q,
// and fills dst with the ranks of the closest points in the box, dense from the
// lowest bit of the first byte. With all operations rounded to float32 a
// coordinate y becomes y*(1/step). x must be finite, small enough for the
// rotation not to overflow, and not zero; it may be the beginning of work.
func (c *BoxCoder) Encode(dst []byte, x, work []float32) (step float32, ok bool) {
	return c.encode(dst, x, work)
}

// Decode undoes Encode: x is the points whose ranks are in src, times step,
// rotated, times factor, a power of two, every product rounded. step is from 1 to
// 2. It returns false, too, where a rank is that of no point, and for factors
// beyond 2^90 or below its inverse.
func (c *BoxCoder) Decode(x []float32, src []byte, step, factor float32) bool {
	return c.decode(x, src, step, factor)
}

// RoundTrip sets y to what Decode makes of the ranks that Encode makes of x,
// with the step of Encode and the factor 1. y may be x.
func (c *BoxCoder) RoundTrip(y, x, work []float32) {
	if c.roundTrip(y, x, work) {
		return
	}
	y, z, peaks := y[:c.dim], work[:c.dim], c.peaks(work)
	step := c.rotated(z, x, peaks)
	c.closest(y, z, peaks, 1/step, step)
	c.rotate(y)
}

// Points does what Encode does, at any level, but sets z to the points instead
// of packing their ranks. x may be z, and both the beginning of work.
func (c *BoxCoder) Points(z, x, work []float32) (step float32) {
	z, peaks := z[:c.dim], c.peaks(work)
	step = c.rotated(z, x, peaks)
	c.closest(z, z, peaks, 1/step, 1)
	return step
}

// peaks is the part of work behind a vector.
func (c *BoxCoder) peaks(work []float32) []float32 { return work[c.dim : c.dim+c.dim/8] }

// rotated sets z to the rotated x, for E8 peaks to the largest magnitudes of
// its blocks, and returns the step.
func (c *BoxCoder) rotated(z, x, peaks []float32) (step float32) {
	copy(z, x[:c.dim])
	c.rotate(z)
	if c.box.lattice == E8 {
		return blockPeaks(peaks, z) / c.q
	}
	return MaxAbs(z) / c.q
}

// closest sets z to out times the closest points to in*y, for E8 with the peaks
// of y. z may be y.
func (c *BoxCoder) closest(z, y, peaks []float32, in, out float32) {
	b := c.box
	done := b.closestGroups(z, y, in)
	if b.lattice == E8 {
		b.closestE8(z[done:], y[done:], peaks[done/8:], in, out)
	} else {
		b.closestD4(z[done:], y[done:], in)
		done = len(z)
	}
	if out != 1 {
		scale(z[:done], z[:done], out)
	}
}

// rotate transforms the runs of x.
func (c *BoxCoder) rotate(x []float32) {
	for _, n := range c.runs {
		Hadamard(x[:n])
		x = x[n:]
	}
}
