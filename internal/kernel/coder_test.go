package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"kakeyalattice/hadamard"
)

// plainCoder is what a [BoxCoder] has to equal.
type plainCoder struct {
	box  *Box
	runs []int
}

func (c *plainCoder) rotate(x []float32) {
	for _, n := range c.runs {
		hadamard.Transform(x[:n])
		x = x[n:]
	}
}

// points returns the points closest to the rotated x over step.
func (c *plainCoder) points(x []float32) (z []float32, step float32) {
	z = append([]float32(nil), x...)
	c.rotate(z)
	var m float32
	for _, v := range z {
		m = max(m, v, -v)
	}
	step = m / float32(c.box.box.Q())
	return plainClosest(c.box.lattice, &c.box.box, z, 1/step), step
}

// width is that of a rank.
func (c *plainCoder) width() int {
	if c.box.lattice == E8 {
		return c.box.box.BitsE8()
	}
	return c.box.box.BitsD4()
}

// pack writes ranks bit by bit.
func (c *plainCoder) pack(z []float32) []byte {
	l, width := int(c.box.lattice), c.width()
	dst := make([]byte, (len(z)/l*width+7)/8)
	for k := 0; k < len(z)/l; k++ {
		var rank uint64
		if l == 8 {
			_, rank = c.box.box.RankE8((*[8]float32)(z[8*k:]))
		} else {
			rank = c.box.box.RankD4((*[4]float32)(z[4*k:]))
		}
		for i := range width {
			at := k*width + i
			dst[at/8] |= byte(rank>>i&1) << (at % 8)
		}
	}
	return dst
}

// unpack returns the points whose ranks are in src, and whether there are any.
func (c *plainCoder) unpack(src []byte, dim int) ([]float32, bool) {
	l, width := int(c.box.lattice), c.width()
	z := make([]float32, dim)
	for k := 0; k < dim/l; k++ {
		var rank uint64
		for i := range width {
			at := k*width + i
			rank |= uint64(src[at/8]>>(at%8)&1) << i
		}
		ok := false
		if l == 8 {
			ok = c.box.box.UnrankE8((*[8]float32)(z[8*k:]), 0, rank)
		} else {
			ok = c.box.box.UnrankD4((*[4]float32)(z[4*k:]), rank)
		}
		if !ok {
			return nil, false
		}
	}
	return z, true
}

// reconstruct returns the rotated z*step, times factor.
func (c *plainCoder) reconstruct(z []float32, step, factor float32) []float32 {
	x := append([]float32(nil), z...)
	for i := range x {
		x[i] *= step
	}
	c.rotate(x)
	for i := range x {
		x[i] *= factor
	}
	return x
}

// fillVector sets x to a vector that is not zero: a random one or one whose
// rotation has many equal values.
func fillVector(r *rand.Rand, x []float32) {
	switch r.IntN(6) {
	case 0:
		clear(x)
		x[r.IntN(len(x))] = float32(r.NormFloat64())
	case 1:
		for i := range x {
			x[i] = float32(1 - 2*(i>>r.IntN(3)&1))
		}
	case 2:
		clear(x)
		for range 3 {
			x[r.IntN(len(x))] = float32(r.IntN(7) - 3)
		}
	case 3:
		for i := range x {
			x[i] = float32(r.IntN(5) - 2)
		}
	case 4:
		fill(r, x)
		limit(x)
	default:
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
	}
	for i := range x {
		if x[i] != 0 {
			return
		}
	}
	x[0] = 1
}

// coderDims are the dimensions that tests of coders go through.
var coderDims = []int{64, 128, 192, 256, 320, 384, 448, 512, 576, 1024}

func TestBoxCoderIsPlainGo(t *testing.T) {
	for _, l := range []Lattice{D4, E8} {
		for _, q := range []int{8, 9, 10, 13, 38, 69, 70, 77, 100, 117, 118, 126, 127} {
			t.Run(fmt.Sprint(l, " q=", q), func(t *testing.T) {
				b, err := NewBox(l, q)
				if err != nil {
					t.Fatal(err)
				}
				atEachLevel(t, func(t *testing.T) {
					r := rand.New(rand.NewPCG(4, uint64(q)))
					for _, dim := range coderDims {
						runs := hadamard.Runs(dim)
						c, plain := NewBoxCoder(b, runs), &plainCoder{b, runs}
						for range 8 {
							testBoxCoder(t, c, plain, r)
						}
					}
				})
			})
		}
	}
}

