package synthetic

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"kakeyalattice/kv"
)

func read(t testing.TB, s *kv.Stream, passage int) []float32 {
	t.Helper()
	v, err := s.Read(nil, passage)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func source(t testing.TB, opt Options, names ...string) *kv.Source {
	t.Helper()
	src, err := Source(names, opt)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// The values are a contract: results that name a synthetic source must stay
// reproducible. gaussian's were checked against an implementation in another
// language, from the description in the package comment.
func TestValuesNeverChange(t *testing.T) {
	want := map[string]struct {
		first [3]uint32 // of passage 0
		crc   uint32    // CRC-32 of passage 7, little endian
	}{
		"gaussian":        {[3]uint32{0xbf6d9cc5, 0x3eaf38dc, 0xbf454099}, 0x156642db},
		"student-t":       {[3]uint32{0xc005c998, 0x3f30b71f, 0xbf34d5f7}, 0x1d8c6d14},
		"anisotropic":     {[3]uint32{0xbfd3e7c8, 0xbe3f291b, 0xbd4589d2}, 0x04e1dbc3},
		"mean-shifted":    {[3]uint32{0x42651a14, 0xbf8cce3c, 0x3f715b7a}, 0x668fd41c},
		"outlier-channel": {[3]uint32{0xbe82c87b, 0x41724c84, 0xbf9b481e}, 0x62f0119b},
	}
	for _, s := range source(t, Options{}).Streams {
		v := read(t, s, 0)
		for i, bits := range want[s.Name].first {
			if got := math.Float32bits(v[i]); got != bits {
				t.Errorf("%s: value %d is %#08x, want %#08x", s.Name, i, got, bits)
			}
		}
		b, err := binary.Append(nil, binary.LittleEndian, read(t, s, 7))
		if err != nil {
			t.Fatal(err)
		}
		if got := crc32.ChecksumIEEE(b); got != want[s.Name].crc {
			t.Errorf("%s: passage 7 has CRC %#08x, want %#08x", s.Name, got, want[s.Name].crc)
		}
	}
}

func TestTheDefaultSourceHoldsEveryFamily(t *testing.T) {
	src := source(t, Options{})
	if !src.Input.Synthetic || src.Input.Kind != "synthetic" || src.Input.Name != "gaussian, student-t, anisotropic, mean-shifted, outlier-channel" {
		t.Errorf("input %+v", src.Input)
	}
	if len(src.Streams) != len(Names()) || len(src.Passages) != 8 || src.Blocks {
		t.Fatalf("%d streams, %d passages, blocks %v", len(src.Streams), len(src.Passages), src.Blocks)
	}
	for i, s := range src.Streams {
		if s.Name != Names()[i] || s.Kind != kv.Other || s.Layer != -1 || s.Dim != 512 || s.Passages() != 8 || s.Vectors(3) != 512 {
			t.Errorf("stream %+v", *s)
		}
		if About(s.Name) == "" {
			t.Errorf("%s is not described", s.Name)
		}
		for p := range s.Passages() {
			if err := kv.CheckFinite(s, p, read(t, s, p)); err != nil {
				t.Error(err)
			}
		}
	}
	for i, p := range src.Passages {
		if p.ID != i || p.Tokens != 512 {
			t.Errorf("passage %+v", p)
		}
	}
	if err := src.Close(); err != nil {
		t.Error(err)
	}
}

func TestPassagesAreIndependentOfSizeAndOrder(t *testing.T) {
	small := source(t, Options{Dim: 64, Vectors: 3, Passages: 2}, "student-t", "anisotropic")
	large := source(t, Options{Dim: 64, Vectors: 10, Passages: 9}, "anisotropic", "student-t")
	for i, s := range small.Streams {
		other := large.Streams[1-i]
		second := read(t, other, 1)
		if !slices.Equal(read(t, s, 1), second[:3*64]) {
			t.Errorf("%s: passage 1 depends on the number of vectors or passages", s.Name)
		}
		if slices.Equal(second, read(t, other, 0)) {
			t.Errorf("%s: passages 0 and 1 are equal", s.Name)
		}
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				if again, err := other.Read(nil, 1); err != nil || !slices.Equal(again, second) {
					t.Errorf("%s: passage 1 reads differently the second time (%v)", s.Name, err)
				}
			})
		}
		wait.Wait()
	}
}

// moments are those of a coordinate over all vectors of all passages.
type moments struct{ mean, std float64 }

func coordinates(t testing.TB, s *kv.Stream) []moments {
	t.Helper()
	m := make([]moments, s.Dim)
	count := 0.0
	for p := range s.Passages() {
		for vector := range slices.Chunk(read(t, s, p), s.Dim) {
			count++
			for i, v := range vector {
				m[i].mean += float64(v)
				m[i].std += float64(v) * float64(v)
			}
		}
	}
	for i := range m {
		m[i].mean /= count
		m[i].std = math.Sqrt(m[i].std/count - m[i].mean*m[i].mean)
	}
	return m
}

