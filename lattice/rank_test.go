package lattice

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// The rates of the box codes at D = 512 are 64 E8 or 128 D4 ranks; the widths
// are ceil(8 log2 n) and ceil(4 log2 n - 1), n = 2q+1.
func TestWidthsOfRanks(t *testing.T) {
	for _, c := range []struct{ q, e8, d4 int }{
		{1, 13, 6}, {2, 19, 9}, {10, 36, 17}, {34, 49, 24}, {37, 50, 24}, {38, 51, 25},
		{40, 51, 25}, {44, 52, 25}, {127, 64, 31}, {128, 65, 32}, {152, 67, 33}, {MaxQ, 128, 63},
	} {
		box := newBox(t, c.q)
		if box.BitsE8() != c.e8 || box.BitsD4() != c.d4 {
			t.Errorf("q=%d: E8 %d bits, D4 %d bits, want %d and %d", c.q, box.BitsE8(), box.BitsD4(), c.e8, c.d4)
		}
	}
	for q := 1; q <= MaxQ; q += 1 + q/50 {
		box := newBox(t, q)
		largest := new(big.Int).Sub(box.CountZn(8), big.NewInt(1))
		if box.BitsE8() != largest.BitLen() {
			t.Errorf("q=%d: %d bits, n^8 - 1 has %d", q, box.BitsE8(), largest.BitLen())
		}
		if want := width(box.CountDn(4)); box.BitsD4() != want {
			t.Errorf("q=%d: %d bits, the largest D4 rank has %d", q, box.BitsD4(), want)
		}
	}
}

func TestEveryE8PointOfTheSmallestBoxHasItsOwnRank(t *testing.T) {
	box := newBox(t, 1)
	points := map[uint64][8]float32{}
	for _, shift := range []float32{0, 0.5} {
		boxPoints(8, 1, shift, func(z []float32) {
			if !IsE8(z) {
				return
			}
			p := [8]float32(z)
			hi, lo := box.RankE8(&p)
			if other, taken := points[lo]; taken || hi != 0 || lo >= 6561 {
				t.Fatalf("%v and %v have rank %d:%d", p, other, hi, lo)
			}
			points[lo] = p
		})
	}
	if int64(len(points)) != box.CountE8().Int64() {
		t.Fatalf("%d points, want %v", len(points), box.CountE8())
	}
	for lo := range uint64(1 << 13) {
		var z [8]float32
		want, is := points[lo]
		if ok := box.UnrankE8(&z, 0, lo); ok != is || ok && z != want {
			t.Fatalf("rank %d: %v %v, want %v %v", lo, z, ok, want, is)
		}
		if box.UnrankE8(&z, 1, lo) {
			t.Fatalf("rank 2^64 + %d is accepted", lo)
		}
	}
}

func TestEveryD4RankIsAPoint(t *testing.T) {
	for _, q := range []int{1, 2, 9} {
		box := newBox(t, q)
		count := box.CountDn(4).Uint64()
		var z [4]float32
		for rank := range count {
			if !box.UnrankD4(&z, rank) || !IsDn(z[:]) || !box.Contains(z[:]) {
				t.Fatalf("q=%d: rank %d gives %v", q, rank, z)
			}
			if got := box.RankD4(&z); got != rank {
				t.Fatalf("q=%d: rank %d gives %v, whose rank is %d", q, rank, z, got)
			}
		}
		for _, rank := range []uint64{count, count + 1, 1 << 63, math.MaxUint64} {
			if box.UnrankD4(&z, rank) {
				t.Errorf("q=%d: rank %d is accepted, there are %d", q, rank, count)
			}
		}
	}
}

var rankedQ = []int{1, 2, 9, 37, 38, 127, 128, 152, 4095, MaxQ}

func TestRanksAreInvertible(t *testing.T) {
	for _, q := range rankedQ {
		box := newBox(t, q)
		rapid.Check(t, func(t *rapid.T) {
			p := pointE8(t, q)
			var z [8]float32
			hi, lo := box.RankE8(&p)
			if !box.UnrankE8(&z, hi, lo) || z != p {
				t.Fatalf("q=%d: %v has rank %d:%d, which is %v", q, p, hi, lo, z)
			}
			if got := (lo & 1) != 0; got == IsZn(p[:]) {
				t.Fatalf("q=%d: %v has rank %d:%d of the wrong parity", q, p, hi, lo)
			}
			if width := new(big.Int).SetUint64(hi).BitLen(); width > max(0, box.BitsE8()-64) {
				t.Fatalf("q=%d: %v has rank %d:%d, wider than %d bits", q, p, hi, lo, box.BitsE8())
			}
			if IsDn(p[:4]) {
				d4 := [4]float32(p[:4])
				var w [4]float32
				if rank := box.RankD4(&d4); !box.UnrankD4(&w, rank) || w != d4 {
					t.Fatalf("q=%d: %v has rank %d, which is %v", q, d4, rank, w)
				}
			}
		})
	}
}

