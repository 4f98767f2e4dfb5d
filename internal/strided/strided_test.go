package strided

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/codec"
	"kakeyalattice/minifloat"
)

func codecOf(t testing.TB, text string, dim int) codec.Codec {
	t.Helper()
	spec, err := codec.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := codec.New(spec, dim)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func gaussian(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// array lays values [tokens, heads, dim] out with the strides, in memory that is
// otherwise full of 0xff.
func array(t testing.TB, typ DType, shape, stride [3]int, x []float32) *Array {
	t.Helper()
	n, err := Extent(typ, shape, stride, false)
	if err != nil {
		t.Fatal(err)
	}
	a := &Array{Data: bytes.Repeat([]byte{0xff}, n), Type: typ, Shape: shape, Stride: stride}
	for i := range shape[0] {
		for j := range shape[1] {
			for k := range shape[2] {
				if x == nil {
					continue
				}
				v, at := x[(i*shape[1]+j)*shape[2]+k], (i*stride[0]+j*stride[1]+k*stride[2])*typ.Size()
				switch typ {
				case F32:
					binary.LittleEndian.PutUint32(a.Data[at:], math.Float32bits(v))
				case BF16:
					binary.LittleEndian.PutUint16(a.Data[at:], minifloat.BF16FromFloat32(v))
				case F16:
					binary.LittleEndian.PutUint16(a.Data[at:], minifloat.FP16FromFloat32(v))
				}
			}
		}
	}
	return a
}

// rounded is x as the type stores it.
func rounded(typ DType, x []float32) []float32 {
	y := slices.Clone(x)
	for i, v := range x {
		switch typ {
		case BF16:
			y[i] = minifloat.BF16ToFloat32(minifloat.BF16FromFloat32(v))
		case F16:
			y[i] = minifloat.FP16ToFloat32(minifloat.FP16FromFloat32(v))
		}
	}
	return y
}

var layouts = []struct {
	name   string
	stride func(shape [3]int) [3]int
}{
	{"dense", func(s [3]int) [3]int { return [3]int{s[1] * s[2], s[2], 1} }},
	{"heads first", func(s [3]int) [3]int { return [3]int{s[2], s[0] * s[2], 1} }},
	{"padded", func(s [3]int) [3]int { return [3]int{(s[1] + 1) * (s[2] + 3), s[2] + 3, 1} }},
	{"values first", func(s [3]int) [3]int { return [3]int{s[1], 1, s[0] * s[1]} }},
}

// Whatever the type, the layout and the number of threads, the bytes are those that
// the codec writes for the values, and decoding gives its values.
func TestArraysAreCodedAsTheirValues(t *testing.T) {
	for _, spec := range []string{"e8:q=38", "e8-gs:delta=0.09", "int6:group=64", "bf16"} {
		for _, dim := range []int{64, 512} {
			c := codecOf(t, spec, dim)
			shape := [3]int{2*block(dim)/3 + 5, 3, dim}
			x := gaussian(shape[0] * shape[1] * shape[2])
			for _, layout := range layouts {
				for _, typ := range []DType{F32, BF16, F16} {
					values := rounded(typ, x)
					want, err := c.AppendEncode(nil, values)
					if err != nil {
						t.Fatal(err)
					}
					decoded := make([]float32, len(x))
					if _, err := c.Decode(decoded, want); err != nil {
						t.Fatal(err)
					}
					in := array(t, typ, shape, layout.stride(shape), x)
					out := array(t, typ, shape, layout.stride(shape), nil)
					expected := array(t, typ, shape, layout.stride(shape), decoded)
					for _, threads := range []int{1, 3} {
						got := make([]byte, len(want)) // as tight as can be
						n, err := Encode(c, got, in, threads)
						if err != nil || n != len(want) || !bytes.Equal(got, want) {
							t.Fatalf("%s, D = %d, %s, dtype %d, %d threads: %d bytes of %d (%v)", spec, dim, layout.name, typ, threads, n, len(want), err)
						}
						k, err := Decode(c, out, append(got, 1, 2, 3), threads)
						if err != nil || k != len(want) || !bytes.Equal(out.Data, expected.Data) {
							t.Fatalf("%s, D = %d, %s, dtype %d, %d threads: read %d bytes of %d (%v)", spec, dim, layout.name, typ, threads, k, len(want), err)
						}
						if _, err := Encode(c, got[:len(got)-1], in, threads); !errors.Is(err, ErrSpace) {
							t.Errorf("%s: a byte too few: %v", spec, err)
						}
						if _, err := Decode(c, out, got[:len(got)-1], threads); err == nil {
							t.Errorf("%s: decoded from a byte too few", spec)
						}
					}
				}
			}
		}
	}
}

func TestABadValueIsNamedByItsPlace(t *testing.T) {
	c := codecOf(t, "e8:q=38", 64)
	for _, typ := range []DType{F32, BF16, F16} {
		for _, threads := range []int{1, 2} {
			shape := [3]int{1500, 2, 64}
			x := gaussian(1500 * 2 * 64)
			x[2001*64+7] = float32(math.NaN())
			a := array(t, typ, shape, layouts[1].stride(shape), x)
			_, err := Encode(c, make([]byte, 3000*c.Size().Bytes), a, threads)
			var value *codec.ValueError
			if !errors.As(err, &value) || value.Vector != 2001 || value.Coord != 7 {
				t.Errorf("dtype %d: %v", typ, err)
			}
		}
	}
}

func TestArraysThatCannotBeAreRefused(t *testing.T) {
	for _, c := range []struct {
		typ           DType
		shape, stride [3]int
		written       bool
		want          string
	}{
		{3, [3]int{1, 1, 64}, [3]int{64, 64, 1}, false, "dtype 3"},
		{F32, [3]int{-1, 1, 64}, [3]int{64, 64, 1}, false, "tokens is negative"},
		{F32, [3]int{1, 1, 64}, [3]int{64, -64, 1}, false, "heads is negative"},
		{F32, [3]int{1, 1, 0}, [3]int{64, 64, 1}, false, "no values"},
		{F32, [3]int{math.MaxInt, 1, 64}, [3]int{math.MaxInt, 64, 1}, false, "too large"},
		{F32, [3]int{math.MaxInt, math.MaxInt, 64}, [3]int{0, 0, 1}, false, "too many"},
		{F32, [3]int{2, 2, 64}, [3]int{64, 64, 1}, true, "overlap"},
		{F32, [3]int{2, 1, 64}, [3]int{0, 0, 1}, true, "overlap"},
	} {
		if _, err := Extent(c.typ, c.shape, c.stride, c.written); !errors.Is(err, ErrArray) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %v: %v, want %q", c.shape, c.stride, err, c.want)
		}
	}
	if n, err := Extent(F32, [3]int{2, 2, 64}, [3]int{64, 64, 1}, false); err != nil || n != 4*192 {
		t.Errorf("an input may overlap: %d, %v", n, err)
	}
	a := &Array{Data: make([]byte, 100), Type: F32, Shape: [3]int{1, 1, 64}, Stride: [3]int{64, 64, 1}}
	if _, err := Encode(codecOf(t, "bf16", 64), nil, a, 1); !errors.Is(err, ErrArray) {
		t.Errorf("data too short: %v", err)
	}
	if _, err := Encode(codecOf(t, "bf16", 32), nil, a, 1); !errors.Is(err, ErrArray) {
		t.Errorf("another dimension: %v", err)
	}
}

func TestCodersDoNotAllocate(t *testing.T) {
	for _, spec := range []string{"e8:q=38", "e8-gs:delta=0.09"} {
		c := codecOf(t, spec, 512)
		shape := [3]int{64, 2, 512}
		for _, layout := range layouts[:2] {
			x := gaussian(128 * 512)
			in, out := array(t, BF16, shape, layout.stride(shape), x), array(t, F16, shape, layout.stride(shape), x)
			n, _ := MaxBytes(c, 128)
			dst := make([]byte, n)
			k, err := Encode(c, dst, in, 1)
			if err != nil {
				t.Fatal(err)
			}
			if allocs := testing.AllocsPerRun(20, func() {
				Encode(c, dst, in, 1)
				Decode(c, out, dst[:k], 1)
			}); allocs > 0.5 {
				t.Errorf("%s, %s: %v allocations", spec, layout.name, allocs)
			}
		}
	}
}

// FuzzArray gives arbitrary shapes, strides, types and bytes: an error or what the
// codec makes of them, never a panic.
func FuzzArray(f *testing.F) {
	c, vary := codecOf(f, "e8:q=38", 64), codecOf(f, "e8-gs:delta=0.09", 64)
	f.Add(int32(0), 3, 2, 64, 128, 64, 1, 2, []byte{1, 2, 3})
	f.Add(int32(1), 1<<40, 1, 64, 1<<40, 64, 1, 1, []byte{})
	f.Add(int32(2), 0, 0, 64, 0, 0, 0, 0, []byte{7})
	f.Fuzz(func(t *testing.T, typ int32, s0, s1, s2, t0, t1, t2, threads int, data []byte) {
		a := &Array{Data: data, Type: DType(typ), Shape: [3]int{s0, s1, s2}, Stride: [3]int{t0, t1, t2}}
		if n, err := Extent(a.Type, a.Shape, a.Stride, false); err == nil && n <= 1<<16 && n > len(data) {
			a.Data = append(data, make([]byte, n-len(data))...)
		}
		threads %= 5
		if a.Vectors() > 1<<12 {
			return // zero strides make vectors without memory
		}
		dst := make([]byte, 1<<12)
		for _, c := range []codec.Codec{c, vary} {
			n, err := Encode(c, dst, a, threads)
			if err == nil {
				if k, err := Decode(c, a, dst[:n], threads); err == nil && k != n {
					t.Errorf("%d bytes were written, %d read", n, k)
				}
			}
			Decode(c, a, bytes.Clone(data), threads)
		}
	})
}
