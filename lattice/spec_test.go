package lattice

import (
	"math"
	"math/rand/v2"
	"testing"
)

// specE8 is the rule of [ClosestE8] as its documentation words it.
func specE8(z, y *[8]float32) {
	var d [8]float32
	var s float32
	near, far := float32(math.Inf(1)), float32(-1)
	iNear, iFar := 0, 0
	sum, negative := 0, 0
	for i, v := range y {
		r := float32(math.RoundToEven(float64(v)))
		e := v - r
		d[i] = 1
		if e < 0 {
			d[i] = -1
			negative++
		}
		a := float32(math.Abs(float64(e)))
		s += a
		if a < near {
			near, iNear = a, i
		}
		if a > far {
			far, iFar = a, i
		}
		z[i] = r
		sum += int(r)
	}
	odd0, odd1 := sum&1 != 0, (sum+negative)&1 != 0
	half, integer := 2-s, float32(0)
	if odd1 {
		half += 2 * near
	}
	if odd0 {
		integer = 1 - 2*far
	}
	switch win := half < integer; {
	case win:
		for i := range z {
			z[i] += d[i] / 2
		}
		if odd1 {
			z[iNear] -= d[iNear]
		}
	case odd0:
		z[iFar] += d[iFar]
	}
	for i := range z {
		z[i] += 0
	}
}

// specDn is the rule of [ClosestDn] as its documentation words it.
func specDn(z, y []float32) {
	far, k, step, sum := float32(-1), 0, float32(1), 0
	for i, v := range y {
		z[i] = float32(math.RoundToEven(float64(v)))
		sum += int(z[i])
		e := v - z[i]
		if a := float32(math.Abs(float64(e))); a > far {
			far, k, step = a, i, 1
			if e < 0 {
				step = -1
			}
		}
	}
	if sum&1 != 0 {
		z[k] += step
	}
	for i := range z {
		z[i] += 0
	}
}

// offerOf is what one coordinate offers in the box, as the documentation of
// [Box.ClosestDn] words it.
func offerOf(v float32, q int) (r, d, t float32) {
	edge := float32(q)
	r = float32(math.RoundToEven(float64(max(-edge, min(edge, v)))))
	e := v - r
	d, t = 1, float32(math.Abs(float64(e)))
	if e < 0 {
		d = -1
	}
	if math.Abs(float64(r+d)) > float64(q) {
		d, t = -d, -t
	}
	return r, d, t
}

// specBoxE8 is the rule of [Box.ClosestE8] as its documentation words it.
func specBoxE8(z, y *[8]float32, q int) {
	var d [8]float32
	var s, stepFar, stepNear float32
	cost, far := float32(math.Inf(1)), float32(math.Inf(-1))
	iNear, iFar := 0, 0
	sum, negative := 0, 0
	for i, v := range y {
		r, di, t := offerOf(v, q)
		if di < 0 {
			negative++
		}
		s += t
		if t > far {
			far, iFar, stepFar = t, i, di
		}
		c, step := 2*t, -di
		if r == -float32(float32(q)*di) {
			c, step = 2-2*t, di
		}
		if c < cost {
			cost, iNear, stepNear = c, i, step
		}
		z[i], d[i] = r, di
		sum += int(r)
	}
	odd0, odd1 := sum&1 != 0, (sum+negative)&1 != 0
	half, integer := 2-s, float32(0)
	if odd1 {
		half += cost
	}
	if odd0 {
		integer = 1 - 2*far
	}
	switch win := half < integer; {
	case win:
		for i := range z {
			z[i] += d[i] / 2
		}
		if odd1 {
			z[iNear] += stepNear
		}
	case odd0:
		z[iFar] += stepFar
	}
	for i := range z {
		z[i] += 0
	}
}

// specBoxDn is the rule of [Box.ClosestDn] as its documentation words it.
func specBoxDn(z, y []float32, q int) {
	far, k, step, sum := float32(math.Inf(-1)), 0, float32(0), 0
	for i, v := range y {
		r, d, t := offerOf(v, q)
		if t > far {
			far, k, step = t, i, d
		}
		z[i] = r
		sum += int(r)
	}
	if sum&1 != 0 {
		z[k] += step
	}
	for i := range z {
		z[i] += 0
	}
}

func TestBoxDecodersFollowTheirDocumentationBitForBit(t *testing.T) {
	for _, q := range []int{1, 2, 3, 38, MaxQ} {
		box := newBox(t, q)
		r := rand.New(rand.NewPCG(5, uint64(q)))
		var y, z, want [8]float32
		for i := range 16_000 {
			draw(y[:], i%len(sources), r, float64(q))
			specBoxE8(&want, &y, q)
			box.ClosestE8(&z, &y)
			checkBits(t, y[:], z[:], want[:])
			box.borderE8(&z, &y)
			checkBits(t, y[:], z[:], want[:])
			for _, n := range []int{1, 4, 7, 8} {
				specBoxDn(want[:n], y[:n], q)
				box.ClosestDn(z[:n], y[:n])
				checkBits(t, y[:n], z[:n], want[:n])
				box.borderDn(z[:n], y[:n])
				checkBits(t, y[:n], z[:n], want[:n])
			}
			z = y
			specBoxE8(&want, &y, q)
			box.ClosestE8(&z, &z)
			checkBits(t, y[:], z[:], want[:])
		}
	}
}

func TestDecodersFollowTheirDocumentationBitForBit(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	var y, z, want [8]float32
	for i := range 64_000 {
		draw(y[:], i%len(sources), r, []float64{1, 3, 38, 32767}[i/len(sources)%4])
		specE8(&want, &y)
		ClosestE8(&z, &y)
		checkBits(t, y[:], z[:], want[:])
		for _, n := range []int{1, 4, 7, 8} {
			specDn(want[:n], y[:n])
			ClosestDn(z[:n], y[:n])
			checkBits(t, y[:n], z[:n], want[:n])
		}
		z = y
		specE8(&want, &y)
		ClosestE8(&z, &z)
		checkBits(t, y[:], z[:], want[:])
	}
}

func TestBlocksAreDecodedLikeOne(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	for i := range 4000 {
		// Around whole batches, and one with a rest.
		n := 8 * []int{0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 50}[i%11]
		y, z, want := make([]float32, n), make([]float32, n), make([]float32, n)
		draw(y, i%len(sources), r, []float64{1, 3, 38, 32767}[i/len(sources)%4])
		in, out := []float32{1, 0.3, 1, -1}[i/3%4], []float32{1, 1, 0.7, 0x1p-20}[i/5%4]
		for k, v := range y {
			want[k] = v * in
		}
		for k := 0; k < n; k += 8 {
			b := (*[8]float32)(want[k:])
			ClosestE8(b, b)
		}
		for k := range want {
			want[k] *= out
		}
		ClosestE8Blocks(z, y, in, out)
		checkBits(t, y, z, want)
		ClosestE8Blocks(y, y, in, out)
		checkBits(t, z, y, want)
	}
}