func TestTheFamiliesHaveTheirDistributions(t *testing.T) {
	near := func(t *testing.T, what string, got, want, tolerance float64) {
		t.Helper()
		if math.Abs(got-want) > tolerance {
			t.Errorf("%s is %.4f, want %.4f +- %.4f", what, got, want, tolerance)
		}
	}
	one := func(t *testing.T, name string) *kv.Stream {
		return source(t, Options{}, name).Streams[0]
	}
	// share of the values that are larger than a bound in size, over 2^21 values
	share := func(t *testing.T, s *kv.Stream, bound float32) float64 {
		n, all := 0, 0
		for p := range s.Passages() {
			for _, v := range read(t, s, p) {
				if v > bound || v < -bound {
					n++
				}
				all++
			}
		}
		return float64(n) / float64(all)
	}
	t.Run("gaussian", func(t *testing.T) {
		s := one(t, "gaussian")
		for i, m := range coordinates(t, s) { // of 4096 values each
			near(t, fmt.Sprintf("mean of coordinate %d", i), m.mean, 0, 0.08)
			near(t, fmt.Sprintf("standard deviation of coordinate %d", i), m.std, 1, 0.06)
		}
		// Two-sided tails of the standard normal distribution.
		near(t, "share beyond 1.959964", share(t, s, 1.959964), 0.05, 0.001)
		near(t, "share beyond 3.290527", share(t, s, 3.290527), 0.001, 0.0001)
	})
	t.Run("student-t", func(t *testing.T) {
		s := one(t, "student-t")
		// Two-sided critical values of the t distribution, 3 degrees of freedom.
		near(t, "share beyond 3.182446", share(t, s, 3.182446), 0.05, 0.001)
		near(t, "share beyond 12.92398", share(t, s, 12.92398), 0.001, 0.0001)
	})
	t.Run("anisotropic", func(t *testing.T) {
		m := coordinates(t, one(t, "anisotropic"))
		var sum, square float64
		for i := range m {
			near(t, "a mean in standard deviations", m[i].mean/m[i].std, 0, 0.08)
			l := math.Log(m[i].std)
			sum += l
			square += l * l
		}
		n := float64(len(m))
		near(t, "mean of the logarithms of the scales", sum/n, 0, 0.4)
		near(t, "their standard deviation", math.Sqrt(square/n-sum*sum/n/n), 2.5, 0.3)
	})
	t.Run("mean-shifted", func(t *testing.T) {
		m := coordinates(t, one(t, "mean-shifted"))
		var logs, shifts float64
		for i := range m {
			logs += math.Log(m[i].std) * math.Log(m[i].std)
			shifts += m[i].mean / m[i].std * m[i].mean / m[i].std
		}
		n := float64(len(m))
		near(t, "RMS of the logarithms of the scales", math.Sqrt(logs/n), 1.5, 0.2)
		near(t, "RMS of the means in standard deviations", math.Sqrt(shifts/n), 3, 0.4)
	})
	t.Run("outlier-channel", func(t *testing.T) {
		large := 0
		for i, m := range coordinates(t, one(t, "outlier-channel")) {
			want := 1.0
			if m.std > 10 {
				large++
				want = 20
			}
			near(t, fmt.Sprintf("standard deviation of coordinate %d", i), m.std/want, 1, 0.06)
		}
		if large != 4 {
			t.Errorf("%d coordinates are large, want 4", large)
		}
	})
}

func TestSourceRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		names []string
		opt   Options
		want  string
	}{
		{"an unknown family", []string{"gauss"}, Options{}, `unknown family "gauss"; known are gaussian, student-t, anisotropic, mean-shifted, outlier-channel`},
		{"a family named twice", []string{"gaussian", "gaussian"}, Options{}, "gaussian is named twice"},
		{"a negative dimension", nil, Options{Dim: -1}, "dim -1: want a positive number"},
		{"negative vectors", nil, Options{Vectors: -5}, "vectors -5"},
		{"negative passages", nil, Options{Passages: -5}, "passages -5"},
		{"passages that are too large", nil, Options{Dim: 1 << 20, Vectors: 1 << 20}, "holds at most 268435456 values"},
		{"too few coordinates for the outliers", []string{"outlier-channel"}, Options{Dim: 3}, "at least 4 values, not 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Source(tt.names, tt.opt); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
	if About("gauss") != "" {
		t.Error("an unknown family is described")
	}
}

func TestSmallDimensionsWork(t *testing.T) {
	for _, s := range source(t, Options{Dim: 4, Vectors: 1, Passages: 1}).Streams {
		if v := read(t, s, 0); len(v) != 4 || kv.FindNonFinite(v) >= 0 {
			t.Errorf("%s: %v", s.Name, v)
		}
	}
}

func TestTheExponentialIsAccurate(t *testing.T) {
	for i := range 100_000 {
		y := (float64(i) + 0.5 - 50_000) * 40 / 100_000
		if got, want := exp(y), math.Exp(y); math.Abs(got-want) > 1e-14*want {
			t.Fatalf("exp(%v) = %v, want %v", y, got, want)
		}
	}
	if exp(0) != 1 {
		t.Errorf("exp(0) = %v", exp(0))
	}
}

func BenchmarkRead(b *testing.B) {
	for _, s := range source(b, Options{}).Streams {
		b.Run(s.Name, func(b *testing.B) {
			var v []float32
			b.SetBytes(int64(4 * s.Vectors(0) * s.Dim))
			for b.Loop() {
				var err error
				if v, err = s.Read(v, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func ExampleSource() {
	src, err := Source([]string{"gaussian"}, Options{Dim: 4, Vectors: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	values, err := src.Streams[0].Read(nil, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f\n", values)
	// Output: [-0.928 0.342 -0.771 -1.930 -1.554 0.694 0.437 -0.615]
}
