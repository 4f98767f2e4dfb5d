package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kakeyalattice/minifloat"
)

var allFormats = []Format{E4M3, E2M1, Int8, Int6, Int4}

// codeOf is the definition of a code.
func codeOf(f Format, v, scale float32) uint {
	switch q := v / scale; {
	case scale == 0:
		return 0
	case f == E4M3:
		return uint(minifloat.E4M3FromFloat32(q))
	case f == E2M1:
		return uint(minifloat.E2M1FromFloat32(q))
	default:
		return uint(int(math.RoundToEven(float64(q)))) & (1<<f.Bits() - 1)
	}
}

// valueOf is the definition of a code's value; ok is false where codeOf does
// not give the code.
func valueOf(f Format, code uint, scale float32) (v float32, ok bool) {
	switch f {
	case E4M3:
		v = minifloat.E4M3ToFloat32(uint8(code))
	case E2M1:
		v = minifloat.E2M1ToFloat32(uint8(code))
	default:
		q := int(code) << (64 - f.Bits()) >> (64 - f.Bits())
		if v = float32(q); v < -f.Largest() {
			return 0, false
		}
	}
	if v != v || scale == 0 && code != 0 {
		return 0, false
	}
	product := float64(v) * float64(scale) // exact
	return float32(max(-math.MaxFloat32, min(math.MaxFloat32, product))), true
}

// bitsAt returns code i of dense codes.
func bitsAt(src []byte, i, bits int) uint {
	var w uint
	for b := range bits {
		at := i*bits + b
		w |= uint(src[at/8]>>(at%8)&1) << b
	}
	return w
}

// hardScales are scales that break careless kernels.
var hardScales = []float32{
	0, 1, 0.5, 3, 0x1p-127, 0x1p-126, 0x1p-149, 0x1p127, 0x1p126, 0x1.fffffep126, 0x1.8p-126, 65504, 0x1p-24,
	math.MaxFloat32 / 448, math.Nextafter32(math.MaxFloat32/448, math.MaxFloat32), math.MaxFloat32 / 127, math.MaxFloat32,
}

// fillScales sets scales for groups of x: what encoders would take, rounded up
// to a power of two or to half precision, or anything where any is set.
func fillScales(r *rand.Rand, scales, x []float32, group int, f Format, any bool) {
	kind := r.IntN(2)
	for i := range scales {
		g := x[i*group : min((i+1)*group, len(x))]
		s := MaxAbs(g) / f.Largest()
		switch half, ok := minifloat.FP16FromFloat32Up(s); {
		case any && r.IntN(2) == 0:
			s = hardScales[r.IntN(len(hardScales))]
		case any:
			s = float32(math.Ldexp(1+r.Float64(), r.IntN(250)-125))
		case ok && kind == 0:
			s = minifloat.FP16ToFloat32(half)
		case s > 0 && s < 0x1p127:
			s = minifloat.E8M0ToFloat32(minifloat.E8M0Ceil(s))
		}
		scales[i] = s
	}
}

// groupings calls f for lengths and groups at the edges of what kernels take.
func groupings(f func(n, group int)) {
	for _, n := range edgeLengths {
		for _, group := range []int{1, 3, 7, 16, 17, 32, 48, 64, 65, 128, 512} {
			if n > 0 && group <= max(n, 16) {
				f(n, group)
			}
		}
	}
}

func TestCodesAreThoseOfTheDefinition(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		for _, f := range allFormats {
			r := rand.New(rand.NewPCG(2, uint64(f)))
			groupings(func(n, group int) {
				x, scales := make([]float32, n), make([]float32, (n+group-1)/group)
				const guard = 0x5a
				got := slices.Repeat([]byte{guard}, f.Bytes(n)+16)
				for range 6 {
					fill(r, x)
					// An integer's quotient is bounded by its scale.
					fillScales(r, scales, x, group, f, f == E4M3 || f == E2M1)
					f.Encode(got[:f.Bytes(n)], x, scales, group)
					for i, v := range x {
						if got, want := bitsAt(got, i, f.Bits()), codeOf(f, v, scales[i/group]); got != want {
							t.Fatalf("%v, groups of %d of %d: code %d of %v at the scale %v is %#x, want %#x", f, group, n, i, v, scales[i/group], got, want)
						}
					}
					for i := n * f.Bits(); i < 8*f.Bytes(n); i++ {
						if bitsAt(got, i, 1) != 0 {
							t.Fatalf("%v, groups of %d of %d: the bits after the last code are not zero", f, group, n)
						}
					}
					for _, b := range got[f.Bytes(n):] {
						if b != guard {
							t.Fatalf("%v, groups of %d of %d: bytes after the last code were written", f, group, n)
						}
					}
				}
			})
		}
	})
}