func TestPointsAreThePlainOnesAtAnyDimension(t *testing.T) {
	for _, l := range []Lattice{D4, E8} {
		for _, q := range []int{1, 2, 38, 128, 4095} {
			b, err := NewBox(l, q)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(fmt.Sprint(l, " q=", q), func(t *testing.T) {
				atEachLevel(t, func(t *testing.T) {
					r := rand.New(rand.NewPCG(4, uint64(q)+1))
					for _, dim := range append([]int{8, 16, 24, 32, 40, 80, 2048}, coderDims...) {
						runs := hadamard.Runs(dim)
						c, plain := NewBoxCoder(b, runs), &plainCoder{b, runs}
						for range 4 {
							x, z := make([]float32, dim), make([]float32, dim)
							work := make([]float32, c.Work()+r.IntN(9)) // may be longer
							fillVector(r, x)
							want, wantStep := plain.points(x)
							if step := c.Points(z, x, work); step != wantStep {
								t.Fatalf("dimension %d: step %v, want %v", dim, step, wantStep)
							}
							sameBits(t, fmt.Sprint("points of dimension ", dim), z, want)
							copy(work, x)
							c.Points(work, work, work)
							sameBits(t, fmt.Sprint("points in place of dimension ", dim), work[:dim], want)
							c.RoundTrip(x, x, work)
							sameBits(t, fmt.Sprint("round trip of dimension ", dim), x, plain.reconstruct(want, wantStep, 1))
						}
					}
				})
			})
		}
	}
}

func testBoxCoder(t *testing.T, c *BoxCoder, plain *plainCoder, r *rand.Rand) {
	x, work := make([]float32, c.dim), make([]float32, c.Work())
	fillVector(r, x)
	z, step := plain.points(x)
	want := plain.pack(z)
	y := make([]float32, c.dim)
	c.RoundTrip(y, x, work)
	sameBits(t, "round trip", y, plain.reconstruct(z, step, 1))

	const guard = 0xa5
	dst := make([]byte, len(want)+16)
	for i := range dst {
		dst[i] = guard
	}
	got, ok := c.Encode(dst[8:len(dst)-8], x, work)
	if !ok {
		if Active() != Go && !(c.box.lattice == D4 && c.box.box.Q() < 10) {
			t.Fatalf("no kernel for dimension %d", c.dim)
		}
		return
	}
	if got != step {
		t.Fatalf("step %v, want %v", got, step)
	}
	for i, b := range dst {
		switch {
		case i < 8 || i >= len(dst)-8:
			if b != guard {
				t.Fatalf("dimension %d: byte %d was written", c.dim, i-8)
			}
		case b != want[i-8]:
			t.Fatalf("dimension %d: byte %d of %d is %#02x, want %#02x", c.dim, i-8, len(want), b, want[i-8])
		}
	}
	copy(work, x)
	if again, _ := c.Encode(dst, work, work); again != step || string(dst[:len(want)]) != string(want) {
		t.Fatalf("dimension %d: encoding in place differs", c.dim)
	}

	factor := []float32{1, 0x1p-40, 0x1p60}[r.IntN(3)]
	if !c.Decode(y, want, step, factor) {
		t.Fatalf("dimension %d: refused", c.dim)
	}
	sameBits(t, "decoded", y, plain.reconstruct(z, step, factor))
	// Any bytes: the same points, or none.
	for range 4 {
		b := append([]byte(nil), want...)
		switch r.IntN(3) {
		case 0:
			for i := range b {
				b[i] = byte(r.Uint32())
			}
		case 1:
			for range 3 {
				b[r.IntN(len(b))] ^= 1 << r.IntN(8)
			}
		default:
			setWord(b, plain.width(), r.IntN(c.dim/int(c.box.lattice)), hardRank(c.box, r))
		}
		z, valid := plain.unpack(b, c.dim)
		if ok := c.Decode(y, b, 1, 1); ok != valid {
			t.Fatalf("dimension %d: accepted %v, want %v", c.dim, ok, valid)
		}
		if valid {
			sameBits(t, "decoded bytes", y, plain.reconstruct(z, 1, 1))
		}
	}
}