// rankByDefinition is the rank of z as its documentation states it.
func rankByDefinition(z *[8]float32, q int) *big.Int {
	m := new(big.Int)
	n := big.NewInt(int64(2*q + 1))
	half := z[0] != float32(math.Trunc(float64(z[0])))
	for i := 7; i >= 0; i-- {
		d := float64(z[i]) + float64(q)
		if half {
			d -= 0.5
			if i == 7 {
				d++
			}
		}
		m.Add(m.Mul(m, n), big.NewInt(int64(d)))
	}
	return m
}

func TestRanksAreAsDefined(t *testing.T) {
	for _, q := range rankedQ {
		box := newBox(t, q)
		r := rand.New(rand.NewPCG(uint64(q), 1))
		var y, z, back [8]float32
		for k := range 4000 {
			draw(y[:], k%len(sources), r, float64(q))
			box.ClosestE8(&z, &y)
			hi, lo := box.RankE8(&z)
			got := new(big.Int).SetUint64(hi)
			got.Or(got.Lsh(got, 64), new(big.Int).SetUint64(lo))
			if want := rankByDefinition(&z, q); got.Cmp(want) != 0 {
				t.Fatalf("q=%d: rank of %v is %v, want %v", q, z, got, want)
			}
			if !box.UnrankE8(&back, hi, lo) {
				t.Fatalf("q=%d: rank %v of %v is refused", q, got, z)
			}
			checkBits(t, z[:], back[:], z[:])
		}
	}
}

func TestUnrankRefusesWhatNoPointHas(t *testing.T) {
	for _, q := range rankedQ {
		box := newBox(t, q)
		n := big.NewInt(int64(2*q + 1))
		end := box.CountZn(8)
		power := func(k int64) *big.Int { return new(big.Int).Exp(n, big.NewInt(k), nil) }
		sub := func(a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) }
		one := big.NewInt(1)
		for _, c := range []struct {
			name string
			rank *big.Int
			ok   bool
		}{
			{"the first", new(big.Int), true},
			{"the last", sub(end, one), true},
			{"n^8", end, false},
			{"n^8 + 1", new(big.Int).Add(end, one), false},
			{"2^128 - 1", sub(new(big.Int).Lsh(one, 128), one), false},
			{"odd with a last digit of 0", one, false},
			{"odd with last digit 1", power(7), true},
			{"even with a last digit of 2q", sub(end, power(7)), true},
			{"odd with a last digit of 2q", new(big.Int).Add(sub(end, power(7)), one), true},
			{"odd with a first digit of 2q", new(big.Int).Add(power(7), sub(n, one)), false},
			{"odd with a seventh digit of 2q", new(big.Int).Add(power(7), sub(power(7), power(6))), false},
		} {
			if c.rank.BitLen() > 128 {
				continue
			}
			lo := new(big.Int).And(c.rank, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
			hi := new(big.Int).Rsh(c.rank, 64).Uint64()
			var z [8]float32
			if got := box.UnrankE8(&z, hi, lo); got != c.ok {
				t.Errorf("q=%d: %s, rank %v: %v", q, c.name, c.rank, got)
			}
		}
	}
}

// FuzzUnrank checks that a rank is refused or is that of the point it names.
func FuzzUnrank(f *testing.F) {
	f.Add(uint16(1), uint64(0), uint64(1))
	f.Add(uint16(38), uint64(0), uint64(1)<<51-1)
	f.Add(uint16(127), uint64(0), uint64(math.MaxUint64))
	f.Add(uint16(152), uint64(7), uint64(12345))
	f.Add(uint16(MaxQ), uint64(math.MaxUint64), uint64(math.MaxUint64))
	f.Fuzz(func(t *testing.T, q uint16, hi, lo uint64) {
		box, err := NewBox(int(q))
		if err != nil {
			t.Skip()
		}
		var z [8]float32
		if box.UnrankE8(&z, hi, lo) {
			if !IsE8(z[:]) || !box.Contains(z[:]) {
				t.Fatalf("q=%d: rank %d:%d gives %v, no E8 point of the box", q, hi, lo, z)
			}
			if h, l := box.RankE8(&z); h != hi || l != lo {
				t.Fatalf("q=%d: rank %d:%d gives %v, whose rank is %d:%d", q, hi, lo, z, h, l)
			}
		}
		var w [4]float32
		if box.UnrankD4(&w, lo) {
			if !IsDn(w[:]) || !box.Contains(w[:]) || box.RankD4(&w) != lo {
				t.Fatalf("q=%d: rank %d gives %v, whose rank is %d", q, lo, w, box.RankD4(&w))
			}
		}
	})
}