func TestValuesNextToEveryTieAreRoundedAsMinifloatDoes(t *testing.T) {
	var x []float32
	for code := range 0x7f {
		a, b := minifloat.E4M3ToFloat32(uint8(code)), minifloat.E4M3ToFloat32(uint8(code+1))
		if code == 0x7e {
			b = 480
		}
		for _, v := range []float32{a, (a + b) / 2} {
			for _, w := range []float32{math.Nextafter32(v, 0), v, math.Nextafter32(v, 1e9)} {
				x = append(x, w, -w)
			}
		}
	}
	x = append(x, hardValues...)
	for len(x)%unit != 0 {
		x = append(x, 0)
	}
	atEachLevel(t, func(t *testing.T) {
		for _, f := range []Format{E4M3, E2M1} {
			for _, scale := range []float32{1, 0.25, 0x1p-100, 448, 0.1} {
				scaled := make([]float32, len(x))
				for i, v := range x {
					scaled[i] = v * scale
				}
				codes := make([]byte, f.Bytes(len(x)))
				f.Encode(codes, scaled, []float32{scale}, len(x))
				for i, v := range scaled {
					if got, want := bitsAt(codes, i, f.Bits()), codeOf(f, v, scale); got != want {
						t.Fatalf("%v: %v over %v has the code %#x, want %#x", f, v, scale, got, want)
					}
				}
			}
		}
	})
}

func TestEveryCodeHasItsValueOrIsRefused(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		for _, f := range allFormats {
			n := max(unit, 1<<f.Bits())
			for code := range uint(1 << f.Bits()) {
				for _, scale := range hardScales {
					for _, at := range []int{0, 1, n - 1} {
						src, dst := make([]byte, f.Bytes(n)), make([]float32, n)
						for b := range f.Bits() {
							if code>>b&1 != 0 {
								i := at*f.Bits() + b
								src[i/8] |= 1 << (i % 8)
							}
						}
						want, ok := valueOf(f, code, scale)
						bad := f.Decode(dst, src, []float32{scale}, n)
						switch {
						case !ok && bad != at:
							t.Fatalf("%v: code %#x at %d, scale %v: refused %d", f, code, at, scale, bad)
						case ok && (bad != -1 || math.Float32bits(dst[at]) != math.Float32bits(want)):
							t.Fatalf("%v: code %#x at %d, scale %v is %v (%d), want %v", f, code, at, scale, dst[at], bad, want)
						}
					}
				}
			}
		}
	})
}

func TestDecodingNamesTheFirstRefusedCode(t *testing.T) {
	refused := map[Format]byte{E4M3: 0x7f, Int8: 0x80}
	atEachLevel(t, func(t *testing.T) {
		for f, code := range refused {
			groupings(func(n, group int) {
				src, dst := make([]byte, n), make([]float32, n)
				scales := slices.Repeat([]float32{1}, (n+group-1)/group)
				src[n-1] = code
				for _, at := range []int{0, n / 2, n - 1} {
					src[at] = code
					if got := f.Decode(dst, src, scales, group); got != at {
						t.Fatalf("%v, groups of %d of %d: refused %d, want %d", f, group, n, got, at)
					}
					src[at] = 0
					src[n-1] = code
				}
				src[n-1], scales[len(scales)-1] = 1, 0
				if got := f.Decode(dst, src, scales, group); got != n-1 {
					t.Fatalf("%v, groups of %d of %d: at a scale of 0 refused %d, want %d", f, group, n, got, n-1)
				}
			})
		}
	})
}

func TestBitsAfterTheLastCodeAreRefused(t *testing.T) {
	for _, f := range []Format{E2M1, Int6, Int4} {
		for _, n := range []int{1, 3, 5, 63, 65, 129} {
			src, dst := make([]byte, f.Bytes(n)), make([]float32, n)
			src[len(src)-1] = 0x80
			if got := f.Decode(dst, src, []float32{1}, n); got != n {
				t.Errorf("%v, %d values: %d, want %d", f, n, got, n)
			}
		}
	}
}

