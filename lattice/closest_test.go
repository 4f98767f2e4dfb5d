package lattice

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestClosestZnRoundsHalvesToEven(t *testing.T) {
	y := []float32{0, 0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997, -0.50000006, 7.75, MaxInput, -MaxInput, MaxInput - 0.25}
	want := []float32{0, 0, 2, 2, 0, -2, 0, -1, 8, MaxInput, -MaxInput, MaxInput}
	z := make([]float32, len(y))
	ClosestZn(z, y)
	checkBits(t, y, z, want)
}

func TestEmptyVectorsAreTheirOwnClosestPoint(t *testing.T) {
	box := newBox(t, 1)
	ClosestZn(nil, nil)
	ClosestDn(nil, nil)
	box.ClosestDn(nil, nil)
}

func TestTiesFollowTheStatedRule(t *testing.T) {
	negZero := float32(math.Copysign(0, -1))
	for _, c := range []struct {
		name    string
		y, want [8]float32
		dn      bool
	}{
		{"the origin is a point", [8]float32{}, [8]float32{}, false},
		{"a tie of the cosets goes to the integers",
			[8]float32{.25, .25, .25, .25, .25, .25, .25, .25}, [8]float32{}, false},
		{"a deep hole steps in its first coordinate, upwards from a zero error",
			[8]float32{1, 0, 0, 0, 0, 0, 0, 0}, [8]float32{2, 0, 0, 0, 0, 0, 0, 0}, false},
		{"the first of equal errors steps",
			[8]float32{1, .25, -.25, 0, 0, 0, 0, 0}, [8]float32{1, 1, 0, 0, 0, 0, 0, 0}, false},
		{"a negative error steps down",
			[8]float32{1, 0, -.25, .25, 0, 0, 0, 0}, [8]float32{1, 0, -1, 0, 0, 0, 0, 0}, false},
		{"a zero error counts as positive in the half coset",
			[8]float32{.5, .5, .5, .5, .5, .5, .5, negZero}, [8]float32{.5, .5, .5, .5, .5, .5, .5, .5}, false},
		{"the half coset moves its smallest error to the other side",
			[8]float32{.5, .5, .5, .5, .5, .5, .5, -.25}, [8]float32{.5, .5, .5, .5, .5, .5, .5, .5}, false},
		{"the first of equal smallest errors moves",
			[8]float32{.5, .25, .5, .5, .5, .5, -.25, .5}, [8]float32{.5, -.5, .5, .5, .5, .5, -.5, .5}, false},
		{"negative zeros come back as zeros",
			[8]float32{negZero, negZero, negZero, negZero, negZero, negZero, negZero, negZero}, [8]float32{}, false},
		{"D8 steps up from a zero error",
			[8]float32{negZero, 3, 0, 0, 0, 0, 0, 0}, [8]float32{1, 3, 0, 0, 0, 0, 0, 0}, true},
		{"D8 steps the first of equal errors",
			[8]float32{1, -.5, .5, 0, 0, 0, 0, 0}, [8]float32{1, -1, 0, 0, 0, 0, 0, 0}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var z [8]float32
			if c.dn {
				ClosestDn(z[:], c.y[:])
			} else {
				ClosestE8(&z, &c.y)
			}
			checkBits(t, c.y[:], z[:], c.want[:])
		})
	}
}

func TestClosestE8AgreesWithTheTextbook(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var y, z [8]float32
	for i := range 200_000 {
		draw(y[:], i%len(sources), r, []float64{1, 3, 38, 1000}[i/len(sources)%4])
		ClosestE8(&z, &y)
		if !IsE8(z[:]) {
			t.Fatalf("%v -> %v is not in E8", y, z)
		}
		checkDistance(t, z[:], y[:], textbookE8(y[:]))
	}
}

func TestClosestDnAgreesWithTheTextbook(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for i := range 100_000 {
		n := []int{1, 2, 3, 4, 7, 8, 16, 17}[i%8]
		y, z, wide := make([]float32, n), make([]float32, n), make([]float64, n)
		draw(y, i/8%len(sources), r, 10)
		for k, v := range y {
			wide[k] = float64(v)
		}
		ClosestDn(z, y)
		if !IsDn(z) {
			t.Fatalf("%v -> %v is not in D%d", y, z, n)
		}
		checkDistance(t, z, y, textbookDn(wide))
	}
}

func TestNoNeighbourIsCloser(t *testing.T) {
	d4, d8, e8 := minimalDn(4), minimalDn(8), minimalE8()
	if len(d4) != 24 || len(d8) != 112 || len(e8) != 240 { // kissing numbers
		t.Fatal(len(d4), len(d8), len(e8))
	}
	r := rand.New(rand.NewPCG(3, 1))
	var y, z [8]float32
	for i := range 16_000 {
		draw(y[:], i%len(sources), r, 5)
		ClosestDn(z[:4], y[:4])
		checkNeighbours(t, z[:4], y[:4], d4)
		ClosestDn(z[:], y[:])
		checkNeighbours(t, z[:], y[:], d8)
		ClosestE8(&z, &y)
		checkNeighbours(t, z[:], y[:], e8)
	}
}

