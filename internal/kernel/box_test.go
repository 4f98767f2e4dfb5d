package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kakeyalattice/lattice"
)

// fillPoints sets y to coordinates, in units of the step, that decoders find
// hard: multiples of 1/2 and 1/4, the border of the box, zeros of both signs,
// subnormals, and Gaussian values.
func fillPoints(r *rand.Rand, y []float32, q float64) {
	kind := r.IntN(9)
	for i := range y {
		v := 0.0
		switch kind {
		case 0, 1:
			v = r.NormFloat64() * q / 3
		case 2:
			v = float64(r.IntN(int(4*q)+9)-int(2*q)-4) / 2
		case 3:
			v = float64(r.IntN(int(8*q)+17)-int(4*q)-8) / 4
		case 4:
			v = (q - 1 + float64(r.IntN(9))/4) * float64(1-2*r.IntN(2))
		case 5:
			v = float64(hardValues[r.IntN(len(hardValues))])
		case 6:
			v = float64(r.IntN(3)-1) * 0x1p-149
		case 7:
			v = float64(r.IntN(5)-2) / 2
			if r.IntN(4) == 0 {
				v = math.Copysign(0, -1)
			}
		case 8: // all at the border, where the half coset may step only inwards
			v = (q - 0.55 + r.Float64()/3) * float64(1-2*r.IntN(2))
		}
		y[i] = float32(v)
		if r.IntN(8) == 0 {
			y[i] = math.Nextafter32(y[i], float32(r.IntN(3)-1)*100)
		}
	}
}

// plainClosest is what Closest has to equal, block by block.
func plainClosest(l Lattice, box *lattice.Box, y []float32, factor float32) []float32 {
	z := make([]float32, len(y))
	for i := range z {
		z[i] = y[i] * factor
	}
	for b := 0; b < len(z); b += int(l) {
		v := z[b : b+int(l)]
		switch {
		case l == E8 && box == nil:
			lattice.ClosestE8((*[8]float32)(v), (*[8]float32)(v))
		case l == E8:
			box.ClosestE8((*[8]float32)(v), (*[8]float32)(v))
		case box == nil:
			lattice.ClosestDn(v, v)
		default:
			box.ClosestDn(v, v)
		}
	}
	return z
}

func (l Lattice) String() string { return map[Lattice]string{D4: "D4", E8: "E8"}[l] }

func TestClosestPointsAreThePlainOnes(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 1))
		for _, l := range []Lattice{D4, E8} {
			for range 3000 {
				y := make([]float32, 8*[]int{0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65}[r.IntN(13)])
				fillPoints(r, y, 38)
				for i := range y {
					if math.Abs(float64(y[i])) > lattice.MaxInput {
						y[i] = 0
					}
				}
				factor := []float32{1, 1, 0.7, -1}[r.IntN(4)]
				want := plainClosest(l, nil, y, factor)
				z := make([]float32, len(y))
				l.Closest(z, y, factor)
				sameBits(t, fmt.Sprint(l, " of ", y), z, want)
				l.Closest(y, y, factor)
				sameBits(t, "in place", y, want)
			}
		}
	})
}

func TestClosestPointsInTheBoxAreThePlainOnes(t *testing.T) {
	for _, l := range []Lattice{D4, E8} {
		for _, q := range []int{1, 2, 3, 38, 127, lattice.MaxQ} {
			t.Run(fmt.Sprint(l, " q=", q), func(t *testing.T) {
				b, err := NewBox(l, q)
				if err != nil {
					t.Fatal(err)
				}
				atEachLevel(t, func(t *testing.T) {
					r := rand.New(rand.NewPCG(3, uint64(q)))
					for range 1500 {
						y := make([]float32, 8*[]int{0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65}[r.IntN(13)])
						fillPoints(r, y, float64(q))
						factor := []float32{1, 1, 0.7, -1}[r.IntN(4)]
						want := plainClosest(l, &b.box, y, factor)
						z := make([]float32, len(y))
						b.Closest(z, y, factor)
						sameBits(t, fmt.Sprint(l, " of ", y), z, want)
						b.Closest(y, y, factor)
						sameBits(t, "in place", y, want)
					}
				})
			})
		}
	}
}

func BenchmarkClosest(b *testing.B) {
	r := rand.New(rand.NewPCG(9, 9))
	y, z := make([]float32, 512*16), make([]float32, 512*16)
	for i := range y {
		y[i] = float32(max(-37.4, min(37.4, r.NormFloat64()*38/3.2)))
	}
	for _, l := range []Lattice{D4, E8} {
		b.Run(fmt.Sprint(l), func(b *testing.B) {
			benchEachLevel(b, 16, 4*512, func() { l.Closest(z, y, 1) })
		})
		box, err := NewBox(l, 38)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(l, " box"), func(b *testing.B) {
			benchEachLevel(b, 16, 4*512, func() { box.Closest(z, y, 1) })
		})
	}
}

// FuzzClosest holds the levels against plain Go: in a box for any finite
// coordinates, without one for those that lattice allows.
func FuzzClosest(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 5))
	for i := range 18 {
		y := make([]float32, 8*[]int{1, 8, 17, 33}[i%4])
		fillPoints(r, y, 38)
		b := make([]byte, 4*len(y))
		for k, v := range y {
			binary.LittleEndian.PutUint32(b[4*k:], math.Float32bits(v))
		}
		f.Add(uint16(38), float32(1), b)
	}
	f.Fuzz(func(t *testing.T, q uint16, factor float32, b []byte) {
		y := floats(b)
		y = y[:len(y)&^7]
		for i, v := range y {
			if p := v * factor; p-p != 0 {
				y[i] = 0
			}
		}
		if factor-factor != 0 {
			return
		}
		for _, l := range []Lattice{D4, E8} {
			box, err := NewBox(l, 1+int(q)%lattice.MaxQ)
			if err != nil {
				t.Fatal(err)
			}
			near := slices.Clone(y)
			for i, v := range near {
				if math.Abs(float64(v*factor)) > lattice.MaxInput {
					near[i] = 0
				}
			}
			bounded, free := plainClosest(l, &box.box, y, factor), plainClosest(l, nil, near, factor)
			z := make([]float32, len(y))
			for _, level := range levels() {
				restore := Use(level)
				box.Closest(z, y, factor)
				sameBits(t, fmt.Sprint(level, " ", l, " in a box"), z, bounded)
				l.Closest(z, near, factor)
				sameBits(t, fmt.Sprint(level, " ", l), z, free)
				restore()
			}
		}
	})
}