func TestGroupMaxAbsIsThatOfEachGroup(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 3))
		groupings(func(n, group int) {
			x, got := make([]float32, n), make([]float32, (n+group-1)/group)
			fill(r, x)
			GroupMaxAbs(got, x, group)
			for i := range got {
				var want float32
				for _, v := range x[i*group : min((i+1)*group, n)] {
					want = max(want, float32(math.Abs(float64(v))))
				}
				if got[i] != want {
					t.Fatalf("group %d of %d in %d values: %v, want %v", i, group, n, got[i], want)
				}
			}
		})
	})
}

// TestPowersOfTwoAreFoundAsTheyAreInSteps holds EncodeE4M3Powers against what it
// does at once.
func TestPowersOfTwoAreFoundAsTheyAreInSteps(t *testing.T) {
	const group = 64
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 6))
		for groups := range 12 {
			x, amax := make([]float32, groups*group), make([]float32, groups)
			for trial := range 300 {
				fill(r, x)
				if trial%3 == 0 {
					for i := range x { // at the ends of binades, and just beside them
						x[i] = math.Float32frombits(math.Float32bits(448*float32(math.Ldexp(1, r.IntN(200)-100))) + r.Uint32N(9) - 4 | r.Uint32()&signBit)
					}
				}
				floor, inverse := []float32{1e-4, 0x1p-100, 3}[trial%3], float32(1)/minifloat.E4M3Max
				codes, scales := make([]byte, len(x)), make([]byte, groups)
				top, ok := EncodeE4M3Powers(codes, scales, x, floor, inverse)
				if ok != (Active() == AVX512 && groups > 0) {
					t.Fatalf("%d groups: ok is %v", groups, ok)
				}
				if !ok {
					break
				}
				GroupMaxAbs(amax, x, group)
				if top != MaxAbs(x) {
					t.Fatalf("%d groups: the largest is %v, want %v", groups, top, MaxAbs(x))
				}
				want, wantScales := make([]byte, len(x)), make([]byte, groups)
				for i := range amax {
					wantScales[i] = minifloat.E8M0Ceil(max(amax[i], floor) * inverse)
					amax[i] = minifloat.E8M0ToFloat32(wantScales[i])
				}
				E4M3.Encode(want, x, amax, group)
				if !bytes.Equal(scales, wantScales) || !bytes.Equal(codes, want) {
					t.Fatalf("%d groups of %v: %x and %x, want %x and %x", groups, x, scales, codes, wantScales, want)
				}
				got, values := make([]float32, len(x)), make([]float32, len(x))
				E4M3.Decode(values, codes, amax, group)
				if ok, want := DecodeE4M3Powers(got, codes, scales), slices.Max(scales) <= 246; ok != want {
					t.Fatalf("%d groups, scales %v: %v", groups, scales, ok)
				} else if !ok {
					continue // products may be too large
				}
				sameBits(t, "decoded", got, values)
			}
		}
		if Active() < AVX512 {
			return
		}
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
			for at := range 3 * group {
				x := make([]float32, 3*group)
				x[at] = bad
				if top, _ := EncodeE4M3Powers(make([]byte, len(x)), make([]byte, 3), x, 1e-4, 1.0/448); top <= math.MaxFloat32 {
					t.Errorf("%v at %d: the largest is %v", bad, at, top)
				}
			}
		}
	})
}

func TestPowersOfTwoRefuseWhatDecodingDoes(t *testing.T) {
	const groups, group = 3, 64
	atEachLevel(t, func(t *testing.T) {
		hasKernel := Active() == AVX512
		dst := make([]float32, groups*group)
		for code := range 256 {
			for at := range len(dst) {
				src, scales := make([]byte, len(dst)), []byte{1, 127, 200}
				src[at] = byte(code)
				if got, want := DecodeE4M3Powers(dst, src, scales), hasKernel && code&0x7f != 0x7f; got != want {
					t.Fatalf("code %#x at %d: %v", code, at, got)
				}
			}
			for at := range groups {
				scales := []byte{1, 127, 200}
				scales[at] = byte(code)
				src := bytes.Repeat([]byte{0x7e}, len(dst))
				ok := DecodeE4M3Powers(dst, src, scales)
				if want := hasKernel && code >= 1 && code <= 246; ok != want {
					t.Fatalf("scale %d: %v", code, ok)
				}
				if ok && dst[at*group] != 448*minifloat.E8M0ToFloat32(byte(code)) {
					t.Fatalf("scale %d: %v", code, dst[at*group])
				}
			}
		}
	})
}