// pointE8 draws a point of E8 with coordinates in [-limit, limit].
func pointE8(t *rapid.T, limit int) [8]float32 {
	shift := 0
	if rapid.Bool().Draw(t, "half") {
		shift = 1
	}
	var z [8]float32
	for {
		sum := 0
		for i := range z {
			k := rapid.IntRange(-limit, limit-shift).Draw(t, "k")
			z[i] = float32(k) + float32(shift)/2
			sum += k
		}
		if sum&1 == 0 {
			return z
		}
	}
}

func TestLatticePointsAreTheirOwnClosestPoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := pointE8(t, 1<<20)
		var z [8]float32
		ClosestE8(&z, &p)
		if z != p {
			t.Fatalf("%v -> %v", p, z)
		}
		if IsDn(p[:]) {
			ClosestDn(z[:], p[:])
			if z != p {
				t.Fatalf("%v -> %v in D8", p, z)
			}
		}
	})
}

func TestClosestPointMovesWithALatticeVector(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := pointE8(t, 100)
		var y, moved, z, w [8]float32
		for i := range y {
			// Multiples of 2^-12 below 4: y + p is exact.
			y[i] = float32(rapid.IntRange(-1<<14, 1<<14).Draw(t, "y")) / (1 << 12)
			moved[i] = y[i] + p[i]
		}
		ClosestE8(&z, &y)
		ClosestE8(&w, &moved)
		// The coset that wins a tie, and the coordinate that steps, may differ.
		if a, b := dist2(z[:], y[:]), dist2(w[:], moved[:]); math.Abs(a-b) > 1e-6 {
			t.Fatalf("%v is %v from E8, moved by %v it is %v", y, a, p, b)
		}
	})
}

func TestMembership(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		z          []float32
		zn, dn, e8 bool
	}{
		{nil, true, true, false},
		{[]float32{1}, true, false, false},
		{[]float32{-2}, true, true, false},
		{[]float32{1, 1, 1, 1}, true, true, false},
		{[]float32{1, 0, 0, 0, 0, 0, 0, 0}, true, false, false},
		{[]float32{-1, 0, 0, 0, 0, 0, 0, 3}, true, true, true},
		{[]float32{.5, .5, .5, .5, .5, .5, .5, .5}, false, false, true},
		{[]float32{.5, .5, .5, .5, .5, .5, .5, -.5}, false, false, false},
		{[]float32{-.5, .5, .5, .5, .5, .5, .5, -.5}, false, false, true},
		{[]float32{.5, .5, .5, .5, .5, .5, .5, 1}, false, false, false},
		{[]float32{.25, .25, .25, .25, .25, .25, .25, .25}, false, false, false},
		{[]float32{1 << 24, 0, 0, 0, 0, 0, 0, 0}, true, true, true},
		{[]float32{inf, 0, 0, 0, 0, 0, 0, 0}, false, false, false},
		{[]float32{nan, 0, 0, 0, 0, 0, 0, 0}, false, false, false},
	} {
		if IsZn(c.z) != c.zn || IsDn(c.z) != c.dn || IsE8(c.z) != c.e8 {
			t.Errorf("%v: Z^n %v, D_n %v, E8 %v", c.z, IsZn(c.z), IsDn(c.z), IsE8(c.z))
		}
	}
}

// eightFloats reads a block from fuzz input.
func eightFloats(data []byte) (y [8]float32) {
	for i := range data[:min(len(data), 32)] {
		k := i / 4
		y[k] = math.Float32frombits(math.Float32bits(y[k])<<8 | uint32(data[i]))
	}
	return y
}

// FuzzClosest checks that any input, NaN included, gives a point of the box,
// and every tame input a point of the lattice.
func FuzzClosest(f *testing.F) {
	f.Add([]byte{}, uint16(1))
	f.Add([]byte{0x3f, 0, 0, 0, 0xbf, 0, 0, 0, 0x7f, 0xc0, 0, 0, 0xff, 0x80, 0, 0}, uint16(3))
	f.Add([]byte{0x7f, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0x4b, 0, 0, 1, 0x80, 0, 0, 0}, uint16(32767))
	f.Fuzz(func(t *testing.T, data []byte, q uint16) {
		y := eightFloats(data)
		var z [8]float32
		ClosestE8(&z, &y)
		tame := true
		for _, v := range y {
			tame = tame && math.Abs(float64(v)) <= MaxInput/2
		}
		if tame && !IsE8(z[:]) {
			t.Fatalf("%v -> %v is not in E8", y, z)
		}
		box, err := NewBox(int(q))
		if err != nil {
			t.Skip()
		}
		box.ClosestE8(&z, &y)
		if !IsE8(z[:]) || !box.Contains(z[:]) {
			t.Fatalf("q=%d: %v -> %v is no E8 point in the box", q, y, z)
		}
		box.ClosestDn(z[:], y[:])
		if !IsDn(z[:]) || !box.Contains(z[:]) {
			t.Fatalf("q=%d: %v -> %v is no D8 point in the box", q, y, z)
		}
	})
}
