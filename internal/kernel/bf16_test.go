package kernel

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"kakeyalattice/minifloat"
)

func TestBF16CodesAreThoseOfMinifloat(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 1))
		for _, n := range edgeLengths {
			x, codes := make([]float32, n), make([]byte, 2*n)
			for range 20 {
				fill(r, x)
				EncodeBF16(codes, x)
				for i, v := range x {
					if got, want := binary.LittleEndian.Uint16(codes[2*i:]), minifloat.BF16FromFloat32(v); got != want {
						t.Fatalf("value %d of %d, %v: %#04x, want %#04x", i, n, v, got, want)
					}
				}
			}
		}
	})
}

func TestValuesAtAndNextToBF16TiesAreRoundedToEven(t *testing.T) {
	var x []float32
	for code := range uint32(0x7f80) {
		for _, low := range []uint32{0, 1, 1<<15 - 1, 1 << 15, 1<<15 + 1, 1<<16 - 1} {
			x = append(x, math.Float32frombits(code<<16|low), math.Float32frombits(1<<31|code<<16|low))
		}
	}
	codes := make([]byte, 2*len(x))
	atEachLevel(t, func(t *testing.T) {
		EncodeBF16(codes, x)
		for i, v := range x {
			if got, want := binary.LittleEndian.Uint16(codes[2*i:]), minifloat.BF16FromFloat32(v); got != want {
				t.Fatalf("%v (%#08x): %#04x, want %#04x", v, math.Float32bits(v), got, want)
			}
		}
	})
}

func TestEveryBF16CodeHasItsValueOrIsRefused(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		for code := range 1 << 16 {
			for _, n := range []int{1, 16, 33} {
				at := code % n
				dst, src := make([]float32, n), make([]byte, 2*n)
				binary.LittleEndian.PutUint16(src[2*at:], uint16(code))
				got, want := DecodeBF16(dst, src), -1
				if code&0x7f80 == 0x7f80 {
					want = at
				}
				if got != want || want < 0 && math.Float32bits(dst[at]) != uint32(code)<<16 {
					t.Fatalf("code %#04x at %d of %d is %v (%d)", code, at, n, dst[at], got)
				}
			}
		}
	})
}

// FuzzBF16 holds every level against plain Go.
func FuzzBF16(f *testing.F) {
	f.Add(make([]byte, 4*33))
	f.Add([]byte("\x00\x00\x80\x7f\xff\xff\x7f\x7f\x00\x80\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, dst, codes := floats(b), make([]float32, len(b)/2), make([]byte, len(b)/4*2)
		atGo := Use(Go)
		bad := DecodeBF16(dst, b)
		atGo()
		for _, l := range levels() {
			restore := Use(l)
			EncodeBF16(codes, x)
			got := DecodeBF16(dst, b)
			restore()
			for i, v := range x {
				if c := binary.LittleEndian.Uint16(codes[2*i:]); c != minifloat.BF16FromFloat32(v) {
					t.Fatalf("%v: %v has the code %#04x", l, v, c)
				}
			}
			if got != bad {
				t.Fatalf("%v: refused %d, plain Go %d", l, got, bad)
			}
			if bad >= 0 {
				continue
			}
			for i, v := range dst {
				if math.Float32bits(v) != uint32(binary.LittleEndian.Uint16(b[2*i:]))<<16 {
					t.Fatalf("%v: value %d is %v", l, i, v)
				}
			}
		}
	})
}

func BenchmarkBF16(b *testing.B) {
	x, codes := make([]float32, 512), make([]byte, 1024)
	b.Run("encode", func(b *testing.B) { benchEachLevel(b, 1, 4*len(x), func() { EncodeBF16(codes, x) }) })
	b.Run("decode", func(b *testing.B) { benchEachLevel(b, 1, 4*len(x), func() { DecodeBF16(x, codes) }) })
}