// hardRank returns a number of the width of a rank that lies near a border.
func hardRank(b *Box, r *rand.Rand) uint64 {
	n := uint64(2*b.box.Q() + 1)
	n4 := n * n * n * n
	if b.lattice == D4 {
		return []uint64{0, 1, (n4 - 1) / 2, (n4-1)/2 - 1, (n4-1)/2 + 1, 1<<b.box.BitsD4() - 1}[r.IntN(6)]
	}
	top := n4 * n4 // modulo 2^64, right if it does not matter
	mask := ^uint64(0) >> (64 - b.box.BitsE8())
	candidates := []uint64{
		0, 1, top - 1, top, top + 1, mask, n4 - 1, n4, n4 + 1, n4*uint64(r.Int64N(int64(n4))) - uint64(r.IntN(3)),
		uint64(r.IntN(int(n))) * n4 * n * n * n, top - n4, n4 * n * n * n, n4*n*n*n - 1,
	}
	return candidates[r.IntN(len(candidates))] & mask
}

// setWord sets word k of dense words.
func setWord(b []byte, width, k int, word uint64) {
	for i := range width {
		at := k*width + i
		b[at/8] = b[at/8]&^(1<<(at%8)) | byte(word>>i&1)<<(at%8)
	}
}

func BenchmarkBoxCoder(b *testing.B) {
	const vectors, dim = 16, 512
	r := rand.New(rand.NewPCG(8, 8))
	x := make([]float32, vectors*dim)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	for _, l := range []Lattice{E8, D4} {
		box, err := NewBox(l, 38)
		if err != nil {
			b.Fatal(err)
		}
		c := NewBoxCoder(box, hadamard.Runs(dim))
		plain := &plainCoder{box, c.runs}
		work, y := make([]float32, c.Work()), make([]float32, len(x))
		size := dim / int(l) * plain.width() / 8
		bytes, steps := make([]byte, size*vectors), make([]float32, vectors)
		run := func(name string, levels []Level, f func(v int)) {
			b.Run(fmt.Sprint(l, "/", name), func(b *testing.B) {
				benchLevels(b, levels, vectors, 4*dim, func() {
					for v := range vectors {
						f(v)
					}
				})
			})
		}
		kernels := levels()[1:] // plain Go packs in package codec
		run("encode", kernels, func(v int) { steps[v], _ = c.Encode(bytes[v*size:], x[v*dim:], work) })
		run("decode", kernels, func(v int) { c.Decode(y[v*dim:], bytes[v*size:], steps[v], 1) })
		// Rotation, closest points and back, without packing.
		run("roundtrip", levels(), func(v int) { c.RoundTrip(y[v*dim:], x[v*dim:], work) })
	}
}

// FuzzBoxCoder holds the levels against plain Go for any vectors and any bytes
// to decode.
func FuzzBoxCoder(f *testing.F) {
	r := rand.New(rand.NewPCG(6, 6))
	for i := range 12 {
		x := make([]float32, coderDims[i%len(coderDims)])
		fillVector(r, x)
		b := make([]byte, 4*len(x))
		for k, v := range x {
			binary.LittleEndian.PutUint32(b[4*k:], math.Float32bits(v))
		}
		f.Add(uint8(8+10*i), b)
	}
	f.Fuzz(func(t *testing.T, q uint8, b []byte) {
		x := floats(b)
		x = x[:min(len(x)&^63, 1024)]
		if len(x) == 0 || q == 0 || q > 127 {
			return
		}
		limit(x)
		if MaxAbs(x) < 0x1p-60 {
			x[0] = 1
		}
		runs := hadamard.Runs(len(x))
		for _, l := range []Lattice{D4, E8} {
			box, err := NewBox(l, int(q))
			if err != nil {
				t.Fatal(err)
			}
			c, plain := NewBoxCoder(box, runs), &plainCoder{box, runs}
			z, step := plain.points(x)
			want := plain.pack(z)
			y, work, dst := make([]float32, c.dim), make([]float32, c.Work()), make([]byte, len(want))
			any, valid := plain.unpack(b, c.dim)
			for _, level := range levels()[1:] {
				restore := Use(level)
				if got, ok := c.Encode(dst, x, work); ok {
					if got != step || !bytes.Equal(dst, want) {
						t.Fatalf("%v %v: step %v, bytes\n%x, want %v\n%x", level, l, got, dst, step, want)
					}
					if !c.Decode(y, dst, step, 1) {
						t.Fatalf("%v %v: refused", level, l)
					}
					sameBits(t, fmt.Sprint(level, " ", l), y, plain.reconstruct(z, step, 1))
					if ok := c.Decode(y, b, 1.5, 1); ok != valid {
						t.Fatalf("%v %v: any bytes accepted: %v, want %v", level, l, ok, valid)
					} else if ok {
						sameBits(t, "any bytes", y, plain.reconstruct(any, 1.5, 1))
					}
				}
				restore()
			}
		}
	})
}