func TestFormatNames(t *testing.T) {
	for f, want := range map[Format]string{E4M3: "E4M3", Int4: "Int4", -1: "Format(-1)", 9: "Format(9)"} {
		if f.String() != want {
			t.Errorf("%d: %q, want %q", int(f), f, want)
		}
	}
}

// floats takes the bytes as finite float32 values.
func floats(b []byte) []float32 {
	x := make([]float32, len(b)/4)
	for i := range x {
		if x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])); x[i]-x[i] != 0 {
			x[i] = 0
		}
	}
	return x
}

// FuzzFormats holds every level against plain Go on any codes, and on any
// values for the formats that take them at any scale.
func FuzzFormats(f *testing.F) {
	f.Add([]byte("seed"), uint16(16), uint32(0x3f800000))
	r := rand.New(rand.NewPCG(2, 4))
	for _, scale := range []uint32{0, 1 << 22, 0x3f800001, 0x7e800000} {
		b := make([]byte, 4*67)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b, uint16(16+r.IntN(4)*16), scale)
	}
	f.Fuzz(func(t *testing.T, b []byte, group uint16, scaleBits uint32) {
		x := floats(b)
		if len(x) == 0 || group == 0 {
			return
		}
		scales := make([]float32, (len(x)+int(group)-1)/int(group))
		for i := range scales {
			scales[i] = math.Float32frombits(scaleBits >> (i % 3) &^ (1 << 31))
			if scales[i] > math.MaxFloat32 || scales[i] != scales[i] {
				return
			}
		}
		type result struct {
			codes  []byte
			bad    int
			values []float32
		}
		for _, format := range allFormats {
			var results []result
			for _, l := range levels() {
				restore := Use(l)
				got := result{codes: make([]byte, format.Bytes(len(x))), values: make([]float32, len(x))}
				if format == E4M3 || format == E2M1 {
					format.Encode(got.codes, x, scales, int(group))
				}
				got.bad = format.Decode(got.values, b, scales, int(group))
				restore()
				results = append(results, got)
			}
			for i, got := range results[1:] {
				want := results[0]
				if !slices.Equal(got.codes, want.codes) {
					t.Fatalf("%v, %v: codes %x, plain Go %x", levels()[i+1], format, got.codes, want.codes)
				}
				if got.bad != want.bad {
					t.Fatalf("%v, %v: refused %d, plain Go %d", levels()[i+1], format, got.bad, want.bad)
				}
				if want.bad < 0 {
					sameBits(t, fmt.Sprintf("%v, %v", levels()[i+1], format), got.values, want.values)
				}
			}
		}
	})
}

func BenchmarkFormats(b *testing.B) {
	const dim, group = 512, 64
	x := make([]float32, dim)
	r := rand.New(rand.NewPCG(2, 5))
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	for _, f := range allFormats {
		scales, codes := make([]float32, dim/group), make([]byte, f.Bytes(dim))
		for kind, name := range []string{"power of two", "any scale"} {
			for i := range scales {
				scales[i] = []float32{0.125, 0.1}[kind] * 64 / f.Largest()
				if kind == 0 {
					scales[i] = minifloat.E8M0ToFloat32(minifloat.E8M0Ceil(scales[i]))
				}
			}
			b.Run(fmt.Sprintf("%v/encode/%s", f, name), func(b *testing.B) {
				benchEachLevel(b, 1, 4*dim, func() { f.Encode(codes, x, scales, group) })
			})
		}
		b.Run(f.String()+"/decode", func(b *testing.B) {
			benchEachLevel(b, 1, 4*dim, func() { f.Decode(x, codes, scales, group) })
		})
	}
	b.Run("GroupMaxAbs", func(b *testing.B) {
		amax := make([]float32, dim/group)
		benchEachLevel(b, 1, 4*dim, func() { GroupMaxAbs(amax, x, group) })
	})
}
