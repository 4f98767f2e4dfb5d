package lattice

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestQuantisationErrorHasTheStatedSecondMoment(t *testing.T) {
	for _, c := range []struct {
		name           string
		n              int
		moment, volume float64
		radius         float64
		closest        func(z, y *[8]float32)
	}{
		{"Z", 1, SecondMomentZ, VolumeZ, CoveringRadiusZ, func(z, y *[8]float32) { ClosestZn(z[:1], y[:1]) }},
		{"D4", 4, SecondMomentD4, VolumeD4, CoveringRadiusD4, func(z, y *[8]float32) { ClosestDn(z[:4], y[:4]) }},
		{"E8", 8, SecondMomentE8, VolumeE8, CoveringRadiusE8, ClosestE8},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(11, 11))
			var y, z [8]float32
			var sum, worst float64
			const draws = 200_000
			for range draws {
				// 2 Z^n is a sublattice of all three: [0, 2)^n holds whole cells.
				for i := range y[:c.n] {
					y[i] = 2 * r.Float32()
				}
				c.closest(&z, &y)
				d := dist2(z[:c.n], y[:c.n])
				sum += d
				worst = max(worst, d)
			}
			n := float64(c.n)
			got := sum / draws / n / math.Pow(c.volume, 2/n)
			if math.Abs(got/c.moment-1) > 0.01 {
				t.Errorf("second moment %v, want %v", got, c.moment)
			}
			if worst > c.radius*c.radius+1e-6 {
				t.Errorf("a vector is %v from the lattice, the covering radius is %v", math.Sqrt(worst), c.radius)
			}
		})
	}
}

func TestDeepHolesAreAtTheCoveringRadius(t *testing.T) {
	hole := [8]float32{1}
	var z [8]float32
	ClosestE8(&z, &hole)
	if d := dist2(z[:], hole[:]); d != CoveringRadiusE8 {
		t.Errorf("E8: %v", d)
	}
	ClosestDn(z[:4], hole[:4])
	if d := dist2(z[:4], hole[:4]); d != CoveringRadiusD4 {
		t.Errorf("D4: %v", d)
	}
}
